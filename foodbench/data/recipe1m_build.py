"""Making the index of Recipe1M's three JSON files: one pass over each, then one join.

The passes go into a staging database beside the index; the join writes the index proper. Both are temporary files
until the very end: a killed process leaves no file of the index's name, and the next one starts again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from foodbench.core.errors import DataCorrupt, StorageFull
from foodbench.data.json_array import Member, members
from foodbench.data.layout import read_lines, unique_ids
from foodbench.data.recipe1m_rows import (
    DETECTIONS,
    IMAGES,
    MAX_COUNT,
    MIN_COUNT,
    RECIPE_ID,
    SPLITS,
    TEXTS,
    RowError,
    detection_row,
    digest,
    has_usable_steps,
    image_row,
    text_row,
)
from foodbench.data.recipe1m_vocabulary import IngredientVocabulary

SCHEMA = 2
REMOVED = "remove1M.txt"
"""Ids that the authors of the dataset ask to drop, because their recipes are in several partitions."""

Progress = Callable[[str, int, int], None]
"""Called as (stage, bytes done, bytes in all)."""

_BATCH = 5000
_EXAMPLES = 1000

_STAGING = """
CREATE TABLE staging.texts (
  id INTEGER PRIMARY KEY, offset INTEGER, length INTEGER, digest INTEGER, split INTEGER, lines INTEGER, steps_ok INTEGER
);
CREATE TABLE staging.detections (
  id INTEGER PRIMARY KEY, offset INTEGER, length INTEGER, digest INTEGER, lines INTEGER, classes INTEGER
);
CREATE TABLE staging.images (
  id INTEGER PRIMARY KEY, offset INTEGER, length INTEGER, digest INTEGER, first INTEGER, number INTEGER
);
"""
_INDEX = """
CREATE TABLE about (facts TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE splits (
  name TEXT PRIMARY KEY, ids BLOB NOT NULL, first_images BLOB NOT NULL, digests BLOB NOT NULL, usable BLOB NOT NULL
);
CREATE TABLE recipes (
  id INTEGER PRIMARY KEY, split INTEGER NOT NULL, texts_offset INTEGER NOT NULL, texts_length INTEGER NOT NULL,
  detections_offset INTEGER, detections_length INTEGER, images_offset INTEGER, images_length INTEGER
);
"""
_JOIN = """
INSERT INTO recipes
SELECT t.id, t.split, t.offset, t.length, d.offset, d.length, i.offset, i.length
FROM staging.texts t LEFT JOIN staging.detections d USING (id) LEFT JOIN staging.images i USING (id) ORDER BY t.id
"""
_WITH_IMAGES = """
SELECT t.id, i.first, t.digest, d.digest, i.digest, t.steps_ok AND d.classes BETWEEN ? AND ?
FROM staging.texts t JOIN staging.images i USING (id) LEFT JOIN staging.detections d USING (id)
WHERE t.split = ? AND i.first IS NOT NULL ORDER BY t.id
"""
_PROBLEMS = {
    "without_detections": "SELECT id FROM staging.texts WHERE id NOT IN (SELECT id FROM staging.detections)",
    "misaligned": "SELECT id FROM staging.texts t JOIN staging.detections d USING (id) WHERE t.lines != d.lines",
    "detections_without_recipe": "SELECT id FROM staging.detections WHERE id NOT IN (SELECT id FROM staging.texts)",
    "images_without_recipe": "SELECT id FROM staging.images WHERE id NOT IN (SELECT id FROM staging.texts)",
}


def number_of(recipe_id: str) -> int:
    """An id of ten hexadecimal digits as the integer that the index holds."""
    return int(recipe_id, 16)


def id_of(number: int) -> str:
    """The ten hexadecimal digits of an id."""
    return f"{number:010x}"


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's refusals to write into `StorageFull`."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise StorageFull(
            f"Cannot write the index {path}: {error}.",
            hint="Free some space or check the folder's permissions (FOODBENCH_HOME names another), then try again.",
        ) from error


class _Pass:
    """One pass over one file into one staging table."""

    def __init__(self, database: sqlite3.Connection, staging: Path, path: Path, table: str, columns: int) -> None:
        self._database = database
        self._staging = staging
        self._path = path
        self._table = table
        self._insert = f"INSERT OR IGNORE INTO staging.{table} VALUES ({', '.join('?' * columns)})"  # noqa: S608
        self._order = blake2b()
        self.count = 0

    def run(self, rows: Iterable[Member], facts: Callable[[dict[str, Any]], tuple[Any, ...]]) -> str:
        """Insert all rows; returns a digest of the ids in the order of the file."""
        batch: list[tuple[Any, ...]] = []
        for offset, length, value in rows:
            try:
                recipe_id, *rest = facts(value)
            except RowError as error:
                raise DataCorrupt(
                    f"{self._path}, byte {offset:,}: {error}.", hint="Restore the file from the dataset's archive."
                ) from error
            self._order.update(recipe_id.encode())
            batch.append((number_of(recipe_id), offset, length, *rest))
            if len(batch) == _BATCH:
                self._flush(batch)
                batch.clear()
        self._flush(batch)
        return self._order.hexdigest()

    def _flush(self, batch: list[tuple[Any, ...]]) -> None:
        with storage(self._staging):
            inserted = self._database.executemany(self._insert, batch).rowcount if batch else 0
        if inserted < len(batch):
            self._refuse_duplicate(batch)
        self.count += len(batch)

    def _refuse_duplicate(self, batch: list[tuple[Any, ...]]) -> None:
        query = f"SELECT offset FROM staging.{self._table} WHERE id = ?"  # noqa: S608 - a name of this module
        for number, offset, *_ in batch:
            (first,) = self._database.execute(query, (number,)).fetchone()
            if first != offset:
                raise DataCorrupt(
                    f"{self._path} has the recipe {id_of(number)} twice: at byte {first:,} and at byte {offset:,}.",
                    hint="Files that were joined by hand show this: restore the original file.",
                )


def _text_facts(value: dict[str, Any]) -> tuple[Any, ...]:
    row = text_row(value)
    told = digest((row.title,), row.ingredients, row.steps)
    return row.recipe_id, told, SPLITS.index(row.split), len(row.ingredients), has_usable_steps(row.steps)


def _detection_facts(vocabulary: IngredientVocabulary, value: dict[str, Any]) -> tuple[Any, ...]:
    row = detection_row(value)
    detected = row.detected
    classes = len({vocabulary.class_of(text) for text in detected} - {None})
    return row.recipe_id, digest(detected), len(row.texts), classes


def _image_facts(value: dict[str, Any]) -> tuple[Any, ...]:
    row = image_row(value)
    first = number_of(row.image_ids[0].removesuffix(".jpg")) if row.image_ids else None
    return row.recipe_id, digest(row.image_ids), first, len(row.image_ids)


def _told(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    return None if progress is None else partial(progress, f"indexing {name} (once)")


def read_removed(root: Path) -> tuple[str, ...] | None:
    """The ids of `remove1M.txt`; None if the copy has no such file.

    Raises:
        DataCorrupt: a line is no recipe id.
    """
    path = root / REMOVED
    if not path.is_file():
        return None
    return unique_ids(path, read_lines(path), RECIPE_ID, "000018c8a5")


def build(path: Path, root: Path, vocabulary: IngredientVocabulary, signature: Any, progress: Progress | None) -> None:
    """Make the index of a copy and put it into its place as a whole.

    Args:
        path: the index.
        root: the dataset's folder.
        vocabulary: decides how many ingredient classes a recipe has.
        signature: plain data kept in the index; what it was made from.
        progress: told how far each file is.

    Raises:
        DataMissing, DataCorrupt: a file is absent or malformed.
        StorageFull: the index cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    staging = path.with_name(f".{path.name}.{os.getpid()}.staging.tmp")
    try:
        for leftover in (temporary, staging):
            leftover.unlink(missing_ok=True)
        with storage(path):
            database = sqlite3.connect(temporary, isolation_level=None)
        with contextlib.closing(database):
            _fill(database, staging, root, vocabulary, signature, progress)
        with storage(path):
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
    finally:
        for leftover in (temporary, staging):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def _fill(
    database: sqlite3.Connection,
    staging: Path,
    root: Path,
    vocabulary: IngredientVocabulary,
    signature: Any,
    progress: Progress | None,
) -> None:
    with storage(staging):
        database.execute("ATTACH ? AS staging", (str(staging),))
        for schema in ("main", "staging"):
            # No journal: a build that does not end is thrown away.
            database.execute(f"PRAGMA {schema}.journal_mode = OFF")
            database.execute(f"PRAGMA {schema}.synchronous = OFF")
        database.executescript(_STAGING + _INDEX)
        database.execute("BEGIN")
    texts = _Pass(database, staging, root / TEXTS, "texts", 7)
    order = texts.run(members(root / TEXTS, _told(progress, TEXTS)), _text_facts)
    detections = _Pass(database, staging, root / DETECTIONS, "detections", 6)
    same_order = order == detections.run(
        members(root / DETECTIONS, _told(progress, DETECTIONS)), partial(_detection_facts, vocabulary)
    )
    images = _Pass(database, staging, root / IMAGES, "images", 6)
    images.run(members(root / IMAGES, _told(progress, IMAGES)), _image_facts)
    removed = read_removed(root)
    with storage(staging):
        database.execute(_JOIN)
        written = {split: _write_split(database, split, frozenset(removed or ())) for split in SPLITS}
        facts = {
            "schema": SCHEMA,
            "signature": signature,
            "counts": _counts(database, texts.count),
            "usable": {split: usable for split, (usable, _) in written.items()},
            "columns": {split: told for split, (_, told) in written.items()},
            "same_order": same_order,
            "removed": None if removed is None else _removed_counts(database, removed),
            "problems": {name: _problem(database, query) for name, query in _PROBLEMS.items()},
        }
        text = json.dumps(facts)
        database.execute("INSERT INTO about VALUES (?, ?)", (text, text_digest(text)))
        database.execute("COMMIT")


def text_digest(text: str) -> str:
    """Digest of an index's facts: SQLite has none of its own, and damage must not pass for other data."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def columns_digest(columns: Iterable[bytes]) -> str:
    """Digest of a split's columns."""
    return sha256(b"".join(sha256(column).digest() for column in columns)).hexdigest()


def _write_split(database: sqlite3.Connection, split: str, removed: frozenset[str]) -> tuple[int, str]:
    """Write what the reader needs to know at once of a split's recipes with photos.

    Returns:
        how many are usable, and the digest of the columns.
    """
    dropped = {number_of(recipe_id) for recipe_id in removed}
    ids, first_images, digests, usable = array("Q"), array("Q"), array("Q"), bytearray()
    for number, first, *told, kept in database.execute(_WITH_IMAGES, (MIN_COUNT, MAX_COUNT, SPLITS.index(split))):
        if number in dropped:
            continue
        ids.append(number)
        first_images.append(first)
        joined = b"".join((part or 0).to_bytes(8, "big") for part in told)
        digests.append(int.from_bytes(blake2b(joined, digest_size=8).digest(), "big"))
        usable.append(bool(kept))
    blobs = [*(column.tobytes() for column in (ids, first_images, digests)), bytes(usable)]
    database.execute("INSERT INTO splits VALUES (?, ?, ?, ?, ?)", (split, *blobs))
    return sum(usable), columns_digest(blobs)


def _counts(database: sqlite3.Connection, recipes: int) -> dict[str, int]:
    """Counts of everything that is in the files, removed recipes included."""
    by_split = dict(database.execute("SELECT split, COUNT(*) FROM staging.texts GROUP BY split"))
    (with_images, images) = database.execute(
        "SELECT COUNT(*), COALESCE(SUM(number), 0) FROM staging.images JOIN staging.texts USING (id) WHERE number > 0"
    ).fetchone()
    splits = {split: by_split.get(position, 0) for position, split in enumerate(SPLITS)}
    return {"recipes": recipes, **splits, "with_images": with_images, "images": images}


def _removed_counts(database: sqlite3.Connection, removed: Iterable[str]) -> dict[str, int]:
    query = "SELECT 1 FROM staging.texts WHERE id = ?"
    listed = [number_of(recipe_id) for recipe_id in removed]
    present = sum(1 for number in listed if database.execute(query, (number,)).fetchone())
    return {"listed": len(listed), "present": present}


def _problem(database: sqlite3.Connection, query: str) -> dict[str, Any]:
    """How many recipes are at fault, and the first of them."""
    numbers = [number for (number,) in database.execute(query)]
    return {"count": len(numbers), "ids": [id_of(number) for number in sorted(numbers)[:_EXAMPLES]]}
