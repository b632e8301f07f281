"""FoodDialogues: readable answers, the values that they tag, and which picture stands for a dish."""

from __future__ import annotations

import copy
import json
import math
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from dataset_trees import save_photo, write_text
from dialogue_trees import HOSTILE_ENTRIES, HOSTILE_TEXTS, MEALS, talk, write_json, write_meals
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.data.fooddialogues import FoodDialogues, read_dish_list, read_split, read_tagged
from foodbench.data.records import Turn

HERE = Path("file.json")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_meals(tmp_path / "somewhere" / "FoodDialogues")


def with_test_file(root: Path, entries: list[Any]) -> Path:
    write_json(root / "FoodDialogues_test.json", entries)
    return root


def test_records_hold_readable_rounds_and_tagged_values(root: Path) -> None:
    reader = FoodDialogues(root)
    records = reader.records("test")
    assert [(record.dialogue_id, record.dish_id) for record in records] == [
        ("0", "dish_1550000002"),
        ("7", "dish_1550000004"),
        ("8", "dish_1550000002"),
    ]
    assert records[0].turns == (
        Turn("Is the chicken rich in protein?", "The chicken has 25.3 grams and 180.0 kcal."),
        Turn("And in total?", "About 1,410 kcal and 12.5 grams of fat."),
    )
    assert records[0].tagged == (
        (("protein", 25.3), ("kcal", 180.0)),
        (("total.kcal", 1410.0), ("total.fat", 12.5)),
    )
    assert records[1].tagged == ((),)
    assert records[2].turns[0].answer == "It weighs 300g."
    assert reader.ids("test") == ("0", "7", "8")
    assert (reader.missing("test"), reader.synthetic, reader.splits) == ((), False, ("train", "test"))


def test_the_overhead_picture_comes_first_then_the_first_frame_by_name(root: Path) -> None:
    first, second, third = FoodDialogues(root).records("test")
    assert (first.image.path.name, first.view) == ("rgb.png", "overhead")
    assert (second.image.path.name, second.view) == ("frame_10.jpg", "side")
    assert third.image == first.image
    assert first.image.open().size == (12, 8)
    assert first.image.exif == "ignore"


@pytest.mark.parametrize(
    ("text", "plain", "values"),
    [
        ("12.3 grams [MASS]", "12.3 grams", [("mass", 12.3)]),
        ("12.3[MASS] grams", "12.3 grams", [("mass", 12.3)]),
        ("1 gram [FAT], 2g[CARB], 3 g [PRO].", "1 gram, 2g, 3 g.", [("fat", 1), ("carb", 2), ("protein", 3)]),
        ("230 kcal [CAL]", "230 kcal", [("kcal", 230)]),
        ("230 calories [CAL]", "230 calories", [("kcal", 230)]),
        ("[TOTAL_MASS] 5 [TOTAL_CAL]", "5", [("total.kcal", 5)]),
        ("5 g [MASS_TOTAL] 7 [TOTAL_PRO]", "5 g 7", [("total.mass", 5), ("total.protein", 7)]),
        ("6 [PRO_TOTAL] 8 [TOTAL_FAT]", "6 8", [("total.protein", 6), ("total.fat", 8)]),
        ("5 grams [PRO1] and 6 grams [PRO2]", "5 grams and 6 grams", [("protein", 5), ("protein", 6)]),
        ("1,200 kcal [CAL]", "1,200 kcal", [("kcal", 1200)]),
        ("12,345,678.5 [CAL]", "12,345,678.5", [("kcal", 12345678.5)]),
        ("in 2023, 5 [FAT]", "in 2023, 5", [("fat", 5)]),
        ("3-5 g [FAT]", "3-5 g", [("fat", 5)]),
        ("some fat [FAT]", "some fat", []),
        ("1.2.3 [FAT] 1,23 [FAT]", "1.2.3 1,23", []),
        ("{rice} 5\n[MASS] a", "rice 5\n a", [("mass", 5)]),
        ("[SUGAR] [mass] [MASS", "[SUGAR] [mass] [MASS", []),
    ],
)  # fmt: skip
def test_tags(text: str, plain: str, values: list[tuple[str, float]]) -> None:
    assert read_tagged(HERE, 0, text) == (plain, tuple(values))


def test_numbers_and_tags_that_cannot_be_right_are_refused() -> None:
    with pytest.raises(DataCorrupt, match=r"file\.json, entry 3: a tagged number is too large"):
        read_tagged(HERE, 3, "9" * 400 + " [CAL]")
    with pytest.raises(DataCorrupt, match="a tag stands inside a tag"):
        read_tagged(HERE, 3, "[MA[FAT]SS]")


def test_long_hostile_answers_take_no_quadratic_time() -> None:
    """Each of these would take minutes if a character were looked at once per other character."""
    for text in ("1" * 10**6, "1." * 10**6, "1,111" * 10**5, " " * 10**6 + "x", "1 " * 10**5, "[MASS" * 10**5):
        assert read_tagged(HERE, 0, text) == (text.strip(), ())


def test_missing_pictures(root: Path) -> None:
    whole = FoodDialogues(root).fingerprint("test")
    (root / "images" / "dish_1550000002" / "rgb.png").unlink()
    (root / "images" / "dish_1550000002" / "a_frame.jpeg").unlink()
    with pytest.raises(DataMissing, match="2 of 4 dialogues' pictures: 0, 8") as caught:
        FoodDialogues(root)
    assert "--allow-partial" in caught.value.hint
    reader = FoodDialogues(root, allow_partial=True)
    assert reader.missing("test") == ("0", "8")
    assert [record.dialogue_id for record in reader.records("test")] == ["7"]
    assert reader.fingerprint("test") != whole
    for path in (root / "images" / "dish_1550000004").iterdir():
        path.unlink()
    with pytest.raises(DataMissing, match="nothing to measure on"):
        FoodDialogues(root, allow_partial=True).records("test")


def test_a_frame_stands_in_for_an_absent_overhead_picture(root: Path) -> None:
    before = FoodDialogues(root).fingerprint("test")
    (root / "images" / "dish_1550000002" / "rgb.png").unlink()
    reader = FoodDialogues(root)
    assert [record.view for record in reader.records("test")] == ["side", "side", "side"]
    assert reader.fingerprint("test") != before


def test_lists_and_tables_are_optional(root: Path) -> None:
    before = FoodDialogues(root).fingerprint("test")
    for name in ("train_id.json", "test_id.json"):
        (root / name).unlink()
    assert FoodDialogues(root).fingerprint("test") == before


@pytest.mark.parametrize("dish_id", ["dish_1", "../dish_1550000002", "dish_15500000022", "dish_155000000x", 5, None])
def test_ids_that_are_no_dishes_are_refused(root: Path, dish_id: object) -> None:
    with_test_file(root, [MEALS["test"][0], {"id": "1", "dish_id": dish_id, "conversations": talk(("a", "b"))}])
    with pytest.raises(DataCorrupt, match=r"FoodDialogues_test\.json, entry 1: its 'dish_id'"):
        FoodDialogues(root)


@pytest.mark.parametrize("dialogue_id", ["", "a/b", "a b", "x" * 65, -1, 10**18, True, None, 1.5, ["1"]])
def test_dialogue_ids_of_another_form_are_refused(root: Path, dialogue_id: object) -> None:
    with_test_file(root, [{**MEALS["test"][0], "id": dialogue_id}])
    with pytest.raises(DataCorrupt, match=r"FoodDialogues_test\.json, entry 0: its 'id'"):
        FoodDialogues(root)


def test_ids_that_occur_twice_are_refused(root: Path) -> None:
    with_test_file(root, [*MEALS["test"], {**MEALS["test"][1], "id": 0}])
    with pytest.raises(DataCorrupt, match=r"FoodDialogues_test\.json, entry 3: the id '0' is that of entry 0"):
        FoodDialogues(root)


@pytest.mark.parametrize(("change", "words"), HOSTILE_ENTRIES)
def test_entries_of_another_form_are_refused(root: Path, change: Any, words: str) -> None:
    entry: Any = change
    if isinstance(change, dict) and words != "is absent":
        entry = {**MEALS["test"][0], **change}
    with_test_file(root, [MEALS["test"][1], entry])
    with pytest.raises(DataCorrupt, match=r"FoodDialogues_test\.json, entry 1: ") as caught:
        FoodDialogues(root)
    assert words in caught.value.message


@pytest.mark.parametrize(("text", "words"), HOSTILE_TEXTS)
def test_files_that_are_no_list_of_dialogues_are_refused(root: Path, text: str, words: str) -> None:
    write_text(root / "FoodDialogues_test.json", text)
    with pytest.raises(DataCorrupt, match=r"FoodDialogues_test\.json") as caught:
        FoodDialogues(root)
    assert words in caught.value.message


def test_the_fingerprint_sees_text_and_values(root: Path) -> None:
    before = FoodDialogues(root).fingerprint("test")
    assert before == FoodDialogues(root).fingerprint("test")
    assert before != FoodDialogues(root).fingerprint("train")
    for old, new in (("25.3[PRO]", "25.4[PRO]"), ("25.3[PRO]", "25.3"), ("Is the", "Was the")):
        entries = json.loads(json.dumps(MEALS["test"]).replace(old, new))
        assert entries != MEALS["test"]
        with_test_file(root, entries)
        assert FoodDialogues(root).fingerprint("test") != before
    with_test_file(root, copy.deepcopy(MEALS["test"]))
    assert FoodDialogues(root).fingerprint("test") == before


def test_a_folder_off_by_a_level_and_unknown_splits(root: Path) -> None:
    with pytest.raises(DataMissing) as caught:
        FoodDialogues(root / "images")
    assert caught.value.hint == f"Did you mean {root}?"
    for call in ("ids", "missing", "records", "fingerprint"):
        with pytest.raises(UnknownName):
            getattr(FoodDialogues(root), call)("validation")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "holds no dish"),
        (["dish_1550000002", "dish_1550000002"], "holds a dish twice"),
        (["dish_1550000002", "x"], "entry 1: is not a dish id"),
        ([["dish_1550000002"]], "entry 0: is not a dish id"),
        ({}, "is not a list"),
    ],
)
def test_lists_of_another_form_are_refused(tmp_path: Path, value: Any, words: str) -> None:
    write_json(tmp_path / "test_id.json", value)
    with pytest.raises(DataCorrupt, match=words):
        read_dish_list(tmp_path / "test_id.json")


def test_pictures_with_strange_names_are_passed_over(root: Path) -> None:
    folder = root / "images" / "dish_1550000004"
    for path in folder.glob("*.jpg"):
        path.unlink()
    (folder / "a.jpg").mkdir()
    write_text(folder / "notes.txt", "no picture")
    with pytest.raises(DataMissing):
        FoodDialogues(root)
    save_photo(folder / "Z.PNG")
    assert FoodDialogues(root).records("test")[1].image.path.name == "Z.PNG"


# ------------------------------------------------------------------------------------------------------------- fuzzing

PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", "MASS", "[MASS]", "[TOTAL_CAL]", "[FAT_TOTAL]", "[PRO3]"),
        *("12", "9" * 200, ".", ",", "5", " ", "grams", "g", "kcal", "\n", "\t", "</s>", "٣"),
    ]
)
MARKED = st.lists(PIECES, max_size=30).map("".join)
TEXTS = MARKED | st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
TURNS = st.fixed_dictionaries(
    {}, optional={"form": st.sampled_from(["question", "answer"]) | SCALARS, "value": TEXTS | SCALARS}
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | SCALARS,
        "dish_id": st.from_regex(r"dish_[0-9]{10}", fullmatch=True) | SCALARS,
        "conversations": st.lists(TURNS | SCALARS, max_size=6) | SCALARS,
    },
)
GOOD_ENTRIES = st.builds(
    lambda number, rounds: {"id": number, "dish_id": f"dish_{number:010d}", "conversations": talk(*rounds)},
    st.integers(0, 9),
    st.lists(st.tuples(MARKED.map(lambda text: f"q{text}"), MARKED), min_size=1, max_size=4),
)
DOCUMENTS = st.lists(ENTRIES | GOOD_ENTRIES | SCALARS, max_size=5) | SCALARS | ENTRIES


def read_bytes_as_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "FoodDialogues_test.json").write_bytes(data)
        try:
            read = read_split(Path(folder), "test")
        except DataCorrupt as error:
            assert "FoodDialogues_test.json" in error.message
            return
        assert len({one.dialogue_id for one in read}) == len(read)
        for one in read:
            assert len(one.turns) == len(one.tagged) > 0
            assert re.fullmatch(r"dish_[0-9]{10}", one.dish_id)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_any_json_is_read_or_refused(document: Any) -> None:
    read_bytes_as_file(json.dumps(document).encode())


@settings(max_examples=100, deadline=None)
@given(st.lists(GOOD_ENTRIES, max_size=3), st.integers(0, 2000), st.binary(max_size=3))
def test_damaged_files_are_read_or_refused(document: list[Any], position: int, patch: bytes) -> None:
    data = json.dumps(document).encode()
    read_bytes_as_file(data[:position] + patch)
    read_bytes_as_file(data[:position] + patch + data[position + len(patch) :])


@settings(max_examples=300, deadline=None)
@given(MARKED)
def test_no_tag_is_left_in_any_text(text: str) -> None:
    try:
        plain, values = read_tagged(HERE, 0, text)
    except DataCorrupt:
        return
    tag = r"\[(TOTAL_)?(MASS|CAL|FAT|CARB|PRO)(_TOTAL)?[0-9]*\]"
    assert not re.search(tag, plain)
    assert len(values) <= len(re.findall(tag, text.replace("{", "").replace("}", "")))
    for quantity, value in values:
        assert quantity.removeprefix("total.") in ("mass", "kcal", "fat", "carb", "protein")
        assert math.isfinite(value)
        assert value >= 0
    assert read_tagged(HERE, 0, plain) == (plain, ())
