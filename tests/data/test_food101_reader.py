"""Food-101: names instead of numbers, lists that agree, and a plain word about missing photos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dataset_trees import CLASSES, FOOD101_IDS, write_text

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, UnknownName
from foodbench.data.food101 import Food101


def test_records_follow_the_list_and_carry_names(food101_root: Path) -> None:
    reader = Food101(food101_root)
    assert reader.synthetic is False
    assert [record.image_id for record in reader.records("test")] == FOOD101_IDS["test"]
    assert [record.label for record in reader.records("test")] == ["apple_pie", "cheesecake", "cheese_plate"]
    assert {record.split for record in reader.records("train")} == {"train"}
    assert all(record.image.open().mode == "RGB" for record in reader.records("test"))
    assert reader.missing("test") == ()


def test_classes_keep_the_order_of_the_file(food101_root: Path) -> None:
    """Sorting would swap cheesecake and cheese_plate, and with them every number of the two classes."""
    reader = Food101(food101_root)
    assert reader.classes == ("apple_pie", "cheesecake", "cheese_plate")
    assert list(reader.classes) != sorted(reader.classes)
    assert reader.labels == CLASSES


def test_line_endings_blanks_and_missing_newlines_change_nothing(food101_root: Path) -> None:
    before = Food101(food101_root)
    for path in (food101_root / "meta").glob("*.txt"):
        lines = path.read_text().split()
        if path.name != "labels.txt":
            write_text(path, "\r\n".join(line + "  " for line in lines) + "\r\n\r\n")
    after = Food101(food101_root)
    assert after.classes == before.classes
    assert after.records("test") == before.records("test")
    assert after.fingerprint("test") == before.fingerprint("test")


def test_files_that_macos_leaves_behind_are_passed_over(food101_root: Path) -> None:
    write_text(food101_root / "images" / "apple_pie" / "._103.jpg", "x")
    write_text(food101_root / "images" / "apple_pie" / ".DS_Store", "x")
    write_text(food101_root / "images" / ".DS_Store", "x")
    assert len(Food101(food101_root).records("test")) == 3
    (food101_root / "images" / "apple_pie" / "103.jpg").unlink()
    with pytest.raises(DataMissing):  # `._103.jpg` does not stand in for it
        Food101(food101_root)


def test_missing_photos_are_refused_by_default(food101_root: Path) -> None:
    (food101_root / "images" / "cheesecake" / "203.jpg").unlink()
    (food101_root / "images" / "apple_pie" / "101.jpg").unlink()
    with pytest.raises(DataMissing) as caught:
        Food101(food101_root)
    assert "2 of 8 photos: apple_pie/101, cheesecake/203" in caught.value.message
    assert "--allow-partial" in caught.value.hint


def test_a_partial_copy_gives_what_is_there(food101_root: Path) -> None:
    whole = Food101(food101_root).fingerprint("test")
    (food101_root / "images" / "cheesecake" / "203.jpg").unlink()
    reader = Food101(food101_root, allow_partial=True)
    assert [record.image_id for record in reader.records("test")] == ["apple_pie/103", "cheese_plate/303"]
    assert reader.missing("test") == ("cheesecake/203",)
    assert reader.ids("test") == tuple(FOOD101_IDS["test"])
    assert len(reader.records("train")) == 5
    assert reader.fingerprint("test") != whole


def test_a_copy_without_any_photo_of_a_split_is_refused_even_then(food101_root: Path) -> None:
    for one in FOOD101_IDS["test"]:
        (food101_root / "images" / f"{one}.jpg").unlink()
    reader = Food101(food101_root, allow_partial=True)
    with pytest.raises(DataMissing, match="none of the 3 photos of the test split"):
        reader.records("test")


def test_lists_that_contradict_their_json_are_refused(food101_root: Path) -> None:
    path = food101_root / "meta" / "test.json"
    plain = json.loads(path.read_text())
    plain["cheesecake"] = []
    write_text(path, json.dumps(plain))
    with pytest.raises(DataCorrupt, match=r"1 ids only in the first, 0 only in the second.*cheesecake/203"):
        Food101(food101_root)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "b"}', '{"a": [1]}', "[" * 100_000])
def test_json_of_another_form_is_refused(food101_root: Path, text: str) -> None:
    write_text(food101_root / "meta" / "train.json", text)
    with pytest.raises(DataCorrupt, match=r"train\.json"):
        Food101(food101_root)


def test_overlapping_splits_are_refused(food101_root: Path) -> None:
    ids = [*FOOD101_IDS["test"], "apple_pie/101"]
    write_text(food101_root / "meta" / "test.txt", "\n".join(ids))
    write_text(food101_root / "meta" / "test.json", json.dumps({"apple_pie": ids}))
    with pytest.raises(DataCorrupt, match=r"share 1 ids: apple_pie/101"):
        Food101(food101_root)


@pytest.mark.parametrize(
    "line",
    ["../../etc/passwd", "/etc/12", "apple_pie/../../12", "apple_pie/12.jpg", "apple_pie", "Apple_pie/12", "a/１２"],
)
def test_ids_that_could_leave_the_folder_are_refused(food101_root: Path, line: str) -> None:
    write_text(food101_root / "meta" / "test.txt", f"apple_pie/103\n{line}\n")
    with pytest.raises(DataCorrupt, match=r"test\.txt, line 2"):
        Food101(food101_root)


def test_an_id_listed_twice_is_refused(food101_root: Path) -> None:
    write_text(food101_root / "meta" / "test.txt", "apple_pie/103\ncheesecake/203\napple_pie/103\n")
    with pytest.raises(DataCorrupt, match=r"line 3: 'apple_pie/103' is listed a second time \(first in line 1\)"):
        Food101(food101_root)


def test_ids_of_unknown_classes_are_refused(food101_root: Path) -> None:
    write_text(food101_root / "meta" / "test.txt", "waffles/1\n")
    with pytest.raises(DataCorrupt, match="waffles"):
        Food101(food101_root)


def test_display_names_must_match_the_classes_in_number(food101_root: Path) -> None:
    write_text(food101_root / "meta" / "labels.txt", "Apple pie\n")
    with pytest.raises(DataCorrupt, match="1 names for the 3 classes"):
        Food101(food101_root)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbfapple_pie\n", b"\xff\xfe\x00", b"apple\x00pie\n", b"\xe9t\xe9\n"])
def test_lists_that_are_no_plain_text_are_refused(food101_root: Path, data: bytes) -> None:
    (food101_root / "meta" / "classes.txt").write_bytes(data)
    with pytest.raises(DataCorrupt, match=r"classes\.txt"):
        Food101(food101_root)


@pytest.mark.parametrize("given", ["", "food-101/images", "food-101/meta", "food-101/images/apple_pie", ".."])
def test_a_folder_one_or_two_levels_off_is_told_the_right_one(food101_root: Path, given: str) -> None:
    with pytest.raises(DataMissing) as caught:
        Food101(food101_root.parent / given)
    assert caught.value.hint == f"Did you mean {food101_root}?"


def test_a_misspelled_folder_is_told_the_right_one(food101_root: Path) -> None:
    with pytest.raises(DataMissing, match="does not exist") as caught:
        Food101(food101_root.parent / "food101")
    assert str(food101_root) in caught.value.hint


def test_a_folder_of_other_case_is_named(food101_root: Path) -> None:
    (food101_root / "images").rename(food101_root / "Images")
    with pytest.raises(DataMissing) as caught:
        Food101(food101_root)
    assert "'Images' instead of 'images'" in caught.value.hint


def test_a_file_and_an_unrelated_folder_are_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "x")
    with pytest.raises(DataMissing, match="is a file"):
        Food101(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataMissing, match=r"meta/classes\.txt"):
        Food101(tmp_path / "empty")


def test_unknown_splits_are_refused(food101_root: Path) -> None:
    for method in ("records", "missing", "ids", "fingerprint"):
        with pytest.raises(UnknownName, match="validation"):
            getattr(Food101(food101_root), method)("validation")


def test_the_fingerprint_depends_on_ids_labels_and_split_only(food101_root: Path, tmp_path: Path) -> None:
    reader = Food101(food101_root)
    moved = food101_root.rename(tmp_path / "moved")
    assert Food101(moved).fingerprint("test") == reader.fingerprint("test")
    assert reader.fingerprint("test").startswith("sha256:")
    assert Food101(moved).fingerprint("test") != Food101(moved).fingerprint("train")


def test_the_real_lists(realdata: Path) -> None:
    root = realdata / "food-101"
    with pytest.raises(DataMissing, match="100,680 of 101,000 photos"):
        Food101(root)
    reader = Food101(root, allow_partial=True)
    assert len(reader.classes) == 101
    assert (len(reader.ids("train")), len(reader.ids("test"))) == (75_750, 25_250)
    assert reader.classes.index("cheesecake") + 1 == reader.classes.index("cheese_plate")
    assert reader.labels["apple_pie"] == "Apple pie"
    records = reader.records("test")
    assert (len(records), len({record.label for record in records})) == (200, 10)
    assert len(reader.missing("test")) == 25_050
    for record in records:
        image = record.image.open()
        assert image.mode == "RGB"
        assert max(image.size) <= 512


def test_the_real_folder_can_be_given_one_level_off(realdata: Path) -> None:
    for given in (realdata, realdata / "food-101" / "images"):
        with pytest.raises(FoodbenchError) as caught:
            Food101(given)
        assert str(realdata / "food-101") in caught.value.hint
