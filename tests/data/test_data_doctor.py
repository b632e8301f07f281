"""The state of every dataset on a machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hub_folders import food101_table, save

from foodbench.data.catalog import CATALOG
from foodbench.data.doctor import DatasetState, examine
from foodbench.data.roots import add_root, registry_path


def state_of(name: str) -> DatasetState:
    return next(state for state in examine() if state.dataset == name)


def test_a_fresh_machine_is_sound_and_says_how_to_get_everything() -> None:
    states = examine()
    assert [state.dataset for state in states] == CATALOG.names()
    for state in states:
        assert state.sound
        assert state.root is None
        assert state.how_to_get == CATALOG.get(state.dataset).how_to_get
        assert state.licence
        assert state.terms
        assert state.download_size
        assert json.loads(json.dumps(state.as_dict()))["sound"]
    assert not registry_path().parent.exists()


def test_a_whole_copy(food101_root: Path) -> None:
    add_root("food101", food101_root)
    state = state_of("food101")
    assert (state.state, state.sound, state.root, state.problem) == ("complete", True, food101_root, "")
    assert [(split.split, split.usable, split.missing) for split in state.splits] == [("train", 5, 0), ("test", 3, 0)]
    assert state.missing == 0


def test_a_whole_copy_is_not_partial_because_partial_was_allowed(nutrition5k_root: Path) -> None:
    """Dishes that were never filmed from above are absent in every copy."""
    add_root("nutrition5k", nutrition5k_root, allow_partial=True)
    assert state_of("nutrition5k").state == "complete"


def test_files_that_went_missing_later(food101_root: Path) -> None:
    add_root("food101", food101_root)
    (food101_root / "images" / "apple_pie" / "101.jpg").unlink()
    state = state_of("food101")
    assert (state.state, state.sound, state.missing) == ("incomplete", False, 1)
    assert "apple_pie/101" in state.problem
    assert "--allow-partial" in state.remedy
    assert state.splits[0].examples == ("apple_pie/101",)
    add_root("food101", food101_root, allow_partial=True)
    state = state_of("food101")
    assert (state.state, state.sound, state.missing) == ("partial", True, 1)
    assert "1 of 8" in state.problem


@pytest.mark.parametrize("allow_partial", [False, True])
def test_broken_copies(food101_root: Path, allow_partial: bool) -> None:
    add_root("food101", food101_root, allow_partial)
    (food101_root / "meta" / "classes.txt").write_text("Apple Pie\n")
    state = state_of("food101")
    assert (state.state, state.sound, state.splits) == ("broken", False, ())
    assert "classes.txt" in state.problem


def test_copies_with_nothing_to_measure_on(food101_root: Path) -> None:
    add_root("food101", food101_root, allow_partial=True)
    shutil.rmtree(food101_root / "images")
    (food101_root / "images").mkdir()
    state = state_of("food101")
    assert (state.state, state.sound) == ("broken", False)
    assert "nothing to measure on" in state.problem


def test_folders_that_are_gone(food101_root: Path) -> None:
    add_root("food101", food101_root)
    shutil.rmtree(food101_root)
    state = state_of("food101")
    assert (state.state, state.sound) == ("gone", False)
    assert "data remove food101" in state.remedy


def test_other_forms_of_a_copy_say_so(small_kitchen: Path, tmp_path: Path) -> None:
    photos = sorted((small_kitchen / "food-101" / "images").rglob("*.jpg"))[:1]
    add_root("food101", save({"validation": food101_table(photos, ["waffles"])}, tmp_path / "hub"), True)
    state = state_of("food101")
    assert state.state == "partial"
    assert "ethz/food101" in state.about_copy[0]


def test_the_kitchen(kitchen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_of("food101").kitchen == "made"
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path))
    assert state_of("food101").kitchen == "not in the folder"
    monkeypatch.delenv("FOODBENCH_KITCHEN")
    assert state_of("food101").kitchen == "on demand"


def test_datasets_of_a_newer_version_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    registry_path().parent.mkdir(parents=True)
    registry_path().write_text(json.dumps({"schema": 9, "datasets": {"food2030": {"root": "/x"}}}))
    states: Any = examine()
    assert [state.dataset for state in states] == CATALOG.names()
