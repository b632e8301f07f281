"""Coordinates between pictures and the model's square."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foodbench.models.qwen_seg import Reference, reference_of_mask, squash, threshold, to_grid, to_pixels
from foodbench.models.qwen_seg.grid import clipped, reference_to_grid, reference_to_pixels

SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


def test_the_paper_s_rounding_by_hand() -> None:
    # 320 * 840 / 640 = 420; 99 * 840 / 480 = 173.25; 1 * 840 / 640 = 1.3125; 239 * 840 / 480 = 418.25
    assert to_grid((320, 99, 1, 239), (480, 640), 840) == (420, 173, 1, 418)
    # 420 * 640 / 840 = 320; 173 * 480 / 840 = 98.86; 1 * 640 / 840 = 0.76; 418 * 480 / 840 = 238.86
    assert to_pixels((420, 173, 1, 418), (480, 640), 840) == (320, 99, 1, 239)
    assert to_grid((1,), (1, 4), 2) == (1,)  # 0.5 is rounded up


@given(SIZES, st.integers(1, 1000), st.data())
def test_there_and_back_is_a_step_of_the_grid_at_most(size: tuple[int, int], grid: int, data: st.DataObject) -> None:
    point = (data.draw(st.integers(0, size[1] - 1)), data.draw(st.integers(0, size[0] - 1)))
    back = to_pixels(to_grid(point, size, grid), size, grid)
    for given_one, found, side in zip(point, back, (size[1], size[0]), strict=True):
        assert abs(given_one - found) <= 0.5 * side / grid + 0.5 + 1e-9
        if side <= grid:
            assert given_one == found


@given(st.floats(allow_nan=False, allow_infinity=False), SIZES, st.integers(1, 1000))
def test_any_finite_number_becomes_a_pixel(value: float, size: tuple[int, int], grid: int) -> None:
    assert all(isinstance(one, int) for one in to_pixels((value, value), size, grid))


@given(st.tuples(*[st.floats(-1e300, 1e300)] * 6), SIZES)
def test_what_is_drawn_lies_in_the_picture(numbers: tuple[float, ...], size: tuple[int, int]) -> None:
    reference = reference_to_pixels(Reference(numbers[:4], numbers[4:]), size, 98)  # type: ignore[arg-type]
    found = clipped(reference, size)
    if found is not None:
        left, top, right, bottom = found.box
        assert 0 <= left <= right <= size[1] - 1
        assert 0 <= top <= bottom <= size[0] - 1
        assert 0 <= found.point[0] <= size[1] - 1
        assert 0 <= found.point[1] <= size[0] - 1


def test_boxes_are_clipped_and_turned_the_right_way() -> None:
    assert clipped(Reference((90, 70, -5, 10), (200, -1), "egg"), (60, 80)) == Reference(
        (0, 10, 79, 59), (79, 0), "egg"
    )
    assert clipped(Reference((80, 0, 90, 10), (0, 0)), (60, 80)) is None
    assert clipped(Reference((0, -9, 10, -1), (0, 0)), (60, 80)) is None


def brute_force(mask: np.ndarray) -> tuple[tuple[int, ...], float, list[tuple[int, int]]]:
    """Box, greatest distance to what is not the mask (the outside included), and the pixels (x, y) that have it."""
    framed = np.pad(mask, 1)
    outside = np.argwhere(~framed)
    inside = np.argwhere(framed)
    distances = np.sqrt(((inside[:, None] - outside[None]) ** 2).sum(-1)).min(1)
    rows, columns = inside.T - 1
    best = [(int(x), int(y)) for (y, x), far in zip(inside - 1, distances, strict=True) if far == distances.max()]
    return (columns.min(), rows.min(), columns.max(), rows.max()), float(distances.max()), best


@pytest.mark.parametrize("seed", range(25))
def test_references_of_masks_are_those_of_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 18, 2)
    mask = rng.random((height, width)) < rng.choice([0.1, 0.6, 0.95, 1.0])
    mask[rng.integers(height), rng.integers(width)] = True
    box, _, farthest = brute_force(mask)
    # In a grid of the picture's own size nothing is rounded.
    square = np.zeros((18, 18), bool)
    square[:height, :width] = mask
    found = reference_of_mask(square, 18)
    assert found.box == box
    assert found.point == farthest[0]
    assert reference_of_mask(mask, 98) == reference_to_grid(Reference(box, farthest[0]), mask.shape, 98)


def test_a_mask_without_a_pixel_has_no_reference() -> None:
    with pytest.raises(ValueError, match="empty mask"):
        reference_of_mask(np.zeros((4, 5), bool), 98)


def test_thresholds_are_scaled_from_the_paper_s_grid() -> None:
    assert threshold(10, 840) == 10
    assert threshold(30, 84) == pytest.approx(3)


def test_pictures_are_squashed_to_a_square() -> None:
    picture = squash(Image.new("RGBA", (31, 7), (200, 100, 50, 255)), 14)
    assert (picture.size, picture.mode, picture.getpixel((3, 3))) == ((14, 14), "RGB", (200, 100, 50))
