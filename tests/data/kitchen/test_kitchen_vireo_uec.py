"""The kitchen as VIREO Food-172 and as UEC-FoodPix Complete: files, irregular records, and plates behind the labels."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from foodbench.core.errors import DataCorrupt
from foodbench.data.kitchen import DISHES, INGREDIENT_NAMES, KitchenSettings, make, plate_seed, render
from foodbench.data.kitchen.layout_vireo172 import VIREO172
from foodbench.data.roots import DatasetChoice
from foodbench.data.uecfoodpix import UecFoodPix
from foodbench.data.verify import verify
from foodbench.data.vireo172 import Vireo172

SEED, SIZE, TRAIN, TEST = 7, 224, 24, 24  # of the fixture `small_kitchen`
VAL = TEST // 4


@pytest.fixture
def vireo(small_kitchen):
    return small_kitchen / "VireoFood172"


@pytest.fixture
def uec(small_kitchen):
    return small_kitchen / "UECFOODPIXCOMPLETE"


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def mode_of(record):
    with Image.open(record.image.path) as stored:
        return stored.mode


@pytest.mark.parametrize(("name", "folder"), [("vireo172", "VireoFood172"), ("uecfoodpix", "UECFOODPIXCOMPLETE")])
def test_verify_finds_nothing_at_any_level(small_kitchen, name, folder):
    report = verify(DatasetChoice(name, "kitchen", small_kitchen / folder, False), "decode")
    assert {check.status for check in report.checks} == {"ok"}
    marker = json.loads((small_kitchen / folder / ".foodbench-synthetic.json").read_text())
    assert {check.name.removeprefix("count of ") for check in report.checks if check.level == "counts"} == set(
        marker["counts"]
    )


# ----------------------------------------------------------------------------------------------------------- vireo172


def test_vireo_has_the_official_files_and_no_others(vireo):
    names = files_below(vireo)
    photos = {name for name in names if name.startswith("ready_chinese_food/")}
    lists = ("TR.txt", "VAL.txt", "TE.txt", "IngreLabel.txt", "FoodList.txt", "IngredientList.txt")
    assert names - photos == {
        ".foodbench-manifest.txt", ".foodbench-synthetic.json", "README.txt",
        *(f"SplitAndIngreLabel/{name}" for name in lists),
    }  # fmt: skip
    assert len(photos) == TRAIN + VAL + TEST
    assert all(re.fullmatch(r"ready_chinese_food/([1-9]|1[0-2])/[0-9]+_[0-9]+\.jpg", name) for name in photos)


def test_vireo_lists_have_the_quirks_of_the_real_ones(vireo):
    labels = vireo / "SplitAndIngreLabel"
    dishes = (labels / "FoodList.txt").read_text().splitlines()
    assert [name.removesuffix(";") for name in dishes] == list(DISHES)
    assert 0 < sum(name.endswith(";") for name in dishes) < len(dishes)
    assert (labels / "IngredientList.txt").read_text().splitlines() == list(INGREDIENT_NAMES)
    rows = (labels / "IngreLabel.txt").read_text().splitlines()
    assert {len(row.split()) for row in rows} == {1 + len(INGREDIENT_NAMES)}
    assert 0 < sum("  " in row for row in rows) < len(rows)
    assert 0 < sum(" 0 " in row for row in rows) < len(rows)
    assert all(("-1" in row.split()) != ("0" in row.split()) for row in rows)
    listed = [line for name in ("TR", "VAL", "TE") for line in (labels / f"{name}.txt").read_text().splitlines()]
    assert len(listed) == len(set(listed)) == TRAIN + VAL + TEST
    paths = [row.split()[0] for row in rows]
    assert sorted(paths) == sorted(listed)
    assert paths != listed
    assert all(line.startswith("/") for line in listed)


def test_vireo_photos_show_the_dish_and_the_ingredients_of_their_labels(vireo):
    reader = Vireo172(vireo)
    assert reader.synthetic
    assert reader.classes == tuple(DISHES)
    for split, count in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        records = reader.records(split)
        assert len(records) == count
        for index, record in enumerate(records[:4]):
            plate = render(plate_seed(split, "vireo172", index, SEED), SIZE, dish=record.label)
            assert set(record.ingredients) == {portion.name for portion in plate.portions}
            assert set(DISHES[record.label].required) <= set(record.ingredients)
            expected = Image.fromarray(plate.image)
            if mode_of(record) == "L":
                expected = expected.convert("L").convert("RGB")
            assert np.abs(np.asarray(record.image.open(), np.float32) - np.asarray(expected)).mean() < 6


def test_vireo_has_grey_and_cmyk_photos(vireo):
    reader = Vireo172(vireo)
    modes = {split: sorted(map(mode_of, reader.records(split))) for split in reader.splits}
    assert modes["train"] == ["CMYK", "L", *["RGB"] * (TRAIN - 2)]
    assert modes["test"] == ["CMYK", *["RGB"] * (TEST - 1)]
    assert set(modes["val"]) == {"RGB"}


def test_the_smallest_kitchen_has_a_validation_photo():
    jobs = VIREO172.jobs(KitchenSettings(train=8, test=4))
    assert [job.split for job in jobs].count("val") == 1
    assert len({job.seed for job in jobs}) == len({job.name for job in jobs}) == len(jobs) == 13


# --------------------------------------------------------------------------------------------------------- uecfoodpix


def test_uec_has_the_official_files_and_no_others(uec):
    names = files_below(uec)
    pictures = {name for name in names if name.startswith("data/UECFoodPIXCOMPLETE/")}
    assert names - pictures == {
        ".foodbench-manifest.txt", ".foodbench-synthetic.json", "README.txt",
        "data/category.txt", "data/train9000.txt", "data/test1000.txt",
    }  # fmt: skip
    assert len(pictures) == 2 * (TRAIN + TEST)
    pattern = r"data/UECFoodPIXCOMPLETE/(train|test)/(img/[1-9][0-9]*\.jpg|mask/[1-9][0-9]*\.png)"
    assert all(re.fullmatch(pattern, name) for name in pictures)


def test_uec_classes_are_the_foods_of_the_kitchen(uec):
    lines = (uec / "data" / "category.txt").read_text().splitlines()
    assert lines[0] == "id\tname"
    assert lines[1] == "1\trice"
    assert lines[21:] == ["21\tothers", "22\tbeverage"]
    reader = UecFoodPix(uec)
    assert reader.classes == ("background", *INGREDIENT_NAMES, "others", "beverage")
    assert reader.not_referable == {0, 21, 255}


def test_uec_masks_are_colour_images_of_their_photos_sizes(uec):
    reader = UecFoodPix(uec)
    for split in reader.splits:
        modes, sizes, turned = set(), set(), 0
        for record in reader.records(split):
            mask = record.checked_mask(ignore=None)
            assert 2 <= len(np.unique(mask)) <= 6
            assert mask.max() <= len(INGREDIENT_NAMES)
            with Image.open(record.mask.path) as stored:
                modes.add(stored.mode)
                pixels = np.asarray(stored)
                assert not pixels[:, :, 1:3].any()
                assert (pixels[:, :, 3:] == 255).all()
            sizes.add(record.image.size())
            turned += record.image.orientation() == 6
        assert modes == {"RGB", "RGBA"}
        assert len(sizes) > 5
        assert turned == 1


def test_uec_masks_are_those_of_the_plates(uec):
    masks = [record.mask.read() for record in UecFoodPix(uec).records("test")]
    for index in (0, 1, 2):
        plates = [
            render(plate_seed("test", "uecfoodpix", index, SEED), shape) for shape in {one.shape for one in masks}
        ]
        assert any(np.array_equal(mask, plate.label) for mask in masks for plate in plates)


def test_uec_photos_are_stored_as_their_masks_are_drawn(uec):
    """Also the one whose header asks for a turn: under the policy of the reader it's upright like its mask."""
    record = next(one for one in UecFoodPix(uec).records("test") if one.image.orientation() == 6)
    width, height = record.image.open().size
    assert width > height
    assert record.checked_mask().shape == (height, width)
    plate = render(plate_seed("test", "uecfoodpix", 2, SEED), (height, width))
    assert np.array_equal(record.mask.read(), plate.label)
    assert np.abs(np.asarray(record.image.open(), np.float32) - plate.image).mean() < 6


def test_a_transposed_mask_in_a_kitchen_is_seen(tmp_path):
    root = make(tmp_path, seed=3, size=64, train=8, test=4, datasets=("uecfoodpix",), workers=1)["uecfoodpix"]
    record = next(one for one in UecFoodPix(root).records("test") if one.image.orientation() == 6)
    with Image.open(record.mask.path) as stored:
        stored.transpose(Image.Transpose.ROTATE_90).save(record.mask.path)
    with pytest.raises(DataCorrupt, match="is transposed") as caught:
        record.checked_mask()
    assert "EXIF orientation 6" in caught.value.hint
    report = verify(DatasetChoice("uecfoodpix", "kitchen", root, False), "decode")
    name = record.mask.path.relative_to(root).as_posix()
    decoded = {check.name: check for check in report.with_status("failed") if check.level == "decode"}
    assert set(decoded) == {name, "pictures"}
    assert "is transposed" in decoded[name].message
