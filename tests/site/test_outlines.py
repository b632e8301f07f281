"""Outlines enclose what the mask covers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from foodbench.site.outlines import GRID, grid_size, outline


def drawn(path: str, size: tuple[int, int]) -> np.ndarray:
    """The even-odd filling of a path on a grid of half cells."""
    filled = np.zeros((2 * size[0] + 1, 2 * size[1] + 1), bool)
    for loop in filter(None, path.split("z")):
        numbers = [int(each) for each in re.findall(r"-?\d+", loop)]
        steps = np.array(numbers).reshape(-1, 2).cumsum(axis=0)
        picture = Image.new("1", (filled.shape[1], filled.shape[0]))
        ImageDraw.Draw(picture).polygon([tuple(map(int, point)) for point in steps], fill=1)
        filled ^= np.asarray(picture)
    return filled[1:-1:2, 1:-1:2]


def test_nothing_has_no_outline() -> None:
    assert outline(np.zeros((20, 30), bool)) == ""


def test_a_rectangle_keeps_its_sides() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 5:35] = True
    path = outline(mask)
    assert path.count("M") == 1
    assert (drawn(path, (40, 40)) == mask).mean() > 0.99


def test_holes_and_islands() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    mask[15:25, 15:25] = False
    mask[19:21, 19:21] = True
    path = outline(mask)
    assert path.count("z") == 3
    assert (drawn(path, (40, 40)) == mask).mean() > 0.98


def test_corners_that_touch() -> None:
    mask = np.zeros((12, 12), bool)
    mask[2:6, 2:6] = mask[6:10, 6:10] = True
    path = outline(mask)
    assert (drawn(path, (12, 12)) == mask).mean() > 0.9


@pytest.mark.parametrize("size", [(300, 200), (120, 90), (1, 1), (7, 1000)])
def test_large_masks_are_traced_on_a_grid(size: tuple[int, int]) -> None:
    rows, columns = grid_size(size)
    assert max(rows, columns) <= GRID
    numbers = [int(each) for each in re.findall(r"-?\d+", outline(np.ones(size, bool)))]
    steps = np.array(numbers).reshape(-1, 2).cumsum(axis=0)
    assert steps.min() >= 0
    assert (steps.max(axis=0) <= (2 * columns, 2 * rows)).all()


def test_random_shapes_come_back() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        y, x = np.mgrid[:100, :100]
        mask = np.zeros((100, 100), bool)
        for centre_y, centre_x, radius in generator.integers(10, 90, (4, 3)):
            mask |= (y - centre_y) ** 2 + (x - centre_x) ** 2 < (radius / 3) ** 2
        assert (drawn(outline(mask), (100, 100)) == mask).mean() > 0.97
