"""What the readers share: finding the right folder, reading lists, and wording what is missing."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.core.files import open_regular
from foodbench.core.printable import printable

MARKER = ".foodbench-synthetic.json"
"""A dataset folder that holds this file was made by the kitchen, not by the dataset's authors."""

MANIFEST = ".foodbench-manifest.txt"
"""Beside the marker: `sha256sum` lines for every other file of a synthetic dataset."""

MAX_TEXT = 2**29
"""No list has more bytes: the largest official one, the ingredients of VIREO Food-172, has some 100 MB."""

MAX_ID = 200  # characters; it becomes a file name
SHOWN = 5  # how many missing files a message names; `missing()` and verify list all of them


def is_file(path: Path) -> bool:
    """Whether a file is there. Unlike Path's own: no, too, if the system does not let one look (a closed folder)."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """As `is_file`, for a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def entries(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing if it is not there or cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def is_synthetic(root: Path) -> bool:
    """Whether `root` is a tree made by the kitchen."""
    return is_file(root / MARKER)


def resource_lines(name: str) -> tuple[str, ...]:
    """The lines of a class list that the package carries, e.g. `food101.txt`."""
    text = (files("foodbench.data") / "resources" / name).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def require_layout(dataset: str, root: Path, required: Sequence[str]) -> Path:
    """Check that `root` is the dataset's own folder.

    Args:
        dataset: name of the dataset, for messages.
        root: the folder that the user named.
        required: paths below the root that every copy has; a trailing slash means a folder.

    Returns:
        The absolute root.

    Raises:
        DataMissing: a required path is absent. If the user was one or two levels off, the hint says the right path.
    """
    root = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100 - resolve() would replace the user's links
    absent = absent_paths(root, required)
    if not absent:
        return root
    if not os.path.lexists(root):
        message = f"The {dataset} folder {root} does not exist."
    elif not is_folder(root):
        message = f"{root} is a file, not a {dataset} folder."
    else:
        message = f"{root} is not a {dataset} folder: {_listing(absent, len(absent))} not found in it."
    raise DataMissing(message, hint=_layout_hint(dataset, root, required, absent))


def absent_paths(root: Path, required: Sequence[str]) -> list[str]:
    """Those of the required paths (trailing slash: a folder) that `root` does not have."""
    return [
        entry for entry in required if not (is_folder(root / entry) if entry.endswith("/") else is_file(root / entry))
    ]


def _layout_hint(dataset: str, root: Path, required: Sequence[str], absent: Sequence[str]) -> str:
    for candidate in _candidates(root):
        if not absent_paths(candidate, required):
            return f"Did you mean {candidate}?"
    for entry in absent:
        near = _near_name(root, entry)
        if near:
            return f"There is '{near}' instead of '{entry.rstrip('/')}': give it its official name."
    return f"`foodbench data info {dataset}` prints the expected layout and how to get the dataset."


def _candidates(root: Path) -> Iterator[Path]:
    """Folders that somebody who typed `root` may have meant: two levels up, then two levels down."""
    yield from list(root.parents)[:2]
    if not is_folder(root):
        yield from _folders(root.parent)
    children = _folders(root)
    yield from children
    for child in children[:20]:
        yield from _folders(child)[:20]


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _near_name(root: Path, entry: str) -> str | None:
    """The path that differs from `entry` only by case or by a letter or two, in the first component that is absent."""
    folder = root
    for part in entry.rstrip("/").split("/"):
        if (folder / part).exists():
            folder = folder / part
            continue
        names = [path.name for path in entries(folder)]
        same = [name for name in names if name.lower() == part.lower()] or get_close_matches(part, names, 1, 0.9)
        return (folder / same[0]).relative_to(root).as_posix() if same else None
    return None


def read_text(path: Path) -> str:
    """A small UTF-8 text file without byte-order mark.

    Raises:
        DataMissing: the file is absent or unreadable.
        DataCorrupt: it is not plain UTF-8 text.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_TEXT + 1)
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise DataMissing(f"The file {path} {reason}.", hint="Restore it from the dataset's archive.") from error
    if len(data) > MAX_TEXT:
        raise DataCorrupt(f"{path} has more than {MAX_TEXT:,} bytes.", hint="Restore the original file.")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DataCorrupt(
            f"{path} begins with a byte-order mark, which the official file does not have.",
            hint="A spreadsheet or editor saved it again: restore the original file.",
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataCorrupt(
            f"{path} is not UTF-8 text (byte {error.start:,}).", hint="Restore the original file."
        ) from error
    if "\0" in text:
        raise DataCorrupt(f"{path} contains NUL bytes.", hint="The copy was cut off or damaged: restore the file.")
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """(line number from 1, line) of all lines that are not blank.

    CRLF, a missing final newline, trailing blanks and blank lines are accepted: hand copies have them, and they change
    nothing. Leading blanks are kept.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: it is not plain UTF-8 text.
    """
    stripped = (line.rstrip(" \t\r") for line in read_text(path).split("\n"))
    return [(number, line) for number, line in enumerate(stripped, start=1) if line]


def unique_ids(path: Path, lines: Iterable[tuple[int, str]], pattern: str, example: str) -> tuple[str, ...]:
    r"""The ids of an id list, each checked against a pattern.

    The pattern is also what keeps `..` and absolute paths out of file names that are built from ids.

    Args:
        path: the list, for messages.
        lines: as from `read_lines`.
        pattern: regular expression that the whole id must match.
        example: a right id, for the hint.

    Raises:
        DataCorrupt: an id does not match, or occurs twice, or there is none.
    """
    import re

    accept = re.compile(pattern)
    seen: dict[str, int] = {}
    for number, line in lines:
        if len(line) > MAX_ID or not accept.fullmatch(line):
            shown = printable(line, limit=60)
            raise DataCorrupt(f"{path}, line {number}: '{shown}' is not an id.", hint=f"A right one reads '{example}'.")
        if line in seen:
            raise DataCorrupt(
                f"{path}, line {number}: '{line}' is listed a second time (first in line {seen[line]}).",
                hint="Restore the original list; lists that were joined by hand show this.",
            )
        seen[line] = number
    if not seen:
        raise DataCorrupt(f"{path} lists nothing.", hint="The file is empty: restore the original list.")
    return tuple(seen)


def require_disjoint(first: tuple[Path, Iterable[str]], second: tuple[Path, Iterable[str]]) -> None:
    """Refuse two id lists that share ids.

    Raises:
        DataCorrupt: they do; naming some of them.
    """
    shared = sorted(set(first[1]) & set(second[1]))
    if shared:
        raise DataCorrupt(
            f"{first[0]} and {second[0].name} share {len(shared):,} ids: {_listing(shared, len(shared))}.",
            hint="Training and test data overlap: restore the original lists.",
        )


Reader = TypeVar("Reader")


def once_per_split(method: Callable[[Reader, str], str]) -> Callable[[Reader, str], str]:
    """Keep the result of a reader's method with the reader: a digest of thousands of masks takes seconds."""

    @functools.wraps(method)
    def remembered(self: Reader, split: str) -> str:
        kept: dict[str, str] = self.__dict__.setdefault(f"_{method.__name__}", {})
        if split not in kept:
            kept[split] = method(self, split)
        return kept[split]

    return remembered


def require_split(name: str, known: Sequence[str]) -> None:
    """Refuse a split name that the dataset does not have.

    Raises:
        UnknownName: it is none of `known`.
    """
    if name not in known:
        raise UnknownName.of("split", name, known)


def _listing(names: Sequence[str], total: int) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if total <= SHOWN else f"{shown} and {total - SHOWN:,} more"


def missing_error(dataset: str, root: Path, what: str, missing: Sequence[str], total: int) -> DataMissing:
    """The error for a copy that lacks files of a split.

    Args:
        dataset: name of the dataset.
        root: its folder.
        what: what is missing, e.g. `images of the test split`.
        missing: the ids without file.
        total: how many ids there are.
    """
    return DataMissing(
        f"{dataset} in {root} lacks {len(missing):,} of {total:,} {what}: {_listing(missing, len(missing))}.",
        hint="Complete the copy, or use what is there with --allow-partial (results then say so and are not ranked).",
    )


def nothing_usable(dataset: str, root: Path, what: str, total: int, hint: str = "") -> DataMissing:
    """The error for a split of which no item at all can be used, even with --allow-partial."""
    return DataMissing(
        f"{dataset} in {root} has none of the {total:,} {what}: there is nothing to measure on.",
        hint=hint or "Complete the copy; `foodbench data verify` lists what is absent.",
    )


class ListedSplits:
    """A reader whose splits are lists of ids, of some of which the files may be absent."""

    _ids: Mapping[str, tuple[str, ...]]
    _missing: Mapping[str, tuple[str, ...]]

    def ids(self, split: str) -> tuple[str, ...]:
        """All ids of a split in the order of its list, whether their files are there or not.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, tuple(self._ids))
        return self._ids[split]

    def missing(self, split: str) -> tuple[str, ...]:
        """Ids of a split of which a file is absent.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, tuple(self._missing))
        return self._missing[split]


def file_stems(folder: Path, suffix: str) -> set[str]:
    """Stems of the files `<digits><suffix>` in a folder; empty if there is no such folder.

    Other names are passed over: macOS leaves `._*` and `.DS_Store` files in copied folders.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return set()
    return {
        name[: -len(suffix)]
        for name in names
        if name.endswith(suffix) and name[: -len(suffix)].isascii() and name[: -len(suffix)].isdigit()
    }
