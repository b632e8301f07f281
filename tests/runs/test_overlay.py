"""Overlays: sizes, colours where they belong, and captions that no text can break."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import Mask
from foodbench.metrics.masks import encode
from foodbench.runs.overlay import Region, draw_caption, draw_overlay


def photo(height: int, width: int, value: int = 128) -> Image.Image:
    return Image.fromarray(np.full((height, width, 3), value, np.uint8))


def box(height: int, width: int, rows: slice, columns: slice) -> Mask:
    mask = np.zeros((height, width), bool)
    mask[rows, columns] = True
    return encode(mask)


def pixels(page: Image.Image) -> np.ndarray:
    return np.asarray(page).astype(int)


def blue(page: Image.Image) -> np.ndarray:
    red, _, blue = np.moveaxis(pixels(page), 2, 0)
    return blue - red > 40


def orange(page: Image.Image) -> np.ndarray:
    red, _, blue = np.moveaxis(pixels(page), 2, 0)
    return red - blue > 40


def test_small_photos_are_enlarged_and_stand_side_by_side() -> None:
    page = draw_overlay(photo(100, 100), [Region("rice", box(100, 100, slice(0, 9), slice(0, 9)), None)], [])
    assert page.width >= 2 * 384
    assert page.height >= 384


def test_large_photos_are_reduced() -> None:
    page = draw_overlay(photo(3000, 4000), [Region("rice", box(3000, 4000, slice(0, 9), slice(0, 9)), None)], [])
    assert page.width <= 2 * 1024 + 100


def test_missed_region_is_blue_and_false_region_is_orange() -> None:
    # 400 pixels need no enlarging, so a pixel of the photo is a pixel of the page.
    true, predicted = box(400, 400, slice(0, 200), slice(0, 400)), box(400, 400, slice(200, 400), slice(0, 400))
    page = draw_overlay(photo(400, 400), [Region("rice", true, predicted)], [])
    right = page.crop((14 + 400 + 14, 14, 14 + 400 + 14 + 400, 14 + 400))
    assert blue(right)[50:150, 50:350].all()
    assert not orange(right)[50:150].any()
    assert orange(right)[250:350, 50:350].all()
    assert not blue(right)[250:350].any()


def test_a_hit_is_tinted_as_predicted_within_the_true_outline() -> None:
    mask = box(400, 400, slice(100, 300), slice(100, 300))
    right = draw_overlay(photo(400, 400), [Region("rice", mask, mask)], []).crop((428, 14, 828, 414))
    assert orange(right)[110:290, 110:290].all()
    assert blue(right)[100, 150:250].all()  # the outline lies on the region's own edge pixels
    assert not (blue(right) | orange(right))[:90].any()


def test_the_photo_on_the_left_is_untouched() -> None:
    mask = box(400, 400, slice(0, 400), slice(0, 400))
    left = draw_overlay(photo(400, 400, 77), [Region("rice", mask, mask)], []).crop((14, 14, 414, 414))
    assert (pixels(left) == 77).all()


def panel(page: Image.Image, row: int, column: int) -> Image.Image:
    """The picture in a row and column of a page of 400 x 400 photos; panels are 14 apart, titles 29 high."""
    left, top = 14 + column * 414, 14 + row * 443
    return page.crop((left, top, left + 400, top + 400))


def test_each_region_has_its_own_panel_with_its_own_masks() -> None:
    upper, lower = box(400, 400, slice(0, 200), slice(0, 400)), box(400, 400, slice(200, 400), slice(0, 400))
    # Swapped: over both together the masks would agree everywhere.
    page = draw_overlay(photo(400, 400), [Region("rice", upper, lower), Region("fish", lower, upper)], [])
    assert blue(panel(page, 0, 1))[50:150, 50:350].all()
    assert orange(panel(page, 0, 1))[250:350, 50:350].all()
    assert orange(panel(page, 0, 2))[50:150, 50:350].all()
    assert blue(panel(page, 0, 2))[250:350, 50:350].all()


def test_what_is_not_there_is_marked_without_an_outline() -> None:
    page = draw_overlay(photo(400, 400), [Region("fish", None, box(400, 400, slice(0, 200), slice(0, 400)))], [])
    assert orange(panel(page, 0, 1))[10:190, 10:390].all()
    assert not blue(panel(page, 0, 1)).any()


def test_of_many_regions_the_largest_are_drawn_in_rows_of_three() -> None:
    bands = [box(400, 400, slice(0, 4 * number), slice(0, 400)) for number in range(1, 11)]
    page = draw_overlay(
        photo(400, 400), [Region(f"food {number}", band, band) for number, band in enumerate(bands)], []
    )
    shares = [orange(panel(page, *divmod(place, 3))).mean() for place in range(1, 9)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0.005  # the two thinnest bands are left out


def test_no_regions_is_the_photo_alone() -> None:
    page = draw_overlay(photo(400, 400, 77), [], ["rice?"])
    assert page.width == 428


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(AnswerInvalid, match="400 x 300"):
        draw_overlay(photo(400, 400), [Region("rice", None, box(400, 300, slice(0, 9), slice(0, 9)))], [])


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (37, 41)])
def test_odd_shapes(size: tuple[int, int]) -> None:
    page = draw_overlay(photo(*size), [Region("rice", box(*size, slice(0, 1), slice(0, 1)), None)], ["a caption"])
    assert page.mode == "RGB"
    assert max(page.size) < 3000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "\x00\x1b[2J",
        "\u202e\u2066",
        "W" * 100_000,
        "w " * 50_000,
        "苹果派 \U0001f35b",
        "crème brûlée",
        "\ud800",
    ],
)
def test_captions_survive_any_text(text: str) -> None:
    page = draw_caption(photo(400, 400), [text, text])
    assert page.width == 428
    assert page.height < 400 + 300


def test_captions_do_not_run_off_the_page() -> None:
    page = draw_caption(photo(400, 400), ["many words that have to be wrapped " * 5, "x" * 200])
    assert (pixels(page)[:, -10:] > 200).all()


def test_the_same_input_gives_the_same_picture() -> None:
    mask = box(50, 60, slice(5, 20), slice(5, 20))
    first, second = (draw_overlay(photo(50, 60), [Region("rice", mask, mask)], ["caption"]).tobytes() for _ in range(2))
    assert first == second
