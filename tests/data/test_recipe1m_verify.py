"""What `verify` says about copies of Recipe1M, whole and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dataset_trees import write_text
from recipe1m_tree import RECIPES, Recipe, photo, write_copy, write_rows

from foodbench.data.roots import DatasetChoice
from foodbench.data.verify import Check, Level, verify


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_copy(tmp_path / "Recipe1M")


def checks(root: Path, level: Level = "decode", *, allow_partial: bool = False) -> dict[str, Check]:
    report = verify(DatasetChoice("recipe1m", "real", root, allow_partial), level)
    return {check.name: check for check in report.checks}


def test_a_sound_copy_differs_from_the_official_one_in_numbers_only(root: Path) -> None:
    found = checks(root)
    failed = {name for name, check in found.items() if check.status == "failed"}
    assert failed == {f"count of {kind}" for kind in ("recipes", "train", "val", "test", "with_images")}
    assert found["count of recipes"].message == "5 of 1,029,720."
    assert found["JSON files"].message == "5 recipes, well-formed, each once per file."
    assert found["usable recipes of test"].message == "1; Inverse Cooking is known to use 54,506."
    assert found["size of layer1.json"].status == "warning"
    assert found["det_ingrs.json"].status == "warning"
    assert "known copy" in found["det_ingrs.json"].message
    assert found["order of layer1.json and det_ingrs.json"].status == "ok"
    assert found["missing photos of train"].status == "ok"
    assert found["pictures"].message == "4 of 4 decoded."


def test_the_list_of_removed_recipes_is_spoken_of(root: Path) -> None:
    found = checks(root, "ids")["remove1M.txt"]
    assert (found.status, found.message[:7]) == ("warning", "Absent:")
    write_text(root / "remove1M.txt", "ffffffffff\n0123456789")
    found = checks(root, "ids")["remove1M.txt"]
    assert (found.status, found.message) == ("ok", "Drops 1 recipe; 1 already gone.")


def test_broken_json_is_one_finding_and_not_the_end(root: Path) -> None:
    data = (root / "layer2.json").read_bytes()
    (root / "layer2.json").write_bytes(data[:-20])
    found = checks(root, "ids")
    assert found["counts"].status == found["JSON files"].status == "failed"
    assert "layer2.json, byte" in found["JSON files"].message
    assert "pictures" not in found


def test_every_contradiction_is_reported(root: Path) -> None:
    extra = Recipe("0000dddddd")
    write_rows(root, [*RECIPES, extra])
    texts = [recipe.text_row() for recipe in RECIPES]
    texts[1]["ingredients"].append({"text": "1 pinch salt"})
    write_text(root / "layer1.json", json.dumps(texts))
    write_text(root / "det_ingrs.json", json.dumps([one.detection_row() for one in (extra, *RECIPES[:0:-1])]))
    found = checks(root, "ids")
    assert found["recipes that det_ingrs.json does not have"].items == ("000018c8a5",)
    assert found["recipes with another number of ingredients in det_ingrs.json"].items == ("00003a70b1",)
    assert found["recipes of det_ingrs.json that layer1.json does not have"].items == ("0000dddddd",)
    assert found["recipes of layer2.json that layer1.json does not have"].items == ("0000dddddd",)
    assert found["order of layer1.json and det_ingrs.json"].status == "warning"


@pytest.mark.parametrize(("allow_partial", "status"), [(False, "failed"), (True, "warning")])
def test_missing_and_broken_photos(root: Path, allow_partial: bool, status: str) -> None:
    photo(root, "val", "bb00000001.jpg").unlink()
    broken = photo(root, "train", "cc00000001.jpg")
    broken.write_bytes(broken.read_bytes()[:100])
    found = checks(root, allow_partial=allow_partial)
    assert (found["missing photos of val"].status, found["missing photos of val"].items) == (status, ("0000bbbbbb",))
    assert "cannot be decoded" in found["images/train/c/c/0/0/cc00000001.jpg"].message
    assert found["pictures"].message == "2 of 3 decoded."
