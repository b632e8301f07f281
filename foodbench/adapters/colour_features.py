"""Colours of a picture as numbers: CIE Lab on a small square, and soft histograms of its middle and its border."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from foodbench.core.types import ImageSource
from foodbench.data.images import ImageFile, with_image

SIDE = 96
"""Pictures are stretched onto a square of this side: colour needs no more, and a 512-pixel photo takes 2 ms."""

HISTOGRAM_BINS = (4, 8, 8)
"""Bins along lightness and the two opponent axes. Chosen by cross-validation on train photos (see `colour`)."""

# Lab covers L 0..100 and roughly a, b -100..100, but food lies within these; what is outside goes into the outer bins.
_LOW = np.array((0.0, -60.0, -50.0), dtype=np.float32)
_SPAN = np.array((100.0, 130.0, 130.0), dtype=np.float32)

_RGB_TO_XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), dtype=np.float32)
_WHITE = np.array((0.95047, 1.0, 1.08883), dtype=np.float32)

FloatArray = npt.NDArray[np.float32]


def small_picture(image: ImageSource, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """The picture stretched onto a square; shape (side, side, 3).

    A JPEG file is decoded at a fraction of its size straight away, which is what makes fitting on thousands fast.

    Raises:
        DataMissing, DataCorrupt: the picture cannot be read.
    """
    from PIL import Image

    def shrink(picture: Any) -> npt.NDArray[np.uint8]:
        return np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BOX))

    def shrink_file(picture: Any) -> npt.NDArray[np.uint8]:
        picture.draft("RGB", (2 * side, 2 * side))
        return shrink(picture)

    # A turned photo needs its EXIF policy, and anything but a plain file may show something else than its bytes.
    if type(image) is ImageFile and image.exif == "ignore":
        return with_image(image.path, shrink_file)
    return shrink(image.open())


def lab_unit(pixels: npt.NDArray[np.uint8]) -> FloatArray:
    """CIE Lab of sRGB pixels, each axis scaled so that food's range is [0, 1).

    Source: the sRGB transfer curve and matrix of IEC 61966-2-1, CIE 1976 L*a*b* for the D65 white point.

    Args:
        pixels: shape (..., 3).

    Returns:
        shape (..., 3), clipped to [0, 1).
    """
    level = np.arange(256, dtype=np.float32) / 255
    linear = np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92).astype(np.float32)
    xyz = linear[pixels] @ _RGB_TO_XYZ.T / _WHITE
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29)
    lightness = 116 * root[..., 1] - 16
    lab = np.stack((lightness, 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])), axis=-1)
    return np.clip((lab - _LOW) / _SPAN, 0, np.float32(1 - 1e-6)).astype(np.float32)


def colour_bins(unit: FloatArray, bins: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """The index of each pixel's bin in a three-dimensional histogram; shape of `unit` less its last axis."""
    index = (unit * np.array(bins, dtype=np.float32)).astype(np.int64)
    return (index[..., 0] * bins[1] + index[..., 1]) * bins[2] + index[..., 2]


def soft_histogram(unit: FloatArray, bins: tuple[int, int, int] = HISTOGRAM_BINS) -> FloatArray:
    """Square root of the share of pixels per bin, each pixel shared among the eight nearest bins by distance.

    The root (Hellinger's map) makes Euclidean distances between histograms care about small bins too.

    Args:
        unit: colours in [0, 1), shape (..., 3).
        bins: along each axis.

    Returns:
        shape (product of bins,), of length 1.
    """
    shape = np.array(bins)
    strides = np.array((bins[1] * bins[2], bins[2], 1))
    position = unit.reshape(-1, 3) * shape.astype(np.float32) - np.float32(0.5)
    lower = np.floor(position).astype(np.int64)
    upper_share = (position - lower).T
    indices = [(np.clip(lower + step, 0, shape - 1) * strides).T for step in (0, 1)]
    weights = [1 - upper_share, upper_share]
    total = np.zeros(int(shape.prod()))
    for first, second, third in product((0, 1), repeat=3):
        flat = indices[first][0] + indices[second][1] + indices[third][2]
        weight = weights[first][0] * weights[second][1] * weights[third][2]
        total += np.bincount(flat, weights=weight, minlength=total.size)
    return np.sqrt(total / total.sum()).astype(np.float32)


def colour_features(image: ImageSource) -> FloatArray:
    """Histogram of the picture's middle quarter, then that of the rest; shape (512,) with the default bins."""
    unit = lab_unit(small_picture(image))
    quarter = unit.shape[0] // 4
    middle = np.zeros(unit.shape[:2], dtype=np.bool_)
    middle[quarter:-quarter, quarter:-quarter] = True
    return np.concatenate((soft_histogram(unit[middle]), soft_histogram(unit[~middle])))


def box_blur(values: FloatArray, radius: int) -> FloatArray:
    """Mean over a square of side 2 * radius + 1 around each cell, edges repeated; same shape."""
    side = 2 * radius + 1
    padded = np.pad(values.astype(np.float64), radius, mode="edge")
    sums = np.pad(padded, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    window = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return (window / side**2).astype(np.float32)
