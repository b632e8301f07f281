"""The three trees: file names, counts, tables, and that the readers take them."""

import csv
import itertools
import json
import re

import numpy as np
import pytest
from PIL import Image

from foodbench.data.food101 import Food101
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.kitchen import DISHES, INGREDIENTS, plate_seed, render
from foodbench.data.nutrition5k import Nutrition5k

SEED, SIZE, TRAIN, TEST = 7, 224, 24, 24  # of the fixture `small_kitchen`


@pytest.fixture
def food101(small_kitchen):
    return small_kitchen / "food-101"


@pytest.fixture
def nutrition5k(small_kitchen):
    return small_kitchen / "nutrition5k_dataset"


@pytest.fixture
def foodseg103(small_kitchen):
    return small_kitchen / "FoodSeg103"


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------------------------------------------------ food101


def test_food101_has_the_official_files_and_no_others(food101):
    names = files_below(food101)
    meta = [
        f"meta/{name}" for name in ("classes.txt", "labels.txt", "test.json", "test.txt", "train.json", "train.txt")
    ]
    photos = [name for name in names if name.startswith("images/")]
    assert set(names) - set(photos) == {
        ".foodbench-manifest.txt", ".foodbench-synthetic.json", "README.txt", "license_agreement.txt", *meta,
    }  # fmt: skip
    assert all(re.fullmatch(r"images/[a-z_]+/[0-9]+\.jpg", name) for name in photos)
    assert len(photos) == TRAIN + TEST
    assert "synthetic" in (food101 / "license_agreement.txt").read_text()


def test_food101_lists_have_the_quirks_of_the_real_ones(food101):
    classes = (food101 / "meta/classes.txt").read_text().splitlines()
    assert classes == [dish.replace(" ", "_") for dish in DISHES]
    assert classes != sorted(classes)
    assert not (food101 / "meta/test.txt").read_bytes().endswith(b"\n")
    assert (food101 / "meta/train.txt").read_bytes().endswith(b"\n")
    for split in ("train", "test"):
        by_class = json.loads((food101 / f"meta/{split}.json").read_text())
        listed = (food101 / f"meta/{split}.txt").read_text().split()
        assert list(by_class) not in (classes, sorted(classes))
        assert sorted(itertools.chain.from_iterable(by_class.values())) == sorted(listed)
        assert {len(ids) for ids in by_class.values()} == {2}
    numbers = [path.stem for path in food101.rglob("*.jpg")]
    assert len(set(numbers)) == len(numbers)


def test_food101_photos_show_their_dish_and_one_training_photo_is_grey(food101):
    reader = Food101(food101)
    assert reader.synthetic
    modes = {
        split: [Image.open(record.image.path).mode for record in reader.records(split)] for split in ("train", "test")
    }
    assert sorted(modes["train"]) == ["L"] + ["RGB"] * (TRAIN - 1)
    assert set(modes["test"]) == {"RGB"}
    record = next(record for record in reader.records("test") if record.label == "curry_rice")
    photo = np.asarray(record.image.open(), np.float32)
    plates = [render(plate_seed("test", "food101", index, SEED), SIZE, dish="curry rice") for index in (2, 14)]
    assert min(np.abs(photo - plate.image).mean() for plate in plates) < 6


# -------------------------------------------------------------------------------------------------------- nutrition5k


def dish_rows(root, cafe):
    with (root / f"metadata/dish_metadata_{cafe}.csv").open(newline="") as stream:
        return {row[0]: row for row in csv.reader(stream)}


def id_list(root, name):
    text = (root / f"dish_ids/splits/{name}_ids.txt").read_text()
    assert text.endswith("\n")
    return text.split()


def test_nutrition5k_rows_have_the_official_form_and_add_up(nutrition5k):
    for cafe in ("cafe1", "cafe2"):
        for dish_id, row in dish_rows(nutrition5k, cafe).items():
            assert re.fullmatch(r"dish_[0-9]{10}", dish_id)
            assert len(row) > 6
            assert (len(row) - 6) % 7 == 0
            assert all(re.fullmatch(r"[0-9]+\.[0-9]{6}", field) for field in row[1:6])
            groups = [row[start : start + 7] for start in range(6, len(row), 7)]
            assert all(re.fullmatch(r"ingr_[0-9]{10}", group[0]) for group in groups)
            assert all(re.fullmatch(r"[0-9]+\.[0-9]{1,9}", field) for group in groups for field in group[2:])
            kcal, mass, fat, carb, protein = map(float, row[1:6])
            parts = np.array([[float(field) for field in group[2:]] for group in groups]).sum(axis=0)
            assert mass == pytest.approx(parts[0], abs=1e-5)
            expected = [0, 0, 0, 0] if cafe == "cafe2" else parts[1:]
            assert [kcal, fat, carb, protein] == pytest.approx(list(expected), abs=1e-5)


def test_nutrition5k_values_are_those_of_the_ingredient_table(nutrition5k):
    with (nutrition5k / "metadata/ingredients_metadata.csv").open(newline="") as stream:
        header, *lines = csv.reader(stream)
    assert header == ["ingr", "id", "cal/g", "fat(g)", "carb(g)", "protein(g)"]
    table = {int(line[1]): line for line in lines}
    assert [table[food.number][0] for food in INGREDIENTS.values()] == list(INGREDIENTS)
    for row in dish_rows(nutrition5k, "cafe1").values():
        for start in range(6, len(row), 7):
            number, grams, kcal = int(row[start][5:]), float(row[start + 2]), float(row[start + 3])
            if table[number][0] != "deprecated":
                assert kcal == pytest.approx(grams * float(table[number][2]), abs=1e-5)


def test_nutrition5k_splits(nutrition5k):
    lists = {name: id_list(nutrition5k, name) for name in ("rgb_train", "rgb_test", "depth_train", "depth_test")}
    cafe1, cafe2 = dish_rows(nutrition5k, "cafe1"), dish_rows(nutrition5k, "cafe2")
    assert len(lists["depth_train"]) == TRAIN
    assert len(lists["depth_test"]) == TEST
    assert set(lists["depth_train"]) < set(lists["rgb_train"])
    assert set(lists["depth_test"]) < set(lists["rgb_test"])
    assert set(lists["rgb_train"]) | set(lists["rgb_test"]) == set(cafe1)
    assert not set(lists["rgb_train"]) & set(lists["rgb_test"])
    assert cafe2
    assert not set(cafe2) & set(cafe1)
    everything = (nutrition5k / "dish_ids/dish_ids_all.txt").read_text().split()
    assert sorted(everything) == sorted([*cafe1, *cafe2])


def test_nutrition5k_overhead_pictures(nutrition5k):
    overhead = nutrition5k / "imagery/realsense_overhead"
    seen = {folder.name for folder in overhead.iterdir()}
    depth = set(id_list(nutrition5k, "depth_train")) | set(id_list(nutrition5k, "depth_test"))
    assert seen == depth | set(dish_rows(nutrition5k, "cafe2"))
    for folder in overhead.iterdir():
        assert {path.name for path in folder.iterdir()} == {"rgb.png", "depth_raw.png", "depth_color.png"}
    folder = overhead / id_list(nutrition5k, "depth_test")[0]
    for name, mode in (("rgb.png", "RGB"), ("depth_raw.png", "I;16"), ("depth_color.png", "RGB")):
        with Image.open(folder / name) as picture:
            assert (picture.size, picture.mode) == ((640, 480), mode)
    depths = np.asarray(Image.open(folder / "depth_raw.png"))
    assert depths.dtype == np.uint16
    assert 3000 < depths.min() < depths.max() <= 4000


def test_nutrition5k_dishes_without_overhead_picture_have_a_video_stub(nutrition5k):
    for split in ("train", "test"):
        unseen = set(id_list(nutrition5k, f"rgb_{split}")) - set(id_list(nutrition5k, f"depth_{split}"))
        assert unseen
        for dish_id in unseen:
            video = nutrition5k / "imagery/side_angles" / dish_id / "camera_A.h264"
            assert video.read_bytes().startswith(b"\x00\x00\x00\x01")
    marker = json.loads((nutrition5k / ".foodbench-synthetic.json").read_text())
    assert all((nutrition5k / name).suffix == ".h264" for name in marker["stubs"])
    assert marker["stubs"]


def test_nutrition5k_irregular_records_are_few_and_where_they_belong(nutrition5k):
    rows = dish_rows(nutrition5k, "cafe1")

    def split_of(condition):
        found = [dish_id for dish_id, row in rows.items() if condition(row)]
        assert len(found) == 1
        return next(name for name in ("depth_train", "depth_test") if found[0] in id_list(nutrition5k, name))

    assert split_of(lambda row: "deprecated" in row) == "depth_train"
    assert split_of(lambda row: "" in row) == "depth_train"
    assert split_of(lambda row: len(row) == 13 and "plate only" not in row) == "depth_train"
    assert split_of(lambda row: float(row[2]) > 1000) == "depth_train"
    assert split_of(lambda row: "plate only" in row) == "depth_test"
    plate_only = next(row for row in rows.values() if "plate only" in row)
    assert ",".join(plate_only[1:]) == (
        "0.000000,1.000000,0.000000,0.000000,0.000000,ingr_0000000021,plate only,1.000000,0.0,0.0,0.0,0.0"
    )


def test_nutrition5k_reader_takes_it_and_pictures_match_their_rows(nutrition5k):
    reader = Nutrition5k(nutrition5k)
    records = reader.records("test")
    assert len(records) == TEST
    index = 0
    plate = render(plate_seed("test", "nutrition5k", index, SEED), (480, 640))
    assert [portion.name for portion in records[index].portions] == [portion.name for portion in plate.portions]
    assert records[index].total.kcal == pytest.approx(plate.total.kcal, abs=1e-4)
    picture = np.asarray(records[index].image.open(), np.float32)
    assert np.abs(picture - plate.image).mean() < 3


# --------------------------------------------------------------------------------------------------------- foodseg103


def test_foodseg103_lists_and_class_table(foodseg103):
    lines = (foodseg103 / "category_id.txt").read_text().splitlines()
    assert len(lines) == 104
    assert lines[0] == "0\tbackground"
    assert lines[48] == "48\tchicken duck"
    assert lines[96] == "96\tFrench beans"
    assert lines[103] == "103\tother ingredients"
    train = (foodseg103 / "ImageSets/train.txt").read_text().split()
    test = (foodseg103 / "ImageSets/test.txt").read_text().split()
    assert train + test == [f"{number:08d}.jpg" for number in range(TRAIN + TEST)]
    for name in ("Readme.txt", "test_recipe1m_id.txt", "train_test_recipe1m_id.txt"):
        assert (foodseg103 / name).is_file()
    recipes = (foodseg103 / "test_recipe1m_id.txt").read_text().split()
    assert all(re.fullmatch(r"[0-9a-f]{10}\.jpg", recipe) for recipe in recipes)


def test_foodseg103_masks_hold_official_class_numbers_and_fit_their_photos(foodseg103):
    reader = FoodSeg103(foodseg103)
    official = {food.foodseg103_id for food in INGREDIENTS.values()}
    sizes, modes, ignoring = set(), set(), 0
    for split in ("train", "test"):
        for record in reader.records(split):
            mask = record.mask.read()
            with Image.open(record.mask.path) as stored, Image.open(record.image.path) as photo:
                modes.add(stored.mode)
                assert stored.size == photo.size
                assert min(photo.size) >= SIZE
                sizes.add(photo.size)
            assert set(np.unique(mask)) <= official | {0, 255}
            assert len(set(np.unique(mask)) & official) >= 2
            if (mask == 255).any():
                ignoring += 1
                assert (mask[:3] == 255).all()
                assert not (mask[3:-3, 3:-3] == 255).any()
    assert modes == {"L", "P"}
    assert len(sizes) > 10
    assert 1 <= ignoring <= (TRAIN + TEST) / 8


def test_foodseg103_masks_are_those_of_the_plates(foodseg103):
    record = FoodSeg103(foodseg103).records("test")[0]
    mask = record.mask.read()
    plate = render(plate_seed("test", "foodseg103", 0, SEED), mask.shape)
    for portion in plate.portions:
        assert np.array_equal(mask == INGREDIENTS[portion.name].foodseg103_id, plate.mask(portion.name))
