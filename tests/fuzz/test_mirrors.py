"""Damaged folders of the `datasets` library: a clear error or a right read, and never the end of Python."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.errors import FoodbenchError
from foodbench.core.hashing import stable_seed
from foodbench.data import hub
from foodbench.data.catalog import CATALOG
from foodbench.data.kitchen import FOLDERS
from foodbench.data.roots import DatasetChoice, open_dataset
from foodbench.data.verify import verify
from tests.data.hub_folders import (
    FOODSEG_NAMES,
    LABELS,
    food101_table,
    foodseg103_table,
    save,
    snapshot,
    write_id_list,
)
from tests.fuzz.damage import BYTES, PLACES, Bytes, broken_document, watched
from tests.fuzz.trees import Seen, step

BINARY = (".arrow", ".parquet")
FOR_BINARY = ("cut off", "NUL", "blank", "noise", "a pointer", "twice", "another format", "a line gone")
SHARES = 5
"""By default a file meets every fifth kind of damage, the next file the next fifth; the campaign leaves none out."""
KINDS = ("food101 saved", "food101 snapshot", "foodseg103 saved", "foodseg103 snapshot")

pytestmark = pytest.mark.usefixtures("_watchdog")


@pytest.fixture
def _watchdog() -> Iterator[None]:
    with watched(seconds=300):
        yield


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The official tables have as few rows as these: 101,000 ids are not listed at each of a thousand openings."""
    for name in ("food101", "foodseg103"):
        counts: Any = CATALOG.get(name).splits
        for split, rows in {"train": 5, "test": 3}.items():
            monkeypatch.setitem(counts, split, rows)


@pytest.fixture(scope="module")
def folders(tiny_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Small tables in both forms of both datasets that have mirrors."""
    top = tmp_path_factory.mktemp("mirrors")
    photos = sorted((tiny_kitchen / FOLDERS["food101"] / "images").rglob("*.jpg"))
    dishes = {split: food101_table(photos[: len(labels)], labels) for split, labels in LABELS.items()}
    images = tiny_kitchen / FOLDERS["foodseg103"] / "Images"
    pairs = sorted((images / "img_dir" / "test").glob("*.jpg"))[:3]
    masks = [images / "ann_dir" / "test" / f"{path.stem}.png" for path in pairs]
    regions = {split: foodseg103_table(pairs, masks, [[0, 1]] * 3) for split in ("train", "validation")}
    made = {
        "food101 saved": save(dishes, top / "dishes-saved"),
        "food101 snapshot": snapshot(dishes, top / "dishes-snapshot"),
        "foodseg103 saved": save(regions, top / "regions-saved"),
        "foodseg103 snapshot": snapshot(regions, top / "regions-snapshot"),
    }
    for kind, folder in made.items():
        if kind.startswith("foodseg103"):
            write_id_list(folder, FOODSEG_NAMES)
    return made


def look(dataset: str, root: Path) -> Seen:
    """Records, pictures and masks of a mirror, and `verify`."""
    hub.open_table.cache_clear()
    seen, choice = Seen(), DatasetChoice(dataset, "real", root, True)
    reader: Any = step(seen, "open", lambda: open_dataset(choice))
    for split in reader.splits if reader is not None else ():
        records = step(seen, f"records of {split}", partial(_listed, reader, split))
        for record in records or ():
            step(seen, f"{record.image.path}", partial(_pixels, record.image.open))
            if hasattr(record, "mask"):
                step(seen, f"{record.mask.path}", partial(_pixels, record.checked_mask))
    seen.report = step(Seen(), "verify", lambda: verify(choice, "decode"))
    return seen


def _listed(reader: Any, split: str) -> list[Any]:
    return list(reader.records(split))


def _pixels(read: Callable[[], Any]) -> bytes:
    pixels: bytes = read().tobytes()
    return pixels


def ways(path: Path, share: int | None) -> Iterator[tuple[str, Bytes]]:
    binary = path.suffix in BINARY
    for number, (way, damage) in enumerate(BYTES.items()):
        if (not binary or way in FOR_BINARY) and (share is None or number % SHARES == share):
            yield way, damage
    for number in range(4 if share is not None else 100):
        yield f"bits flipped {number}", BYTES["bits flipped"]
    if path.suffix == ".json":
        for number in range(4 if share is not None else 60):
            yield f"document {number}", broken_document


def replaced(path: Path, data: bytes) -> None:
    """Put another file in its place: what is mapped into memory must not change under a reader."""
    other = path.with_name(f"{path.name}.new")
    other.write_bytes(data)
    other.replace(path)


def try_all(kind: str, root: Path, share: int | None) -> None:
    dataset = kind.split()[0]
    before = look(dataset, root)
    assert not before.errors
    for place, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        data = path.read_bytes()
        for way, damage in ways(path, None if share is None else (share + place) % SHARES):
            put = damage(data, random.Random(stable_seed(kind, path.name, way)))
            replaced(path, put)
            try:
                assert_sound(before, look(dataset, root), root)
            except Exception as error:
                error.add_note(f"{path.relative_to(root)}: {way}")
                raise
            finally:
                replaced(path, data)


def assert_sound(before: Seen, after: Seen, root: Path) -> None:
    assert after.report is not None, "verify itself was refused"
    for error in after.errors.values():
        assert str(root) in error.message
        assert error.hint
        assert len(str(error)) < 2_000
    if not after.errors:
        for split in ("train", "test"):
            name = f"records of {split}"
            assert len(after.facts[name]) == len(before.facts[name]), "records are gone, and nobody is told"


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_tables(kind: str, folders: Mapping[str, Path]) -> None:
    try_all(kind, folders[kind], KINDS.index(kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_campaign_of_damaged_tables(kind: str, folders: Mapping[str, Path]) -> None:
    with watched(seconds=3_000):
        try_all(kind, folders[kind], None)


@pytest.mark.parametrize("way", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_the_place_of_a_file(
    kind: str, way: str, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(folders[kind], root)
    put: Callable[[Path], None] = PLACES[way]
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if path.name in ("README.md", "id2label.json"):
            continue  # a folder may lack them
        aside = path.with_name("aside")
        path.rename(aside)
        put(path)
        after = look(kind.split()[0], root)
        assert after.errors, path.name
        assert all(isinstance(error, FoodbenchError) and error.hint for error in after.errors.values())
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        aside.rename(path)
