"""The rows of Hugging Face `datasets` tables in local folders, and the pictures and masks inside them.

Arrow files are mapped into memory. Parquet shards are read where they lie, one row group at a time, because the
library's own way would first write a second copy of all pictures into its cache. Nothing here reaches the network,
nothing runs code that came with a dataset, and a picture must be in its row: a row that only names a file or an address
is refused.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, UsageError
from foodbench.core.hashing import fingerprint
from foodbench.data.hub_files import PLAIN_NAME, RESTORE, STATE_FILE, SplitFiles, find_splits, read_object
from foodbench.data.images import ExifPolicy, decode_rgb, header_orientation, header_size, with_encoded
from foodbench.data.layout import is_file
from foodbench.data.records import IGNORE_LABEL, MaskFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_LFS_POINTER = b"version https://git-lfs"
_T = TypeVar("_T")
_KEPT_ROW_GROUPS = 3  # pictures and masks of neighbouring rows; a row group has 5 to 200 MB


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            "Tables of the Hugging Face datasets library need the package 'datasets', which is not installed.",
            hint="Install it as lmms-eval needs it: pip install -c constraints.txt datasets",
        ) from error
    return datasets


@contextmanager
def _reading(what: Path) -> Iterator[None]:
    """Turn whatever the Arrow libraries raise on damaged files into one error."""
    try:
        yield
    except (FoodbenchError, MemoryError):
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        pointer = any(_is_pointer(path) for path in (sorted(what.glob("*.arrow")) if what.is_dir() else [what]))
        raise DataCorrupt(
            f"{what} {'is a Git LFS pointer, not the file itself' if pointer else f'cannot be read: {reason}'}.",
            hint="Fetch the contents with git lfs pull." if pointer else RESTORE,
        ) from error


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:
        return False


class _Rows(Protocol):
    """Rows of one split, whatever files they are in."""

    count: int
    features: Mapping[str, Any]

    def column(self, name: str) -> Any:
        """A whole column as an Arrow chunked array; of a structure, one field as `column.field`."""

    def value(self, row: int, name: str) -> Any:
        """One cell as a Python value."""


class _SavedRows:
    """Arrow files, mapped into memory."""

    def __init__(self, files: SplitFiles) -> None:
        datasets = _datasets()
        with _reading(files.paths[0]):
            if files.kind == "saved":
                folder = files.paths[0]
                for entry in read_object(folder / STATE_FILE).get("_data_files", ()):
                    if not PLAIN_NAME.fullmatch(str(entry.get("filename"))):
                        raise DataCorrupt(f"{folder / STATE_FILE} names a file outside its folder.", hint=RESTORE)
                    if not is_file(folder / entry["filename"]):  # a pipe in its place would be waited for
                        raise DataMissing(f"{folder} lacks its file {entry['filename']}.", hint=RESTORE)
                table = datasets.load_from_disk(str(folder), keep_in_memory=False)
            else:
                parts = [datasets.Dataset.from_file(str(path)) for path in files.paths]
                table = datasets.concatenate_datasets(parts)
            # Offsets that lead out of the file would end the process, without an error. No picture is looked at.
            table.data.validate(full=True)
        self.features: Mapping[str, Any] = table.features
        self.count: int = table.num_rows
        table = table.with_format("arrow")
        # Selecting a column takes thirty times as long as reading a row of it.
        self._columns: dict[str, Any] = {name: table.select_columns([name]) for name in self.features}

    def column(self, name: str) -> Any:
        column, _, field = name.partition(".")
        whole = self._columns[column][:].column(column)
        return _field(whole, field) if field else whole

    def value(self, row: int, name: str) -> Any:
        return self._columns[name][row : row + 1].column(name)[0].as_py()


class _ParquetRows:
    """Parquet shards; the row groups read last are kept."""

    def __init__(self, files: SplitFiles) -> None:
        datasets = _datasets()
        from pyarrow import parquet

        self._paths = files.paths
        self._shards: list[Any] = []
        for path in files.paths:
            with _reading(path):
                self._shards.append(parquet.ParquetFile(path))
        with _reading(files.paths[0]):
            schemas = [shard.schema_arrow for shard in self._shards]
            self.features: Mapping[str, Any] = datasets.Features.from_arrow_schema(schemas[0])
        for path, schema in zip(files.paths, schemas, strict=True):
            if schema.names != schemas[0].names or schema.types != schemas[0].types:
                raise DataCorrupt(f"{path} has other columns than {files.paths[0].name}.", hint=RESTORE)
        groups = [
            (shard, group, self._shards[shard].metadata.row_group(group).num_rows)
            for shard in range(len(self._shards))
            for group in range(self._shards[shard].num_row_groups)
        ]
        self._groups = [(shard, group) for shard, group, _ in groups]
        self._starts = [0, *accumulate(rows for _, _, rows in groups)]
        self.count = self._starts[-1]
        self._kept: OrderedDict[tuple[int, str], Any] = OrderedDict()
        self._lock = threading.Lock()

    def column(self, name: str) -> Any:
        import pyarrow

        chunks: list[Any] = []
        column, _, field = name.partition(".")
        for path, shard in zip(self._paths, self._shards, strict=True):
            with _reading(path), self._lock:
                whole = shard.read(columns=[name], use_threads=False).column(column)
            chunks.extend((_field(whole, field) if field else whole).chunks)
        return pyarrow.chunked_array(chunks)

    def value(self, row: int, name: str) -> Any:
        index = bisect_right(self._starts, row) - 1
        return self._group(index, name)[row - self._starts[index]].as_py()

    def _group(self, index: int, name: str) -> Any:
        with self._lock:
            kept = self._kept.get((index, name))
            if kept is None:
                shard, group = self._groups[index]
                with _reading(self._paths[shard]):
                    kept = self._shards[shard].read_row_group(group, columns=[name], use_threads=False).column(name)
                self._kept[(index, name)] = kept
                while len(self._kept) > _KEPT_ROW_GROUPS:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end((index, name))
            return kept


def _field(column: Any, field: str) -> Any:
    import pyarrow

    return pyarrow.chunked_array([chunk.field(field) for chunk in column.chunks], type=column.type.field(field).type)


class HubTable:
    """The rows of one split of a folder.

    Attributes:
        folder: the folder.
        split: the split's name there.
        rows: how many rows it has.
        columns: names of the columns.
    """

    def __init__(self, folder: Path, split: str) -> None:
        """Open the table; no picture is read.

        Raises:
            DataMissing: no such split, or shards are absent.
            DataCorrupt: the files are damaged.
            UsageError: the package `datasets` is not installed.
        """
        self.folder, self.split = folder, split
        splits = find_splits(folder)
        if split not in splits:
            known = ", ".join(name or "one without a name" for name in splits)
            raise DataMissing(f"{folder} has no split '{split}', only: {known}.", hint=RESTORE)
        files = splits[split]
        self._place = files.paths[0]
        self._rows: _Rows = _ParquetRows(files) if files.kind == "parquet" else _SavedRows(files)
        self.rows: int = self._rows.count
        self.columns: tuple[str, ...] = tuple(self._rows.features)

    def _require(self, column: str) -> Any:
        if column not in self._rows.features:
            raise DataCorrupt(
                f"{self.folder}, split '{self.split}', has no column '{column}', only: {', '.join(self.columns)}.",
                hint="This is another dataset, or another revision of it.",
            )
        return self._rows.features[column]

    def is_image(self, column: str) -> bool:
        """Whether a column holds pictures."""
        return type(self._rows.features.get(column)).__name__ == "Image"

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """The names behind an integer column; None if it has none.

        Raises:
            DataCorrupt: no such column.
        """
        names = getattr(self._require(column), "names", None) or self._described_names(column)
        return None if names is None else tuple(map(str, names))

    def _described_names(self, column: str) -> list[str] | None:
        """The names in the snapshot's README.md, for shards that do not carry them themselves."""
        if not is_file(self.folder / "README.md"):
            return None
        with _reading(self.folder / "README.md"):
            described = _datasets().info.DatasetInfosDict.from_directory(str(self.folder))
        features = [(info.features or {}).get(column) for info in described.values()]
        return next((names for feature in features if (names := getattr(feature, "names", None))), None)

    def values(self, column: str) -> list[Any]:
        """A whole column of numbers, texts or lists.

        Raises:
            DataCorrupt: no such column, or the files are damaged.
        """
        self._require(column)
        with _reading(self._place):
            return self._rows.column(column).to_pylist()

    def file_names(self, column: str) -> list[str | None]:
        """The file names that the rows of a picture column remember, None where they remember none.

        Raises:
            DataCorrupt: no such column, or the files are damaged.
        """
        self._require(column)
        with _reading(self._place):
            return self._rows.column(f"{column}.path").to_pylist()

    def encoded(self, row: int, column: str) -> bytes:
        """The encoded picture in a row.

        Raises:
            DataMissing: no such row.
            DataCorrupt: no such column, no picture in it, or the files are damaged.
        """
        self._require(column)
        if not 0 <= row < self.rows:
            raise DataMissing(
                f"{self.folder}, split '{self.split}', has no row {row:,}, only {self.rows:,}.", hint=RESTORE
            )
        with _reading(self._place):
            cell = self._rows.value(row, column)
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if isinstance(data, bytes):
            return data
        raise DataCorrupt(
            f"Row {row:,} of {self.folder}, split '{self.split}', has no picture in its column '{column}'"
            f"{', only the name of one' if isinstance(cell, dict) and cell.get('path') else ''}.",
            hint="Save the dataset again with save_to_disk, which puts the pictures into the table.",
        )


@functools.lru_cache(maxsize=16)
def open_table(folder: Path, split: str) -> HubTable:
    """The table of a folder and split, opened once per process.

    Raises:
        DataMissing, DataCorrupt, UsageError: as `HubTable`.
    """
    return HubTable(folder, split)


@dataclass(frozen=True, slots=True)
class HubImage:
    """A picture in a row of a table (implements `foodbench.data.images.Picture`). It is read when it is opened.

    Attributes:
        folder: the table's folder.
        split: its split there.
        row: the row, counted from 0 over all shards.
        column: the column.
        exif: as in `ImageFile`.
    """

    folder: Path
    split: str
    row: int
    column: str = "image"
    exif: ExifPolicy = "ignore"

    @property
    def path(self) -> Path:
        """A name for messages, such as `food101/validation[12].image`; there is no such file."""
        return self.folder / f"{self.split}[{self.row}].{self.column}"

    def read_bytes(self) -> bytes:
        """The encoded picture.

        Raises:
            DataMissing: table or row are absent.
            DataCorrupt: the table is damaged, or the row holds no picture.
        """
        return open_table(self.folder, self.split).encoded(self.row, self.column)

    def with_opened(self, use: Callable[[Image], _T]) -> _T:
        """`use(image)` of the opened, not yet decoded picture; as `foodbench.data.images.with_image`.

        Raises:
            DataMissing, DataCorrupt: as `read_bytes`; or the picture is damaged or too large.
        """
        return with_encoded(self.read_bytes(), self.path, use)

    def open(self) -> Image:
        """The fully decoded picture in RGB.

        Raises:
            DataMissing, DataCorrupt: as `with_opened`.
        """
        return self.with_opened(lambda image: decode_rgb(image, self.exif))

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels after the EXIF policy, from the header only.

        Raises:
            DataMissing, DataCorrupt: as `with_opened`.
        """
        return self.with_opened(lambda image: header_size(image, self.exif))

    def orientation(self) -> int:
        """The EXIF orientation in the header: 1 (upright) to 8.

        Raises:
            DataMissing, DataCorrupt: as `with_opened`.
        """
        return self.with_opened(header_orientation)

    def fingerprint(self) -> str:
        """`sha256:` and the digest of the encoded bytes: the same as of a file with the same bytes.

        Raises:
            DataMissing, DataCorrupt: as `read_bytes`.
        """
        return "sha256:" + hashlib.sha256(self.read_bytes()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form: `{"kind": "hub", "folder": ..., "split": ..., "row": ..., "column": ..., "exif": ...}`."""
        return {
            "kind": "hub",
            "folder": str(self.folder),
            "split": self.split,
            "row": self.row,
            "column": self.column,
            "exif": self.exif,
        }


@dataclass(frozen=True, slots=True)
class HubMask:
    """A label image in a row of a table (implements `foodbench.data.records.MaskSource`).

    Attributes:
        image: where it is.
        max_id: the largest class id that exists.
    """

    image: HubImage
    max_id: int

    @property
    def path(self) -> Path:
        """A name for messages; there is no such file."""
        return self.image.path

    def read(self, ignore: int | None = IGNORE_LABEL) -> NDArray[np.uint8]:
        """The class ids as stored, checked as `MaskFile.read` checks them; uint8 of shape (height, width).

        Raises:
            DataMissing, DataCorrupt: the row or its picture is absent or damaged, or it is no mask of class ids.
        """
        checks = MaskFile(self.path, self.max_id)
        return self.image.with_opened(lambda image: checks.ids_in(image, ignore))

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, from the header only.

        Raises:
            DataMissing, DataCorrupt: as `HubImage.size`.
        """
        return self.image.size()

    def fingerprint(self, *, pixels: bool) -> str:
        """Digest of the encoded bytes, or of the decoded class ids and their shape; as `MaskFile.fingerprint`.

        Raises:
            DataMissing, DataCorrupt: as `HubImage.read_bytes`; as `read`, if pixels are digested.
        """
        if not pixels:
            return self.image.fingerprint()
        values = self.read()
        return fingerprint([*values.shape, hashlib.sha256(values.tobytes()).hexdigest()])
