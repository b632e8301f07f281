"""Near-duplicates between splits: planted copies are found, different plates are not."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hub_folders import food101_table, save
from PIL import Image, ImageEnhance
from scipy.fft import dctn

from foodbench.core.errors import UnknownName
from foodbench.core.types import Nutrition
from foodbench.data import duplicates, perceptual
from foodbench.data.catalog import CATALOG
from foodbench.data.duplicates import (
    LINKS,
    Settings,
    compare_splits,
    equal_texts,
    links_of,
    picture_of,
    repeated_scans,
    text_key,
)
from foodbench.data.food101 import Food101
from foodbench.data.images import ImageFile
from foodbench.data.layout import MARKER
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.data.perceptual import HashedPictures, alike, describe, hash_of_grey, hash_pictures
from foodbench.data.records import IngredientPortion, NutritionRecord
from foodbench.data.roots import DatasetChoice

LIMITS = {"distance": Settings().distance, "similarity": Settings().similarity}


# The hash


def test_the_hash_is_the_sign_pattern_of_the_lowest_cosines() -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        grey = rng.uniform(0, 255, (32, 32))
        low = dctn(grey, norm="ortho")[:8, :8].ravel()
        bits = [False, *(low[1:] > np.median(low[1:]))]
        expected = int("".join("1" if bit else "0" for bit in bits), 2)
        assert int(hash_of_grey(grey)) == expected


def test_every_pair_within_the_distance_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against counting bits one by one, over the borders of blocks."""
    rng = np.random.default_rng(6)
    bases = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = np.array([[1 << int(bit) for bit in rng.choice(64, 12, replace=False)] for _ in range(40)], np.uint64)
    changed_bits = [np.bitwise_xor.reduce(flip[: index % 13]) for index, flip in enumerate(flips)]
    near = bases ^ np.array(changed_bits, np.uint64)
    thumbnails = np.tile(rng.integers(0, 256, 768, dtype=np.uint8), (40, 1))
    first = HashedPictures(tuple(map(str, range(40))), bases, thumbnails)
    second = HashedPictures(tuple(map(str, range(40))), near, thumbnails)
    expected = {
        (i, j, (int(bases[i]) ^ int(near[j])).bit_count())
        for i, j in itertools.product(range(40), range(40))
        if (int(bases[i]) ^ int(near[j])).bit_count() <= 8
    }
    assert len(expected) >= 27
    for cells in (1, 1 << 23, 90):
        monkeypatch.setattr(perceptual, "_CELLS", cells)
        found = [(i, j, bits) for i, j, bits, similarity in alike(first, second, **LIMITS) if similarity > 0.999]
        assert sorted(found) == sorted(expected)


def changed(kind: str) -> Callable[[Image.Image, Path], None]:
    def write(photo: Image.Image, path: Path) -> None:
        width, height = photo.size
        if kind == "compressed":
            photo.save(path, "JPEG", quality=30)
        elif kind == "png":
            photo.save(path, "PNG")
        elif kind == "webp":
            photo.save(path, "WEBP", quality=40)
        elif kind == "half":
            photo.resize((width // 2, height // 2)).save(path, "JPEG")
        elif kind == "double":
            photo.resize((width * 2, height * 2)).save(path, "JPEG")
        elif kind == "bright":
            ImageEnhance.Brightness(photo).enhance(1.25).save(path, "JPEG")
        elif kind == "dark":
            ImageEnhance.Brightness(photo).enhance(0.7).save(path, "JPEG")
        elif kind == "contrast":
            ImageEnhance.Contrast(photo).enhance(1.2).save(path, "JPEG")

    return write


KINDS = ["compressed", "png", "webp", "half", "double", "bright", "dark", "contrast"]


@pytest.mark.parametrize("kind", KINDS)
def test_planted_copies_are_found(small_kitchen: Path, tmp_path: Path, kind: str) -> None:
    root = tmp_path / "food-101"
    shutil.copytree(small_kitchen / "food-101", root)
    (root / MARKER).unlink()
    reader = Food101(root)
    planted = list(zip(reader.records("test")[:5], reader.records("train")[3:8], strict=True))
    for test, train in planted:
        changed(kind)(train.image.open(), test.image.path)
    (found,) = compare_splits([DatasetChoice("food101", "real", root, False)])
    assert (found.rule, found.test, found.train) == ("pictures", "food101 test", "food101 train")
    assert (found.test_count, found.train_count) == (24, 24)
    assert {(pair.test_id, pair.train_id) for pair in found.duplicates} == {
        (test.image_id, train.image_id) for test, train in planted
    }
    assert found.test_ids == tuple(test.image_id for test, _ in planted)


def test_different_plates_are_not_alike(small_kitchen: Path) -> None:
    """48 plates of each dataset: test against train, and the three datasets against each other."""
    folders = {"food101": "food-101", "nutrition5k": "nutrition5k_dataset", "foodseg103": "FoodSeg103"}
    choices = [DatasetChoice(name, "kitchen", small_kitchen / folder, False) for name, folder in folders.items()]
    found = compare_splits(choices, rules=["pictures"], across=True)
    assert len(found) == 9
    assert [one.duplicates for one in found] == [()] * 9
    assert all(one.test_count and one.train_count for one in found)


def test_different_photos_are_not_alike(realdata: Path) -> None:
    photos = sorted((realdata / "food-101" / "images").rglob("*.jpg"))
    hashed = hash_pictures([(str(photo), ImageFile(photo)) for photo in photos])
    assert len(hashed.ids) == 320
    assert [pair for pair in alike(hashed, hashed, **LIMITS) if pair[0] != pair[1]] == []
    assert len(list(alike(hashed, hashed, **LIMITS))) == 320


def test_pictures_of_one_colour(tmp_path: Path) -> None:
    """They have no structure to hash: alike only in the same colour."""
    for name, colour in {"a": (90, 90, 90), "b": (91, 90, 90), "c": (200, 30, 30)}.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
    hashed = hash_pictures([(name, ImageFile(tmp_path / f"{name}.png")) for name in "abc"])
    found = {(hashed.ids[i], hashed.ids[j]) for i, j, _, _ in alike(hashed, hashed, **LIMITS) if i < j}
    assert found == {("a", "b")}


def test_damaged_pictures_are_named_and_passed_over(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), (9, 99, 9)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"broken")
    pictures = [(name, ImageFile(tmp_path / f"{name}.png")) for name in ("bad", "good", "absent")]
    seen: list[tuple[int, int]] = []
    hashed = hash_pictures(pictures, lambda done, total: seen.append((done, total)))
    assert (hashed.ids, hashed.unreadable) == (("good",), ("bad", "absent"))
    assert hashed.hashes.shape == (1,)
    assert seen == [(3, 3)]


def test_pictures_in_tables_are_compared_as_well(small_kitchen: Path, tmp_path: Path) -> None:
    photos = sorted((small_kitchen / "food-101" / "images").rglob("*.jpg"))[:4]
    changed("half")(Image.open(photos[1]), tmp_path / "copy.jpg")
    tables = {
        "train": food101_table(photos[:3], ["waffles"] * 3),
        "validation": food101_table([photos[3], tmp_path / "copy.jpg"], ["waffles"] * 2),
    }
    choice = DatasetChoice("food101", "real", save(tables, tmp_path / "hub"), True)
    (found,) = compare_splits([choice])
    assert [(pair.test_id, pair.train_id) for pair in found.duplicates] == [("validation/1", "train/1")]


def test_turned_photos_are_hashed_as_they_are_shown(small_kitchen: Path, tmp_path: Path) -> None:
    photo = Image.open(next((small_kitchen / "food-101" / "images").rglob("*.jpg")))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    photo.save(tmp_path / "upright.jpg", quality=95)
    upright, _ = describe(ImageFile(tmp_path / "upright.jpg"))
    shown, _ = describe(ImageFile(tmp_path / "turned.jpg", exif="transpose"))
    stored, _ = describe(ImageFile(tmp_path / "turned.jpg"))
    assert int(upright ^ shown).bit_count() <= 4
    assert int(upright ^ stored).bit_count() > 8


def test_dialogues_give_their_photo_once() -> None:
    pair = SimpleNamespace(stem="00004401", image="photo")
    assert picture_of(SimpleNamespace(dialogue_id="00004401#2", pair=pair)) == ("00004401", "photo")
    assert picture_of(SimpleNamespace(dish_id="dish_1", image=None)) is None


# Texts


@pytest.mark.parametrize(
    ("title", "steps", "same"),
    [
        ("best MAC & Cheese!", ["boil the pasta", "Serve."], True),
        ("Best Mac Cheese", ["Boil  the pasta.   Serve"], True),
        ("Best Mac Cheese", ["Boil the pa\ufb05a"], False),
        ("Best Mac Cheese", ["Boil 2 pasta", "Serve"], False),
        ("Best Mac Cheese", ["Serve", "Boil the pasta"], False),
        ("\uff22est Mac Cheese", ["Boil the pasta", "Serve"], True),
    ],
)
def test_texts_are_compared_by_their_words(title: str, steps: list[str], same: bool) -> None:
    key = text_key("Best Mac & Cheese", ["Boil the pasta.", "Serve."])
    assert (text_key(title, steps) == key) == same


def recipe(recipe_id: str, title: str, *steps: str) -> Any:
    return SimpleNamespace(recipe_id=recipe_id, title=title, steps=steps)


def test_equal_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    test = [recipe("t1", "Rice", "Cook."), recipe("t2", "Soup", "Stir."), recipe("t3", "RICE", "cook")]
    train = [recipe("a", "rice", "Cook!"), recipe("b", "Salad", "Toss."), recipe("c", "Rice", "Cook")]
    pairs = [(pair.test_id, pair.train_id) for pair in equal_texts(test, train)]
    assert pairs == [("t1", "a"), ("t1", "c"), ("t3", "a"), ("t3", "c")]
    reader = SimpleNamespace(records=lambda split: {"test": test, "train": train}[split])
    monkeypatch.setattr(duplicates, "open_dataset", lambda choice: reader)
    choice = DatasetChoice("recipe1m", "real", Path("/nowhere"), False)
    (found,) = compare_splits([choice], rules=["texts"])
    assert (found.rule, found.test_count, found.train_count) == ("texts", 3, 3)
    assert found.test_ids == ("t1", "t3")
    assert found.as_dict(limit=1)["duplicates"] == [{"test": "t1", "train": "a"}]
    assert found.as_dict()["pairs"] == 4


# Scans


def dish(seconds: int, kcal: float, grams: float, *ingredients: int) -> NutritionRecord:
    portions = tuple(IngredientPortion(number, str(number), Nutrition()) for number in ingredients)
    return NutritionRecord(f"dish_{seconds:010d}", None, Nutrition(kcal=kcal, mass=grams), portions, "", "cafe1", ())


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (dish(1120, 100.5, 51.5, 2, 1), True),
        (dish(880, 99.5, 48.5, 1, 2, 2), True),
        (dish(1121, 100, 50, 1, 2), False),
        (dish(1010, 100.6, 50, 1, 2), False),
        (dish(1010, 100, 51.6, 1, 2), False),
        (dish(1010, 100, 50, 1, 2, 3), False),
        (dish(1010, 100, 50, 1), False),
    ],
)
def test_the_rule_of_repeated_scans(other: NutritionRecord, found: bool) -> None:
    assert bool(repeated_scans([dish(1000, 100, 50, 1, 2)], [other])) == found


@pytest.mark.parametrize(("seconds", "rgb", "depth"), [(120, 65, 4), (600, 79, 15)])
def test_repeated_scans_of_the_real_dishes(realdata: Path, seconds: int, rgb: int, depth: int) -> None:
    """The numbers were counted independently, from the metadata alone."""
    choice = DatasetChoice("nutrition5k", "real", realdata / "nutrition5k_dataset", True)
    found = compare_splits([choice], settings=Settings(seconds=seconds))
    scans = {one.test: one for one in found if one.rule == "scans"}
    assert (scans["nutrition5k rgb_test"].test_count, scans["nutrition5k rgb_test"].train_count) == (709, 4_059)
    assert (scans["nutrition5k depth_test"].test_count, scans["nutrition5k depth_test"].train_count) == (507, 2_758)
    assert len(scans["nutrition5k rgb_test"].test_ids) == rgb
    assert len(scans["nutrition5k depth_test"].test_ids) == depth
    (pictures,) = (one for one in found if one.rule == "pictures")
    assert "nothing to measure on" in pictures.problem  # there are no overhead pictures in these pieces
    assert json.loads(json.dumps(pictures.as_dict()))["duplicates"] == []


def test_the_card_says_how_many_dishes_were_scanned_twice(realdata: Path) -> None:
    reader = Nutrition5k(realdata / "nutrition5k_dataset", allow_partial=True)
    pairs = repeated_scans(reader.annotations("rgb_test"), reader.annotations("rgb_train"))
    count = len({pair.test_id for pair in pairs})
    assert any(f"{count} of the 709" in fact for fact in CATALOG.get("nutrition5k").facts)


# Rules and links


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(UnknownName, match="smell"):
        compare_splits([], rules=["smell"])


def test_links_name_datasets_of_the_catalog() -> None:
    for link in LINKS:
        assert {link.dataset, link.other} <= set(CATALOG.names())
    assert {link.dataset for link in links_of(["recipe1m"])} == {"foodseg103", "foodreasonseg"}
    assert links_of(["food101"]) == ()
    assert [link.other for link in links_of(["fooddialogues"])] == ["nutrition5k"]
