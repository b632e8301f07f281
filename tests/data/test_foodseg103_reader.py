"""FoodSeg103: official class numbers only, and photos that have their masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import FOODSEG_NAMES, STEMS, save_mask, write_text
from PIL import Image

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.data.foodseg103 import FoodSeg103


def class_list(names: list[str]) -> str:
    return "".join(f"{number}\t{name}\n" for number, name in enumerate(names))


def test_records_pair_photos_with_masks(foodseg103_root: Path) -> None:
    reader = FoodSeg103(foodseg103_root)
    assert len(reader.classes) == 104
    assert (reader.classes[0], reader.classes[48], reader.classes[103]) == (
        "background",
        "chicken duck",
        "other ingredients",
    )
    assert [record.stem for record in reader.records("test")] == STEMS["test"]
    for index, record in enumerate(reader.records("test")):  # the second mask is a palette image
        assert np.unique(record.checked_mask()).tolist() == [0, 48 + index, 255]
        assert record.image.open().size == (12, 8)


def test_names_with_blanks_and_capitals_survive(foodseg103_root: Path) -> None:
    classes = FoodSeg103(foodseg103_root).classes
    for name in ("French beans", "chicken duck", "hamburg", "other ingredients", "cilantro mint"):
        assert name in classes


def test_line_endings_and_missing_newlines_change_nothing(foodseg103_root: Path) -> None:
    before = FoodSeg103(foodseg103_root)
    for path in (foodseg103_root / "category_id.txt", *(foodseg103_root / "ImageSets").iterdir()):
        write_text(path, " \r\n".join(path.read_text().splitlines()))
    after = FoodSeg103(foodseg103_root)
    assert after.classes == before.classes
    assert after.fingerprint("test") == before.fingerprint("test")


def test_a_reindexed_copy_is_refused_with_the_reason(foodseg103_root: Path) -> None:
    names = [*sorted(name.lower() for name in FOODSEG_NAMES if name != "background"), "background"]
    write_text(foodseg103_root / "category_id.txt", class_list(names))
    with pytest.raises(DataCorrupt, match=r"0 is 'almond', officially 'background'.*mean other ingredients") as caught:
        FoodSeg103(foodseg103_root)
    assert "Dataset Ninja" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            class_list(FOODSEG_NAMES).replace("French beans", "green beans"),
            "differs from the official list in 1 of 104",
        ),
        (class_list(FOODSEG_NAMES[:-1]), "class 103 is absent instead of 'other ingredients'"),
        (class_list([*FOODSEG_NAMES, "sushi"]), r"unknown class ids: \[104\]"),
        (class_list(FOODSEG_NAMES).replace("\t", " "), "line 1: '0 background' is not a number, a tab and a name"),
        (class_list(FOODSEG_NAMES) + "48\tsteak\n", "id 48 occurs twice"),
        ("", "differs"),
    ],
)
def test_other_class_lists_are_refused(foodseg103_root: Path, text: str, words: str) -> None:
    write_text(foodseg103_root / "category_id.txt", text)
    with pytest.raises(DataCorrupt, match=words):
        FoodSeg103(foodseg103_root)


def test_pairs_that_miss_a_half_are_refused_by_default(foodseg103_root: Path) -> None:
    whole = FoodSeg103(foodseg103_root).fingerprint("test")
    (foodseg103_root / "Images" / "ann_dir" / "test" / "00000048.png").unlink()
    (foodseg103_root / "Images" / "img_dir" / "train" / "00000001.jpg").unlink()
    with pytest.raises(DataMissing, match="2 of 4 pairs of photo and mask: 00000001, 00000048") as caught:
        FoodSeg103(foodseg103_root)
    assert "--allow-partial" in caught.value.hint
    reader = FoodSeg103(foodseg103_root, allow_partial=True)
    assert [record.stem for record in reader.records("test")] == ["00000263"]
    assert reader.missing("test") == ("00000048",)
    assert reader.missing("train") == ("00000001",)
    assert reader.fingerprint("test") != whole


def test_photos_without_any_mask_are_useless_even_in_a_partial_copy(foodseg103_root: Path) -> None:
    for path in (foodseg103_root / "Images" / "ann_dir" / "test").iterdir():
        path.unlink()
    with pytest.raises(DataMissing, match="none of the 2 pairs of photo and mask of the test split"):
        FoodSeg103(foodseg103_root, allow_partial=True).records("test")


@pytest.mark.parametrize("line", ["00000048", "48.jpg", "../../00000048.jpg", "00000048.png", "00000048.jpg x"])
def test_list_lines_of_another_form_are_refused(foodseg103_root: Path, line: str) -> None:
    write_text(foodseg103_root / "ImageSets" / "test.txt", line + "\n")
    with pytest.raises(DataCorrupt, match=r"test\.txt, line 1"):
        FoodSeg103(foodseg103_root)


def test_overlapping_lists_are_refused(foodseg103_root: Path) -> None:
    write_text(foodseg103_root / "ImageSets" / "test.txt", "00000048.jpg\n00000001.jpg\n")
    with pytest.raises(DataCorrupt, match="share 1 ids: 00000001"):
        FoodSeg103(foodseg103_root)


def test_masks_are_opened_only_when_they_are_read(foodseg103_root: Path) -> None:
    path = foodseg103_root / "Images" / "ann_dir" / "test" / "00000048.png"
    path.write_bytes(b"damaged")
    records = FoodSeg103(foodseg103_root).records("test")
    with pytest.raises(DataCorrupt, match=r"00000048\.png"):
        records[0].checked_mask()
    records[1].checked_mask()


def test_a_turned_mask_is_told(foodseg103_root: Path) -> None:
    path = foodseg103_root / "Images" / "ann_dir" / "test" / "00000048.png"
    save_mask(path, np.zeros((12, 8), dtype=np.uint8))
    with pytest.raises(DataCorrupt, match="is transposed"):
        FoodSeg103(foodseg103_root).records("test")[0].checked_mask()


def test_the_fingerprint_sees_masks(foodseg103_root: Path) -> None:
    before = FoodSeg103(foodseg103_root).fingerprint("test")
    save_mask(foodseg103_root / "Images" / "ann_dir" / "test" / "00000048.png", np.zeros((8, 12), dtype=np.uint8))
    assert FoodSeg103(foodseg103_root).fingerprint("test") != before


def test_synthetic_masks_are_fingerprinted_by_their_pixels(foodseg103_root: Path) -> None:
    """Every machine writes its own; the same pixels may be other bytes there."""
    path = foodseg103_root / "Images" / "ann_dir" / "test" / "00000048.png"
    real = FoodSeg103(foodseg103_root).fingerprint("test")
    write_text(foodseg103_root / ".foodbench-synthetic.json", "{}")
    before = FoodSeg103(foodseg103_root).fingerprint("test")
    values = np.asarray(Image.open(path))
    Image.fromarray(values).save(path, compress_level=0)
    assert FoodSeg103(foodseg103_root).fingerprint("test") == before
    save_mask(path, np.where(values == 48, np.uint8(49), values))
    assert FoodSeg103(foodseg103_root).fingerprint("test") not in (before, real)


@pytest.mark.parametrize("given", ["", "FoodSeg103/Images", "FoodSeg103/Images/img_dir", "FoodSeg103/ImageSets"])
def test_a_folder_off_by_a_level_is_told_the_right_one(foodseg103_root: Path, given: str) -> None:
    with pytest.raises(DataMissing) as caught:
        FoodSeg103(foodseg103_root.parent / given)
    assert caught.value.hint == f"Did you mean {foodseg103_root}?"


def test_unknown_splits_are_refused(foodseg103_root: Path) -> None:
    with pytest.raises(UnknownName):
        FoodSeg103(foodseg103_root).records("validation")


@pytest.mark.parametrize("allow_partial", [False, True])
def test_the_real_photos_without_lists_and_masks(realdata: Path, allow_partial: bool) -> None:
    with pytest.raises(DataMissing, match=r"category_id\.txt"):
        FoodSeg103(realdata / "foodseg103", allow_partial=allow_partial)


def test_the_real_photos_with_lists_but_no_masks(realdata: Path, foodseg103_root: Path) -> None:
    for path in (realdata / "foodseg103" / "Images" / "img_dir" / "test").glob("*.jpg"):
        (foodseg103_root / "Images" / "img_dir" / "test" / path.name).write_bytes(path.read_bytes())
    write_text(foodseg103_root / "ImageSets" / "test.txt", "00004401.jpg\n00004873.jpg\n")
    reader = FoodSeg103(foodseg103_root, allow_partial=True)
    assert reader.missing("test") == ("00004401", "00004873")
    with pytest.raises(DataMissing, match="nothing to measure on"):
        reader.records("test")
