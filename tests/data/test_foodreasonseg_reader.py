"""FoodReasonSeg: what answers point at, which names are classes, and files that nobody should trust."""

from __future__ import annotations

import copy
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_trees import FOODSEG_NAMES, save_mask, save_photo, write_text
from dialogue_trees import HOSTILE_ENTRIES, HOSTILE_TEXTS, REASONING, talk, write_json, write_reasoning
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.data import dialogues
from foodbench.data.foodreasonseg import FoodReasonSeg, class_table, read_answer, read_split, resolve_name
from foodbench.data.records import Segment, Turn

KNOWN = class_table(FOODSEG_NAMES)
HERE = Path("file.json")


@pytest.fixture
def root(foodseg103_root: Path) -> Path:
    return write_reasoning(foodseg103_root)


def with_test_file(root: Path, entries: list[Any]) -> Path:
    write_json(root / "FoodReasonSeg_test.json", entries)
    return root


def test_records_hold_rounds_and_what_they_point_at(root: Path) -> None:
    reader = FoodReasonSeg(root)
    records = reader.records("test")
    assert [record.dialogue_id for record in records] == ["00000048", "00000263", "00000048#2"]
    assert records[0].turns == (
        Turn(
            "What is rich in protein? Please output segmentation mask.",
            "Chicken [SEG1] and Tomatoes [SEG2], less so Quinoa [SEG3].",
        ),
        Turn("Is it healthy?", "Yes, mostly."),
    )
    assert records[0].segments == ((Segment("Chicken", 48), Segment("Tomatoes", 73), Segment("Quinoa", None)), ())
    assert records[0].targets == ((48, 73), ())
    assert records[0].unresolved == ("Quinoa",)
    assert records[1].targets == ((96,),)
    assert records[1].unresolved == ("[SEG2]",)
    assert records[2].pair == records[0].pair
    assert records[0].pair.image.path.name == "00000048.jpg"
    assert reader.ids("test") == ("00000048", "00000263", "00000048#2")
    assert (reader.missing("test"), reader.synthetic, reader.splits) == ((), False, ("train", "test"))


def test_resolution_counts_every_token(root: Path) -> None:
    reader = FoodReasonSeg(root)
    assert reader.resolution("test") == (4, 6)
    assert reader.resolution("train") == (2, 2)


def test_a_target_may_be_nowhere_in_the_mask(root: Path) -> None:
    record = FoodReasonSeg(root).records("test")[0]
    mask = record.pair.checked_mask()
    assert [(mask == target).any() for target in record.targets[0]] == [True, False]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("steak", "steak"),
        ("Steak", "steak"),
        ("  ice   cream ", "ice cream"),
        ("french beans", "French beans"),
        ("French Beans", "French beans"),
        ("green beans", "green beans"),
        ("Carrots", "carrot"),
        ("TOMATOES", "tomato"),
        ("Strawberries", "strawberry"),
        ("Blueberries", "blueberry"),
        ("French fries", "french fries"),
        ("Olives", "olives"),
        ("Asparagus", "asparagus"),
        ("Chicken", "chicken duck"),
        ("duck", "chicken duck"),
        ("Ducks", "chicken duck"),
        ("Grilled chicken breast", "chicken duck"),
        ("chicken-wings", "chicken duck"),
        ("Chicken Duck", "chicken duck"),
    ],
)
def test_names_that_are_classes(name: str, expected: str) -> None:
    assert resolve_name(name, KNOWN) == FOODSEG_NAMES.index(expected)


@pytest.mark.parametrize(
    "name",
    [
        # Pieces of the words chicken and duck: the released loader takes them for chicken.
        "c", "", "chick", "hen", "ken", "duc", "uck", "i",
        # No ingredient that an answer could point at.
        "background", "Background", "other ingredients", "Other ingredient",
        "Quinoa", "Cherry tomatoes", "chickens' feed", "duckling", "s", "es", "ies", "olive",
    ],
)  # fmt: skip
def test_names_that_are_no_classes(name: str) -> None:
    assert resolve_name(name, KNOWN) is None


@pytest.mark.parametrize(
    ("text", "plain", "segments"),
    [
        ("{Steak} [SEG1] and {Rice} [SEG2].", "Steak [SEG1] and Rice [SEG2].", [("Steak", 46), ("Rice", 66)]),
        ("{Steak}[SEG3]", "Steak[SEG1]", [("Steak", 46)]),
        ("{Steak} is here [SEG1]", "Steak is here [SEG1]", [("[SEG1]", None)]),
        ("{Steak} [SEG]", "Steak [SEG1]", [("Steak", 46)]),
        ("{a {Rice} [SEG1]", "a Rice [SEG1]", [("Rice", 66)]),
        ("{} [SEG8]", " [SEG1]", [("[SEG8]", None)]),
        ("no {mark}", "no mark", []),
        ("[SEG12x] [seg1]", "[SEG12x] [seg1]", []),
    ],
)
def test_answers(text: str, plain: str, segments: list[tuple[str, int | None]]) -> None:
    assert read_answer(HERE, 0, text, KNOWN) == (plain, tuple(Segment(*segment) for segment in segments))


def test_braces_that_would_make_tokens_are_refused() -> None:
    with pytest.raises(DataCorrupt, match=r"file\.json, entry 5: .*braces inside"):
        read_answer(HERE, 5, "[SE{}G1]", KNOWN)


def test_markup_in_questions(root: Path) -> None:
    asked = "<im_start><image><im_end>\nWhere is {rice} [SEG1] ? <image> <im<image>age>"
    with_test_file(root, [{"dish_id": "00000048", "conversations": talk((asked, "{Rice} [SEG1]"))}])
    (record,) = FoodReasonSeg(root).records("test")
    assert record.turns[0].question == "Where is rice ? <im age>"


def test_turns_without_counterpart_are_left_out(root: Path) -> None:
    turns = [
        {"form": "answer", "value": "{Rice} [SEG1]"},
        *talk(("a", "{Steak} [SEG1]")),
        {"form": "question", "value": "b"},
    ]
    with_test_file(root, [{"dish_id": "00000048", "conversations": turns}])
    (record,) = FoodReasonSeg(root).records("test")
    assert record.turns == (Turn("a", "Steak [SEG1]"),)
    assert record.targets == ((46,),)


def test_missing_photos_and_masks(root: Path) -> None:
    whole = FoodReasonSeg(root).fingerprint("test")
    (root / "Images" / "img_dir" / "test" / "00000048.jpg").unlink()
    (root / "Images" / "ann_dir" / "train" / "00000001.png").unlink()
    with pytest.raises(DataMissing, match="3 of 5 dialogues' pairs of photo and mask") as caught:
        FoodReasonSeg(root)
    assert "--allow-partial" in caught.value.hint
    reader = FoodReasonSeg(root, allow_partial=True)
    assert reader.missing("test") == ("00000048", "00000048#2")
    assert reader.missing("train") == ("00000001",)
    assert [record.dialogue_id for record in reader.records("test")] == ["00000263"]
    assert reader.fingerprint("test") != whole
    (root / "Images" / "img_dir" / "test" / "00000263.jpg").unlink()
    with pytest.raises(DataMissing, match="nothing to measure on"):
        FoodReasonSeg(root, allow_partial=True).records("test")


def test_only_photos_with_dialogues_need_to_be_there(root: Path) -> None:
    write_text(root / "ImageSets" / "test.txt", "00000048.jpg\n00000263.jpg\n00009999.jpg\n")
    assert len(FoodReasonSeg(root).records("test")) == 3


def test_a_photo_of_the_other_split_is_missing(root: Path) -> None:
    with_test_file(root, [{"dish_id": "00000000", "conversations": talk(("a", "b"))}])
    with pytest.raises(DataMissing, match="00000000"):
        FoodReasonSeg(root)


@pytest.mark.parametrize(
    "dish_id", ["48", "../../../x", "0000004a", "00000048.jpg", "٠٠٠٠٠٠٤٨", "00000048\n", 48, None]
)
def test_ids_that_are_no_stems_are_refused(root: Path, dish_id: object) -> None:
    with_test_file(root, [REASONING["test"][0], {"dish_id": dish_id, "conversations": talk(("a", "b"))}])
    with pytest.raises(DataCorrupt, match=r"FoodReasonSeg_test\.json, entry 1: its 'dish_id'"):
        FoodReasonSeg(root)


@pytest.mark.parametrize(("change", "words"), HOSTILE_ENTRIES)
def test_entries_of_another_form_are_refused(root: Path, change: Any, words: str) -> None:
    entry: Any = change
    if isinstance(change, dict) and words != "is absent":
        entry = {**REASONING["test"][0], **change}
    with_test_file(root, [REASONING["test"][1], entry])
    with pytest.raises(DataCorrupt, match=r"FoodReasonSeg_test\.json, entry 1: ") as caught:
        FoodReasonSeg(root)
    assert words in caught.value.message


@pytest.mark.parametrize(("text", "words"), HOSTILE_TEXTS)
def test_files_that_are_no_list_of_dialogues_are_refused(root: Path, text: str, words: str) -> None:
    write_text(root / "FoodReasonSeg_test.json", text)
    with pytest.raises(DataCorrupt, match=r"FoodReasonSeg_test\.json") as caught:
        FoodReasonSeg(root)
    assert words in caught.value.message


def test_a_file_of_absurd_size_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogues, "MAX_BYTES", 100)
    with pytest.raises(DataCorrupt, match="limit 100"):
        FoodReasonSeg(root)


def test_long_hostile_answers_take_no_quadratic_time() -> None:
    """Each of these would take minutes if a character were looked at once per other character."""
    for text in ("{" * 10**6, "{a}   " * 10**5, "{a}" + " " * 10**6, "[SEG" + "1" * 10**6, "[SEG1" * 10**5):
        plain, segments = read_answer(HERE, 0, text, KNOWN)
        assert not segments
        assert "{" not in plain


def test_the_fingerprint_sees_text_names_and_masks(root: Path) -> None:
    before = FoodReasonSeg(root).fingerprint("test")
    assert before == FoodReasonSeg(root).fingerprint("test")
    assert before != FoodReasonSeg(root).fingerprint("train")
    entries = copy.deepcopy(REASONING["test"])
    entries[1]["conversations"][0]["value"] = "What is lean?"
    with_test_file(root, entries)
    assert FoodReasonSeg(root).fingerprint("test") != before
    write_reasoning(root)
    assert FoodReasonSeg(root).fingerprint("test") == before
    save_mask(root / "Images" / "ann_dir" / "test" / "00000048.png", np.zeros((8, 12), dtype=np.uint8))
    assert FoodReasonSeg(root).fingerprint("test") != before


def test_a_folder_without_the_files_is_told_what_lacks(foodseg103_root: Path) -> None:
    with pytest.raises(DataMissing, match=r"FoodReasonSeg_train\.json, FoodReasonSeg_test\.json not found"):
        FoodReasonSeg(foodseg103_root)
    write_reasoning(foodseg103_root)
    with pytest.raises(DataMissing) as caught:
        FoodReasonSeg(foodseg103_root / "Images")
    assert caught.value.hint == f"Did you mean {foodseg103_root}?"


def test_other_classes_and_unknown_splits_are_refused(root: Path) -> None:
    for call in ("ids", "missing", "records", "resolution", "fingerprint"):
        with pytest.raises(UnknownName):
            getattr(FoodReasonSeg(root), call)("validation")
    write_text(root / "category_id.txt", "0\tbackground\n1\trice\n")
    with pytest.raises(DataCorrupt, match="differs from the official list"):
        FoodReasonSeg(root)


def test_photos_are_opened_only_when_somebody_looks(root: Path) -> None:
    (root / "Images" / "img_dir" / "test" / "00000048.jpg").write_bytes(b"damaged")
    record = FoodReasonSeg(root).records("test")[0]
    with pytest.raises(DataCorrupt):
        record.pair.image.open()
    save_photo(record.pair.image.path)
    assert record.pair.image.open().size == (12, 8)


# ------------------------------------------------------------------------------------------------------------- fuzzing

PIECES = st.sampled_from(
    ["{", "}", "[SEG", "[SEG1]", "[SEG22]", "]", "1", " ", "\n", "Steak", "Tomatoes", "chicken", "</s>", "<image>", "ß"]
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
        "dish_id": st.from_regex(r"[0-9]{8}", fullmatch=True) | SCALARS,
        "conversations": st.lists(TURNS | SCALARS, max_size=6) | SCALARS,
    },
)
GOOD_ENTRIES = st.builds(
    lambda stem, rounds: {"dish_id": f"{stem:08d}", "conversations": talk(*rounds)},
    st.integers(0, 9),
    st.lists(st.tuples(MARKED.map(lambda text: f"q{text}"), MARKED), min_size=1, max_size=4),
)
DOCUMENTS = st.lists(ENTRIES | GOOD_ENTRIES | SCALARS, max_size=5) | SCALARS | ENTRIES


def read_bytes_as_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "FoodReasonSeg_test.json").write_bytes(data)
        try:
            read = read_split(Path(folder), "test", FOODSEG_NAMES)
        except DataCorrupt as error:
            assert "FoodReasonSeg_test.json" in error.message
            return
        assert len({one.dialogue_id for one in read}) == len(read)
        for one in read:
            assert len(one.turns) == len(one.segments) > 0
            assert re.fullmatch(r"[0-9]{8}", one.stem)


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
def test_tokens_of_any_answer_are_numbered_from_one(text: str) -> None:
    try:
        plain, segments = read_answer(HERE, 0, text, KNOWN)
    except DataCorrupt:
        return
    assert "{" not in plain
    assert "}" not in plain
    tokens = re.findall(r"\[SEG[0-9]*\]", plain)
    assert tokens == [f"[SEG{number}]" for number in range(1, len(segments) + 1)]
    assert len(tokens) == len(re.findall(r"\[SEG[0-9]*\]", text))
    for segment in segments:
        assert segment.class_id is None or 0 < segment.class_id < 103
