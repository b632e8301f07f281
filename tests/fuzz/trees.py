"""A copy of a dataset that can be damaged file by file, and what a user of it sees."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from foodbench.core.errors import FoodbenchError
from foodbench.data.kitchen import FOLDERS
from foodbench.data.roots import DatasetChoice, open_dataset
from foodbench.data.verify import Level, VerifyReport, verify
from foodbench.tasks import TASKS
from tests.fuzz.damage import OUTSIDE

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".h264")
_UNREAD = ("README.txt", "README.md", "Readme.txt", "README", "license_agreement.txt")


@dataclass
class Copy:
    """A dataset's folder whose files are links to the untouched ones, so that each is replaced and restored alone.

    Attributes:
        dataset: its name.
        root: the folder.
        untouched: the tree that it is a copy of.
    """

    dataset: str
    root: Path
    untouched: Path

    @classmethod
    def of(cls, kitchen: Path, dataset: str, folder: Path) -> Copy:
        """Copy a dataset of a kitchen into a folder, beside which secrets lie that no id may lead to."""
        untouched = kitchen / FOLDERS[dataset]
        root = folder / FOLDERS[dataset]
        shutil.copytree(untouched, root, copy_function=os.link)
        for place in (folder / OUTSIDE, folder.parent / OUTSIDE, root.parent / OUTSIDE):
            place.mkdir(exist_ok=True)
            for suffix in ("", ".jpg", ".png", ".json", "/rgb.png"):
                secret = place / f"secret{'' if suffix.startswith('/') else suffix}"
                if suffix and not suffix.startswith("/"):
                    secret.write_bytes(b"nobody may read this")
        return cls(dataset, root, untouched)

    @property
    def choice(self) -> DatasetChoice:
        """The copy as the kitchen edition; it has the kitchen's marker."""
        return DatasetChoice(self.dataset, "kitchen", self.root, False)

    def texts(self) -> list[str]:
        """Paths of the files that are no pictures, below the root."""
        return [
            name for name in self._files() if not name.endswith(PICTURE_SUFFIXES) and Path(name).name not in _UNREAD
        ]

    def pictures(self) -> list[str]:
        """Paths of the pictures."""
        return [name for name in self._files() if name.endswith(PICTURE_SUFFIXES[:3])]

    def _files(self) -> list[str]:
        return sorted(
            path.relative_to(self.untouched).as_posix() for path in self.untouched.rglob("*") if path.is_file()
        )

    @contextlib.contextmanager
    def damaged(self, name: str, put: bytes | Callable[[Path], None]) -> Iterator[Path]:
        """The copy with other bytes, or something else, in place of a file."""
        path = self.root / name
        path.unlink()
        try:
            if isinstance(put, bytes):
                path.write_bytes(put)
            else:
                put(path)
            yield path
        finally:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            os.link(self.untouched / name, path)

    def bytes_of(self, name: str) -> bytes:
        """The untouched bytes of a file."""
        return (self.untouched / name).read_bytes()


@dataclass
class Seen:
    """What a user of a copy sees.

    Attributes:
        facts: by step, what was read; an error if it was refused.
        missing: ids that the reader says are missing.
        report: of `verify`; the error if that was refused.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    report: VerifyReport | FoodbenchError | None = None

    @property
    def errors(self) -> dict[str, FoodbenchError]:
        """The refused steps."""
        return {step: fact for step, fact in self.facts.items() if isinstance(fact, FoodbenchError)}

    @property
    def faults(self) -> list[str]:
        """What `verify` has against the copy."""
        if isinstance(self.report, VerifyReport):
            return [f"{check.name}: {check.message}" for check in self.report.checks if check.status == "failed"]
        return [] if self.report is None else [self.report.message]


def look(copy: Copy, *, level: Level = "hashes", tasks: bool = False, choice: DatasetChoice | None = None) -> Seen:
    """Use a copy as its users do: records and fingerprints of all splits, and `verify`.

    Args:
        copy: the copy.
        level: of `verify`; if it is `decode`, the records' pictures and masks are decoded, too.
        tasks: load every task of the dataset, too.
        choice: how to open it; the kitchen edition unless it is given.
    """
    seen, choice = Seen(), choice or copy.choice
    reader = step(seen, "open", lambda: open_dataset(choice), keep=False)
    for split in reader.splits if reader is not None else ():
        records = step(seen, f"records of {split}", partial(_listed, reader, split), keep=False)
        if records is None:
            continue
        seen.facts[f"records of {split}"] = [repr(record).replace(str(copy.root), "ROOT") for record in records]
        seen.missing.update(reader.missing(split))
        step(seen, f"fingerprint of {split}", partial(reader.fingerprint, split))
        for record in records if level == "decode" else ():
            _decode(seen, copy, getattr(record, "pair", record))
    for name in TASKS.names() if tasks and reader is not None else ():
        task = TASKS.get(name)
        if task.dataset == copy.dataset:
            step(seen, name, partial(_identity, task, choice))
    try:
        seen.report = verify(choice, level)
    except FoodbenchError as error:
        seen.report = error
    return seen


def _decode(seen: Seen, copy: Copy, record: Any) -> None:
    if record.image is not None:
        step(seen, os.path.relpath(record.image.path, copy.root), lambda: record.image.open().size)
    if hasattr(record, "mask"):
        step(seen, os.path.relpath(record.mask.path, copy.root), lambda: record.checked_mask().shape)


def _listed(reader: Any, split: str) -> list[Any]:
    return list(reader.records(split))


def _identity(task: Any, choice: DatasetChoice) -> tuple[str, int]:
    data = task.load(choice)
    return data.fingerprint, len(data.samples)


def step(seen: Seen, name: str, run: Callable[[], Any], *, keep: bool = True) -> Any:
    """Take a step: its result is kept as a fact, and so is its error, after which it gives None."""
    try:
        result = run()
    except FoodbenchError as error:
        seen.facts[name] = error
        return None
    if keep:
        seen.facts[name] = result
    return result


_OPENED: list[str] | None = None


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if _OPENED is not None and event in ("open", "os.listdir", "os.scandir") and arguments:
        _OPENED.append(
            os.path.normpath(os.fspath(arguments[0])) if isinstance(arguments[0], (str, os.PathLike)) else ""
        )


sys.addaudithook(_note_opened)


@contextlib.contextmanager
def opened_files() -> Iterator[list[str]]:
    """The paths of everything that is opened or listed meanwhile."""
    global _OPENED
    opened: list[str] = []
    _OPENED = opened
    try:
        yield opened
    finally:
        _OPENED = None


@contextlib.contextmanager
def sealed(path: Path) -> Iterator[None]:
    """Let the system refuse to open, list or look at a path, as it does to people who are not root."""
    import builtins
    import io
    import posix

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *arguments: Any, **options: Any) -> Any:
            # What a closed folder is can be asked, what is in it can not.
            refused = _inside(os.fspath(target), str(path)) if isinstance(target, (str, os.PathLike)) else False
            if refused and not (function is posix.stat and os.fspath(target) == str(path)):
                raise PermissionError(13, "Permission denied", os.fspath(target))
            return function(target, *arguments, **options)

        return call

    places: Mapping[Any, tuple[str, ...]] = {io: ("open",), builtins: ("open",), os: ("open", "listdir", "scandir")}
    kept = [(module, name, getattr(module, name)) for module, names in places.items() for name in names]
    if path.is_dir():
        kept.append((os, "stat", posix.stat))
    for module, name, function in kept:
        setattr(module, name, guarded(function))
    try:
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)


def _inside(target: str, path: str) -> bool:
    return target == path or target.startswith(path + os.sep)
