"""verify: every fault reported, none invented, partial and synthetic copies judged by their own measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import CAFE1, FOOD101_IDS, save_mask, save_photo, write_text

from foodbench.core.errors import UnknownName, UsageError
from foodbench.data.catalog import READERS
from foodbench.data.inspection import INSPECTORS
from foodbench.data.roots import DatasetChoice
from foodbench.data.verify import Level, VerifyReport, verify

Synthesise = Callable[[Path, str, dict[str, int], list[str]], None]


def failed(report: VerifyReport) -> dict[str, str]:
    return {check.name: check.message for check in report.with_status("failed")}


def names(report: VerifyReport, level: str) -> list[str]:
    return [check.name for check in report.checks if check.level == level]


def real(name: str, root: Path, level: Level, allow_partial: bool = False) -> VerifyReport:
    return verify(DatasetChoice(name, "real", root, allow_partial), level)


def kitchen(name: str, root: Path, level: Level) -> VerifyReport:
    return verify(DatasetChoice(name, "kitchen", root, False), level)


@pytest.fixture
def synthetic_food101(food101_root: Path, synthesise: Synthesise) -> Path:
    counts = {"classes": 3, "train": 5, "test": 3, "images": 8, "plates": 8}
    synthesise(food101_root, "food101", counts, ["meta/classes.txt", "meta/test.txt"])
    return food101_root


@pytest.fixture
def synthetic_nutrition5k(nutrition5k_root: Path, synthesise: Synthesise) -> Path:
    synthesise(nutrition5k_root, "nutrition5k", {"cafe1": 6}, ["metadata/dish_metadata_cafe1.csv"])
    return nutrition5k_root


@pytest.fixture
def synthetic_foodseg103(foodseg103_root: Path, synthesise: Synthesise) -> Path:
    synthesise(foodseg103_root, "foodseg103", {"train": 2, "test": 2}, ["category_id.txt"])
    return foodseg103_root


@pytest.mark.parametrize("dataset", ["food101", "nutrition5k", "foodseg103"])
def test_an_intact_synthetic_copy_passes_every_level(dataset: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(f"synthetic_{dataset}")
    seen: list[tuple[str, int, int]] = []
    report = verify(DatasetChoice(dataset, "kitchen", root, False), "decode", lambda *step: seen.append(step))
    assert report.ok, failed(report)
    assert report.synthetic
    assert not report.with_status("failed")
    assert {check.level for check in report.checks} == {"layout", "counts", "ids", "hashes", "decode"}
    assert {step[0] for step in seen} == {"hashes", "decode"}
    assert all(done <= total for _, done, total in seen)
    assert seen[-1][1] == seen[-1][2]


@pytest.mark.parametrize("level", ["layout", "counts", "ids", "hashes", "decode"])
def test_a_level_includes_those_before_it_and_no_more(synthetic_food101: Path, level: Level) -> None:
    order = ["layout", "counts", "ids", "hashes", "decode"]
    report = kitchen("food101", synthetic_food101, level)
    assert list(dict.fromkeys(check.level for check in report.checks)) == order[: order.index(level) + 1]


def test_a_wrong_folder_ends_with_the_layout(food101_root: Path) -> None:
    report = real("food101", food101_root.parent, "decode")
    assert not report.ok
    assert names(report, "layout") == ["layout"]
    assert len(report.checks) == 1
    assert str(food101_root) in report.checks[0].message


def test_a_small_real_copy_is_not_the_real_dataset(food101_root: Path) -> None:
    report = real("food101", food101_root, "hashes")
    faults = failed(report)
    assert faults["count of classes"] == "3 of 101."
    assert faults["count of test"] == "3 of 25,250."
    assert "official ids of test" in faults
    assert "official classes" in faults
    assert "meta/train.json" in faults
    # Third-party digests never fail a copy by themselves.
    assert "meta/test.txt" not in faults
    assert any(check.name == "meta/test.txt" for check in report.with_status("warning"))


def test_missing_files_fail_unless_the_copy_may_be_partial(realdata: Path) -> None:
    root = realdata / "food-101"
    strict = real("food101", root, "ids")
    assert set(failed(strict)) == {"count of images", "missing photos"}
    missing = next(check for check in strict.checks if check.name == "missing photos")
    assert len(missing.items) == 100_680
    lenient = real("food101", root, "ids", allow_partial=True)
    assert lenient.ok
    assert {check.name for check in lenient.with_status("warning")} == {"count of images", "missing photos"}


def test_the_real_pieces_pass_as_partial_copies_to_the_last_pixel(realdata: Path) -> None:
    for name, folder in (("food101", "food-101"), ("nutrition5k", "nutrition5k_dataset")):
        report = real(name, realdata / folder, "decode", allow_partial=True)
        assert report.ok, failed(report)
        assert all(check.status == "ok" for check in report.checks if check.level in ("hashes", "decode"))


def test_every_bad_photo_is_reported(synthetic_food101: Path) -> None:
    images = synthetic_food101 / "images"
    (images / "apple_pie" / "101.jpg").write_bytes(b"")
    cut = images / "cheesecake" / "201.jpg"
    cut.write_bytes(cut.read_bytes()[:-60])
    report = kitchen("food101", synthetic_food101, "decode")
    decode = {check.name: check.status for check in report.checks if check.level == "decode"}
    assert decode == {
        "images/apple_pie/101.jpg": "failed",
        "images/cheesecake/201.jpg": "failed",
        "pictures": "failed",
    }
    assert failed(report)["pictures"] == "6 of 8 decoded."
    changed = {check.name for check in report.with_status("failed") if check.level == "hashes"}
    assert changed == {"images/apple_pie/101.jpg", "images/cheesecake/201.jpg", "files"}


def test_every_bad_mask_is_reported(synthetic_foodseg103: Path) -> None:
    masks = synthetic_foodseg103 / "Images" / "ann_dir"
    save_mask(masks / "train" / "00000000.png", np.full((8, 12), 104, dtype=np.uint8))
    save_mask(masks / "train" / "00000001.png", np.zeros((12, 8), dtype=np.uint8))
    save_photo(masks / "test" / "00000048.png")
    (synthetic_foodseg103 / "Images" / "img_dir" / "test" / "00000263.jpg").write_bytes(b"x")
    faults = failed(kitchen("foodseg103", synthetic_foodseg103, "decode"))
    assert "104" in faults["Images/ann_dir/train/00000000.png"]
    assert "transposed" in faults["Images/ann_dir/train/00000001.png"]
    assert "mode" not in faults["Images/img_dir/test/00000263.jpg"]
    assert "Images/ann_dir/test/00000263.png" not in faults
    assert faults["pictures"] == "4 of 8 decoded."


def test_files_that_came_and_went_are_named(synthetic_food101: Path) -> None:
    (synthetic_food101 / "images" / "apple_pie" / "101.jpg").unlink()
    save_photo(synthetic_food101 / "images" / "apple_pie" / "999.jpg")
    save_photo(synthetic_food101 / "images" / "apple_pie" / "998.jpg")
    write_text(synthetic_food101 / "images" / ".DS_Store", "x")
    report = kitchen("food101", synthetic_food101, "ids")
    items = {check.name: check.items for check in report.checks}
    assert items["files that are gone"] == ("images/apple_pie/101.jpg",)
    assert items["files that were added"] == ("images/apple_pie/998.jpg", "images/apple_pie/999.jpg")
    assert items["missing photos"] == ("apple_pie/101",)
    assert items["photos in no list"] == ("apple_pie/998", "apple_pie/999")
    assert failed(report)["count of images"] == "9 of 8."
    assert failed(report)["count of files"].startswith("15 files, 14 in")


def test_an_edited_manifest_or_metadata_file_is_seen(synthetic_food101: Path) -> None:
    manifest = synthetic_food101 / ".foodbench-manifest.txt"
    write_text(manifest, manifest.read_text() + "\n")
    write_text(synthetic_food101 / "meta" / "classes.txt", "apple_pie\r\ncheesecake\r\ncheese_plate\r\n")
    faults = failed(kitchen("food101", synthetic_food101, "hashes"))
    assert set(faults) == {".foodbench-manifest.txt", "meta/classes.txt", "files"}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"dataset": "nutrition5k"},
        {"counts": None},
        {"counts": {"train": "5"}},
        {"metadata_sha256": {"../../etc/passwd": "0"}},
        {"files_sha256": 5},
    ],
)
def test_a_strange_marker_fails_the_layout(synthetic_food101: Path, change: dict[str, object]) -> None:
    path = synthetic_food101 / ".foodbench-synthetic.json"
    write_text(path, json.dumps({**json.loads(path.read_text()), **change}))
    report = kitchen("food101", synthetic_food101, "decode")
    assert set(failed(report)) == {"marker"}


@pytest.mark.parametrize("text", ["not a line\n", "0" * 64 + "  ../outside\n", "0" * 64 + "  /etc/passwd\n"])
def test_a_strange_manifest_fails_the_layout(synthetic_food101: Path, text: str) -> None:
    write_text(synthetic_food101 / ".foodbench-manifest.txt", text)
    assert set(failed(kitchen("food101", synthetic_food101, "decode"))) == {"marker"}
    (synthetic_food101 / ".foodbench-manifest.txt").unlink()
    assert set(failed(kitchen("food101", synthetic_food101, "decode"))) == {"marker"}


def test_the_wrong_edition_fails(synthetic_food101: Path, nutrition5k_root: Path) -> None:
    assert set(failed(real("food101", synthetic_food101, "decode"))) == {"edition"}
    assert set(failed(kitchen("nutrition5k", nutrition5k_root, "decode"))) == {"edition"}


def test_several_faults_of_the_metadata_are_reported_together(synthetic_nutrition5k: Path) -> None:
    metadata = synthetic_nutrition5k / "metadata"
    write_text(metadata / "dish_metadata_cafe1.csv", "dish_id,total_calories\n" + CAFE1)
    write_text(metadata / "dish_metadata_cafe2.csv", "dish_1572974428,0.0,1.0\n")
    write_text(synthetic_nutrition5k / "dish_ids" / "splits" / "depth_test_ids.txt", "dish_1550000001\n")
    faults = failed(kitchen("nutrition5k", synthetic_nutrition5k, "ids"))
    assert "header line" in faults["dishes of cafe1"]
    assert "3 fields" in faults["dishes of cafe2"]
    assert "share 1 ids" in faults["lists"]
    assert faults["count of cafe1"] == "7 of 6."


def test_joins_of_nutrition5k(synthetic_nutrition5k: Path) -> None:
    splits = synthetic_nutrition5k / "dish_ids" / "splits"
    write_text(splits / "depth_test_ids.txt", "dish_1557861216\ndish_1550000002\ndish_1999999999\n")
    report = kitchen("nutrition5k", synthetic_nutrition5k, "ids")
    items = {check.name: check.items for check in report.with_status("failed")}
    assert items["dishes of depth_test that are not in rgb_test"] == ("dish_1999999999",)
    assert items["listed dishes without metadata"] == ("dish_1999999999",)
    assert items["dishes of depth_test without rgb.png"] == ("dish_1999999999",)


def test_reindexed_classes_and_missing_halves_of_foodseg103(synthetic_foodseg103: Path) -> None:
    lines = (synthetic_foodseg103 / "category_id.txt").read_text().splitlines()
    lines[1], lines[2] = "1\tegg tart", "2\tcandy"
    write_text(synthetic_foodseg103 / "category_id.txt", "\n".join(lines))
    (synthetic_foodseg103 / "Images" / "ann_dir" / "test" / "00000048.png").unlink()
    report = kitchen("foodseg103", synthetic_foodseg103, "ids")
    assert "numbers the classes differently" in failed(report)["classes"]
    assert next(check for check in report.checks if check.name == "missing masks of test").items == ("00000048",)


def test_line_endings_alone_are_a_warning(realdata: Path, food101_root: Path) -> None:
    for path in (realdata / "food-101" / "meta").iterdir():
        write_text(food101_root / "meta" / path.name, path.read_text().replace("\n", "\r\n"))
    report = real("food101", food101_root, "hashes", allow_partial=True)
    hashes = {check.name: check for check in report.checks if check.level == "hashes"}
    assert hashes["meta/train.txt"].status == "warning"
    assert hashes["meta/train.txt"].message == "Differs from the official file in line endings only."
    assert hashes["meta/test.json"].status == "ok"
    ids = {check.name: check.status for check in report.checks if check.level == "ids"}
    assert (ids["official ids of train"], ids["official ids of test"], ids["lists"]) == ("ok", "ok", "ok")


def test_sorted_classes_are_seen(realdata: Path, food101_root: Path) -> None:
    for path in (realdata / "food-101" / "meta").iterdir():
        text = path.read_text()
        ordered = "\n".join(sorted(text.split())) if path.name == "classes.txt" else text
        write_text(food101_root / "meta" / path.name, ordered)
    report = real("food101", food101_root, "ids", allow_partial=True)
    assert "another order" in failed(report)["official classes"]


def test_the_report_is_plain_json(synthetic_food101: Path) -> None:
    (synthetic_food101 / "images" / "apple_pie" / "101.jpg").unlink()
    plain = json.loads(json.dumps(kitchen("food101", synthetic_food101, "ids").as_dict()))
    assert plain["ok"] is False
    assert plain["synthetic"] is True
    assert {"name", "level", "status", "message", "items"} == set(plain["checks"][0])
    assert len(FOOD101_IDS["train"]) == 5


def test_names_and_levels_are_checked(food101_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(READERS._entries, "vireo172")
    monkeypatch.delitem(INSPECTORS._entries, "uecfoodpix")
    with pytest.raises(UnknownName):
        real("food102", food101_root, "ids")
    with pytest.raises(UsageError, match="cannot read vireo172"):
        real("vireo172", food101_root, "ids")
    with pytest.raises(UsageError, match="does not know how to look at uecfoodpix"):
        real("uecfoodpix", food101_root, "ids")
    with pytest.raises(UnknownName):
        real("food101", food101_root, "everything")  # type: ignore[arg-type]
