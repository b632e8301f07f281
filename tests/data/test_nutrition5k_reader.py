"""Nutrition5k: the columns' order, the annotation's known faults, and which pictures exist."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from dataset_trees import CAFE1, CAFE2, LISTS, TABLE, save_photo, write_text
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, UnknownName
from foodbench.core.types import NUTRIENTS, Nutrition
from foodbench.data.nutrition5k import (
    NOTE_DEPRECATED,
    NOTE_MASS_MISMATCH,
    NOTE_NAME_RESOLVED,
    NOTE_TOTALS_REPAIRED,
    NOTE_ZERO_ENERGY,
    OUTLIER_FILTERS,
    Nutrition5k,
)
from foodbench.data.nutrition5k_csv import read_dishes, read_ingredient_table

NAMES = {1: "cottage cheese", 32: "tomatoes", 63: "bean(seed)", 423: "plate only", 453: "deprecated", 546: "vinegar"}
ROW = "dish_1550000001,34.0,100.0,0.7,6.8,0.9,ingr_0000000032,tomatoes,100.0,34.5,0.75,6.5,0.5"


def cafe1(root: Path) -> Path:
    return root / "metadata" / "dish_metadata_cafe1.csv"


def test_totals_and_parts_have_different_column_orders(tmp_path: Path) -> None:
    write_text(tmp_path / "dishes.csv", ROW)
    (dish,) = read_dishes(tmp_path / "dishes.csv", "cafe1", NAMES).values()
    assert dish.total == Nutrition(kcal=34.0, mass=100.0, fat=0.7, carb=6.8, protein=0.9)
    assert dish.portions[0].nutrition == Nutrition(kcal=34.5, mass=100.0, fat=0.75, carb=6.5, protein=0.5)
    assert dish.portions[0].ingredient_id == 32
    assert dish.notes == ()


def test_totals_of_cafe2_are_summed_from_the_parts(nutrition5k_root: Path) -> None:
    dish = Nutrition5k(nutrition5k_root).dish("dish_1572974428")
    assert dish.total == Nutrition(kcal=23.0, mass=30.0, fat=1.0, carb=1.0, protein=2.125)
    assert dish.notes == (NOTE_TOTALS_REPAIRED,)
    assert (dish.cafe, dish.split, dish.view) == ("cafe2", "", "overhead")


def test_a_dish_of_zero_energy_stays_as_it_is(nutrition5k_root: Path) -> None:
    dish = Nutrition5k(nutrition5k_root).dish("dish_1557861216")
    assert dish.total == Nutrition(kcal=0.0, mass=1.0, fat=0.0, carb=0.0, protein=0.0)
    assert dish.notes == (NOTE_ZERO_ENERGY,)


def test_empty_names_come_from_the_table(nutrition5k_root: Path) -> None:
    dish = Nutrition5k(nutrition5k_root).dish("dish_1550000004")
    assert [portion.name for portion in dish.portions] == ["balsamic vinegar", "cottage cheese"]
    assert dish.notes == (f"{NOTE_NAME_RESOLVED}: 546 -> balsamic vinegar",)
    assert dish.has_note(NOTE_NAME_RESOLVED)
    assert not dish.has_note(NOTE_DEPRECATED)


def test_deprecated_is_kept_and_noted(nutrition5k_root: Path) -> None:
    dish = Nutrition5k(nutrition5k_root).dish("dish_1550000002")
    assert dish.portions[0].name == "deprecated"
    assert dish.notes == (NOTE_DEPRECATED,)


def test_names_are_stripped_and_doubtful_masses_noted(nutrition5k_root: Path) -> None:
    reader = Nutrition5k(nutrition5k_root)
    dish = reader.dish("dish_1550000005")
    assert dish.portions[0].name == reader.ingredients[63] == "bean(seed)"
    assert dish.has_note(NOTE_MASS_MISMATCH)
    assert dish.total.mass == 510.0


def test_train_and_test_mean_the_depth_lists_from_above_and_the_rgb_lists_otherwise(nutrition5k_root: Path) -> None:
    reader = Nutrition5k(nutrition5k_root)
    assert [record.dish_id for record in reader.records("test")] == LISTS["depth_test"]
    assert {record.split for record in reader.records("test")} == {"depth_test"}
    assert reader.records("depth_test") == reader.records("test")
    assert reader.ids("rgb_test") == tuple(LISTS["rgb_test"])
    assert Nutrition5k(nutrition5k_root, view="any").ids("test") == tuple(LISTS["rgb_test"])
    assert reader.list_name("train") == "depth_train"


def test_dishes_without_overhead_picture_are_an_error_that_explains(nutrition5k_root: Path) -> None:
    with pytest.raises(DataMissing) as caught:
        Nutrition5k(nutrition5k_root).records("rgb_test")
    assert "2 of 4 pictures of rgb_test (overhead view): dish_1550000004, dish_1551567508" in caught.value.message
    assert "depth_test" in caught.value.hint
    assert "--allow-partial" in caught.value.hint
    partial = Nutrition5k(nutrition5k_root, allow_partial=True)
    assert [record.dish_id for record in partial.records("rgb_test")] == ["dish_1557861216", "dish_1550000002"]
    assert partial.missing("rgb_test") == ("dish_1550000004", "dish_1551567508")


def test_side_frames_stand_in_where_asked_and_are_told_apart(nutrition5k_root: Path) -> None:
    reader = Nutrition5k(nutrition5k_root, view="any", allow_partial=True)
    records = {record.dish_id: record for record in reader.records("test")}
    assert {dish_id: record.view for dish_id, record in records.items()} == {
        "dish_1557861216": "overhead",
        "dish_1550000002": "overhead",
        "dish_1550000004": "side",
    }
    image = records["dish_1550000004"].image
    assert image is not None
    assert image.path.name == "camera_A_frame_001.jpeg"
    assert image.open().size == (12, 8)
    image.path.unlink()
    again = Nutrition5k(nutrition5k_root, view="any", allow_partial=True).dish("dish_1550000004").image
    assert again is not None
    assert again.path.name == "camera_B_frame_001.jpeg"
    with pytest.raises(DataMissing, match="1 of 4"):
        Nutrition5k(nutrition5k_root, view="any").records("test")


def test_annotations_do_not_need_pictures(nutrition5k_root: Path) -> None:
    records = Nutrition5k(nutrition5k_root).annotations("rgb_test")
    assert [record.dish_id for record in records] == LISTS["rgb_test"]
    assert [record.image is None for record in records] == [False, False, True, True]


def test_no_picture_at_all_is_refused_even_with_allow_partial(nutrition5k_root: Path) -> None:
    for dish_id in LISTS["depth_test"]:
        (nutrition5k_root / "imagery" / "realsense_overhead" / dish_id / "rgb.png").unlink()
    with pytest.raises(DataMissing, match=r"lacks 2 of 2"):
        Nutrition5k(nutrition5k_root).records("test")
    with pytest.raises(DataMissing, match="none of the 2 pictures of depth_test"):
        Nutrition5k(nutrition5k_root, allow_partial=True).records("test")


def test_three_dishes_of_depth_train_may_lack_a_picture(nutrition5k_root: Path) -> None:
    """No copy has them; a fourth one is a fault of this copy."""
    extra = [f"dish_16000000{number:02d}" for number in range(4)]
    rows = "".join(ROW.replace("dish_1550000001", dish_id) + "\n" for dish_id in extra)
    write_text(cafe1(nutrition5k_root), CAFE1 + rows)
    path = nutrition5k_root / "dish_ids" / "splits" / "depth_train_ids.txt"
    write_text(path, "\n".join(["dish_1550000001", *extra[:3]]))
    reader = Nutrition5k(nutrition5k_root)
    assert [record.dish_id for record in reader.records("train")] == ["dish_1550000001"]
    assert reader.missing("train") == tuple(extra[:3])
    write_text(path, "\n".join(["dish_1550000001", *extra]))
    with pytest.raises(DataMissing, match="4 of 5"):
        Nutrition5k(nutrition5k_root).records("train")


def test_an_added_header_line_is_refused_with_the_repair(nutrition5k_root: Path) -> None:
    header = "dish_id,total_calories,total_mass,total_fat,total_carb,total_protein,num_ingrs\n"
    write_text(cafe1(nutrition5k_root), header + CAFE1)
    with pytest.raises(DataCorrupt, match=r"cafe1\.csv, line 1: looks like a header line \('dish_id,total_") as caught:
        Nutrition5k(nutrition5k_root)
    assert "sed -i '1d' 'dish_metadata_cafe1.csv'" in caught.value.hint


@pytest.mark.parametrize("padding", [",,,,", ",", ", ,  ,", "," * 7, "," * 14])
def test_the_padding_of_spreadsheets_is_refused_with_the_repair(nutrition5k_root: Path, padding: str) -> None:
    """Seven commas would otherwise read as one more ingredient without name and weight."""
    lines = CAFE1.splitlines()
    lines[3] += padding
    write_text(cafe1(nutrition5k_root), "\r\n".join(lines))
    with pytest.raises(DataCorrupt, match=r"cafe1\.csv, line 4: ends with \d+ empty fields") as caught:
        Nutrition5k(nutrition5k_root)
    assert "sed" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (ROW[:-4], "12 fields; a row has 6 and then 7"),
        (ROW + ",ingr_0000000001,cottage cheese,1.0", "16 fields"),
        ("dish_1550000001,34.0,100.0,0.7,6.8,0.9", "6 fields"),
        (ROW.replace("34.0", "nan"), "a total is not a finite number: 'nan'"),
        (ROW.replace("34.0", "inf"), "not a finite number"),
        (ROW.replace("34.0", "1e999"), "not a finite number"),
        (ROW.replace("34.0", "1_000"), "not a finite number"),
        (ROW.replace("34.0", "３４"), "not a finite number"),
        (ROW.replace("34.0", ""), "not a finite number"),
        (ROW.replace("34.5", "-34.5"), "a value of 'tomatoes' is negative: '-34.5'"),
        (ROW.replace("ingr_0000000032", "ingr_0000000999"), "'ingr_0000000999' is not in ingredients_metadata"),
        (ROW.replace("ingr_0000000032", "32"), "'32' is not an ingredient id"),
        (ROW.replace("tomatoes", "tomatoes, ripe"), "14 fields"),
        (ROW.replace("tomatoes", '"tomatoes"'), "quotation mark"),
        (ROW.replace("dish_1550000001", "dish_155"), "'dish_155' is not a dish id"),
        (ROW.replace("dish_1550000001", "../dish_1550000001"), "is not a dish id"),
        (ROW + "\n" + ROW, "line 2: dish_1550000001 occurs a second time"),
        ("", "holds no dish"),
    ],
)
def test_malformed_rows_are_refused(tmp_path: Path, change: str, words: str) -> None:
    write_text(tmp_path / "dishes.csv", change)
    with pytest.raises(DataCorrupt) as caught:
        read_dishes(tmp_path / "dishes.csv", "cafe1", NAMES)
    assert words in caught.value.message
    assert "dishes.csv" in caught.value.message


def test_small_numbers_are_written_with_exponents(tmp_path: Path) -> None:
    write_text(tmp_path / "dishes.csv", ROW.replace("34.5", "2.9574e-05"))
    (dish,) = read_dishes(tmp_path / "dishes.csv", "cafe1", NAMES).values()
    assert dish.portions[0].nutrition.kcal == 2.9574e-05


def test_line_endings_and_a_missing_newline_change_nothing(nutrition5k_root: Path) -> None:
    before = Nutrition5k(nutrition5k_root)
    for path in nutrition5k_root.rglob("*.csv"):
        write_text(path, "\r\n".join(path.read_text().splitlines()))
    for path in nutrition5k_root.rglob("*_ids.txt"):
        write_text(path, "  \r\n".join(path.read_text().splitlines()) + "\r\n\r\n")
    after = Nutrition5k(nutrition5k_root)
    assert after.records("test") == before.records("test")
    assert after.fingerprint("test") == before.fingerprint("test")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE.partition("\n")[2], "does not begin with the header"),
        (TABLE + "\ntomatoes,32,0,0,0,0", "ingredient id 32 occurs twice"),
        (TABLE + "\nham,7,0,0,0", "5 fields instead of 6"),
        (TABLE + "\nham,7.0,0,0,0,0", "whole number"),
        (TABLE + "\n,7,0,0,0,0", "needs a name"),
        (TABLE + "\nham,7,x,0,0,0", "cal/g is not a finite number"),
    ],
)
def test_a_malformed_ingredient_table_is_refused(tmp_path: Path, table: str, words: str) -> None:
    write_text(tmp_path / "ingredients_metadata.csv", table)
    with pytest.raises(DataCorrupt) as caught:
        read_ingredient_table(tmp_path / "ingredients_metadata.csv")
    assert words in caught.value.message


def test_a_dish_of_both_cafes_is_refused(nutrition5k_root: Path) -> None:
    write_text(nutrition5k_root / "metadata" / "dish_metadata_cafe2.csv", CAFE2 + ROW + "\n")
    with pytest.raises(DataCorrupt, match="dish_1550000001"):
        Nutrition5k(nutrition5k_root)


def test_lists_are_checked(nutrition5k_root: Path) -> None:
    path = nutrition5k_root / "dish_ids" / "splits" / "rgb_test_ids.txt"
    for text, words in (
        ("dish_1999999999", "1 dishes without metadata"),
        ("dish_1550000001", "share 1 ids"),
        ("dish_1557861216\ndish_1557861216", "second time"),
        ("../../../etc", "is not an id"),
    ):
        write_text(path, text)
        with pytest.raises(DataCorrupt, match=words):
            Nutrition5k(nutrition5k_root)


def test_outlier_filters_are_off_unless_named(nutrition5k_root: Path) -> None:
    assert {name: len(ids) for name, ids in OUTLIER_FILTERS.items()} == {"n5k-11": 11, "n5k-5": 5}
    assert OUTLIER_FILTERS["n5k-5"] < OUTLIER_FILTERS["n5k-11"]
    save_photo(nutrition5k_root / "imagery" / "realsense_overhead" / "dish_1551567508" / "rgb.png")
    plain = Nutrition5k(nutrition5k_root, view="any")
    assert "dish_1551567508" in plain.ids("rgb_test")
    filtered = Nutrition5k(nutrition5k_root, view="any", outliers="n5k-11")
    assert set(plain.ids("rgb_test")) - set(filtered.ids("rgb_test")) == {"dish_1551567508"}
    assert plain.fingerprint("rgb_test") != filtered.fingerprint("rgb_test")
    with pytest.raises(UnknownName, match="n5k-7"):
        Nutrition5k(nutrition5k_root, outliers="n5k-7")


def test_unknown_views_splits_and_dishes(nutrition5k_root: Path) -> None:
    with pytest.raises(UnknownName):
        Nutrition5k(nutrition5k_root, view="side")  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        Nutrition5k(nutrition5k_root).records("val")
    with pytest.raises(UnknownName):
        Nutrition5k(nutrition5k_root).dish("dish_1")


def test_a_misnamed_table_is_pointed_out(nutrition5k_root: Path) -> None:
    """The official README calls it so."""
    path = nutrition5k_root / "metadata" / "ingredients_metadata.csv"
    path.rename(path.with_name("ingredient_metadata.csv"))
    with pytest.raises(DataMissing) as caught:
        Nutrition5k(nutrition5k_root)
    assert "'metadata/ingredient_metadata.csv' instead of 'metadata/ingredients_metadata.csv'" in caught.value.hint


def test_the_fingerprint_sees_values(nutrition5k_root: Path) -> None:
    before = Nutrition5k(nutrition5k_root).fingerprint("test")
    write_text(cafe1(nutrition5k_root), CAFE1.replace("74.360001", "74.360002"))
    assert Nutrition5k(nutrition5k_root).fingerprint("test") != before


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "dishes.csv"


def read_or_refuse(path: Path, data: bytes) -> None:
    """Any bytes give dishes with finite, non-negative values or an error for people; nothing else."""
    path.write_bytes(data)
    try:
        dishes = read_dishes(path, "cafe1", NAMES)
    except FoodbenchError as error:
        assert str(path) in error.message
        return
    for dish in dishes.values():
        for nutrition in (dish.total, *(portion.nutrition for portion in dish.portions)):
            assert len(nutrition.as_dict()) == len(NUTRIENTS)
            assert all(0 <= value < float("inf") for value in nutrition.as_dict().values())
        assert all(portion.name for portion in dish.portions)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(scratch: Path, data: bytes) -> None:
    read_or_refuse(scratch, data)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_rows_are_read_or_refused(scratch: Path, data: st.DataObject) -> None:
    text = CAFE1 + CAFE2
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.text(alphabet=',.-+e019"\n\r\t_ ndaif\x00\u2028é', max_size=6)) + text[end:]
    read_or_refuse(scratch, text.encode())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text(alphabet="0123456789.-eE_", max_size=8), min_size=1, max_size=30), max_size=3))
def test_rows_of_odd_numbers_are_read_or_refused(scratch: Path, rows: list[list[str]]) -> None:
    lines = [",".join(["dish_1550000001", *row[:5], "ingr_0000000032", *row[5:]]) for row in rows]
    read_or_refuse(scratch, "\n".join(lines).encode())


@pytest.fixture(scope="module")
def real_reader(realdata: Path) -> Nutrition5k:
    return Nutrition5k(realdata / "nutrition5k_dataset", view="any", allow_partial=True)


def test_the_real_metadata(real_reader: Nutrition5k) -> None:
    reader = real_reader
    assert len(reader.dish_ids()) == 5_006
    assert len(reader.ingredients) == 555
    assert {name: len(reader.ids(name)) for name in LISTS} == {
        "rgb_train": 4_059,
        "rgb_test": 709,
        "depth_train": 2_758,
        "depth_test": 507,
    }
    notes = [note.partition(":")[0] for dish_id in reader.dish_ids() for note in reader.dish(dish_id).notes]
    assert {note: notes.count(note) for note in set(notes)} == {
        NOTE_TOTALS_REPAIRED: 238,
        NOTE_NAME_RESOLVED: 79,
        NOTE_DEPRECATED: 31,
        NOTE_MASS_MISMATCH: 8,
        NOTE_ZERO_ENERGY: 2,
    }


@pytest.mark.parametrize(
    ("split", "means"),
    [
        ("rgb_test", [252.96, 191.81, 13.66, 19.03, 15.94]),
        ("depth_test", [255.47, 198.51, 12.83, 19.68, 17.48]),
        ("rgb_train", [218.92, 191.36, 10.84, 17.65, 15.07]),
        ("depth_train", [254.81, 217.83, 12.71, 19.32, 18.09]),
    ],
)
def test_the_real_means(real_reader: Nutrition5k, split: str, means: list[float]) -> None:
    """kcal, mass, fat, carb, protein: the denominators of published percentages."""
    totals = [record.total.as_dict() for record in real_reader.annotations(split)]
    assert [round(statistics.fmean(total[name] for total in totals), 2) for name in NUTRIENTS] == means


def test_the_real_pictures(realdata: Path, real_reader: Nutrition5k) -> None:
    root = realdata / "nutrition5k_dataset"
    with pytest.raises(DataMissing, match="507 of 507"):
        Nutrition5k(root).records("test")
    records = real_reader.records("test")
    assert {record.dish_id for record in records} == {"dish_1550705370", "dish_1563909580", "dish_1565034681"}
    for record in records:
        assert record.view == "side"
        assert record.image is not None
        assert min(record.image.open().size) >= 320
