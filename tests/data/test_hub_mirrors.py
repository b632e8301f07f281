"""Food-101 and FoodSeg103 from the hub: the same classes and pictures, other ids; and nothing but local bytes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from hub_folders import (
    FOOD101_NAMES,
    LABELS,
    embedded,
    food101_table,
    save,
    snapshot,
)

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName, UsageError
from foodbench.data.food101 import Food101
from foodbench.data.hub import open_table
from foodbench.data.hub_mirrors import HubFood101, mirror_of, open_food101, open_foodseg103
from foodbench.data.images import ImageFile
from foodbench.data.roots import DatasetChoice, add_root, open_dataset, resolve
from foodbench.data.verify import verify

Writer = Callable[..., Path]
FORMS = pytest.mark.parametrize("write", [save, snapshot])


@FORMS
@pytest.mark.parametrize("shards", [1, 2])
def test_food101_records(
    official_counts: None,
    tables: dict[str, Any],
    kitchen_photos: list[Path],
    tmp_path: Path,
    write: Writer,
    shards: int,
) -> None:
    reader = open_food101(write(tables, tmp_path / "hub", shards=shards))
    assert isinstance(reader, HubFood101)
    assert not reader.synthetic
    assert reader.classes == tuple(FOOD101_NAMES)
    assert reader.labels["apple_pie"] == "Apple pie"
    train, test = reader.records("train"), reader.records("test")
    assert [record.label for record in train] == LABELS["train"]
    assert [record.label for record in test] == LABELS["validation"]
    assert [record.image_id for record in test] == ["validation/0", "validation/1", "validation/2"]
    assert {record.split for record in test} == {"test"}
    assert reader.ids("test") == tuple(record.image_id for record in test)
    assert reader.missing("train") == reader.missing("test") == ()
    for record, photo in zip((*train, *test), kitchen_photos, strict=True):
        file = ImageFile(photo)
        assert record.image.read_bytes() == photo.read_bytes()
        assert record.image.fingerprint() == file.fingerprint()
        assert record.image.size() == file.size()
        assert record.image.open().tobytes() == file.open().tobytes()


def test_all_forms_of_a_copy_have_one_fingerprint_and_the_archive_another(
    official_counts: None, tables: dict[str, Any], tmp_path: Path, food101_root: Path
) -> None:
    forms = [open_food101(write(tables, tmp_path / write.__name__, shards=2)) for write in (save, snapshot)]
    assert forms[0].fingerprint("test") == forms[1].fingerprint("test")
    assert forms[0].fingerprint("test") != forms[0].fingerprint("train")
    archive = open_food101(food101_root)
    assert isinstance(archive, Food101)
    assert archive.fingerprint("test") != forms[0].fingerprint("test")


def test_the_display_names_are_those_of_the_archive(realdata: Path, tables: dict[str, Any], tmp_path: Path) -> None:
    archive = Food101(realdata / "food-101", allow_partial=True)
    mirror = HubFood101(save(tables, tmp_path / "hub"), allow_partial=True)
    assert mirror.labels == archive.labels
    assert mirror.classes == archive.classes


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (sorted(FOOD101_NAMES), "class names sorted"),
        (FOOD101_NAMES[::-1], "another order"),
        ([*FOOD101_NAMES[:-1], "pizza_slice"], r"not those of Food-101 \('pizza_slice'\)"),
        (FOOD101_NAMES[:50], "has 50 classes that are not"),
    ],
)
def test_other_class_names_are_refused(
    kitchen_photos: list[Path], tmp_path: Path, names: list[str], words: str
) -> None:
    folder = save(
        {"validation": food101_table(kitchen_photos[:1], ["apple_pie"] if "apple_pie" in names else [names[0]], names)},
        tmp_path / "hub",
    )
    with pytest.raises(DataCorrupt, match=words) as caught:
        open_food101(folder, allow_partial=True)
    assert "ethz/food101" in caught.value.hint


def test_numbers_without_names_need_the_repositorys_readme(kitchen_photos: list[Path], tmp_path: Path) -> None:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    table = datasets.Dataset.from_dict({"image": [embedded(kitchen_photos[0])], "label": [100]}, features=features)
    folder = snapshot({"validation": table}, tmp_path / "hub")
    with pytest.raises(DataCorrupt, match="without saying their names"):
        open_food101(folder, allow_partial=True)
    names = "".join(f"          '{number}': {name}\n" for number, name in enumerate(FOOD101_NAMES))
    readme = (
        "---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n"
        f"      class_label:\n        names:\n{names}---\n# Food-101\n"
    )
    (folder / "README.md").write_text(readme)
    open_table.cache_clear()
    assert [record.label for record in open_food101(folder, allow_partial=True).records("test")] == ["waffles"]


def test_labels_that_are_no_class_are_refused(tables: dict[str, Any], tmp_path: Path) -> None:
    hidden = tables["validation"].map(lambda row: {"label": -1})
    reader = open_food101(save({"validation": hidden}, tmp_path / "hub"), allow_partial=True)
    with pytest.raises(DataCorrupt, match="label -1"):
        reader.records("test")


@FORMS
def test_shortened_copies_need_allow_partial(tables: dict[str, Any], tmp_path: Path, write: Writer) -> None:
    folder = write({"validation": tables["validation"]}, tmp_path / "hub")
    with pytest.raises(DataMissing, match=r"lacks 100,997 of 101,000 rows: train/0") as caught:
        open_food101(folder)
    assert "--allow-partial" in caught.value.hint
    reader = open_food101(folder, allow_partial=True)
    assert len(reader.records("test")) == 3
    assert len(reader.missing("test")) == 25_247
    with pytest.raises(DataMissing, match="nothing to measure on"):
        reader.records("train")
    with pytest.raises(UnknownName):
        reader.records("validation")


def test_too_many_rows_are_refused(official_counts: None, tables: dict[str, Any], tmp_path: Path) -> None:
    both = datasets.concatenate_datasets([tables["train"], tables["validation"]])
    with pytest.raises(DataCorrupt, match="8 rows of train, officially there are 5"):
        open_food101(save({**tables, "train": both}, tmp_path / "hub"))


def test_one_saved_split_says_which_it_is(tables: dict[str, Any], tmp_path: Path) -> None:
    named = datasets.Dataset(tables["validation"].data, split=datasets.Split.VALIDATION)
    save({"validation": named}, tmp_path / "hub")
    reader = open_food101(tmp_path / "hub" / "validation", allow_partial=True)
    assert len(reader.records("test")) == 3
    with pytest.raises(DataMissing):
        reader.records("train")
    named = datasets.Dataset(tables["validation"].data, split=datasets.Split("validation[:2]"))
    named.save_to_disk(str(tmp_path / "slice"))
    assert len(open_food101(tmp_path / "slice", allow_partial=True).records("test")) == 3
    tables["validation"].save_to_disk(str(tmp_path / "nameless"))
    with pytest.raises(DataMissing, match="neither of the splits 'train' and 'validation'.*one without a name"):
        open_food101(tmp_path / "nameless", allow_partial=True)


def test_a_repository_in_the_hubs_cache(tables: dict[str, Any], tmp_path: Path) -> None:
    repository = tmp_path / "datasets--ethz--food101"
    (repository / "blobs").mkdir(parents=True)
    revision = snapshot(tables, repository / "snapshots" / "abc123")
    for given in (repository, revision):
        reader = open_food101(given, allow_partial=True)
        assert reader.root == revision
        assert reader.records("test")[0].image.open().size


def test_the_hubs_own_parquet_conversion(tables: dict[str, Any], tmp_path: Path) -> None:
    for split, table in tables.items():
        (tmp_path / "default" / split).mkdir(parents=True)
        for index in range(2):
            table.shard(2, index, contiguous=True).to_parquet(
                str(tmp_path / "default" / split / f"{index:04d}.parquet")
            )
    reader = open_food101(tmp_path, allow_partial=True)
    assert [record.label for record in reader.records("train")] == LABELS["train"]
    (tmp_path / "default" / "train" / "0000.parquet").unlink()
    with pytest.raises(DataMissing, match="lacks 1 of"):
        open_food101(tmp_path, allow_partial=True)


# Damage and hostility


def test_absent_shards_are_refused_even_in_a_partial_copy(tables: dict[str, Any], tmp_path: Path) -> None:
    folder = snapshot(tables, tmp_path / "hub", shards=2)
    (folder / "data" / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(DataMissing, match="number 0"):
        open_food101(folder, allow_partial=True)


def test_shards_of_two_uploads_are_refused(tables: dict[str, Any], tmp_path: Path) -> None:
    folder = snapshot(tables, tmp_path / "hub", shards=2)
    shard = folder / "data" / "train-00000-of-00002.parquet"
    shutil.copy(shard, folder / "data" / "train-00000-of-00001-0123456789abcdef.parquet")
    with pytest.raises(DataCorrupt, match="several uploads"):
        open_food101(folder, allow_partial=True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"", "cannot be read"),
        (b"PAR1 nonsense PAR1", "cannot be read"),
    ],
)
def test_damaged_shards(tables: dict[str, Any], tmp_path: Path, data: bytes, words: str) -> None:
    folder = snapshot(tables, tmp_path / "hub")
    (folder / "data" / "validation-00000-of-00001.parquet").write_bytes(data)
    with pytest.raises(DataCorrupt, match=words):
        open_food101(folder, allow_partial=True)


def test_damaged_saved_tables(tables: dict[str, Any], tmp_path: Path) -> None:
    folder = save(tables, tmp_path / "hub")
    shard = next((folder / "validation").glob("*.arrow"))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(DataCorrupt, match="validation cannot be read"):
        open_food101(folder, allow_partial=True)
    (folder / "dataset_dict.json").write_text("[")
    with pytest.raises(DataCorrupt, match=r"dataset_dict\.json"):
        open_food101(folder, allow_partial=True)


def test_no_file_outside_the_folder_is_read(tables: dict[str, Any], tmp_path: Path) -> None:
    folder = save(tables, tmp_path / "hub")
    other = save(tables, tmp_path / "other")
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["../other/validation"]}))
    with pytest.raises(DataCorrupt, match="does not list splits"):
        open_food101(folder, allow_partial=True)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["validation"]}))
    state = folder / "validation" / "state.json"
    plain = json.loads(state.read_text())
    plain["_data_files"] = [{"filename": str(next((other / "validation").glob("*.arrow")))}]
    state.write_text(json.dumps(plain))
    with pytest.raises(DataCorrupt, match="names a file outside its folder"):
        open_food101(folder, allow_partial=True)


@FORMS
@pytest.mark.parametrize("target", ["https://example.org/photo.jpg", "/etc/hostname", None])
def test_rows_must_hold_their_pictures(
    kitchen_photos: list[Path], tmp_path: Path, write: Writer, target: str | None
) -> None:
    """A row that names a file or an address would make the library open it."""
    import pyarrow as pa

    good = food101_table(kitchen_photos[:1], ["waffles"])
    image = pa.array([{"bytes": None, "path": target}], type=datasets.Image.pa_type)
    arrow = pa.table({"image": image, "label": pa.array([0], pa.int64())}).replace_schema_metadata(
        good.data.schema.metadata
    )
    if write is snapshot:
        import pyarrow.parquet as pq

        (tmp_path / "hub" / "data").mkdir(parents=True)
        pq.write_table(arrow, tmp_path / "hub" / "data" / "validation-00000-of-00001.parquet")
    else:
        folder = save({"validation": good}, tmp_path / "hub") / "validation"
        with (
            pa.OSFile(str(next(folder.glob("*.arrow"))), "wb") as sink,
            pa.ipc.new_stream(sink, arrow.schema) as stream,
        ):
            stream.write_table(arrow)
    record = open_food101(tmp_path / "hub", allow_partial=True).records("test")[0]
    with pytest.raises(DataCorrupt, match="has no picture"):
        record.image.open()


def test_broken_pictures_are_errors(kitchen_photos: list[Path], tmp_path: Path) -> None:
    table = food101_table(kitchen_photos[:1], ["waffles"])
    data = kitchen_photos[0].read_bytes()
    for index, broken in enumerate((b"", data[: len(data) // 2], b"no picture")):
        rows = {"image": [{"bytes": broken, "path": None}], "label": [0]}
        folder = save({"validation": datasets.Dataset.from_dict(rows, features=table.features)}, tmp_path / str(index))
        record = open_food101(folder, allow_partial=True).records("test")[0]
        with pytest.raises(DataCorrupt, match=r"validation\[0\]\.image"):
            record.image.open()


def test_without_the_library_it_is_said_what_to_install(
    tables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = snapshot(tables, tmp_path / "hub")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UsageError, match="'datasets', which is not installed") as caught:
        open_food101(folder, allow_partial=True)
    assert "pip install" in caught.value.hint


def test_the_readers_module_does_not_load_the_library() -> None:
    code = "import sys, foodbench.data.hub_mirrors; print({'datasets', 'pyarrow', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("set()\n", "")


# Registering and verifying


def test_folders_are_recognised(tables: dict[str, Any], segmented: dict[str, Any], tmp_path: Path) -> None:
    assert mirror_of(save(tables, tmp_path / "a")) == mirror_of(snapshot(tables, tmp_path / "b")) == "food101"
    assert mirror_of(save(segmented, tmp_path / "c")) == "foodseg103"
    assert mirror_of(tmp_path) is None
    with pytest.raises(DataCorrupt, match="picture column 'label'"):
        open_foodseg103(tmp_path / "a", allow_partial=True)
    with pytest.raises(DataCorrupt, match="without saying their names"):
        open_food101(tmp_path / "c", allow_partial=True)


def test_registered_copies_are_opened_again(official_counts: None, tables: dict[str, Any], tmp_path: Path) -> None:
    folder = save(tables, tmp_path / "hub")
    assert add_root("food101", folder).root == folder
    reader = open_dataset(resolve("food101"))
    assert isinstance(reader, HubFood101)
    assert "validation" in " ".join(reader.about_copy)


@FORMS
def test_verify(tables: dict[str, Any], segmented: dict[str, Any], tmp_path: Path, write: Writer) -> None:
    food = write(tables, tmp_path / "food")
    report = verify(DatasetChoice("food101", "real", food, True), "decode")
    assert report.ok
    assert any(check.message == "8 of 8 decoded." for check in report.checks)
    assert not verify(DatasetChoice("food101", "real", food, False), "counts").ok
    masks = write(segmented, tmp_path / "masks")
    report = verify(DatasetChoice("foodseg103", "real", masks, True), "decode")
    assert report.ok
    warned = [check.name for check in report.with_status("warning")]
    assert {"missing rows of train", "missing rows of test", "classes"} <= set(warned)


def test_verify_finds_rows_whose_masks_are_anothers(segmented: dict[str, Any], tmp_path: Path) -> None:
    swapped = segmented["validation"].map(
        lambda row, index: {"classes_on_image": [0, 77]} if index == 2 else {}, with_indices=True
    )
    folder = save({"validation": swapped}, tmp_path / "hub")
    report = verify(DatasetChoice("foodseg103", "real", folder, True), "decode")
    failed = report.with_status("failed")
    assert [check.name for check in failed] == ["validation/2", "pictures"]
    assert "its row lists [0, 77]" in failed[0].message
