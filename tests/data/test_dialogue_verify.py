"""verify on copies of FoodReasonSeg and FoodDialogues: intact, broken, partial, and unlike the paper's counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_trees import CAFE1, CAFE2, TABLE, save_mask, write_text
from dialogue_trees import MEALS, REASONING, write_json, write_meals, write_reasoning

from foodbench.core.errors import UsageError
from foodbench.data.catalog import CATALOG
from foodbench.data.kitchen import make
from foodbench.data.roots import DatasetChoice, add_root, open_dataset
from foodbench.data.verify import Level, VerifyReport, verify

DATASETS = ("foodreasonseg", "fooddialogues")


@pytest.fixture(scope="module")
def cooked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cooked")
    return make(folder, seed=2, size=64, train=8, test=4, datasets=DATASETS, workers=1)


@pytest.fixture
def copy_of(cooked: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(cooked[name], tmp_path / name))


@pytest.fixture
def reasoning_root(foodseg103_root: Path) -> Path:
    return write_reasoning(foodseg103_root)


@pytest.fixture
def meals_root(tmp_path: Path) -> Path:
    root = write_meals(tmp_path / "FoodDialogues")
    write_text(root / "ingredients_metadata.csv", TABLE)
    write_text(root / "dish_metadata_cafe1.csv", CAFE1)
    write_text(root / "dish_metadata_cafe2.csv", CAFE2)
    return root


def check(
    name: str, root: Path, level: Level = "decode", *, edition: str = "real", partial: bool = False
) -> VerifyReport:
    return verify(DatasetChoice(name, edition, root, partial), level)  # type: ignore[arg-type]


def messages(report: VerifyReport, status: str) -> dict[str, str]:
    return {one.name: one.message for one in report.checks if one.status == status}


@pytest.mark.parametrize("name", DATASETS)
def test_kitchens_pass_every_level_without_a_warning(cooked: dict[str, Path], name: str) -> None:
    report = check(name, cooked[name], edition="kitchen")
    assert report.ok, messages(report, "failed")
    assert not report.with_status("warning")
    counted = [one.name for one in report.checks if one.level == "counts"]
    assert {"count of dialogues_train", "count of dialogues_test", "count of files"} <= set(counted)


@pytest.mark.parametrize("name", DATASETS)
def test_kitchens_open_through_the_catalog_and_are_not_registered(cooked: dict[str, Path], name: str) -> None:
    reader = open_dataset(DatasetChoice(name, "kitchen", cooked[name], False))
    assert reader.synthetic
    assert len(reader.records("test")) > 4
    with pytest.raises(UsageError, match="synthetic copy"):
        add_root(name, cooked[name])


@pytest.mark.parametrize("name", DATASETS)
def test_edited_and_absent_files_of_a_kitchen_are_found(name: str, copy_of: Callable[[str], Path]) -> None:
    root = copy_of(name)
    path = next(root.glob("Food*_test.json"))
    entries = json.loads(path.read_text())
    write_json(path, entries[1:])
    picture = next(one for one in sorted(root.rglob("*")) if one.suffix in (".jpg", ".png"))
    picture.unlink()
    report = check(name, root, edition="kitchen")
    failed = messages(report, "failed")
    assert failed["count of dialogues_test"] == f"{len(entries) - 1} of {len(entries)}."
    assert failed[path.name] == "Its bytes differ from what the generator wrote."
    assert "files that are gone" in failed
    assert picture.relative_to(root).as_posix() in failed


# ------------------------------------------------------------------------------------------------------- foodreasonseg


def test_other_numbers_of_dialogues_are_a_warning_only(reasoning_root: Path) -> None:
    report = check("foodreasonseg", reasoning_root)
    assert report.ok, messages(report, "failed")
    warnings = messages(report, "warning")
    assert warnings["number of test dialogues"] == "3; the paper has 1,620 photos and 1,703 dialogues."
    assert messages(report, "ok")["names in test answers"] == "4 of 6 marked names are classes."
    (names,) = (one for one in report.checks if one.name == "names in test answers")
    assert names.items == ("Quinoa", "[SEG2]")


@pytest.mark.parametrize("length", [1_620, 1_703])
def test_both_numbers_of_the_paper_are_good(reasoning_root: Path, length: int) -> None:
    write_json(reasoning_root / "FoodReasonSeg_test.json", [REASONING["test"][0]] * length)
    assert "number of test dialogues" in messages(check("foodreasonseg", reasoning_root, "ids"), "ok")


def test_every_bad_entry_of_a_file_is_reported(reasoning_root: Path) -> None:
    talk = REASONING["test"][0]["conversations"]
    bad: list[Any] = [
        {"dish_id": "../../x", "conversations": []},
        REASONING["test"][0],
        {"dish_id": "00000048", "conversations": talk[1:]},
        {"dish_id": "00000048", "conversations": [*talk, {"form": "answer", "value": ""}]},
        5,
    ]
    write_json(reasoning_root / "FoodReasonSeg_test.json", bad)
    report = check("foodreasonseg", reasoning_root, "ids")
    (entries,) = (one for one in report.checks if one.name == "test entries that are no dialogue")
    assert entries.status == "failed"
    assert [item.partition(":")[0] for item in entries.items] == ["entry 0", "entry 3", "entry 4"]
    (trimmed,) = (one for one in report.checks if one.name == "test dialogues with a turn left out")
    assert (trimmed.status, trimmed.items) == ("warning", ("entry 2",))
    assert not check("foodreasonseg", reasoning_root, "decode").ok


def test_files_that_are_no_json_are_reported_beside_other_faults(reasoning_root: Path) -> None:
    write_text(reasoning_root / "FoodReasonSeg_test.json", "[" * 100_000)
    write_json(reasoning_root / "FoodReasonSeg_train.json", [7])
    failed = messages(check("foodreasonseg", reasoning_root, "decode"), "failed")
    assert "nested too deeply" in failed["file of test"]
    assert "entry 0: is not an object" in failed["train entries that are no dialogue"]


def test_leaks_between_the_splits_fail(reasoning_root: Path) -> None:
    write_json(reasoning_root / "FoodReasonSeg_test.json", [*REASONING["test"], REASONING["train"][0]])
    report = check("foodreasonseg", reasoning_root, "ids", partial=True)
    items = {one.name: one.items for one in report.with_status("failed")}
    assert items == {
        "photos with dialogues in both splits": ("00000000",),
        "test dialogues about photos of no or another list": ("00000000",),
    }


def test_missing_halves_fail_unless_the_copy_may_be_partial(reasoning_root: Path) -> None:
    (reasoning_root / "Images" / "ann_dir" / "test" / "00000048.png").unlink()
    strict = check("foodreasonseg", reasoning_root)
    assert set(messages(strict, "failed")) == {"missing masks of test"}
    assert check("foodreasonseg", reasoning_root, partial=True).ok


def test_bad_pictures_and_masks_are_reported(reasoning_root: Path) -> None:
    (reasoning_root / "Images" / "img_dir" / "test" / "00000048.jpg").write_bytes(b"x")
    save_mask(reasoning_root / "Images" / "ann_dir" / "test" / "00000263.png", np.zeros((12, 8), dtype=np.uint8))
    failed = messages(check("foodreasonseg", reasoning_root), "failed")
    assert set(failed) == {"Images/img_dir/test/00000048.jpg", "Images/ann_dir/test/00000263.png", "pictures"}
    assert "transposed" in failed["Images/ann_dir/test/00000263.png"]


# ------------------------------------------------------------------------------------------------------- fooddialogues


def test_a_small_copy_is_not_the_official_fooddialogues(meals_root: Path) -> None:
    report = check("fooddialogues", meals_root)
    assert set(messages(report, "failed")) == {
        "count of dialogues_train", "count of dialogues_test", "count of dishes_train", "count of dishes_test",
    }  # fmt: skip
    assert set(messages(report, "warning")) == {"test dishes are those of Nutrition5k"}


def test_the_official_test_list_is_recognised(meals_root: Path, realdata: Path) -> None:
    ids = (realdata / "nutrition5k_dataset" / "dish_ids" / "splits" / "rgb_test_ids.txt").read_text().split()
    write_json(meals_root / "test_id.json", sorted(ids))
    report = check("fooddialogues", meals_root, "ids")
    assert messages(report, "ok")["test dishes are those of Nutrition5k"] == "709 dishes, as rgb_test of Nutrition5k."
    assert messages(report, "ok")["count of dishes_test"] == "709 of 709."


def test_optional_files_may_be_absent(meals_root: Path) -> None:
    for name in ("train_id.json", "test_id.json", "dish_metadata_cafe1.csv"):
        (meals_root / name).unlink()
    report = check("fooddialogues", meals_root, "ids")
    assert set(messages(report, "warning")) == {
        "list of train dishes", "list of test dishes", "absent Nutrition5k tables",
    }  # fmt: skip
    assert set(messages(report, "failed")) == {"count of dialogues_train", "count of dialogues_test"}


def test_joins_of_fooddialogues(meals_root: Path) -> None:
    stranger = {**MEALS["test"][0], "id": "9", "dish_id": "dish_1999999999"}
    leak = {**MEALS["train"][0], "id": "10"}
    twice = {**MEALS["test"][1]}
    write_json(meals_root / "FoodDialogues_test.json", [*MEALS["test"], stranger, leak, twice])
    write_text(meals_root / "dish_metadata_cafe2.csv", "dish_id,total\n")
    report = check("fooddialogues", meals_root, "ids")
    items = {one.name: one.items for one in report.with_status("failed")}
    assert items["test dishes without picture"] == ("dish_1999999999",)
    assert items["dishes with dialogues in both splits"] == ("dish_1550000001",)
    assert items["test dialogues about dishes of no list"] == ("dish_1550000001", "dish_1999999999")
    assert "the id '7' is that of entry 1 already" in messages(report, "failed")["test answers"]
    assert "header line" in messages(report, "failed")["dishes of cafe2"]
    write_text(meals_root / "dish_metadata_cafe2.csv", CAFE2)
    warned = {one.name: one.items for one in check("fooddialogues", meals_root, "ids").with_status("warning")}
    assert warned["dishes with dialogues but without metadata"] == ("dish_1999999999",)


def test_bad_pictures_of_dishes_are_reported(meals_root: Path) -> None:
    (meals_root / "images" / "dish_1550000002" / "rgb.png").write_bytes(b"")
    (meals_root / "images" / "dish_1550000002" / "a_frame.jpeg").write_bytes(b"not looked at")
    report = check("fooddialogues", meals_root, "decode")
    decode = {one.name for one in report.with_status("failed") if one.level == "decode"}
    assert decode == {"images/dish_1550000002/rgb.png", "pictures"}


def test_real_copies_can_be_registered(reasoning_root: Path, meals_root: Path) -> None:
    for name, root in (("foodreasonseg", reasoning_root), ("fooddialogues", meals_root)):
        assert add_root(name, root).root == root
        assert f"foodbench data add {name}" in CATALOG.get(name).how_to_get_text()
