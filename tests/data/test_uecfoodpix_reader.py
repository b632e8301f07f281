"""UEC-FoodPix Complete: class ids from the red channel only, pairs that fit, official class numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import save_mask, save_photo, write_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from vireo_uec_trees import UEC_LISTS, UEC_NAMES, save_red_mask, uec_inner, write_uec

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, UnknownName
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.uecfoodpix import UecFoodPix


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_uec(tmp_path / "somewhere" / "UECFOODPIXCOMPLETE")


def class_list(names: list[str], header: str = "id\tname\n", first: int = 1) -> str:
    return header + "".join(f"{number}\t{name}\n" for number, name in enumerate(names, start=first))


def test_records_pair_photos_with_masks(root: Path) -> None:
    reader = UecFoodPix(root)
    assert reader.classes == tuple(UEC_NAMES)
    assert (reader.classes[0], reader.classes[1], reader.classes[101], reader.classes[102]) == (
        "background",
        "rice",
        "others",
        "beverage",
    )
    for split, ids in UEC_LISTS.items():
        records = reader.records(split)
        assert [record.stem for record in records] == ids
        for index, record in enumerate(records):
            assert np.unique(record.checked_mask()).tolist() == [0, (36, 102, 101)[index]]
            assert record.checked_mask().dtype == np.uint8
            assert record.image.open().size == (12, 8)


def test_what_no_question_can_name(root: Path) -> None:
    assert UecFoodPix(root).not_referable == {0, 101, 255}
    assert FoodSeg103.not_referable == {0, 103, 255}


def test_a_synthetic_copy_has_names_of_its_own(root: Path) -> None:
    write_text(root / "data" / "category.txt", class_list(["rice", "corn", "others", "beverage"]))
    with pytest.raises(DataCorrupt, match="differs from the official list"):
        UecFoodPix(root)
    write_text(root / ".foodbench-synthetic.json", "{}")
    reader = UecFoodPix(root)
    assert reader.classes == ("background", "rice", "corn", "others", "beverage")
    assert reader.not_referable == {0, 3, 255}
    with pytest.raises(DataCorrupt, match=r"no class ids: 36 \(allowed: 0\.\.4 or 255\)"):
        reader.records("test")[0].checked_mask()


@pytest.mark.parametrize(
    "text",
    [
        class_list(UEC_NAMES[1:]),
        class_list(UEC_NAMES[1:], header=""),
        class_list(UEC_NAMES, first=0),
        class_list(UEC_NAMES[1:]).replace("\n", " \r\n").removesuffix("\r\n"),
        class_list(UEC_NAMES[1:]).replace("salmon meuniere", "Salmon  meuniere "),
    ],
)
def test_spellings_of_the_official_list(root: Path, text: str) -> None:
    write_text(root / "data" / "category.txt", text)
    assert UecFoodPix(root).classes == tuple(UEC_NAMES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            class_list(UEC_NAMES[1:]).replace("sushi bowl", "poke bowl"),
            "1 of 103 .*77 is 'poke bowl' instead of 'sushi bowl'",
        ),
        (class_list(UEC_NAMES[1:-1]), "class 102 is absent instead of 'beverage'"),
        (class_list([*UEC_NAMES[1:], "tea"]), "has 104 classes, the background included; officially there are 103"),
        (class_list(UEC_NAMES[1:]).replace("\t", " "), "'1 rice' is not a number, a tab and a name"),
        (class_list(UEC_NAMES[1:]) + "7\tsushi\n", "line 104: id 7 occurs twice"),
        (class_list(UEC_NAMES[1:]).replace("7\tsushi\n", ""), "class 7 is absent instead of 'sushi'"),
        (class_list(UEC_NAMES[1:]).replace("7\tsushi\n", "7\t\n"), "is not a number, a tab and a name"),
        (class_list(UEC_NAMES[1:]).replace("7\tsushi\n", "99999999999\tsushi\n"), "is not a number, a tab and a name"),
        ("", "differs from the official list"),
    ],
)
def test_other_class_lists_are_refused(root: Path, text: str, words: str) -> None:
    write_text(root / "data" / "category.txt", text)
    with pytest.raises(DataCorrupt, match=words):
        UecFoodPix(root)


def test_a_reindexed_list_is_refused_with_the_reason(root: Path) -> None:
    write_text(root / "data" / "category.txt", class_list(sorted(UEC_NAMES[1:])))
    with pytest.raises(DataCorrupt) as caught:
        UecFoodPix(root)
    assert "masks mean other foods" in caught.value.hint


def test_a_synthetic_list_with_a_gap_is_refused(root: Path) -> None:
    write_text(root / ".foodbench-synthetic.json", "{}")
    for text, words in (("1\trice\n3\tcorn\n", "names no class 2"), ("id\tname\n", "names no class 1")):
        write_text(root / "data" / "category.txt", text)
        with pytest.raises(DataCorrupt, match=words):
            UecFoodPix(root)


def test_data_itself_is_accepted_as_the_folder(root: Path) -> None:
    assert UecFoodPix(root / "data").root == UecFoodPix(root).root == root


@pytest.mark.parametrize("given", ["", "UECFOODPIXCOMPLETE/data/UECFoodPIXCOMPLETE"])
def test_a_folder_off_by_a_level_is_told_the_right_one(root: Path, given: str) -> None:
    with pytest.raises(DataMissing) as caught:
        UecFoodPix(root.parent / given)
    assert caught.value.hint == f"Did you mean {root}?"


@pytest.mark.parametrize("name", ["UECFOODPIXCOMPLETE", "uecfoodpixcomplete"])
def test_the_case_of_the_inner_folder_does_not_matter(root: Path, name: str) -> None:
    before = UecFoodPix(root).fingerprint("test")
    uec_inner(root).rename(root / "data" / name)
    reader = UecFoodPix(root)
    assert reader.fingerprint("test") == before
    assert reader.records("test")[0].image.path.parts[-4] == name


def test_the_official_spelling_comes_first(root: Path) -> None:
    (root / "data" / "UECFOODPIXCOMPLETE").mkdir()
    assert UecFoodPix(root).records("test")[0].image.path.parts[-4] == "UECFoodPIXCOMPLETE"


def test_a_copy_without_the_inner_folder_is_refused(root: Path) -> None:
    uec_inner(root).rename(root / "data" / "UECFoodPIX")
    with pytest.raises(DataMissing, match="no folder UECFoodPIXCOMPLETE") as caught:
        UecFoodPix(root, allow_partial=True)
    assert "older UEC-FoodPIX" in caught.value.hint


def test_pairs_that_miss_a_half_are_refused_by_default(root: Path) -> None:
    whole = UecFoodPix(root).fingerprint("test")
    (uec_inner(root) / "test" / "mask" / "23.png").unlink()
    (uec_inner(root) / "train" / "img" / "10873.jpg").unlink()
    with pytest.raises(DataMissing, match="2 of 5 pairs of photo and mask: 10873, 23") as caught:
        UecFoodPix(root)
    assert "--allow-partial" in caught.value.hint
    reader = UecFoodPix(root, allow_partial=True)
    assert [record.stem for record in reader.records("test")] == ["5"]
    assert (reader.missing("train"), reader.missing("test")) == (("10873",), ("23",))
    assert reader.fingerprint("test") != whole
    (uec_inner(root) / "test" / "img" / "5.jpg").unlink()
    with pytest.raises(DataMissing, match="none of the 2 pairs of photo and mask of the test split"):
        UecFoodPix(root, allow_partial=True).records("test")


@pytest.mark.parametrize("line", ["23.jpg", "../23", "test/23", "-23", "23 24", "\u0661", "2" * 10])
def test_ids_of_another_form_are_refused(root: Path, line: str) -> None:
    write_text(root / "data" / "test1000.txt", line + "\n")
    with pytest.raises(DataCorrupt, match=r"test1000\.txt, line 1"):
        UecFoodPix(root)


def test_overlapping_lists_are_refused(root: Path) -> None:
    write_text(root / "data" / "test1000.txt", "23\n5\n7\n")
    with pytest.raises(DataCorrupt, match="share 1 ids: 7"):
        UecFoodPix(root)


def test_a_photo_that_asks_to_be_turned_is_left_as_it_is_stored(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = uec_inner(root) / "test" / "img" / "23.jpg"
    Image.new("RGB", (12, 8), (200, 10, 10)).save(path, exif=exif)
    record = UecFoodPix(root).records("test")[0]
    assert record.image.open().size == (12, 8)
    assert record.checked_mask().shape == (8, 12)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_transposed_mask_is_told_and_never_turned(root: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (12, 8)).save(uec_inner(root) / "test" / "img" / "23.jpg", exif=exif)
    save_red_mask(uec_inner(root) / "test" / "mask" / "23.png", np.full((12, 8), 7, np.uint8))
    words = r"is transposed: 8 x 12 against 12 x 8"
    with pytest.raises(DataCorrupt, match=words) as caught:
        UecFoodPix(root).records("test")[0].checked_mask()
    assert ("EXIF orientation 6" in caught.value.hint) == (orientation == 6)


def test_a_mask_of_another_size_is_refused(root: Path) -> None:
    save_red_mask(uec_inner(root) / "test" / "mask" / "23.png", np.full((16, 24), 7, np.uint8))
    with pytest.raises(DataCorrupt, match="does not fit its photo.*24 x 16 against 12 x 8"):
        UecFoodPix(root).records("test")[0].checked_mask()


def test_single_channel_masks_of_converted_copies_are_refused(root: Path) -> None:
    save_mask(uec_inner(root) / "test" / "mask" / "23.png", np.full((8, 12), 7, np.uint8))
    with pytest.raises(DataCorrupt, match="mode L; class ids must be in the red channel") as caught:
        UecFoodPix(root).records("test")[0].checked_mask()
    assert "converted" in caught.value.hint


def test_the_fingerprint_sees_masks(root: Path) -> None:
    before = UecFoodPix(root).fingerprint("test")
    save_red_mask(uec_inner(root) / "test" / "mask" / "23.png", np.full((8, 12), 7, np.uint8))
    assert UecFoodPix(root).fingerprint("test") != before


def test_synthetic_masks_are_fingerprinted_by_their_class_ids(root: Path) -> None:
    write_text(root / ".foodbench-synthetic.json", "{}")
    before = UecFoodPix(root).fingerprint("test")
    path = uec_inner(root) / "test" / "mask" / "23.png"
    values = np.asarray(Image.open(path))[:, :, 0]
    save_red_mask(path, values, "RGB")  # was RGBA
    assert UecFoodPix(root).fingerprint("test") == before
    save_red_mask(path, np.where(values == 36, np.uint8(37), values))
    assert UecFoodPix(root).fingerprint("test") != before


def test_unknown_splits_are_refused(root: Path) -> None:
    with pytest.raises(UnknownName):
        UecFoodPix(root).records("val")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_uec(tmp_path_factory.mktemp("fuzz") / "UECFOODPIXCOMPLETE")
    save_photo(root / "data" / "photo.jpg")
    return root


def _read_all(root: Path) -> None:
    """Reads, or refuses with an error for people; anything else fails the test."""
    try:
        reader = UecFoodPix(root, allow_partial=True)
        for split in reader.splits:
            for record in reader.records(split):
                assert root in record.image.path.resolve().parents
                assert int(record.checked_mask(ignore=None).max()) < len(reader.classes)
    except FoodbenchError as error:
        assert error.message


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        [
            "category.txt",
            "train9000.txt",
            "test1000.txt",
            "UECFoodPIXCOMPLETE/test/mask/23.png",
            "UECFoodPIXCOMPLETE/test/img/23.jpg",
        ]
    ),
    cut=st.integers(0, 3000),
    noise=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)),
    keep_end=st.booleans(),
    synthetic=st.booleans(),
)
def test_damaged_files_are_refused_or_read_but_never_crash(
    fuzzed: Path, name: str, cut: int, noise: bytes, keep_end: bool, synthetic: bool
) -> None:
    path, marker = fuzzed / "data" / name, fuzzed / ".foodbench-synthetic.json"
    before = path.read_bytes()
    cut %= len(before) + 1
    if synthetic:
        marker.write_text("{}")
    try:
        path.write_bytes(before[:cut] + noise + (before[cut:] if keep_end else b""))
        _read_all(fuzzed)
    finally:
        path.write_bytes(before)
        marker.unlink(missing_ok=True)
