"""Registered folders and the choice of an edition."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from dataset_trees import write_text

import foodbench.data.kitchen
from foodbench.core.errors import DataCorrupt, DataMissing, ExitCode, UnknownName, UsageError
from foodbench.core.paths import home
from foodbench.data.catalog import READERS
from foodbench.data.food101 import Food101
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.data.roots import (
    DatasetChoice,
    RegisteredRoot,
    add_root,
    open_dataset,
    registry_path,
    remove_root,
    resolve,
    roots,
)

Synthesise = Callable[[Path, str, dict[str, int], list[str]], None]


@pytest.fixture
def kitchen(food101_root: Path, synthesise: Synthesise, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the renderer: hands out a small synthetic copy."""
    synthesise(food101_root, "food101", {}, [])

    def ensure(where: Path, name: str, progress: object = None) -> Path:
        assert (where, name) == (home(), "food101")
        return food101_root

    monkeypatch.setattr(foodbench.data.kitchen, "ensure", ensure)
    return food101_root


def test_a_registered_copy_is_found_again(food101_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert roots() == {}
    monkeypatch.chdir(food101_root.parent)
    entry = add_root("food101", Path("food-101"))
    assert entry == RegisteredRoot("food101", food101_root, False)
    assert entry.root.is_absolute()
    monkeypatch.chdir("/")
    assert roots() == {"food101": entry}
    choice = resolve("food101")
    assert choice == DatasetChoice("food101", "real", food101_root, False)
    assert resolve("food101", "real") == choice
    assert isinstance(open_dataset(choice), Food101)


def test_a_home_that_does_not_exist_yet_is_created(food101_root: Path) -> None:
    assert not home().exists()
    add_root("food101", food101_root)
    assert registry_path().parent == home()


def test_wrong_and_incomplete_folders_are_not_registered(food101_root: Path, nutrition5k_root: Path) -> None:
    with pytest.raises(DataMissing):
        add_root("food101", food101_root.parent)
    with pytest.raises(DataMissing):
        add_root("food101", nutrition5k_root)
    (food101_root / "images" / "apple_pie" / "101.jpg").unlink()
    with pytest.raises(DataMissing, match="1 of 8"):
        add_root("food101", food101_root)
    (nutrition5k_root / "imagery" / "realsense_overhead" / "dish_1557861216" / "rgb.png").unlink()
    with pytest.raises(DataMissing, match="depth_test"):
        add_root("nutrition5k", nutrition5k_root)
    assert roots() == {}
    assert add_root("food101", food101_root, allow_partial=True).allow_partial
    assert add_root("nutrition5k", nutrition5k_root, allow_partial=True).allow_partial
    assert resolve("food101").allow_partial
    assert len(open_dataset(resolve("food101")).records("train")) == 4


def test_allow_partial_can_be_given_for_one_command(food101_root: Path) -> None:
    add_root("food101", food101_root)
    (food101_root / "images" / "apple_pie" / "101.jpg").unlink()
    with pytest.raises(DataMissing):
        open_dataset(resolve("food101"))
    assert open_dataset(resolve("food101", allow_partial=True)).missing("train") == ("apple_pie/101",)


def test_keys_of_a_newer_version_survive(food101_root: Path) -> None:
    future = {
        "schema": 7,
        "datasets": {
            "food101": {"root": "/gone", "allow_partial": True, "mirror": "x"},
            "food2030": {"root": "/x", "kind": "holographic"},
        },
        "colour": ["green"],
    }
    write_text(registry_path(), json.dumps(future))
    add_root("food101", food101_root)
    kept = json.loads(registry_path().read_text())
    assert kept == {
        "schema": 7,
        "datasets": {
            "food101": {"root": str(food101_root), "allow_partial": False, "options": {}, "mirror": "x"},
            "food2030": {"root": "/x", "kind": "holographic"},
        },
        "colour": ["green"],
    }
    remove_root("food2030")
    assert list(roots()) == ["food101"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"datasets": []}', '{"datasets": {"food101": "x"}}'])
def test_a_damaged_registry_is_told(text: str) -> None:
    write_text(registry_path(), text)
    with pytest.raises(DataCorrupt, match=r"datasets\.json"):
        roots()


def test_a_failed_write_leaves_the_registry_as_it_was(food101_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_root("food101", food101_root)
    before = registry_path().read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Exception, match="No space left"):
        add_root("food101", food101_root, allow_partial=True)
    assert registry_path().read_bytes() == before
    assert [path.name for path in home().iterdir()] == ["datasets.json"]


def test_removing(food101_root: Path) -> None:
    add_root("food101", food101_root)
    assert remove_root("food101").root == food101_root
    assert roots() == {}
    assert food101_root.is_dir()
    with pytest.raises(UsageError, match="No real copy of food101"):
        remove_root("food101")


def test_the_real_edition_must_be_registered() -> None:
    with pytest.raises(DataMissing) as caught:
        resolve("food101", "real")
    assert caught.value.exit_code == ExitCode.DATA
    assert "food-101.tar.gz" in caught.value.hint
    assert "foodbench data add food101 PATH" in caught.value.hint


def test_a_registered_folder_that_is_gone_is_not_replaced_by_the_kitchen(food101_root: Path, tmp_path: Path) -> None:
    add_root("food101", food101_root)
    food101_root.rename(tmp_path / "elsewhere")
    for edition in (None, "real"):
        with pytest.raises(DataMissing, match="is gone"):
            resolve("food101", edition)


def test_the_kitchen_is_used_where_nothing_is_registered(kitchen: Path) -> None:
    choice = resolve("food101")
    assert choice == DatasetChoice("food101", "kitchen", kitchen, False)
    assert open_dataset(choice).synthetic


def test_the_kitchen_can_be_chosen_beside_a_registered_copy(kitchen: Path, tmp_path: Path) -> None:
    write_text(registry_path(), json.dumps({"schema": 1, "datasets": {"food101": {"root": str(tmp_path)}}}))
    assert resolve("food101").edition == "real"
    assert resolve("food101", "kitchen").root == kitchen


def test_a_synthetic_copy_is_never_taken_for_a_real_one(kitchen: Path) -> None:
    with pytest.raises(UsageError, match="synthetic copy"):
        add_root("food101", kitchen)
    with pytest.raises(DataCorrupt, match="real edition was chosen"):
        open_dataset(DatasetChoice("food101", "real", kitchen, False))
    (kitchen / ".foodbench-synthetic.json").unlink()
    with pytest.raises(DataCorrupt, match="kitchen edition was chosen"):
        open_dataset(DatasetChoice("food101", "kitchen", kitchen, False))


def test_names_and_editions_are_checked(food101_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(READERS._entries, "vireo172")
    with pytest.raises(UnknownName, match="food102"):
        resolve("food102")
    with pytest.raises(UnknownName):
        add_root("food102", food101_root)
    with pytest.raises(UsageError, match="cannot read vireo172"):
        resolve("vireo172")
    with pytest.raises(UsageError, match="cannot read vireo172"):
        add_root("vireo172", food101_root)
    with pytest.raises(UnknownName, match="synthetic"):
        resolve("food101", "synthetic")


def test_choices_cross_process_borders() -> None:
    choice = DatasetChoice("food101", "real", Path("/data/food-101"), True)
    assert pickle.loads(pickle.dumps(choice)) == choice
    assert hash(choice) == hash(pickle.loads(pickle.dumps(choice)))


def test_reader_options_are_passed_on(nutrition5k_root: Path) -> None:
    add_root("nutrition5k", nutrition5k_root)
    reader = open_dataset(resolve("nutrition5k", allow_partial=True), view="any")
    assert isinstance(reader, Nutrition5k)
    assert reader.view == "any"
    assert len(reader.records("test")) == 3
