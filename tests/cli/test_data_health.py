"""`foodbench data doctor`, `known-bad` and `duplicates`; and `data add` of a Hugging Face copy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from foodbench.data.catalog import CATALOG
from foodbench.data.kitchen import FOLDERS
from foodbench.data.layout import MARKER, resource_lines
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]


@pytest.fixture
def lookalike(small_kitchen: Path, tmp_path: Path) -> Path:
    """Food-101's layout without the generator's marker: what a reader takes for a real (if odd) copy."""
    root = tmp_path / "food-101"
    shutil.copytree(small_kitchen / FOLDERS["food101"], root)
    (root / MARKER).unlink()
    return root


@pytest.fixture
def hub_folder(small_kitchen: Path, tmp_path: Path) -> Path:
    """What save_to_disk writes of ethz/food101, with three photos per split."""
    photos = sorted((small_kitchen / FOLDERS["food101"] / "images").rglob("*.jpg"))[:6]
    names = list(resource_lines("food101.txt"))
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})

    def table(chosen: list[Path]) -> Any:
        images = [{"bytes": photo.read_bytes(), "path": None} for photo in chosen]
        return datasets.Dataset.from_dict({"image": images, "label": [16, 17, 0]}, features=features)

    both = datasets.DatasetDict({"train": table(photos[:3]), "validation": table(photos[3:])})
    both.save_to_disk(str(tmp_path / "food101-hf"))
    return tmp_path / "food101-hf"


# Hugging Face copies


def test_add_a_hub_copy(foodbench: Foodbench, hub_folder: Path) -> None:
    refused = foodbench("data", "add", "food101", hub_folder)
    assert refused.code == 5
    assert "rows" in refused.err
    added = foodbench("data", "add", "food101", hub_folder, "--allow-partial")
    assert added.code == 0
    assert "ethz/food101" in added.out
    assert "'validation/<row>'" in added.out
    assert "cannot be joined" in added.out
    plain = json.loads(foodbench("data", "add", "food101", hub_folder, "--allow-partial", "--json").out)
    assert {row["split"]: row["usable"] for row in plain["splits"]} == {"train": 3, "test": 3}
    assert plain["about_copy"]
    verified = foodbench("data", "verify", hub_folder, "--allow-partial", "--level", "decode")
    assert verified.code == 0
    assert "food101 (real edition)" in verified.err
    assert "6 of 6 decoded" in verified.out


def test_a_sorted_copy_is_refused_in_two_lines(foodbench: Foodbench, hub_folder: Path) -> None:
    for info in hub_folder.rglob("dataset_info.json"):
        plain = json.loads(info.read_text())
        plain["features"]["label"]["names"].sort()
        info.write_text(json.dumps(plain))
    refused = foodbench("data", "add", "food101", hub_folder, "--allow-partial")
    assert refused.code == 5
    assert "class names sorted" in refused.err
    assert len(refused.err.splitlines()) == 2


# Doctor


def test_doctor_on_a_fresh_machine(foodbench: Foodbench) -> None:
    output = foodbench("data", "doctor")
    assert output.code == 0
    for card in (CATALOG.get(name) for name in CATALOG.names()):
        assert card.title in output.out
        assert card.how_to_get[0][:40] in output.out
    assert "0 of 8 datasets registered, 0 not sound" in output.out


def test_doctor_says_what_is_wrong(foodbench: Foodbench, lookalike: Path) -> None:
    foodbench("data", "add", "food101", lookalike)
    assert foodbench("data", "doctor").code == 0
    next((lookalike / "images").rglob("*.jpg")).unlink()
    output = foodbench("data", "doctor")
    assert output.code == 5
    assert "INCOMPLETE" in output.out
    assert "food101: -> Complete the copy" in output.out
    plain = json.loads(foodbench("data", "doctor", "--json").out)
    assert (plain["schema"], plain["ok"]) == ("foodbench.data.doctor/1", False)
    state = next(state for state in plain["datasets"] if state["dataset"] == "food101")
    assert (state["state"], state["sound"], state["root"]) == ("incomplete", False, str(lookalike))
    assert sum(split["missing"] for split in state["splits"]) == 1


# Known-bad items


def test_known_bad_of_one_dataset(foodbench: Foodbench) -> None:
    output = foodbench("data", "known-bad", "nutrition5k")
    assert output.code == 0
    for words in ("dish_1551567508", "7,974 g of olives", "issue 11", "n5k-11", "rgb_test", "cafe2"):
        assert words in output.out
    five = foodbench("data", "known-bad", "nutrition5k", "--list", "n5k-5", "--json")
    found = json.loads(five.out)["datasets"][0]
    assert [entry["id"][5:] for entry in found["entries"]] == [
        "1551138237",
        "1551232973",
        "1551381990",
        "1551389458",
        "1560974769",
    ]
    assert "No item is known to be wrong" in foodbench("data", "known-bad", "food101").out


def test_known_bad_of_all_datasets(foodbench: Foodbench) -> None:
    output = foodbench("data", "known-bad")
    assert output.code == 0
    assert all(name in output.out for name in CATALOG.names())
    plain = json.loads(foodbench("data", "known-bad", "--json").out)
    assert [one["dataset"] for one in plain["datasets"]] == CATALOG.names()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("known-bad", "food102"), "Did you mean food101"),
        (("known-bad", "nutrition5k", "--list", "n5k-12"), "Did you mean n5k-11"),
        (("known-bad", "--list", "n5k-11"), "needs the NAME"),
        (("duplicates",), "NAME"),
        (("duplicates", "food102"), "Did you mean food101"),
        (("duplicates", "food101", "--by", "smell"), "smell"),
        (("duplicates", "food101", "--distance", "65"), "65"),
    ],
)
def test_wrong_usage(foodbench: Foodbench, arguments: tuple[str, ...], words: str) -> None:
    output = foodbench("data", *arguments)
    assert output.code == 2
    assert words in output.err
    assert output.out == ""


# Duplicates


def test_duplicates_of_a_kitchen(foodbench: Foodbench, kitchen: Path) -> None:
    output = foodbench("data", "duplicates", "food101", "foodseg103")
    assert output.code == 0
    assert "pictures, food101 test against food101 train: 0 of 24 (0.0%)" in output.out
    assert "Known: FoodSeg103's photos are Recipe1M photos" in output.out
    assert "food101 (kitchen edition)" in output.err


def test_planted_duplicates(foodbench: Foodbench, lookalike: Path) -> None:
    test = (lookalike / "meta" / "test.txt").read_text().split()
    train = (lookalike / "meta" / "train.txt").read_text().split()
    for mine, theirs in zip(test[:3], train[:3], strict=True):
        shutil.copy(lookalike / "images" / f"{theirs}.jpg", lookalike / "images" / f"{mine}.jpg")
    (lookalike / "images" / f"{test[4]}.jpg").write_bytes(b"broken")
    foodbench("data", "add", "food101", lookalike)
    output = foodbench("data", "duplicates", "food101", "--limit", "2")
    assert output.code == 0
    assert "3 of 23 (13.0%) with a near-duplicate among 24" in output.out
    assert f"cannot be decoded: 1, {test[4]} first" in output.out
    assert "1 more pair:" in output.out
    (found,) = json.loads(foodbench("data", "duplicates", "food101", "--json").out)["comparisons"]
    assert {(pair["test"], pair["train"]) for pair in found["duplicates"]} == set(zip(test[:3], train[:3], strict=True))
    assert {pair["distance"] for pair in found["duplicates"]} == {0}
    assert found["pairs"] == 3
    assert found["unreadable"] == [test[4]]


def test_duplicates_of_the_real_dishes(foodbench: Foodbench, realdata: Path) -> None:
    foodbench("data", "add", "nutrition5k", realdata / "nutrition5k_dataset", "--allow-partial")
    output = foodbench("data", "duplicates", "nutrition5k", "--limit", "3")
    assert output.code == 0
    assert "scans, nutrition5k rgb_test against nutrition5k rgb_train: 65 of 709 (9.2%)" in output.out
    assert "scans, nutrition5k depth_test against nutrition5k depth_train: 4 of 507 (0.8%)" in output.out
    assert "pictures, nutrition5k test against nutrition5k train: not compared" in output.out
    assert "FoodDialogues talks about Nutrition5k's dishes" in output.out
    wider = foodbench("data", "duplicates", "nutrition5k", "--by", "scans", "--seconds", "600", "--json")
    found = json.loads(wider.out)["comparisons"]
    assert [len(one["test_ids"]) for one in found] == [79, 15]
