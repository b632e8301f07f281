"""An index into Recipe1M's JSON files: which recipe lies where, so that one recipe is read without the other million.

The files are not changed, and may be read-only: the index is one SQLite file in foodbench's home. It is made in one
pass when a copy is first opened, and again when one of the files changes.

Measured with 100,000 generated recipes (152 MB of JSON): made in 3.6 s with 31 MB of memory, 4.2 MB on disk, opened
again in 3 ms, 28 us to read a recipe; loading the three files takes 4.3 s and 940 MB. With 1,029,720 (1.6 GB): 39 s of
processor time with 55 MB, 44 MB on disk, opened again in 9 ms. See tests/benchmarks/test_bench_recipe1m.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import threading
import weakref
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.core.files import file_lock
from foodbench.core.paths import home
from foodbench.data.json_array import parse_utf8
from foodbench.data.recipe1m_build import (
    REMOVED,
    SCHEMA,
    Progress,
    build,
    columns_digest,
    id_of,
    number_of,
    storage,
    text_digest,
)
from foodbench.data.recipe1m_rows import (
    DETECTIONS,
    IMAGES,
    SPLITS,
    TEXTS,
    DetectionRow,
    ImageRow,
    RowError,
    TextRow,
    detection_row,
    image_row,
    text_row,
)
from foodbench.data.recipe1m_vocabulary import IngredientVocabulary

FILES = (TEXTS, DETECTIONS, IMAGES)

_SAMPLE = 1 << 16
_QUERY = """
SELECT texts_offset, texts_length, detections_offset, detections_length, images_offset, images_length
FROM recipes WHERE id = ?
"""


@dataclass(frozen=True, slots=True)
class SplitColumns:
    """The recipes of a split that have photos, in the order of their ids; the columns belong together.

    Attributes:
        ids: of the recipes, as numbers.
        first_images: the first photo of each, as number.
        digests: 64 bits that depend on all texts, detections and photo ids of each.
        usable: 1 for the recipes that Inverse Cooking keeps, else 0.
    """

    ids: array[int]
    first_images: array[int]
    digests: array[int]
    usable: bytes


class RecipeRows(NamedTuple):
    """What the three files hold about one recipe."""

    texts: TextRow
    detections: DetectionRow | None
    images: ImageRow | None


def index_path(root: Path) -> Path:
    """Where the index of a copy is kept."""
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    return home() / "indexes" / f"recipe1m-{digest}.sqlite"


def open_index(root: Path, vocabulary: IngredientVocabulary, progress: Progress | None = None) -> RecipeIndex:
    """The index of a copy, made now if there is none, or none of the files as they are.

    Several processes may call it at once: one makes the index, the others wait for it.

    Args:
        root: the dataset's folder, absolute.
        vocabulary: decides which recipes have 2..19 ingredient classes.
        progress: called as (stage, bytes done, bytes in all) while the index is made.

    Raises:
        DataMissing, DataCorrupt: a file is absent or malformed, or changes meanwhile.
        StorageFull: the index cannot be written.
    """
    path = index_path(root)
    signature = _signature(root, vocabulary)
    facts = _facts(path, signature)
    if facts is None:
        with file_lock(path.with_suffix(".lock")) as locked:
            facts = _facts(path, signature)
            if facts is None:
                if locked:
                    _clear(path)
                build(path, root, vocabulary, signature, progress)
                facts = _facts(path, signature)
        if facts is None or _signature(root, vocabulary) != signature:
            raise DataCorrupt(
                f"A file of {root} changed while it was being indexed.",
                hint="Wait until the copy is complete, then run the same command again.",
            )
    return RecipeIndex(root, path, facts)


def _clear(path: Path) -> None:
    """Delete what killed builds left behind. Whoever made it is gone, or it would hold the lock."""
    with storage(path):
        for leftover in path.parent.glob(f".{path.name}.*.tmp"):
            leftover.unlink(missing_ok=True)


def _signature(root: Path, vocabulary: IngredientVocabulary) -> dict[str, Any]:
    """What an index depends on. Hashing the whole files would take longer than opening them may."""
    removed = root / REMOVED
    return {
        "files": {name: _file_signature(root / name) for name in FILES},
        "removed": hashlib.sha256(removed.read_bytes()).hexdigest() if removed.is_file() else None,
        "vocabulary": vocabulary.fingerprint,
        "byteorder": sys.byteorder,
    }


def _file_signature(path: Path) -> list[int | str]:
    """Size, time of the last change, and a digest of the first and last 64 KB."""
    try:
        with path.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            sample = hashlib.sha256(stream.read(_SAMPLE))
            stream.seek(max(0, facts.st_size - _SAMPLE))
            sample.update(stream.read(_SAMPLE))
    except OSError as error:
        raise DataMissing(
            f"The file {path} cannot be read: {error.strerror or error}.", hint="Restore it from the archive."
        ) from error
    return [facts.st_size, facts.st_mtime_ns, sample.hexdigest()]


def _connect(path: Path) -> sqlite3.Connection:
    # Immutable: the file is only ever replaced as a whole. Saves the locks, which some network folders do not have.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _facts(path: Path, signature: Any) -> dict[str, Any] | None:
    """What an index says about itself; None if it is absent, damaged, or of other files."""
    if not path.is_file():
        return None
    try:
        database = _connect(path)
        try:
            ((text, told),) = database.execute("SELECT facts, digest FROM about").fetchall()
        finally:
            database.close()
        facts = json.loads(text) if isinstance(text, str) and text_digest(text) == told else None
    except (sqlite3.Error, ValueError):
        return None
    if not isinstance(facts, dict) or (facts.get("schema"), facts.get("signature")) != (SCHEMA, signature):
        return None
    return facts


class RecipeIndex:
    """An index that is ready for use, from any thread, after a fork, and in processes that it is sent to.

    Attributes:
        root: the dataset's folder.
        path: the index.
        facts: counts and problems, see `recipe1m_build`.
    """

    def __init__(self, root: Path, path: Path, facts: dict[str, Any]) -> None:
        self.root = root
        self.path = path
        self.facts = facts
        self._local = threading.local()
        self._files: dict[str, int] = {}
        self._lock = threading.Lock()
        self._closing = weakref.finalize(self, _close_all, self._files)

    def __reduce__(self) -> tuple[Any, ...]:
        return RecipeIndex, (self.root, self.path, self.facts)

    def _database(self) -> sqlite3.Connection:
        """This thread's connection. One that was opened before a fork must not be used after it."""
        if getattr(self._local, "process", None) != os.getpid():
            self._local.connection = _connect(self.path)
            self._local.process = os.getpid()
        return self._local.connection

    def _file(self, name: str) -> int:
        """A descriptor for `pread`, which neither moves a position nor minds threads and forks."""
        with self._lock:
            if name not in self._files:
                self._files[name] = os.open(self.root / name, os.O_RDONLY)
            return self._files[name]

    def _row(self, query: str, key: str | int) -> Any:
        try:
            return self._database().execute(query, (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._discarded() from error

    def _discarded(self) -> DataCorrupt:
        """The error for a damaged index, which is deleted, so that the next opening makes another."""
        self.path.unlink(missing_ok=True)
        return DataCorrupt(
            f"The index {self.path} of {self.root} is damaged.",
            hint="Run the same command again; the index will be made anew.",
        )

    def absent(self, number: int, message: str) -> DataMissing | DataCorrupt:
        """The error for a recipe that is not there: in the files, or in the index, if that lists it elsewhere."""
        if any(number in self.split(name).ids for name in SPLITS):
            return self._discarded()
        return DataMissing(message, hint="Check the id.")

    def split(self, name: str) -> SplitColumns:
        """The recipes of a split that have photos, less those of `remove1M.txt`."""
        query = "SELECT ids, first_images, digests, usable FROM splits WHERE name = ?"
        row: tuple[Any, ...] = self._row(query, name) or ()
        if not all(isinstance(column, bytes) for column in row) or columns_digest(row) != self.facts["columns"][name]:
            raise self._discarded()
        *columns, usable = row
        ids, first_images, digests = (array("Q", column) for column in columns)
        return SplitColumns(ids, first_images, digests, usable)

    def split_of(self, recipe_id: str) -> str | None:
        """The split of any recipe of layer1.json; None if there is no such recipe."""
        query = "SELECT split FROM recipes WHERE id = ?"
        row = self._row(query, number_of(recipe_id))
        return None if row is None else SPLITS[row[0]]

    def fetch(self, number: int) -> RecipeRows:
        """Read one recipe from the files.

        Args:
            number: its id as a number.

        Raises:
            DataMissing: a file cannot be read any more.
            DataCorrupt: a file changed after it was indexed.
        """
        row = self._row(_QUERY, number)
        if row is None:
            raise self.absent(number, f"{self.root / TEXTS} has no recipe {id_of(number)}.")
        try:
            rows = RecipeRows(
                text_row(self._read(TEXTS, row[0], row[1])),
                None if row[2] is None else detection_row(self._read(DETECTIONS, row[2], row[3])),
                None if row[4] is None else image_row(self._read(IMAGES, row[4], row[5])),
            )
            if any(number_of(part.recipe_id) != number for part in rows if part is not None):
                raise RowError("another recipe")
        except (TypeError, ValueError, RecursionError) as error:
            self.path.unlink(missing_ok=True)  # it may be the index that is wrong
            raise DataCorrupt(
                f"The files of {self.root} changed while they were in use: recipe {id_of(number)} is not in its place.",
                hint="Run the same command again; the index will be made anew.",
            ) from error
        return rows

    def _read(self, name: str, offset: int, length: int) -> dict[str, Any]:
        try:
            data = os.pread(self._file(name), length, offset)
        except OSError as error:
            raise DataMissing(
                f"The file {self.root / name} cannot be read: {error.strerror or error}.",
                hint="Restore or mount it, then run the same command again.",
            ) from error
        value = parse_utf8(data)
        if not isinstance(value, dict):
            raise RowError("no object")
        return value


def _close_all(files: dict[str, int]) -> None:
    for descriptor in files.values():
        os.close(descriptor)
