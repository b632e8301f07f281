"""Which Hugging Face tables a local folder holds, by its file names alone.

Two kinds of folders are known:

    saved       what `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote: Arrow shards, state.json, ...
    snapshot    a hub repository as it was downloaded: `data/<split>-00000-of-00008.parquet` (or `<split>/0000.parquet`)
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.data.layout import entries, is_file, is_folder, read_text

DICT_FILE = "dataset_dict.json"
STATE_FILE = "state.json"
INFO_FILE = "dataset_info.json"
RESTORE = "Download the snapshot again, or save the dataset again with save_to_disk."
PLAIN_NAME = re.compile(r"\w[\w.\-]{0,99}")
"""A file or split name that leads nowhere else."""

_SHARD = re.compile(r"(?P<split>\w+)-(?P<index>\d{5})-of-(?P<count>\d{5})(-[0-9a-f]{16})?\.(?P<kind>parquet|arrow)")
_NUMBERED = re.compile(r"\d{4}\.parquet")


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """Where the rows of one split are.

    Attributes:
        kind: `saved`, a folder of `save_to_disk`; `arrow` or `parquet`, bare shards.
        paths: the folder, or the shards in their order.
    """

    kind: Literal["saved", "arrow", "parquet"]
    paths: tuple[Path, ...]


def hub_root(folder: Path) -> Path:
    """The folder itself; or the snapshot in it, if it is a repository in the hub's cache that has exactly one."""
    snapshots = _folders(folder / "snapshots")
    return snapshots[0] if len(snapshots) == 1 and is_folder(folder / "blobs") else folder


def is_hub_folder(folder: Path) -> bool:
    """Whether a folder looks like a table of the `datasets` library (nothing is opened)."""
    folder = hub_root(folder)
    if is_file(folder / DICT_FILE) or _is_saved(folder):
        return True
    return bool(_shards(folder) or _numbered(folder))


def _is_saved(folder: Path) -> bool:
    return is_file(folder / STATE_FILE) and is_file(folder / INFO_FILE)


def _folders(folder: Path) -> list[Path]:
    return [path for path in entries(folder) if is_folder(path)]


def _shards(folder: Path) -> list[tuple[re.Match[str], Path]]:
    """The shards in the folder, or in its subfolder `data`."""
    for place in (folder, folder / "data"):
        found = [(match, path) for path in entries(place) if (match := _SHARD.fullmatch(path.name)) and is_file(path)]
        if found:
            return found
    return []


def _numbered(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Splits in the layout of the hub's automatic conversion: `<split>/0000.parquet`, perhaps below `default`."""
    for place in (folder / "default", folder):
        splits = {
            inner.name: tuple(path for path in entries(inner) if _NUMBERED.fullmatch(path.name) and is_file(path))
            for inner in _folders(place)
        }
        found = {name: paths for name, paths in splits.items() if paths}
        if found:
            return found
    return {}


def find_splits(folder: Path) -> dict[str, SplitFiles]:
    """The splits of a folder by name. The name is empty if the folder holds one table that does not say its split.

    Raises:
        DataMissing: it holds no table, or shards are absent.
        DataCorrupt: what describes the table is damaged, or shards of several uploads lie beside each other.
    """
    if is_file(folder / DICT_FILE):
        names = read_object(folder / DICT_FILE).get("splits")
        if not isinstance(names, list) or not all(isinstance(one, str) and PLAIN_NAME.fullmatch(one) for one in names):
            raise DataCorrupt(f"{folder / DICT_FILE} does not list splits.", hint=RESTORE)
        absent = [name for name in names if not _is_saved(folder / name)]
        if absent:
            raise DataMissing(f"{folder} lacks the saved splits {', '.join(absent)}.", hint=RESTORE)
        return {name: SplitFiles("saved", (folder / name,)) for name in names}
    if _is_saved(folder):
        written = str(read_object(folder / STATE_FILE).get("_split") or "")
        part = re.fullmatch(r"(\w+)(\[.*\])?", written)  # a slice is saved as 'train[:100]'
        return {part.group(1) if part else written: SplitFiles("saved", (folder,))}
    found = _shards(folder)
    if found:
        return _sharded(folder, found)
    numbered = _numbered(folder)
    for paths in numbered.values():
        _require_all(folder, paths, [int(path.stem) for path in paths], len(paths))
    if not numbered:
        raise DataMissing(
            f"{folder} holds no table of the Hugging Face datasets library.",
            hint="Name a folder written by save_to_disk, or a downloaded snapshot with data/*.parquet.",
        )
    return {name: SplitFiles("parquet", paths) for name, paths in numbered.items()}


def _sharded(folder: Path, found: Sequence[tuple[re.Match[str], Path]]) -> dict[str, SplitFiles]:
    by_split: dict[str, list[tuple[re.Match[str], Path]]] = {}
    for match, path in found:
        by_split.setdefault(match["split"], []).append((match, path))
    splits: dict[str, SplitFiles] = {}
    for name, shards in by_split.items():
        counts = {int(match["count"]) for match, _ in shards}
        kinds = {match["kind"] for match, _ in shards}
        indices = [int(match["index"]) for match, _ in shards]
        if len(counts) > 1 or len(kinds) > 1 or len(set(indices)) < len(indices):
            raise DataCorrupt(
                f"{folder} holds shards of several uploads of the split '{name}'.", hint="Keep those of one revision."
            )
        paths = tuple(path for _, path in shards)
        _require_all(folder, paths, indices, counts.pop())
        kind: Literal["arrow", "parquet"] = "arrow" if kinds == {"arrow"} else "parquet"
        # save_to_disk calls every shard 'data-...', whatever the split.
        splits["" if kind == "arrow" and name == "data" else name] = SplitFiles(kind, paths)
    return splits


def _require_all(folder: Path, paths: Sequence[Path], indices: Sequence[int], count: int) -> None:
    absent = sorted(set(range(count)) - set(indices))
    if absent:
        raise DataMissing(
            f"{folder} lacks {len(absent)} of {count} shards beside {paths[0].name}: number {absent[0]}"
            f"{' and others' if len(absent) > 1 else ''}.",
            hint="Rows are numbered over all shards, so none may be absent: download the rest.",
        )


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a small file.

    Raises:
        DataMissing, DataCorrupt: it is absent, or no JSON object.
    """
    try:
        plain = json.loads(read_text(path))
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict):
        raise DataCorrupt(f"{path} is not a JSON object.", hint=RESTORE)
    return plain
