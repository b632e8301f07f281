"""Recipe1M: which recipes count, which photo is asked about, and texts as they are written."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from dataset_trees import save_photo, write_text
from hypothesis import given
from hypothesis import strategies as st
from recipe1m_tree import RECIPES, Recipe, photo, with_foods, write_copy, write_rows

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.data.recipe1m import Recipe1M
from foodbench.data.recipe1m_rows import digest, has_usable_steps


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_copy(tmp_path / "somewhere" / "Recipe1M")


def ids(reader: Recipe1M, split: str = "test") -> list[str]:
    return [record.recipe_id for record in reader.records(split)]


def test_a_record_holds_what_the_three_files_say(root: Path) -> None:
    reader = Recipe1M(root)
    (record,) = reader.records("test")
    assert record.recipe_id == "000018c8a5"
    assert record.title == "Worlds Best Mac and Cheese"
    assert record.ingredients == ("6 ounces penne", "14 cup cheese", "1 egg")
    assert record.steps == ("Preheat the oven to 350 F.", "Bake it.")
    assert record.detected == ("macaroni", "cheddar cheese", "eggs")
    assert record.classes == reader.classes_of(record) == ("cheese", "egg", "macaroni")
    assert record.image_ids == ("3e233001e2.jpg", "7f00000001.jpg")
    assert record.image.path == root / "images" / "test" / "3" / "e" / "2" / "3" / "3e233001e2.jpg"
    assert record.image.open().size == (12, 8)
    assert record.split == "test"
    assert (reader.synthetic, len(reader.ingredient_classes)) == (False, 1486)
    assert reader.photos("test") == (record.image.path,)


def test_splits_are_read_in_the_order_of_the_ids(root: Path) -> None:
    write_rows(root, RECIPES[::-1])
    reader = Recipe1M(root)
    assert ids(reader, "train") == list(reader.ids("train")) == ["00003a70b1", "ffffffffff"]
    assert ids(reader, "val") == ["0000bbbbbb"]
    assert reader.missing("train") == ()
    for method in ("records", "missing", "ids", "fingerprint"):
        with pytest.raises(UnknownName, match="validation"):
            getattr(reader, method)("validation")


def test_records_are_read_one_by_one(tmp_path: Path) -> None:
    recipes = [with_foods(f"{n:010x}", 2, title=f"title {n}", images=(f"{n:010x}.jpg",)) for n in range(20)]
    reader = Recipe1M(write_copy(tmp_path / "Recipe1M", recipes))
    records = reader.records("test")
    assert isinstance(records, Sequence)
    assert len(records) == 20
    assert records[-1].title == "title 19"
    assert [record.title for record in records[3:9:2]] == ["title 3", "title 5", "title 7"]
    assert records[5:][2:4][1].title == "title 8"
    assert len(records[30:]) == 0
    for position in (20, -21):
        with pytest.raises(IndexError):
            records[position]
    assert [record.title for record in pickle.loads(pickle.dumps(records[:2]))] == ["title 0", "title 1"]


def detecting(texts: list[str]) -> Recipe:
    return Recipe("0" * 10, ingredients=["x"] * len(texts), detected=texts, valid=[True] * len(texts))


LONG = "Stir it for a long while."
FILTERED = [
    ("two classes", with_foods("0" * 10, 2), True),
    ("one class", with_foods("0" * 10, 1), False),
    ("nineteen classes", with_foods("0" * 10, 19), True),
    ("twenty classes", with_foods("0" * 10, 20), False),
    ("thirty lines of three classes", detecting(["salt", "dill", "oil"] * 10), True),
    ("two spellings of one class", detecting(["egg", "eggs"]), False),
    ("names that no class has", detecting(["egg", "xyzzy"]), False),
    ("nothing valid", Recipe("0" * 10, valid=(False, False, False)), False),
    ("one of two valid", Recipe("0" * 10, valid=(True, False, False)), False),
    ("no instructions", Recipe("0" * 10, steps=()), False),
    ("one step", Recipe("0" * 10, steps=(LONG,)), False),
    ("two steps", Recipe("0" * 10, steps=(LONG, "Eat.")), True),
    ("nineteen steps", Recipe("0" * 10, steps=(LONG,) * 19), True),
    ("twenty steps", Recipe("0" * 10, steps=(LONG,) * 20), False),
    ("a step that is a number does not count", Recipe("0" * 10, steps=(LONG, "1. Eat it.")), False),
    ("nor one that becomes one", Recipe("0" * 10, steps=(LONG, "#2 Eat it.")), False),
    ("nor a blank one", Recipe("0" * 10, steps=(LONG, " ")), False),
    ("twenty steps of which one is blank", Recipe("0" * 10, steps=(*(LONG,) * 19, "[]")), True),
    ("twenty characters", Recipe("0" * 10, steps=("Stir it lo", "Eat it no.")), True),
    ("nineteen characters", Recipe("0" * 10, steps=("Stir it lo", "Eat it no")), False),
    ("an ampersand counts as three", Recipe("0" * 10, steps=("Stir & eat", "Eat it n")), True),
    ("no photo row", Recipe("0" * 10, images=None), False),
    ("an empty photo row", Recipe("0" * 10, images=()), False),
]  # fmt: skip


@pytest.mark.parametrize(("recipe", "kept"), [case[1:] for case in FILTERED], ids=[case[0] for case in FILTERED])
def test_the_filter_of_inverse_cooking(tmp_path: Path, recipe: Recipe, kept: bool) -> None:
    control = Recipe("1" * 10, images=("00000000ff.jpg",))
    root = write_copy(tmp_path / "Recipe1M", [recipe, control])
    assert ids(Recipe1M(root)) == (["0" * 10] if kept else []) + ["1" * 10]
    everything = ids(Recipe1M(root, filter="none"))
    assert everything == (["0" * 10] if recipe.images else []) + ["1" * 10]


def test_unknown_filters_are_refused(root: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        Recipe1M(root, filter="inverse-cooking")
    assert "inverse_cooking" in caught.value.hint


def test_empty_detections_and_blank_lines_are_left_out_of_records(tmp_path: Path) -> None:
    recipe = Recipe(
        "0" * 10, ingredients=["1 egg", " ", "2 cups rice", "x"], detected=["egg", "", "rice", ""],
        valid=[True, False, True, True], steps=["Boil the rice well.", "", "Fry the egg."],
    )  # fmt: skip
    (record,) = Recipe1M(write_copy(tmp_path / "Recipe1M", [recipe])).records("test")
    assert record.detected == record.classes == ("egg", "rice")
    assert record.ingredients == ("1 egg", "2 cups rice", "x")
    assert record.steps == ("Boil the rice well.", "Fry the egg.")


def test_missing_photos_are_refused_by_default(root: Path) -> None:
    photo(root, "val", "bb00000001.jpg").unlink()
    reader = Recipe1M(root)
    assert reader.missing("val") == ("0000bbbbbb",)
    assert len(reader.records("test")) == 1  # the other splits are complete
    with pytest.raises(DataMissing, match="none of the 1 photos of the val split"):
        reader.records("val")
    extra = Recipe("0000ffffff", "val", images=("dd00000001.jpg",))
    write_copy(root, [*RECIPES, extra])
    photo(root, "val", "dd00000001.jpg").unlink()
    with pytest.raises(DataMissing) as caught:
        Recipe1M(root).records("val")
    assert "1 of 2 photos of the val split: 0000ffffff" in caught.value.message
    assert "--allow-partial" in caught.value.hint
    reader = Recipe1M(root, allow_partial=True)
    assert ids(reader, "val") == ["0000bbbbbb"]
    assert reader.ids("val") == ("0000bbbbbb", "0000ffffff")


def test_only_training_recipes_fall_back_on_another_photo(root: Path) -> None:
    whole = Recipe1M(root).fingerprint("train")
    photo(root, "train", "aa00000001.jpg").unlink()
    photo(root, "test", "3e233001e2.jpg").unlink()
    reader = Recipe1M(root, allow_partial=True)
    assert reader.missing("train") == ()
    assert [record.image.path.name for record in reader.records("train")] == ["aa00000002.jpg", "cc00000001.jpg"]
    assert [path.name for path in reader.photos("train")] == ["aa00000002.jpg", "cc00000001.jpg"]
    assert reader.missing("test") == ("000018c8a5",)
    assert reader.fingerprint("train") != whole  # another photo is another question
    photo(root, "train", "aa00000002.jpg").unlink()
    assert Recipe1M(root, allow_partial=True).missing("train") == ("00003a70b1",)


def test_a_split_without_image_folder_is_missing_as_a_whole(root: Path) -> None:
    (root / "images" / "train").rename(root / "images" / "training")
    reader = Recipe1M(root)
    assert len(reader.records("test")) == 1
    assert reader.missing("train") == ("00003a70b1", "ffffffffff")
    assert reader.photos("train") == ()


def test_ids_to_remove_are_removed(root: Path) -> None:
    before = Recipe1M(root).fingerprint("train")
    write_text(root / "remove1M.txt", "ffffffffff\r\n0123456789")
    reader = Recipe1M(root)
    assert ids(reader, "train") == ["00003a70b1"]
    assert reader.fingerprint("train") != before
    write_text(root / "remove1M.txt", "ffffffffff.jpg\n")
    with pytest.raises(DataCorrupt, match=r"remove1M\.txt, line 1"):
        Recipe1M(root)


def test_a_subset_is_taken_as_it_is(tmp_path: Path, root: Path) -> None:
    short = Recipe("0000dddddd", "test", steps=("Eat.",), images=("dd00000001.jpg",))
    write_copy(root, [*RECIPES, short])
    chosen = tmp_path / "keys.txt"
    write_text(chosen, "0000dddddd\r\n000018c8a5")
    reader = Recipe1M(root, subset=chosen)
    assert ids(reader) == ["000018c8a5", "0000dddddd"]
    assert ids(reader, "train") == ["00003a70b1", "ffffffffff"]  # no id of it in the list: whole
    assert ids(Recipe1M(root, subset=str(chosen), filter="inverse_cooking")) == ["000018c8a5"]
    write_text(chosen, "0000dddddd\n")
    smaller = Recipe1M(root, subset=chosen)
    assert ids(smaller) == ["0000dddddd"]
    assert smaller.fingerprint("test") != reader.fingerprint("test")
    assert smaller.fingerprint("train") == reader.fingerprint("train") == Recipe1M(root).fingerprint("train")


@pytest.mark.parametrize(
    ("lines", "error", "what"),
    [
        ("000018c8a5\n0123456789\n", DataCorrupt, r"names 1 recipes that .*layer1\.json does not have: 0123456789"),
        ("0000cccccc\n", DataMissing, "names 1 recipes without photo .*: 0000cccccc"),
        ("ffffffffff\n", DataMissing, "or that remove1M.txt drops: ffffffffff"),
        ("3e233001e2.jpg\n", DataCorrupt, "line 1: '3e233001e2.jpg' is not an id"),
        ("000018c8a5\n000018c8a5\n", DataCorrupt, "line 2: '000018c8a5' is listed a second time"),
        ("", DataCorrupt, "lists nothing"),
    ],
)
def test_subsets_that_cannot_be_had_are_refused(
    tmp_path: Path, root: Path, lines: str, error: type[Exception], what: str
) -> None:
    write_text(root / "remove1M.txt", "ffffffffff")
    write_text(tmp_path / "keys.txt", lines)
    with pytest.raises(error, match=what):
        Recipe1M(root, subset=tmp_path / "keys.txt")
    with pytest.raises(DataMissing, match=r"nowhere\.txt does not exist"):
        Recipe1M(root, subset=tmp_path / "nowhere.txt")


def test_files_that_contradict_each_other_are_refused(root: Path) -> None:
    rows = json.loads((root / "det_ingrs.json").read_text())
    write_text(root / "det_ingrs.json", json.dumps(rows[1:]))
    with pytest.raises(DataCorrupt, match=r"no entry for 1 recipes of layer1\.json: 000018c8a5"):
        Recipe1M(root)
    rows[1]["valid"].pop()
    rows[1]["ingredients"].pop()
    write_text(root / "det_ingrs.json", json.dumps(rows))
    with pytest.raises(DataCorrupt, match="another number of ingredients .* 1 recipes: 00003a70b1"):
        Recipe1M(root)


def test_rows_of_recipes_that_are_not_there_do_no_harm(root: Path) -> None:
    """Who cuts layer1.json down to the test split need not cut the others."""
    whole = Recipe1M(root).fingerprint("test")
    write_text(root / "layer1.json", json.dumps([RECIPES[0].text_row()]))
    reader = Recipe1M(root)
    assert ids(reader) == ["000018c8a5"]
    assert reader.fingerprint("test") == whole
    with pytest.raises(DataMissing):
        reader.records("train")


def test_the_fingerprint_depends_on_texts_ids_and_photos_only(tmp_path: Path, root: Path) -> None:
    reader = Recipe1M(root)
    prints = {split: reader.fingerprint(split) for split in reader.splits}
    assert len(set(prints.values())) == 3
    assert all(value.startswith("sha256:") for value in prints.values())
    moved = root.rename(tmp_path / "moved")
    write_rows(moved, RECIPES[::-1], indent=1)
    assert {split: Recipe1M(moved).fingerprint(split) for split in reader.splits} == prints
    for field, value in (
        ("title", "Another"), ("steps", ("Preheat the oven to 350 F.", "Fry it.")), ("images", ("3e233001e2.jpg",)),
        ("ingredients", ("6 ounces", "penne 14 cup cheese", "1 egg")), ("valid", (True, True, False)),
    ):  # fmt: skip
        changed = Recipe(**{**{name: getattr(RECIPES[0], name) for name in RECIPES[0].__dict__}, field: value})
        write_rows(moved, [changed, *RECIPES[1:]])
        assert Recipe1M(moved).fingerprint("test") != prints["test"], field
        assert Recipe1M(moved).fingerprint("train") == prints["train"]


def test_halves_of_characters_become_writable(tmp_path: Path) -> None:
    root = write_copy(
        tmp_path / "Recipe1M", [Recipe("0" * 10, title="half \ud83d pie", steps=("Bake \udf55 it.", LONG))]
    )
    (record,) = Recipe1M(root).records("test")
    assert record.title == "half � pie"
    assert record.steps[0] == "Bake � it."
    record.title.encode()
    root = write_copy(tmp_path / "whole", [Recipe("0" * 10, title="whole \U0001f355 pie")])
    assert Recipe1M(root).records("test")[0].title == "whole \U0001f355 pie"


def test_a_wrong_folder_is_told_the_right_one(root: Path) -> None:
    for given_root in (root.parent, root / "images"):
        with pytest.raises(DataMissing) as caught:
            Recipe1M(given_root)
        assert caught.value.hint == f"Did you mean {root}?"


def test_the_photo_of_another_split_does_not_stand_in(root: Path) -> None:
    photo(root, "test", "3e233001e2.jpg").unlink()
    save_photo(photo(root, "train", "3e233001e2.jpg"))
    assert Recipe1M(root, allow_partial=True).missing("test") == ("000018c8a5",)


def reference_keeps(steps: Sequence[str]) -> bool:
    """The rule step by step, without short cuts."""
    lengths = []
    for step in steps:
        step = step.lower()
        for old, new in (("&", "and"), ("'n", "and"), ("#", ""), ("[", ""), ("]", "")):
            step = step.replace(old, new)
        step = step.strip()
        if step and not step[0].isdigit():
            lengths.append(len(step))
    return 2 <= len(lengths) < 20 and sum(lengths) >= 20


@given(st.lists(st.text("aZ1&'n#[] İé", max_size=8), max_size=22))
def test_the_fast_look_at_the_steps_agrees_with_the_slow_one(steps: list[str]) -> None:
    assert has_usable_steps(steps) == reference_keeps(steps)


TEXTS = st.lists(st.text("ab\x1e\x1f1,", max_size=4), max_size=3)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_texts_that_are_divided_otherwise_have_other_digests(
    a: list[str], b: list[str], c: list[str], d: list[str]
) -> None:
    without = [[text.replace("\x1e", "").replace("\x1f", "") for text in part] for part in (a, b, c, d)]
    first, second = (without[0], without[1]), (without[2], without[3])
    assert (digest(*first) == digest(*second)) == (first == second)
