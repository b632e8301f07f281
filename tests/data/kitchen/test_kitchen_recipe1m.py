"""The kitchen as Recipe1M: the layout, the texts of the plates, and the irregular recipes of the real one."""

import json
import re

import numpy as np
import pytest

from foodbench.core.errors import DataMissing
from foodbench.data.kitchen import DISHES, INGREDIENT_NAMES, INGREDIENTS, make, plate_seed, render
from foodbench.data.recipe1m import Recipe1M
from foodbench.data.roots import DatasetChoice
from foodbench.data.verify import verify

SEED, SIZE, TRAIN, VAL, TEST = 7, 224, 24, 6, 24  # of the fixture `small_kitchen`


@pytest.fixture
def root(small_kitchen):
    return small_kitchen / "Recipe1M"


def rows(root, name):
    return json.loads((root / name).read_text())


def test_the_official_files_and_no_others(root):
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    photos = {name for name in names if name.startswith("images/")}
    assert names - photos == {
        ".foodbench-manifest.txt", ".foodbench-synthetic.json", "README.txt", "ingredient_classes.txt",
        "layer1.json", "layer2.json", "det_ingrs.json",
    }  # fmt: skip
    for name in photos:
        match = re.fullmatch(r"images/(train|val|test)/(.)/(.)/(.)/(.)/([0-9a-f]{10})\.jpg", name)
        assert match
        assert match.group(6)[:4] == "".join(match.group(2, 3, 4, 5))


def test_rows_have_the_official_form(root):
    layer1, detections, layer2 = (rows(root, f"{name}.json") for name in ("layer1", "det_ingrs", "layer2"))
    assert all(list(row) == ["ingredients", "url", "partition", "title", "id", "instructions"] for row in layer1)
    assert all(list(row) == ["valid", "id", "ingredients"] for row in detections)
    assert all(list(row) == ["id", "images"] and row["images"] for row in layer2)
    ids = [row["id"] for row in layer1]
    assert ids == sorted(set(ids)) == [row["id"] for row in detections]
    assert [row["id"] for row in layer2] == [one for one in ids if one in {row["id"] for row in layer2}]
    assert all(re.fullmatch(r"[0-9a-f]{10}", one) for one in ids)
    images = [image["id"] for row in layer2 for image in row["images"]]
    assert len(set(images)) == len(images)
    text = (root / "layer1.json").read_text()
    assert text.startswith('[{"ingredients": [{"text": "')
    assert "\n" not in text


def test_splits_and_classes(root):
    reader = Recipe1M(root)
    assert reader.synthetic
    assert {split: len(reader.records(split)) for split in reader.splits} == {"train": TRAIN, "val": VAL, "test": TEST}
    assert reader.ingredient_classes == INGREDIENT_NAMES
    assert {record.title for split in reader.splits for record in reader.records(split)} == set(DISHES)


def test_texts_are_those_of_the_plates(root):
    reader = Recipe1M(root)
    by_photo = {}
    for index in range(TEST):
        plate = render(plate_seed("test", "recipe1m", index, SEED), SIZE, dish=list(DISHES)[index % len(DISHES)])
        names = sorted((portion.name for portion in plate.portions), key=lambda name: INGREDIENTS[name].number)
        by_photo[plate.dish, tuple(names), round(plate.total.mass)] = plate
    damaged = 0
    for record in reader.records("test"):
        assert record.steps == (*(f"{INGREDIENTS[name].step}." for name in record.detected), "Serve warm.")
        assert record.classes == tuple(sorted(record.detected))
        amounts = [re.fullmatch(r"([0-9]+) (g|cup) (.+)", line).groups() for line in record.ingredients]
        assert [name for _, _, name in amounts] == list(record.detected)
        if any(unit == "cup" for _, unit, _ in amounts):
            damaged += 1
            assert {amount for amount, unit, _ in amounts if unit == "cup"} <= {"12", "14", "34"}
            continue
        grams = sum(int(amount) for amount, _, _ in amounts)
        near = [
            plate for (dish, names, mass), plate in by_photo.items()
            if (dish, names) == (record.title, record.detected) and abs(mass - grams) <= len(names)
        ]  # fmt: skip
        photo = np.asarray(record.image.open(), np.float32)
        assert min(np.abs(photo - plate.image).mean() for plate in near) < 6
    assert damaged == TEST // 7


def test_irregular_recipes_are_there_and_do_not_count(root):
    layer1, detections = rows(root, "layer1.json"), rows(root, "det_ingrs.json")
    pictured = {row["id"]: [image["id"] for image in row["images"]] for row in rows(root, "layer2.json")}
    reader = Recipe1M(root)
    counting = {one for split in reader.splits for one in reader.ids(split)}
    extra = {row["id"]: row for row in layer1 if row["id"] not in counting}
    assert len(extra) == 4
    (unknown,) = (one for one in extra if one not in pictured)
    assert extra[unknown]["partition"] == "test"
    (long,) = (one for one, row in extra.items() if len(row["instructions"]) == 20)
    (nothing,) = (row["id"] for row in detections if not any(row["valid"]))
    lost = Recipe1M(root, filter="none", allow_partial=True).missing("train")
    assert {unknown, long, nothing, *lost} == set(extra)
    with pytest.raises(DataMissing, match=f"1 of {TRAIN + 3} photos of the train split: {lost[0]}"):
        Recipe1M(root, filter="none").records("train")
    assert sorted(len(images) for images in pictured.values())[-2:] == [1, 6]
    (empty,) = (row["id"] for row in detections if {"text": ""} in row["ingredients"])
    assert empty in reader.ids("train")


def test_six_photos_show_one_plate(root):
    (record,) = (one for one in Recipe1M(root).records("train") if len(one.image_ids) == 6)
    photos = []
    for image_id in record.image_ids:
        path = root / "images" / "train" / image_id[0] / image_id[1] / image_id[2] / image_id[3] / image_id
        photos.append(path.read_bytes())
    assert len(set(photos)) == 6
    assert record.image.path.name == record.image_ids[0]


def test_verify_finds_nothing_wrong(root):
    report = verify(DatasetChoice("recipe1m", "kitchen", root, False), "decode")
    assert report.ok
    assert not report.with_status("warning")
    kinds = {"recipes", "train", "val", "test", "with_images", "images"}
    assert {f"count of {kind}" for kind in kinds} < {check.name for check in report.checks}


def test_another_seed_has_other_recipes_and_the_smallest_kitchen_works(tmp_path, root):
    make(tmp_path, seed=1, size=64, train=8, test=4, datasets=("recipe1m",), workers=1)
    reader = Recipe1M(tmp_path / "Recipe1M")
    assert [len(reader.records(split)) for split in reader.splits] == [8, 1, 4]
    assert not set(reader.ids("train")) & set(Recipe1M(root).ids("train"))
