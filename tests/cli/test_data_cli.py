"""`foodbench data`: registering, listing, verifying and making datasets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.data.catalog import READERS
from foodbench.data.kitchen import DATASETS, FOLDERS
from foodbench.data.layout import MARKER
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]


@pytest.fixture
def lookalike(small_kitchen: Path, tmp_path: Path) -> Path:
    """Food-101's layout without the generator's marker: what a reader takes for a real (if odd) copy."""
    root = tmp_path / "food-101"
    shutil.copytree(small_kitchen / FOLDERS["food101"], root)
    (root / MARKER).unlink()
    return root


def status_of(foodbench: Foodbench, name: str) -> dict:
    found = json.loads(foodbench("data", "status", "--json").out)
    assert found["schema"] == "foodbench.data.status/1"
    return next(item for item in found["datasets"] if item["dataset"] == name)


def test_status_on_a_fresh_machine(foodbench: Foodbench, tmp_path: Path) -> None:
    output = foodbench("data", "status")
    assert output.code == 0
    line = next(line for line in output.out.splitlines() if line.startswith("food101 "))
    assert "not registered" in line
    assert "on demand" in line
    assert not (tmp_path / "home").exists()


def test_a_dataset_without_a_reader(foodbench: Foodbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(READERS._entries, "vireo172")
    line = next(line for line in foodbench("data", "status").out.splitlines() if line.startswith("vireo172 "))
    assert "no reader yet" in line
    refused = foodbench("data", "add", "vireo172", ".")
    assert refused.code == 2
    assert "cannot read vireo172" in refused.err
    assert len(refused.err.splitlines()) <= 2
    assert json.loads(foodbench("data", "info", "vireo172", "--json").out)["status"]["edition_used"] is None


def test_add_status_remove(foodbench: Foodbench, lookalike: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lookalike.parent)
    added = foodbench("data", "add", "food101", "food-101")
    assert added.code == 0
    assert str(lookalike) in added.out
    assert "missing" in added.out
    state = status_of(foodbench, "food101")
    assert state["edition_used"] == "real"
    assert state["real"]["root"] == str(lookalike)
    assert not state["real"]["problem"]
    assert "complete" in foodbench("data", "status").out
    removed = foodbench("data", "remove", "food101")
    assert removed.code == 0
    assert status_of(foodbench, "food101")["edition_used"] == "kitchen"
    assert lookalike.is_dir()


def test_partial_copy(foodbench: Foodbench, lookalike: Path) -> None:
    photo = sorted((lookalike / "images").rglob("*.jpg"))[0]
    photo.unlink()
    refused = foodbench("data", "add", "food101", lookalike)
    assert refused.code == 5
    assert "--allow-partial" in refused.err
    accepted = json.loads(foodbench("data", "add", "food101", lookalike, "--allow-partial", "--json").out)
    assert sum(split["missing"] for split in accepted["splits"]) == 1
    assert "partial, 1 missing" in foodbench("data", "status").out


def test_registered_folder_that_is_gone(foodbench: Foodbench, lookalike: Path) -> None:
    foodbench("data", "add", "food101", lookalike)
    shutil.rmtree(lookalike)
    assert status_of(foodbench, "food101")["real"]["problem"] == "the folder is gone"
    assert "PROBLEM" in foodbench("data", "status").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("add", "food102", "."), 2, "Did you mean food101"),
        (("add", "food101", "nowhere"), 5, "does not exist"),
        (("add", "vireo172", "."), 5, "is not a vireo172 folder"),
        (("remove", "food101"), 2, "food101"),
        (("verify", "food102"), 2, "Did you mean food101"),
        (("verify", "no/such/folder"), 5, "layout of no dataset"),
        (("verify", "food101", "--edition", "real"), 5, "not registered"),
        (("verify", "food101", "--level", "deep"), 2, "deep"),
        (("info", "food"), 2, "Did you mean"),
        (("make", "kitchen", "--size", "3"), 2, "64..1024"),
        (("make", "kitchen", "--train", "1"), 2, "at least"),
    ],
)
def test_wrong_usage_is_said_in_two_lines_at_most(
    foodbench: Foodbench, arguments: tuple[str, ...], code: int, words: str
) -> None:
    output = foodbench("data", *arguments)
    assert output.code == code
    assert words in output.err
    assert len(output.err.splitlines()) <= 2
    assert output.out == ""


def test_synthetic_copies_are_not_registered(foodbench: Foodbench, small_kitchen: Path) -> None:
    output = foodbench("data", "add", "food101", small_kitchen / FOLDERS["food101"])
    assert output.code == 2
    assert "synthetic" in output.err


# Verify


@pytest.mark.parametrize("name", DATASETS)
def test_verify_the_kitchen_in_full(foodbench: Foodbench, kitchen: Path, name: str) -> None:
    output = foodbench("data", "verify", name, "--level", "decode")
    assert output.code == 0
    assert "0 failed" in output.out
    assert f"{name} (kitchen edition)" in output.err


def test_verify_recognises_a_folder(foodbench: Foodbench, small_kitchen: Path, tmp_path: Path) -> None:
    copy = tmp_path / "somewhere"
    shutil.copytree(small_kitchen / FOLDERS["foodseg103"], copy)
    mask = sorted((copy / "Images/ann_dir/test").iterdir())[0]
    mask.write_bytes(mask.read_bytes()[:50])
    output = foodbench("data", "verify", copy, "--json", "--level", "decode")
    assert output.code == 5
    report = json.loads(output.out)
    assert report["schema"] == "foodbench.data.verify/1"
    assert (report["dataset"], report["edition"], report["ok"]) == ("foodseg103", "kitchen", False)
    failed = {check["level"] for check in report["checks"] if check["status"] == "failed"}
    assert failed == {"hashes", "decode"}
    shown = foodbench("data", "verify", copy, "--level", "decode")
    assert "FAILED" in shown.out
    assert mask.stem in shown.out


def test_verify_a_folder_as_a_dataset(foodbench: Foodbench, lookalike: Path) -> None:
    (lookalike / "meta/classes.txt").unlink()
    assert "layout of no dataset" in foodbench("data", "verify", lookalike).err
    output = foodbench("data", "verify", "food101", lookalike)
    assert output.code == 5
    assert "meta/classes.txt" in output.out


def test_verify_of_the_wrong_edition(foodbench: Foodbench, small_kitchen: Path) -> None:
    output = foodbench("data", "verify", small_kitchen / FOLDERS["food101"], "--edition", "real")
    assert output.code == 5
    assert "real edition was chosen" in output.out


def test_real_pieces(foodbench: Foodbench, realdata: Path) -> None:
    output = foodbench("data", "add", "food101", realdata / "food-101", "--allow-partial", "--json")
    assert output.code == 0
    splits = {split["split"]: split for split in json.loads(output.out)["splits"]}
    assert (splits["test"]["usable"], splits["train"]["usable"]) == (200, 120)
    assert splits["test"]["usable"] + splits["test"]["missing"] == 25_250
    verified = foodbench("data", "verify", "food101", "--level", "hashes")
    assert verified.code == 0
    assert "320 of 101,000" in verified.out


# Info and make


def test_info(foodbench: Foodbench) -> None:
    output = foodbench("data", "info", "nutrition5k")
    assert output.code == 0
    for words in ("CC BY 4.0", "CVPR 2021", "imagery/realsense_overhead/", "881df31f", "1. "):
        assert words in output.out


def test_info_as_json(foodbench: Foodbench) -> None:
    found = json.loads(foodbench("data", "info", "uecfoodpix", "--json").out)
    assert found["card"]["splits"] == {"train": 9000, "test": 1000}
    assert found["status"]["edition_used"] == "kitchen"


def test_make_kitchen_elsewhere(foodbench: Foodbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = ("--size", "64", "--train", "8", "--test", "4", "--seed", "3")
    output = foodbench("data", "make", "kitchen", *numbers, "--out", tmp_path / "new", "--json")
    assert output.code == 0
    made = json.loads(output.out)
    assert set(made["roots"]) == set(DATASETS)
    assert not made["default_edition"]
    assert "nutrition5k (kitchen): " in output.err
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path / "new"))
    assert status_of(foodbench, "food101")["kitchen"] == {"root": made["roots"]["food101"], "made": True}
    assert foodbench("data", "verify", "food101").code == 0


def test_status_says_when_the_chosen_kitchen_is_empty(
    foodbench: Foodbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path))
    state = status_of(foodbench, "food101")
    assert state["edition_used"] is None
    assert "FOODBENCH_KITCHEN" in state["used"]
