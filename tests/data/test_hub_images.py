"""Pictures and masks in the rows of tables: the same pixels and the same checks as in files."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hub_folders import FOODSEG_NAMES, food101_table, foodseg103_table, save, snapshot, write_id_list
from PIL import Image

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.hub import HubImage, HubMask
from foodbench.data.hub_mirrors import HubFoodSeg103, open_food101, open_foodseg103
from foodbench.data.images import ImageFile, image_from_dict

Writer = Callable[..., Path]
FORMS = pytest.mark.parametrize("write", [save, snapshot])


@FORMS
def test_pictures_survive_json_pickle_and_processes(tables: dict[str, Any], tmp_path: Path, write: Writer) -> None:
    record = open_food101(write(tables, tmp_path / "hub"), allow_partial=True).records("test")[1]
    plain = json.loads(json.dumps(record.image.as_dict()))
    assert plain == {
        "kind": "hub",
        "folder": str(tmp_path / "hub"),
        "split": "validation",
        "row": 1,
        "column": "image",
        "exif": "ignore",
    }
    again = image_from_dict(plain)
    assert again == record.image
    assert pickle.loads(pickle.dumps(record)) == record
    code = (
        "import json, sys; from foodbench.data.images import image_from_dict\n"
        "print(image_from_dict(json.loads(sys.argv[1])).fingerprint())"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(plain)], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == record.image.fingerprint()


@pytest.mark.parametrize("exif", ["ignore", "transpose"])
def test_files_survive_json(tmp_path: Path, exif: Any) -> None:
    image = ImageFile(tmp_path / "photo.jpg", exif=exif)
    assert image_from_dict(json.loads(json.dumps(image.as_dict()))) == image


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"kind": "url", "path": "x", "exif": "ignore"},
        {"kind": "file", "exif": "ignore"},
        {"kind": "file", "path": "x", "exif": "turn"},
        {"kind": "hub", "folder": "x", "split": "train", "row": "1", "column": "image", "exif": "ignore"},
        {"kind": "hub", "folder": "x", "split": "train", "row": True, "column": "image", "exif": "ignore"},
    ],
)
def test_other_descriptions_are_no_pictures(plain: dict[str, Any]) -> None:
    with pytest.raises(DataCorrupt):
        image_from_dict(plain)


def test_exif_policies_of_a_row(kitchen_photos: list[Path], tmp_path: Path) -> None:
    with Image.open(kitchen_photos[0]) as photo:
        wide = photo.resize((40, 20))
        exif = wide.getexif()
        exif[0x0112] = 6
        buffer = BytesIO()
        wide.save(buffer, "JPEG", exif=exif)
    table = food101_table(kitchen_photos[:1], ["waffles"])
    rows = {"image": [{"bytes": buffer.getvalue(), "path": None}], "label": [0]}
    save({"validation": datasets.Dataset.from_dict(rows, features=table.features)}, tmp_path / "hub")
    stored = HubImage(tmp_path / "hub", "validation", 0)
    turned = HubImage(tmp_path / "hub", "validation", 0, exif="transpose")
    assert (stored.size(), stored.open().size, stored.orientation()) == ((40, 20), (40, 20), 6)
    assert (turned.size(), turned.open().size) == ((20, 40), (20, 40))


def test_rows_and_columns_that_do_not_exist(tables: dict[str, Any], tmp_path: Path) -> None:
    save(tables, tmp_path / "hub")
    with pytest.raises(DataMissing, match="no row 3"):
        HubImage(tmp_path / "hub", "validation", 3).open()
    with pytest.raises(DataCorrupt, match="no column 'mask'"):
        HubImage(tmp_path / "hub", "validation", 0, "mask").open()
    with pytest.raises(DataMissing, match="no split 'test'"):
        HubImage(tmp_path / "hub", "test", 0).open()


@FORMS
def test_foodseg103_records(
    official_counts: None,
    segmented: dict[str, Any],
    pairs: dict[str, list[tuple[Path, Path]]],
    tmp_path: Path,
    write: Writer,
) -> None:
    folder = write(segmented, tmp_path / "hub")
    write_id_list(folder, FOODSEG_NAMES)
    reader = open_foodseg103(folder)
    assert isinstance(reader, HubFoodSeg103)
    assert reader.classes == tuple(FOODSEG_NAMES)
    records = reader.records("test")
    assert [record.stem for record in records] == [f"validation/{row}" for row in range(4)]
    for record, (photo, mask) in zip(records, pairs["validation"], strict=True):
        assert record.image.read_bytes() == photo.read_bytes()
        np.testing.assert_array_equal(record.checked_mask(), np.asarray(Image.open(mask)))
        assert record.mask.size() == record.image.size()
    assert reader.fingerprint("test") != reader.fingerprint("train")


def test_foodseg103_tables_give_the_masks_of_the_archive(
    official_counts: None, segmented: dict[str, Any], small_kitchen: Path, tmp_path: Path
) -> None:
    """Also palette images: values are indices, not grey levels."""
    archive = open_foodseg103(small_kitchen / "FoodSeg103")
    assert isinstance(archive, FoodSeg103)
    mirror = open_foodseg103(save(segmented, tmp_path / "hub"))
    by_pixels = {record.mask.fingerprint(pixels=True) for record in archive.records("test")}
    assert {record.mask.fingerprint(pixels=True) for record in mirror.records("test")} <= by_pixels
    values = np.full((6, 5), 48, np.uint8)
    palette = Image.fromarray(values, mode="P")
    palette.putpalette([channel for index in range(256) for channel in ((index * 7 + 3) % 256, 9, 200)])
    (tmp_path / "mask").mkdir()
    palette.save(tmp_path / "mask" / "p.png")
    Image.fromarray(values).save(tmp_path / "mask" / "photo.png")
    table = foodseg103_table([tmp_path / "mask" / "photo.png"], [tmp_path / "mask" / "p.png"], [[48]])
    save({"validation": table}, tmp_path / "palette")
    record = open_foodseg103(tmp_path / "palette", allow_partial=True).records("test")[0]
    np.testing.assert_array_equal(record.checked_mask(), values)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.full((4, 6), 104, np.uint8), "no class ids: 104"),
        (np.zeros((4, 6, 3), np.uint8), "mode RGB"),
        (np.zeros((6, 4), np.uint8), "is transposed"),
        (np.zeros((4, 5), np.uint8), "does not fit"),
    ],
)
def test_wrong_masks_are_refused_as_in_files(tmp_path: Path, mask: np.ndarray, words: str) -> None:
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    table = foodseg103_table([tmp_path / "photo.png"], [tmp_path / "mask.png"], [[0]])
    save({"validation": table}, tmp_path / "hub")
    record = open_foodseg103(tmp_path / "hub", allow_partial=True).records("test")[0]
    assert isinstance(record.mask, HubMask)
    with pytest.raises(DataCorrupt, match=words):
        record.checked_mask()


def test_other_class_numbers_are_refused(segmented: dict[str, Any], tmp_path: Path) -> None:
    folder = snapshot(segmented, tmp_path / "hub")
    write_id_list(folder, [name.lower() for name in FOODSEG_NAMES])
    open_foodseg103(folder, allow_partial=True)
    write_id_list(folder, [*sorted(FOODSEG_NAMES[1:]), "background"])
    with pytest.raises(DataCorrupt, match="officially 'background'"):
        open_foodseg103(folder, allow_partial=True)
    (folder / "id2label.json").write_text("[]")
    with pytest.raises(DataCorrupt, match="not an object of class names"):
        open_foodseg103(folder, allow_partial=True)
