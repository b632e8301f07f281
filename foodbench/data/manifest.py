"""What the generator of a synthetic copy wrote down about it: the marker and the manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from foodbench.core.errors import DataCorrupt
from foodbench.core.hashing import fingerprint
from foodbench.data.layout import MANIFEST, MARKER, is_file, read_lines, read_text

SCHEMA = 1
DIFFICULTY_KEY = "difficulty"
SETTINGS = ("seed", "size", "train", "test")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_REPAIR = "Delete the folder; it is rendered anew on demand."


@dataclass(frozen=True, slots=True)
class Marker:
    """The generator's marker.

    Attributes:
        generator: its name.
        version: its version.
        dataset: name of the dataset whose layout it wrote.
        counts: how many of each kind it wrote.
        metadata_sha256: digests of the metadata files by relative path.
        files_sha256: digest of the manifest's text.
        difficulty: how hard the generator made it, by setting; empty for the standard.
        settings: the other settings that it was made with (`seed`, `size`, `train`, `test`), as far as it says.
    """

    generator: str
    version: str
    dataset: str
    counts: Mapping[str, int]
    metadata_sha256: Mapping[str, str]
    files_sha256: str
    difficulty: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, int] = field(default_factory=dict)


class _Fingerprinted(Protocol):
    @property
    def root(self) -> Path: ...

    @property
    def synthetic(self) -> bool: ...

    def fingerprint(self, split: str) -> str: ...


def _is_table(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(item, kind) for item in value.values())


def read_marker(root: Path, *, dataset: str | None = None) -> Marker:
    """Read and check the marker of a synthetic copy.

    Args:
        root: the dataset's folder.
        dataset: the dataset that it must be of, if given.

    Raises:
        DataMissing: no marker.
        DataCorrupt: it is malformed, of a newer schema, or of another dataset.
    """
    path = root / MARKER
    try:
        plain = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataCorrupt(f"{path} is not valid JSON.", hint=_REPAIR) from error
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        raise DataCorrupt(f"{path} has no schema {SCHEMA}.", hint=f"Another foodbench wrote it. {_REPAIR}")
    text_fields = [plain.get(key) for key in ("generator", "dataset", "files_sha256")]
    if (
        not all(isinstance(value, str) for value in text_fields)
        or not isinstance(plain.get("version"), (str, int))
        or not _is_table(plain.get("counts"), int)
        or not _is_table(plain.get("metadata_sha256"), str)
        or not isinstance(plain.get(DIFFICULTY_KEY, {}), dict)
    ):
        raise DataCorrupt(f"{path} lacks a field or has one of a wrong type.", hint=_REPAIR)
    if dataset is not None and plain["dataset"] != dataset:
        raise DataCorrupt(f"{path} is of {plain['dataset']}, not of {dataset}.", hint="Choose the right folder.")
    for name in plain["metadata_sha256"]:
        _require_inside(path, name)
    return Marker(
        generator=plain["generator"],
        version=str(plain["version"]),
        dataset=plain["dataset"],
        counts=plain["counts"],
        metadata_sha256=plain["metadata_sha256"],
        files_sha256=plain["files_sha256"],
        difficulty=plain.get(DIFFICULTY_KEY, {}),
        settings={key: plain[key] for key in SETTINGS if isinstance(plain.get(key), int)},
    )


def copy_fingerprint(reader: _Fingerprinted, split: str) -> str:
    """A reader's fingerprint of a split, together with the difficulty of a synthetic copy that is not the standard one.

    Two difficulties have the same ids, and may have the same labels and masks: the light does not change them. Results
    on them must not compare all the same.

    Raises:
        UnknownName, DataMissing, DataCorrupt: as the reader's `fingerprint`, and as `read_marker`.
    """
    digest = reader.fingerprint(split)
    difficulty = read_marker(reader.root).difficulty if reader.synthetic else {}
    return fingerprint([digest, {DIFFICULTY_KEY: dict(difficulty)}]) if difficulty else digest


def _require_inside(path: Path, name: str) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or "\\" in name:
        raise DataCorrupt(f"{path} names a file outside its folder: {name!r}.", hint=_REPAIR)


def read_manifest(root: Path) -> dict[str, str]:
    """Digest of every file of a synthetic copy by relative path (`sha256sum` lines).

    Raises:
        DataMissing: no manifest.
        DataCorrupt: a malformed line, or a path that leads outside the folder.
    """
    path = root / MANIFEST
    digests: dict[str, str] = {}
    for number, line in read_lines(path):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataCorrupt(f"{path}, line {number}: not a sha256sum line.", hint=_REPAIR)
        _require_inside(path, match.group(2))
        digests[match.group(2)] = match.group(1)
    return digests


def files_below(root: Path) -> tuple[str, ...]:
    """Relative paths of all files of a copy, less marker, manifest and what macOS leaves behind, sorted."""
    own = {MARKER, MANIFEST}
    found: list[str] = []
    for path in root.rglob("*"):
        relative = path.relative_to(root).as_posix()
        if relative in own or path.name == ".DS_Store" or path.name.startswith("._") or not is_file(path):
            continue
        found.append(relative)
    return tuple(sorted(found))
