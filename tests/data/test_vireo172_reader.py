"""VIREO Food-172: photos, dishes and ingredients joined by path, and lists that are not what they should be refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dataset_trees import save_photo, write_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from vireo_uec_trees import DISHES, INGREDIENTS, LABELS, ROWS, VIREO_LISTS, row, write_vireo

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, UnknownName
from foodbench.data.vireo172 import Vireo172

FILES = ["TR.txt", "VAL.txt", "TE.txt", "IngreLabel.txt", "FoodList.txt", "IngredientList.txt"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_vireo(tmp_path / "somewhere" / "VireoFood172")


def edit(root: Path, name: str, old: str, new: str, count: int = 1) -> None:
    path = root / LABELS / name
    text = path.read_text()
    assert old in text
    write_text(path, text.replace(old, new, count))


def by_id(root: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    reader = Vireo172(root)
    return {
        record.image_id: (record.label, record.ingredients)
        for split in reader.splits
        for record in reader.records(split)
    }


def test_records_join_photo_dish_and_ingredients(root: Path) -> None:
    reader = Vireo172(root)
    assert reader.classes == tuple(DISHES)
    assert reader.ingredients == tuple(INGREDIENTS)
    for split, ids in VIREO_LISTS.items():
        records = reader.records(split)
        assert reader.ids(split) == tuple(ids) == tuple(record.image_id for record in records)
        for record in records:
            assert record.split == split
            assert record.label == f"Dish {record.image_id.partition('/')[0]}"
            assert record.ingredients == tuple(f"ingredient {index + 1}" for index in ROWS[record.image_id])
            assert record.image.path == root / "ready_chinese_food" / f"{record.image_id}.jpg"


def test_grey_and_cmyk_photos_are_opened_in_rgb(root: Path) -> None:
    modes = []
    for record in Vireo172(root).records("test"):
        with Image.open(record.image.path) as stored:
            modes.append(stored.mode)
        photo = record.image.open()
        assert (photo.mode, photo.size) == ("RGB", (12, 8))
        red, green, blue = photo.getpixel((6, 4))
        assert max(red, green, blue) - min(red, green, blue) < 12  # the ramp is grey in every colour model
    assert modes == ["CMYK", "L"]


def test_a_truncated_photo_is_an_error_when_it_is_opened(root: Path) -> None:
    path = root / "ready_chinese_food" / "172" / "9_9.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    records = Vireo172(root).records("test")
    with pytest.raises(DataCorrupt, match=r"9_9\.jpg cannot be decoded"):
        records[0].image.open()
    records[1].image.open()


@pytest.mark.parametrize("name", FILES)
def test_line_endings_and_trailing_blanks_change_nothing(root: Path, name: str) -> None:
    before = {split: Vireo172(root).fingerprint(split) for split in VIREO_LISTS}
    path = root / LABELS / name
    write_text(path, " \r\n".join(path.read_text().splitlines()) + "\t\r\n\r\n")
    assert {split: Vireo172(root).fingerprint(split) for split in VIREO_LISTS} == before


@pytest.mark.parametrize(
    ("old", "new"),
    [(" -1 -1", "  -1   -1"), (" -1 -1", "\t-1 \t-1"), ("-1", "0"), (" 1", " +1"), ("/1/4_41.jpg", "/1/4_41.jpg  ")],
)
def test_rows_may_have_runs_of_blanks_and_other_spellings(root: Path, old: str, new: str) -> None:
    before = by_id(root)
    edit(root, "IngreLabel.txt", old, new, count=-1)
    assert by_id(root) == before


def test_rows_are_joined_by_path_and_unlisted_ones_do_no_harm(root: Path) -> None:
    before = by_id(root)
    path = root / LABELS / "IngreLabel.txt"
    lines = [*reversed(path.read_text().splitlines()), row("5/1_1", (3,))]
    write_text(path, "\n".join(lines))
    assert by_id(root) == before


def test_paths_without_slash_and_further_words_are_accepted(root: Path) -> None:
    before = by_id(root)
    edit(root, "TR.txt", "/1/4_41.jpg", "1/4_41.jpg 0")
    edit(root, "IngreLabel.txt", "/1/4_41.jpg", "1/4_41.jpg")
    assert by_id(root) == before


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("Braised pork;", "Braised pork"),
        ("  Fried rice ; ", "Fried rice"),
        ("Egg, scrambled; soft;;", "Egg, scrambled; soft"),
    ],
)
def test_semicolons_and_blanks_around_names_are_taken_off(root: Path, found: str, name: str) -> None:
    edit(root, "FoodList.txt", "Dish 2;", found)
    edit(root, "IngredientList.txt", "ingredient 2\n", f"{found}\n")
    reader = Vireo172(root)
    assert reader.classes[1] == reader.ingredients[1] == name
    assert reader.records("train")[0].ingredients == (name,)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("FoodList.txt", "Dish 3;\n", "\n", "FoodList.txt: line 3 has no name"),
        ("FoodList.txt", "Dish 3;\n", " ;\n", "FoodList.txt: line 3 has no name"),
        ("IngredientList.txt", "ingredient 1\n", "\ningredient 1\n", "IngredientList.txt: line 1 has no name"),
        ("FoodList.txt", "Dish 172;\n", "", "has 171 names; the official list has 172"),
        ("IngredientList.txt", "ingredient 353", "ingredient 353\nsalt", "has 354 names; the official list has 353"),
    ],
)
def test_lists_of_names_with_gaps_or_of_other_lengths_are_refused(
    root: Path, name: str, old: str, new: str, words: str
) -> None:
    edit(root, name, old, new)
    with pytest.raises(DataCorrupt, match=words):
        Vireo172(root)


def test_a_synthetic_copy_may_have_other_numbers_and_a_row_follows_from_them(root: Path) -> None:
    write_text(root / LABELS / "FoodList.txt", "soup;\nstew\n")
    write_text(root / LABELS / "IngredientList.txt", "leek\npotato\ncarrot")
    write_text(
        root / LABELS / "IngreLabel.txt", "/1/4_41.jpg 1 -1 1\n/2/7_3.jpg  -1 0 1\n/2/1_1.jpg 1 1 1\n/1/10_2.jpg 1 0 0"
    )
    write_text(root / LABELS / "TE.txt", "/1/10_2.jpg\n")
    with pytest.raises(DataCorrupt, match="has 2 names; the official list has 172"):
        Vireo172(root)
    write_text(root / ".foodbench-synthetic.json", "{}")
    reader = Vireo172(root)
    assert reader.synthetic
    assert [(record.label, record.ingredients) for record in reader.records("train")] == [
        ("soup", ("leek", "carrot")),
        ("stew", ("carrot",)),
    ]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (" ".join(["1", *["-1"] * 351]), "line 2: 352 labels, but IngredientList.txt names 353"),
        (" ".join(["1", *["-1"] * 353]), "line 2: 354 labels"),
        ("", "line 2: 0 labels"),
        (" ".join(["2", *["1"] * 352]), "line 2: '2' is no label"),
        (" ".join(["11", *["-1"] * 352]), "line 2: '11' is no label"),
        (" ".join(["-", *["1"] * 352]), "line 2: '-' is no label"),
        (" ".join(["--1", *["1"] * 352]), "line 2: '--1' is no label"),
        (" ".join(["1.0", *["0"] * 352]), "line 2: '1.0' is no label"),
        (" ".join(["1-1", *["0"] * 352]), "line 2: '1-1' is no label"),
        (" ".join(["\u0661", *["0"] * 352]), "is no label"),
    ],
)
def test_malformed_rows_are_refused(root: Path, labels: str, words: str) -> None:
    edit(root, "IngreLabel.txt", row("1/4_41", ROWS["1/4_41"]), f"/1/4_41.jpg {labels}")
    with pytest.raises(DataCorrupt, match=words):
        Vireo172(root)


def test_photos_without_a_row_or_an_ingredient_and_with_two_rows_are_refused(root: Path) -> None:
    text = (root / LABELS / "IngreLabel.txt").read_text()
    right = row("2/7_3", ROWS["2/7_3"])
    for wrong, words in (
        ("", r"1 photos of the lists have no row in .*IngreLabel\.txt: 2/7_3"),
        (row("2/7_3", ()), "1 photos of the lists have no ingredient in .*: 2/7_3"),
        (f"{right}\n{right.removeprefix('/')}", "line 4: '2/7_3.jpg' has a row already"),
    ):
        write_text(root / LABELS / "IngreLabel.txt", text.replace(right, wrong))
        with pytest.raises(DataCorrupt, match=words):
            Vireo172(root)


@pytest.mark.parametrize(
    "line",
    [
        "/../../etc/passwd.jpg",
        "/1/../2/7_3.jpg",
        "//1/4_41.jpg",
        "/1/.hidden.jpg",
        "/1/4_41.png",
        "/1/4_41",
        "/01/4_41.jpg",
        "/0/4_41.jpg",
        "/1/sub/4_41.jpg",
        "C:\\1\\4_41.jpg",
        "/\u0661/4_41.jpg",
    ],
)
def test_paths_of_another_form_are_refused(root: Path, line: str) -> None:
    edit(root, "TE.txt", "/1/10_2.jpg", line)
    with pytest.raises(DataCorrupt, match=r"TE\.txt, line 2"):
        Vireo172(root)
    edit(root, "TE.txt", line, "/1/10_2.jpg")
    edit(root, "IngreLabel.txt", "/1/10_2.jpg", line)
    with pytest.raises(DataCorrupt, match=r"IngreLabel\.txt, line 4"):
        Vireo172(root)


def test_folders_are_counted_from_one_and_end_with_the_last_dish(root: Path) -> None:
    edit(root, "TE.txt", "/1/10_2.jpg", "/173/10_2.jpg")
    with pytest.raises(DataCorrupt, match=r"photos of the folders 173, but FoodList\.txt names 172 dishes") as caught:
        Vireo172(root)
    assert "numbered from 1" in caught.value.hint


@pytest.mark.parametrize(("first", "second"), [("TR.txt", "VAL.txt"), ("TR.txt", "TE.txt"), ("VAL.txt", "TE.txt")])
def test_overlapping_and_repeating_lists_are_refused(root: Path, first: str, second: str) -> None:
    line = (root / LABELS / first).read_text().splitlines()[0]
    path = root / LABELS / second
    before = path.read_text()
    write_text(path, f"{before}\n{line}\n")
    with pytest.raises(DataCorrupt, match=f"{first} and {second} share 1 ids"):
        Vireo172(root)
    repeated = before.splitlines()[0].removeprefix("/")
    write_text(path, f"{before}\n{repeated}\n")
    with pytest.raises(DataCorrupt, match="is listed a second time"):
        Vireo172(root)


def test_missing_photos_are_refused_by_default(root: Path) -> None:
    whole = Vireo172(root).fingerprint("test")
    photos = root / "ready_chinese_food"
    (photos / "1" / "10_2.jpg").rename(photos / "1" / "._10_2.jpg")  # what macOS leaves behind is no photo
    shutil.rmtree(photos / "2")
    with pytest.raises(DataMissing, match="3 of 5 photos: 2/7_3, 2/1_1, 1/10_2") as caught:
        Vireo172(root)
    assert "--allow-partial" in caught.value.hint
    reader = Vireo172(root, allow_partial=True)
    assert [record.image_id for record in reader.records("test")] == ["172/9_9"]
    assert reader.missing("test") == ("1/10_2",)
    assert reader.fingerprint("test") != whole
    with pytest.raises(DataMissing, match="none of the 1 photos of the val split"):
        reader.records("val")


def test_the_fingerprint_sees_labels_of_its_split_only(root: Path) -> None:
    before = {split: Vireo172(root).fingerprint(split) for split in VIREO_LISTS}
    assert len(set(before.values())) == 3
    edit(root, "IngreLabel.txt", row("2/7_3", ROWS["2/7_3"]), row("2/7_3", (1, 2, 301)))
    after = {split: Vireo172(root).fingerprint(split) for split in VIREO_LISTS}
    assert [split for split in VIREO_LISTS if after[split] != before[split]] == ["train"]


def test_the_high_resolution_photos_are_used_only_on_demand(root: Path) -> None:
    usual = Vireo172(root).fingerprint("test")
    (root / "ready_chinese_food").rename(root / "ready_chinese_food_ori")
    with pytest.raises(DataMissing, match="has the photos of ready_chinese_food_ori") as caught:
        Vireo172(root)
    assert "photos=original" in caught.value.hint
    reader = Vireo172(root, photos="original")
    assert reader.records("test")[0].image.open().mode == "RGB"
    assert reader.fingerprint("test") != usual
    with pytest.raises(UnknownName):
        Vireo172(root, photos="huge")  # type: ignore[arg-type]


def test_both_editions_side_by_side(root: Path) -> None:
    for one in ROWS:
        save_photo(root / "ready_chinese_food_ori" / f"{one}.jpg", size=(48, 32))
    assert Vireo172(root).records("test")[0].image.size() == (12, 8)
    assert Vireo172(root, photos="original").records("test")[0].image.size() == (48, 32)


@pytest.mark.parametrize("given", ["", "VireoFood172/ready_chinese_food", "VireoFood172/SplitAndIngreLabel"])
def test_a_folder_off_by_a_level_is_told_the_right_one(root: Path, given: str) -> None:
    with pytest.raises(DataMissing) as caught:
        Vireo172(root.parent / given)
    assert caught.value.hint == f"Did you mean {root}?"


def test_unknown_splits_are_refused(root: Path) -> None:
    with pytest.raises(UnknownName):
        Vireo172(root).records("validation")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vireo(tmp_path_factory.mktemp("fuzz") / "VireoFood172")


def _read_all(root: Path) -> None:
    """Reads, or refuses with an error for people; anything else fails the test."""
    try:
        reader = Vireo172(root, allow_partial=True)
        for split in reader.splits:
            for record in reader.records(split):
                assert record.label in reader.classes
                assert record.ingredients
                assert root in record.image.path.resolve().parents
    except FoodbenchError as error:
        assert error.message


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(FILES),
    cut=st.integers(0, 4000),
    noise=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)),
    keep_end=st.booleans(),
)
def test_damaged_lists_are_refused_or_read_but_never_crash(
    fuzzed: Path, name: str, cut: int, noise: bytes, keep_end: bool
) -> None:
    path = fuzzed / LABELS / name
    before = path.read_bytes()
    cut %= len(before) + 1
    try:
        path.write_bytes(before[:cut] + noise + (before[cut:] if keep_end else b""))
        _read_all(fuzzed)
    finally:
        path.write_bytes(before)
