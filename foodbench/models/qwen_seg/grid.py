"""Coordinates: pictures are squashed to a square of N x N pixels, and answers are in pixels of that square.

The paper's square has 840 pixels a side, a multiple of Qwen2.5-VL's 28, so that the processor leaves it as it is. Its
thresholds are in that grid; for another size they are scaled (`threshold`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from foodbench.models.qwen_seg.references import Reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAPER_GRID = 840
_FAR = 1e9
"""Coordinates beyond are as good as this one; keeps their products finite."""


def squash(image: Any, grid: int) -> Any:
    """A PIL image as the model sees it: RGB, `grid` pixels a side, its proportions given up."""
    from PIL import Image

    picture = image if image.mode == "RGB" else image.convert("RGB")
    return picture.resize((grid, grid), Image.Resampling.BILINEAR)


def to_grid(coordinates: Sequence[float], size: tuple[int, int], grid: int) -> tuple[int, ...]:
    """From pixels of a picture to a grid: `floor(v * grid / side + 0.5)`.

    Args:
        coordinates: x and y in turn: a point, a box, ...
        size: (height, width) of the picture.
        grid: side of the square.
    """
    return _scaled(coordinates, (grid / size[1], grid / size[0]))


def to_pixels(coordinates: Sequence[float], size: tuple[int, int], grid: int) -> tuple[int, ...]:
    """From a grid to pixels of a picture: `floor(v * side / grid + 0.5)`. Not clipped to the picture.

    Args:
        coordinates: x and y in turn: a point, a box, ...
        size: (height, width) of the picture.
        grid: side of the square.
    """
    return _scaled(coordinates, (size[1] / grid, size[0] / grid))


def _scaled(coordinates: Sequence[float], factors: tuple[float, float]) -> tuple[int, ...]:
    near = (min(max(value, -_FAR), _FAR) for value in coordinates)
    return tuple(math.floor(value * factors[place % 2] + 0.5) for place, value in enumerate(near))


def reference_to_grid(reference: Reference, size: tuple[int, int], grid: int) -> Reference:
    """A reference in pixels of a picture of (height, width), in grid coordinates."""
    return _moved(reference, to_grid(reference.box, size, grid), to_grid(reference.point, size, grid))


def reference_to_pixels(reference: Reference, size: tuple[int, int], grid: int) -> Reference:
    """A reference in grid coordinates, in pixels of a picture of (height, width)."""
    return _moved(reference, to_pixels(reference.box, size, grid), to_pixels(reference.point, size, grid))


def _moved(reference: Reference, box: tuple[int, ...], point: tuple[int, ...]) -> Reference:
    return Reference((box[0], box[1], box[2], box[3]), (point[0], point[1]), reference.label)


def clipped(reference: Reference, size: tuple[int, int]) -> Reference | None:
    """A reference in pixels as it can be drawn: corners in order, and everything inside of the picture.

    Returns:
        None if no pixel of the picture is in the box.
    """
    height, width = size
    left, right = sorted((reference.box[0], reference.box[2]))
    top, bottom = sorted((reference.box[1], reference.box[3]))
    if right < 0 or bottom < 0 or left > width - 1 or top > height - 1:
        return None
    box = (max(left, 0.0), max(top, 0.0), min(right, width - 1.0), min(bottom, height - 1.0))
    point = (min(max(reference.point[0], 0.0), width - 1.0), min(max(reference.point[1], 0.0), height - 1.0))
    return Reference(box, point, reference.label)


def reference_of_mask(mask: NDArray[np.bool_], grid: int) -> Reference:
    """The box and the point that training teaches for a mask, in grid coordinates.

    The box is the smallest around the mask, corners inclusive. The point is the pixel farthest from everything that is
    not the mask, the outside of the picture included; of several the first in reading order.

    Args:
        mask: (height, width).
        grid: side of the square.

    Raises:
        ValueError: the mask is empty.
    """
    from scipy import ndimage

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("An empty mask has no box and no point.")
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    # Nothing of the mask is outside of its box, so the distances inside it are those in the whole picture.
    framed = np.pad(mask[top : bottom + 1, left : right + 1], 1)
    distances: NDArray[Any] = ndimage.distance_transform_edt(framed)
    row, column = divmod(int(distances.argmax()), framed.shape[1])
    pixels = Reference((left, top, right, bottom), (left + column - 1, top + row - 1))
    return reference_to_grid(pixels, (mask.shape[0], mask.shape[1]), grid)


def threshold(eps: float, grid: int) -> float:
    """A threshold that is given in the paper's grid, in another one."""
    return eps * grid / PAPER_GRID


__all__ = [
    "PAPER_GRID",
    "clipped",
    "reference_of_mask",
    "reference_to_grid",
    "reference_to_pixels",
    "squash",
    "threshold",
    "to_grid",
    "to_pixels",
]
