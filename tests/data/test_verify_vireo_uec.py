"""verify on broken copies of VIREO Food-172 and UEC-FoodPix Complete: each fault by its own finding."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import save_mask, write_text
from PIL import Image
from vireo_uec_trees import DISHES, LABELS, ROWS, row, save_red_mask, uec_inner, write_uec, write_vireo

from foodbench.data.roots import DatasetChoice, add_root, resolve
from foodbench.data.verify import Level, VerifyReport, verify

Synthesise = Callable[[Path, str, dict[str, int], list[str]], None]
# What a copy with five pictures lacks of the official ones, whatever else is right or wrong.
VIREO_COUNTS = {"count of train", "count of val", "count of test", "count of rows", "count of photos"}
UEC_COUNTS = {f"count of {kind}{split}" for kind in ("", "photos_", "masks_") for split in ("train", "test")}


@pytest.fixture
def vireo(tmp_path: Path) -> Path:
    return write_vireo(tmp_path / "VireoFood172")


@pytest.fixture
def uec(tmp_path: Path) -> Path:
    return write_uec(tmp_path / "UECFOODPIXCOMPLETE")


def real(name: str, root: Path, level: Level = "decode", allow_partial: bool = False) -> VerifyReport:
    return verify(DatasetChoice(name, "real", root, allow_partial), level)


def failed(report: VerifyReport) -> dict[str, str]:
    return {check.name: check.message for check in report.with_status("failed")}


def items(report: VerifyReport, name: str) -> tuple[str, ...]:
    return next(check.items for check in report.checks if check.name == name)


def test_small_but_sound_copies_lack_only_the_official_counts(vireo: Path, uec: Path) -> None:
    for report, counts in ((real("vireo172", vireo), VIREO_COUNTS), (real("uecfoodpix", uec), UEC_COUNTS)):
        assert set(failed(report)) == counts
        assert not report.with_status("warning")
        assert {check.level for check in report.checks} == {"layout", "counts", "ids", "hashes", "decode"}


@pytest.mark.parametrize("name", ["vireo172", "uecfoodpix"])
def test_intact_synthetic_copies_pass_every_level(name: str, vireo: Path, uec: Path, synthesise: Synthesise) -> None:
    root, metadata = (vireo, f"{LABELS}/TE.txt") if name == "vireo172" else (uec, "data/category.txt")
    synthesise(root, name, {"test": 2}, [metadata])
    report = verify(DatasetChoice(name, "kitchen", root, False), "decode")
    assert report.ok, failed(report)
    assert not report.with_status("warning")


def test_photos_of_vireo_that_are_missing_too_many_or_broken(vireo: Path) -> None:
    photos = vireo / "ready_chinese_food"
    (photos / "1" / "4_41.jpg").unlink()
    shutil.copy(photos / "1" / "10_2.jpg", photos / "3.jpg")
    (photos / "3").mkdir()
    shutil.copy(photos / "1" / "10_2.jpg", photos / "3" / "1_1.jpg")
    (photos / "2" / "7_3.jpg").write_bytes(b"no photo")
    report = real("vireo172", vireo)
    assert items(report, "missing photos") == ("1/4_41",)
    assert items(report, "photos in no list") == ("3/1_1",)
    assert set(failed(report)) == VIREO_COUNTS | {"missing photos", "ready_chinese_food/2/7_3.jpg", "pictures"}
    partial = real("vireo172", vireo, "ids", allow_partial=True)
    assert set(failed(partial)) == VIREO_COUNTS - {"count of photos"}
    assert {check.name for check in partial.with_status("warning")} == {
        "count of photos",
        "missing photos",
        "photos in no list",
    }


def test_rows_of_vireo_that_are_missing_empty_or_of_no_photo(vireo: Path) -> None:
    rows = {**ROWS, "2/7_3": (), "9/9_9": (3,)}
    del rows["1/4_41"]
    write_text(vireo / LABELS / "IngreLabel.txt", "\n".join(row(one, found) for one, found in rows.items()))
    report = real("vireo172", vireo, "ids")
    assert items(report, "listed photos without a row") == ("1/4_41",)
    assert items(report, "listed photos without an ingredient") == ("2/7_3",)
    assert items(report, "rows of photos in no list") == ("9/9_9",)
    assert set(failed(report)) == VIREO_COUNTS | {"listed photos without a row", "listed photos without an ingredient"}


def test_lists_of_vireo_that_are_damaged(vireo: Path) -> None:
    labels = vireo / LABELS
    write_text(labels / "FoodList.txt", "\n".join(["dish", "dish", *DISHES[2:]]))
    write_text(labels / "IngredientList.txt", "salt\n")
    write_text(labels / "TE.txt", "/1/4_41.jpg\n")
    report = real("vireo172", vireo, "ids")
    assert {check.name for check in report.with_status("warning")} == {"dishes of the same name"}
    assert items(report, "dishes of the same name") == ("dish",)
    faults = failed(report)
    assert faults["count of ingredients"] == "1 of 353."
    assert "the official list has 353" in faults["ingredients"]
    assert "TR.txt and TE.txt share 1 ids" in faults["lists"]
    assert "rows" not in {check.name for check in report.checks}  # how long a row is, nobody knows


def test_malformed_rows_of_vireo(vireo: Path) -> None:
    path = vireo / LABELS / "IngreLabel.txt"
    write_text(path, path.read_text().replace("-1\n", "-1 1\n", 1))
    assert "354 labels" in failed(real("vireo172", vireo, "ids"))["rows"]


def test_the_other_edition_of_the_photos_of_vireo_is_a_warning(vireo: Path) -> None:
    (vireo / "ready_chinese_food").rename(vireo / "ready_chinese_food_ori")
    report = real("vireo172", vireo)
    assert set(failed(report)) == VIREO_COUNTS
    assert [check.name for check in report.with_status("warning")] == ["folder of photos"]


def test_vireo_can_be_registered_with_the_other_photos(vireo: Path) -> None:
    (vireo / "ready_chinese_food").rename(vireo / "ready_chinese_food_ori")
    add_root("vireo172", vireo, options={"photos": "original"})
    assert resolve("vireo172").options == (("photos", "original"),)


def test_uec_is_registered_by_the_folder_that_has_data(uec: Path) -> None:
    assert add_root("uecfoodpix", uec / "data").root == uec
    assert resolve("uecfoodpix").root == uec


def test_halves_of_uec_that_are_missing_or_too_many(uec: Path) -> None:
    test = uec_inner(uec) / "test"
    (test / "mask" / "23.png").unlink()
    shutil.copy(test / "img" / "5.jpg", test / "img" / "99.jpg")
    report = real("uecfoodpix", uec)
    assert items(report, "missing masks of test") == ("23",)
    assert items(report, "photos of test in no list") == ("99",)
    assert set(failed(report)) == UEC_COUNTS | {"missing masks of test"}


def test_masks_of_uec_that_cannot_be_right(uec: Path) -> None:
    masks = {split: uec_inner(uec) / split / "mask" for split in ("train", "test")}
    save_red_mask(masks["train"] / "1.png", np.zeros((12, 8), np.uint8))
    save_mask(masks["train"] / "7.png", np.zeros((8, 12), np.uint8))
    save_red_mask(masks["train"] / "10873.png", np.full((8, 12), 103, np.uint8))
    save_red_mask(masks["test"] / "5.png", np.full((8, 12), 255, np.uint8))
    Image.new("RGB", (12, 8), (0, 0, 7)).save(masks["test"] / "23.png")
    faults = failed(real("uecfoodpix", uec))
    words = {
        "train/mask/1.png": "is transposed",
        "train/mask/7.png": "mode L",
        "train/mask/10873.png": "no class ids: 103",
        "test/mask/5.png": "no class ids: 255",
        "test/mask/23.png": "empty red channel",
    }
    for name, expected in words.items():
        assert expected in faults.pop(f"data/UECFoodPIXCOMPLETE/{name}")
    assert faults.pop("pictures") == "5 of 10 decoded."
    assert set(faults) == UEC_COUNTS


def test_a_photo_of_uec_that_cannot_be_opened_is_told_once(uec: Path) -> None:
    (uec_inner(uec) / "test" / "img" / "23.jpg").write_bytes(b"no photo")
    faults = failed(real("uecfoodpix", uec))
    assert set(faults) == UEC_COUNTS | {"data/UECFoodPIXCOMPLETE/test/img/23.jpg", "pictures"}


def test_names_and_folders_of_uec(uec: Path) -> None:
    uec_inner(uec).rename(uec / "data" / "UECFOODPIXCOMPLETE")
    report = real("uecfoodpix", uec)
    assert set(failed(report)) == UEC_COUNTS
    assert [check.name for check in report.with_status("warning")] == ["name of the folder"]
    category = uec / "data" / "category.txt"
    write_text(category, category.read_text().replace("7\tsushi", "7\tpoke"))
    assert "instead of 'sushi'" in failed(real("uecfoodpix", uec, "ids"))["classes"]
    (uec / "data" / "UECFOODPIXCOMPLETE").rename(uec / "data" / "pictures")
    faults = failed(real("uecfoodpix", uec))
    assert set(faults) == {"counts", "classes", "folder of pictures", "pictures"}
