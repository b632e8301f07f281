"""Which pictures look alike: a 64-bit hash finds candidates, a thumbnail confirms them.

The hash is the sign pattern of the lowest 8 x 8 cosine coefficients of the grey picture, shrunk to 32 x 32, against
their median (the "pHash" of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010; written
anew). It survives another size, another compression, and brighter or darker pictures. Plates photographed from above
are alike in these coefficients too, so a candidate counts only if the pictures' 16 x 16 colour thumbnails correlate.

Measured on 320 photos of Food-101 and 150 plates of the kitchen: copies that were re-encoded (JPEG quality 30, WebP),
resized or changed in brightness by -30 to +25 % differ in at most 8 bits and correlate by at least 0.93; the closest
two different pictures differ in 6 bits, and no two correlate by more than 0.86.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foodbench.core.errors import FoodbenchError
from foodbench.data.images import Picture, decode_rgb

_GREY_SIDE, _LOW, _THUMBNAIL_SIDE = 32, 8, 16
_DRAFT = (128, 128)  # a JPEG is decoded at the smallest of its sizes above this, which is four times as fast
_CHUNK = 256
_CELLS = 1 << 23  # of the matrix of differing bits that is held at once: 64 MB


@dataclass(frozen=True, slots=True)
class HashedPictures:
    """Hashes of many pictures.

    Attributes:
        ids: what the pictures are called.
        hashes: uint64, shape (n,).
        thumbnails: uint8, shape (n, 768).
        unreadable: ids of pictures that could not be decoded; they are not among `ids`.
    """

    ids: tuple[str, ...]
    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]
    unreadable: tuple[str, ...] = ()


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """Rows of the orthonormal DCT-II for the lowest frequencies; shape (8, 32)."""
    frequency = np.arange(_LOW)[:, None]
    position = np.arange(_GREY_SIDE)[None, :] + 0.5
    rows = np.cos(np.pi * frequency * position / _GREY_SIDE) * np.sqrt(2 / _GREY_SIDE)
    rows[0] /= np.sqrt(2)
    return rows


def hash_of_grey(grey: NDArray[np.float64]) -> np.uint64:
    """The hash of a grey picture of shape (32, 32)."""
    low = (_cosines() @ grey @ _cosines().T).ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean brightness says nothing about what is shown
    return np.uint64(int.from_bytes(np.packbits(bits).tobytes(), "big"))


def describe(picture: Picture) -> tuple[np.uint64, NDArray[np.uint8]]:
    """Hash and thumbnail of a picture.

    Returns:
        the hash, and uint8 of shape (768,).

    Raises:
        DataMissing, DataCorrupt: the picture cannot be decoded.
    """
    from PIL import Image

    def shrink(image: Image.Image) -> tuple[np.uint64, NDArray[np.uint8]]:
        image.draft("RGB", _DRAFT)
        decoded = decode_rgb(image, picture.exif)
        grey = decoded.convert("L").resize((_GREY_SIDE, _GREY_SIDE), Image.Resampling.BOX)
        thumbnail = decoded.resize((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.BOX)
        return hash_of_grey(np.asarray(grey, dtype=np.float64)), np.asarray(thumbnail).ravel()

    return picture.with_opened(shrink)


def hash_pictures(
    pictures: Sequence[tuple[str, Picture]], progress: Callable[[int, int], None] | None = None
) -> HashedPictures:
    """Hashes of pictures given as (id, picture). A damaged picture is noted, not an error.

    Args:
        pictures: the pictures.
        progress: called as (done, total) now and then.
    """

    def attempt(picture: Picture) -> tuple[np.uint64, NDArray[np.uint8]] | None:
        try:
            return describe(picture)
        except FoodbenchError:
            return None

    ids: list[str] = []
    unreadable: list[str] = []
    hashes = np.zeros(len(pictures), np.uint64)
    thumbnails = np.zeros((len(pictures), 3 * _THUMBNAIL_SIDE**2), np.uint8)
    # Pillow releases the interpreter lock while it decodes.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(pictures), _CHUNK):
            chunk = pictures[start : start + _CHUNK]
            found = pool.map(attempt, (picture for _, picture in chunk))
            for (name, _), described in zip(chunk, found, strict=True):
                if described is None:
                    unreadable.append(name)
                    continue
                hashes[len(ids)], thumbnails[len(ids)] = described
                ids.append(name)
            if progress is not None:
                progress(start + len(chunk), len(pictures))
    return HashedPictures(tuple(ids), hashes[: len(ids)], thumbnails[: len(ids)], tuple(unreadable))


def alike(
    first: HashedPictures,
    second: HashedPictures,
    *,
    distance: int,
    similarity: float,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, int, int, float]]:
    """All pairs of pictures that look alike, compared one with every other (25,250 x 75,750 in 6 seconds).

    Args:
        first: for example the test pictures.
        second: for example the training pictures.
        distance: most bits in which the hashes differ.
        similarity: least correlation of the thumbnails.
        progress: called as (done, total) of the first pictures.

    Yields:
        (index in first, index in second, differing bits, correlation).
    """
    total, step = len(first.ids), max(1, _CELLS // max(1, len(second.ids)))
    for start in range(0, total, step):
        block = first.hashes[start : start + step, None]
        differing = np.bitwise_count(block ^ second.hashes[None, :])
        rows, columns = np.nonzero(differing <= distance)
        for low in range(0, len(rows), _CHUNK * _CHUNK):
            mine, theirs = rows[low : low + _CHUNK * _CHUNK], columns[low : low + _CHUNK * _CHUNK]
            correlation = _correlation(first.thumbnails[start + mine], second.thumbnails[theirs])
            for index in np.flatnonzero(correlation >= similarity):
                row, column = int(mine[index]), int(theirs[index])
                yield start + row, column, int(differing[row, column]), float(correlation[index])
        if progress is not None:
            progress(min(start + step, total), total)


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pearson's correlation row by row; two pictures of one colour correlate fully if it is the same colour."""
    centred = [part.astype(np.float32) - part.mean(axis=1, keepdims=True, dtype=np.float32) for part in (first, second)]
    lengths = [np.sqrt(np.einsum("nk,nk->n", part, part)) for part in centred]
    product = np.einsum("nk,nk->n", centred[0], centred[1])
    norm = lengths[0] * lengths[1]
    same = (np.abs(first.astype(np.int16) - second) <= 2).all(axis=1)
    return np.where(norm > 0, product / np.where(norm > 0, norm, 1), same).astype(np.float32)
