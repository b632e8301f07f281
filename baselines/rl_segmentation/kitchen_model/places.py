"""Where the ingredients of rendered plates are: boxes and points, and the pictures as the model sees them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from baselines.foodlmm.plates import Plates
from foodbench.core.files import atomic_write
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.qwen_seg.grid import reference_of_mask, squash
from foodbench.models.qwen_seg.references import Reference

INGREDIENTS = len(INGREDIENT_NAMES)
_CHUNK = 500


def plate_picture(plates: Plates, index: int, grid: int | None = None) -> Image.Image:
    """A plate's whole picture without padding, squashed to the grid if one is given."""
    height, width = plates.sam_sizes[index]
    picture = Image.fromarray(plates.sam[index, :height, :width])
    return picture if grid is None else squash(picture, grid)


def plate_labels(plates: Plates, index: int) -> NDArray[np.uint8]:
    """(height, width): ingredient numbers of the picture that `plate_picture` shows."""
    height, width = plates.sam_sizes[index]
    return plates.sam_labels[index, :height, :width]


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is on many plates.

    Attributes:
        grid: side of the square that coordinates are in.
        pixels: (plates, grid, grid, 3) uint8, the squashed pictures.
        boxes: (plates, ingredients, 4) int16, corners inclusive; zeros where an ingredient is absent.
        points: (plates, ingredients, 2) int16.
        cells: (plates, cells, cells, ingredients + 1) uint8: share of each ingredient in the area of a visual token, in
            255ths; place 0 is everything else.
    """

    grid: int
    pixels: NDArray[np.uint8]
    boxes: NDArray[np.int16]
    points: NDArray[np.int16]
    cells: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pixels)

    def reference(self, index: int, name: str) -> Reference:
        """Box and point of an ingredient that is on the plate."""
        place = INGREDIENT_NAMES.index(name)
        left, top, right, bottom = self.boxes[index, place].tolist()
        column, row = self.points[index, place].tolist()
        return Reference((left, top, right, bottom), (column, row))


_ARRAYS = ("pixels", "boxes", "points", "cells")


def cell_shares(labels: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """Share of each ingredient in every cell of a square raster over the picture, as in `Places.cells`."""
    side = -(-max(labels.shape) // cells) * cells
    square = np.asarray(Image.fromarray(labels).resize((side, side), Image.Resampling.NEAREST))
    step = side // cells
    blocks = square.reshape(cells, step, cells, step).transpose(0, 2, 1, 3).reshape(cells, cells, -1)
    shares = (blocks[..., None] == np.arange(INGREDIENTS + 1)).mean(2)
    return np.round(255 * shares).astype(np.uint8)


def find_places(plates: Plates, grid: int, cells: int, on_progress: Callable[[int], None] = lambda _: None) -> Places:
    """Measure all plates: about two milliseconds each."""
    count = len(plates)
    pixels = np.zeros((count, grid, grid, 3), np.uint8)
    boxes = np.zeros((count, INGREDIENTS, 4), np.int16)
    points = np.zeros((count, INGREDIENTS, 2), np.int16)
    shares = np.zeros((count, cells, cells, INGREDIENTS + 1), np.uint8)
    for index in range(count):
        labels = plate_labels(plates, index)
        pixels[index] = np.asarray(plate_picture(plates, index, grid))
        shares[index] = cell_shares(labels, cells)
        for number in np.unique(labels[labels > 0]).tolist():
            found = reference_of_mask(labels == number, grid)
            boxes[index, number - 1], points[index, number - 1] = found.box, found.point
        if (index + 1) % _CHUNK == 0 or index + 1 == count:
            on_progress(index % _CHUNK + 1)
    return Places(grid, pixels, boxes, points, shares)


def load_places(
    plates: Plates, grid: int, cells: int, folder: Path, on_progress: Callable[[int], None] = lambda _: None
) -> Places:
    """Places as they were kept, or measured now and kept.

    Raises:
        StorageFull: they cannot be written.
    """
    digest = hashlib.sha256(plates.sam_labels.tobytes() + f"1/{grid}/{cells}".encode()).hexdigest()[:8]
    path = folder / f"places-{digest}-{len(plates):06d}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            on_progress(len(plates))
            return Places(grid, **{name: archive[name] for name in _ARRAYS})
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass  # not there, or damaged: made again
    found = find_places(plates, grid, cells, on_progress)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: getattr(found, name) for name in _ARRAYS})
    atomic_write(path, buffer.getvalue())
    return found
