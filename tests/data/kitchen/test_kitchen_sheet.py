"""The contact sheet."""

import numpy as np
from PIL import Image

from foodbench.data.kitchen import DISHES, PRESETS, contact_sheet, render
from foodbench.data.kitchen.sheet import (
    difficulty_sheet,
    mask_colours,
    mask_overlay,
    one_of_each_dish,
    write_contact_sheet,
    write_difficulty_sheet,
)


def test_sheet_holds_each_plate_above_its_masks():
    sheet = contact_sheet([1, 2, 3], columns=2, size=64)
    assert sheet.size == (128, 2 * (2 * 64 + 20))
    plate = render(2, 64, sensor_noise=False)
    assert np.array_equal(np.asarray(sheet)[20:84, 64:128], plate.image)


def test_every_ingredient_has_its_own_colour():
    colours = mask_colours()
    assert colours.shape == (21, 3)
    assert len({tuple(colour) for colour in colours}) == 21


def test_overlay_is_grey_where_there_is_no_food():
    plate = render(5, 64)
    overlay = mask_overlay(plate)
    background = overlay[plate.label == 0]
    assert (np.ptp(background, axis=1) == 0).all()
    assert (np.ptp(overlay[plate.label > 0], axis=1) > 20).mean() > 0.9


def test_one_of_each_dish():
    seeds = one_of_each_dish()
    assert [render(seed, 64).dish for seed in seeds] == list(DISHES)


def test_written_sheet_is_a_png(tmp_path):
    write_contact_sheet(tmp_path / "sheet.png", size=48)
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (6 * 48, 2 * (2 * 48 + 20))


def test_difficulty_sheet_has_a_row_per_preset_and_the_same_plates_in_all(tmp_path):
    sheet = difficulty_sheet([1, 3], size=(48, 64))
    assert sheet.size == (72 + 2 * 64, len(PRESETS) * 48)
    rows = [np.asarray(sheet)[row * 48 : (row + 1) * 48, 72:] for row in range(len(PRESETS))]
    assert len({row.tobytes() for row in rows}) == len(PRESETS)
    write_difficulty_sheet(tmp_path / "sheet.png", seeds=(1,), size=(24, 32))
    with Image.open(tmp_path / "sheet.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "P")
