"""The folder of a run: which files are where, and how they are read and written."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from foodbench.core.errors import DataCorrupt, DataMissing, RunIncomplete, StorageFull
from foodbench.core.files import atomic_write, clear_temporaries, file_lock, numbered_json_lines, open_regular
from foodbench.core.hashing import canonical_json
from foodbench.core.printable import printable
from foodbench.runs.faults import told
from foodbench.runs.schema import SCHEMA_VERSION, RunFile, SampleIds, SampleRecord, TaskResult

Model = TypeVar("Model", bound=BaseModel)
RATINGS = "ratings.jsonl"
LOCK = ".lock"
HISTORY = "history"
"""Folder in a task's folder for what earlier scorings of the same answers came to."""
_SAMPLES, _IDS, _RESULT = "samples.jsonl", "ids.json", "result.json"
_PACKED = ".gz"
# Files that count already and have yet to move to their places; and the same before it is whole.
_NEW, _NEW_PART = ".new", ".new.part"
MAX_SAMPLES_BYTES = 4 * 2**30
"""A larger file of samples, once unpacked, is refused: a few kilobytes can be packed such that they fill any memory."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that need not be asked for again."""

    answer: str
    seconds: float | None = None
    tokens: Mapping[str, int] | None = None

    @classmethod
    def of(cls, record: SampleRecord) -> StoredAnswer:
        """The answer that a scored sample holds."""
        return cls(record.answer, record.time.seconds, record.tokens)


def _read_model(path: Path, kind: type[Model]) -> Model:
    try:
        with open_regular(path) as stream:
            text = stream.read().decode("utf-8")
    except FileNotFoundError as error:
        raise DataMissing(f"There is no {path}.", hint="Give the folder of a run, e.g. one under runs/.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataCorrupt(f"Cannot read {path}: {error}.", hint="Check the file.") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = next((each for each in error.errors() if each["loc"] == ("schema_version",)), error.errors()[0])
        if first["type"] == "literal_error":
            raise DataCorrupt(
                f"{path} is of schema version {printable(str(first['input']), limit=40)}; this foodbench reads version "
                f"{SCHEMA_VERSION}.",
                hint="It was written by another version of foodbench: use that one, or run the task again.",
            ) from error
        raise DataCorrupt(
            f"{path} is not a valid {kind.__name__}: {told(first)}.",
            hint="It was written by another version of foodbench or edited; run again with --fresh.",
        ) from error


def _dump(model: BaseModel) -> str:
    return json.dumps(model.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def pack(data: bytes) -> bytes:
    """Bytes compressed without a time stamp: the same bytes give the same ones."""
    return gzip.compress(data, compresslevel=9, mtime=0)


def write_together(files: Mapping[str, bytes], folder: Path, *, part: Path) -> None:
    """Make a folder that has all of these files from the moment when it is there.

    Args:
        files: content by name.
        folder: what to make; must not exist.
        part: its name until it is whole, in the same folder; what a killed call has left there goes.

    Raises:
        StorageFull: it could not be made.
    """
    try:
        if part.is_dir():
            shutil.rmtree(part)
        for name, content in files.items():
            atomic_write(part / name, content)
        part.rename(folder)
    except OSError as error:
        raise StorageFull(f"Cannot write {folder}: {error.strerror}.", hint="Check the permissions.") from error


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """The folder of one task in a run."""

    path: Path

    @property
    def samples_path(self) -> Path:
        """The scored samples, there once the task is complete."""
        return self._present(_SAMPLES)

    @property
    def packed_samples_path(self) -> Path:
        """The same, compressed: what a folder of reports has instead."""
        return self._present(_SAMPLES + _PACKED)

    @property
    def stored_samples_path(self) -> Path:
        """Whichever of the two is there; the plain one if neither is."""
        packed = self.packed_samples_path
        return packed if packed.is_file() and not self.samples_path.is_file() else self.samples_path

    def samples_bytes(self) -> bytes:
        """What `samples.jsonl` holds, also where it is compressed.

        Raises:
            DataMissing: the task is not complete.
            DataCorrupt: it cannot be read or unpacked, or is larger than any run's.
        """
        path = self.stored_samples_path
        try:
            with open_regular(path) as stream:
                if path != self.packed_samples_path:
                    return stream.read()
                with gzip.GzipFile(fileobj=stream) as unpacked:
                    found = unpacked.read(MAX_SAMPLES_BYTES + 1)
        except FileNotFoundError as error:
            raise DataMissing(f"There is no {path}.", hint="Run the task to its end first.") from error
        except (OSError, EOFError, zlib.error) as error:
            raise DataCorrupt(
                f"Cannot read {path}: {error}.", hint="It is damaged or cut short; restore it, or run the task again."
            ) from error
        if len(found) > MAX_SAMPLES_BYTES:
            raise DataCorrupt(
                f"{path} unpacks to more than {MAX_SAMPLES_BYTES:,} bytes.", hint="No run is that large; restore it."
            )
        return found

    @property
    def result_path(self) -> Path:
        """The result, there once the task is complete."""
        return self._present(_RESULT)

    def _present(self, name: str) -> Path:
        """Where a file is at present: in its place, or on the way to it (see `write`)."""
        new = self.path / _NEW / name
        return new if new.exists() else self.path / name

    def journal_path(self, rank: int) -> Path:
        """The journal of answers that one process appends to while the task runs."""
        return self.path / ("answers.jsonl" if rank == 0 else f"answers.rank{rank}.jsonl")

    def journals(self) -> list[Path]:
        """All journals that are there, of any number of processes."""
        return sorted(self.path.glob("answers*.jsonl"))

    def stored_answers(self) -> dict[str, StoredAnswer]:
        """Every answer of this folder by key, from finished samples and from journals.

        Raises:
            DataCorrupt: a file is damaged elsewhere than in a torn last line.
        """
        found: dict[str, StoredAnswer] = {}
        if self.stored_samples_path.is_file():
            for record in self.samples():
                found[record.key] = StoredAnswer.of(record)
        for journal in self.journals():
            for number, line in numbered_json_lines(journal):
                try:
                    found[line["key"]] = StoredAnswer(line["answer"], line.get("seconds"), line.get("tokens"))
                except (TypeError, KeyError) as error:
                    raise DataCorrupt(
                        f"{journal}, line {number}: not a journal record.", hint="Delete the file, or use --fresh."
                    ) from error
        return found

    def samples(self) -> list[SampleRecord]:
        """The scored samples.

        Raises:
            DataMissing: the task is not complete.
            DataCorrupt: a line is not a sample record, or a sample comes twice.
        """
        path = self.stored_samples_path
        if not path.is_file():
            raise DataMissing(f"There is no {path}.", hint="Run the task to its end first.")
        records: dict[str, SampleRecord] = {}
        for number, line in numbered_json_lines(path):
            try:
                record = SampleRecord.model_validate(line)
            except ValidationError as error:
                raise DataCorrupt(
                    f"{path}, line {number}: not a sample record ({error.errors()[0]['msg']}).",
                    hint="It was written by another version of foodbench or edited; run again with --fresh.",
                ) from error
            if record.sample_id in records:
                raise DataCorrupt(
                    f"{path}, line {number}: the sample '{printable(record.sample_id, limit=80)}' comes twice.",
                    hint="The file was edited or damaged; run again with --fresh.",
                )
            records[record.sample_id] = record
        return list(records.values())

    def result(self) -> TaskResult:
        """The task's result.

        Raises:
            DataMissing, DataCorrupt: it is not there, or is not a result.
        """
        return _read_model(self.result_path, TaskResult)

    @property
    def ids_path(self) -> Path:
        """`ids.json`: which samples were scored, which are missing."""
        return self._present(_IDS)

    def write(self, records: Iterable[SampleRecord], result: TaskResult, ids: SampleIds) -> None:
        """Replace samples, ids and result, all at once; then drop the journals, which hold nothing more.

        The new files are made in a folder of their own. From the moment when that gets its name they are the task's,
        and only have to move to their places, which the next `write` does if this one is killed. So a crash at any
        moment leaves the old files or the new ones, never some of each. Samples stay packed if they are.

        Raises:
            StorageFull: a file could not be written; the journals are kept, and so is what was there.
        """
        self.settle()
        lines = "".join(record.model_dump_json() + "\n" for record in records).encode()
        packed = self.stored_samples_path.suffix == _PACKED
        samples = {_SAMPLES + _PACKED: pack(lines)} if packed else {_SAMPLES: lines}
        write_together(
            {**samples, _IDS: _dump(ids).encode(), _RESULT: _dump(result).encode()},
            self.path / _NEW,
            part=self.path / _NEW_PART,
        )
        self.settle()
        for journal in self.journals():
            journal.unlink(missing_ok=True)
        clear_temporaries(self.path)

    def settle(self) -> None:
        """Move the files of a `write` that was killed on the way to their places. Only where no other is writing.

        Raises:
            StorageFull: they cannot be moved; they count nevertheless.
        """
        new = self.path / _NEW
        if not new.is_dir():
            return
        try:
            for file in new.iterdir():
                file.replace(self.path / file.name)
            new.rmdir()
        except OSError as error:
            raise StorageFull(
                f"Cannot move files from {new} to {self.path}: {error.strerror}.", hint="Check the permissions."
            ) from error


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a run."""

    path: Path

    @property
    def run_path(self) -> Path:
        """`run.json`."""
        return self.path / "run.json"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other runs out of this folder.

        Raises:
            RunIncomplete: another process is writing this run.
            StorageFull: the folder cannot be written.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(file_lock(self.path / LOCK, wait=False))
            except BlockingIOError as error:
                raise RunIncomplete(
                    f"The run {self.path} is already going on in another process.",
                    hint="Wait for it or stop it; then the same command continues.",
                ) from error
            yield

    def clear(self) -> None:
        """Delete everything in the folder but its lock and the ratings, which are people's work.

        A rating names the answer that it is about by digest, so that it counts for no other.
        """
        for entry in self.path.iterdir():
            ratings = entry / RATINGS
            if ratings.is_file():
                for other in entry.iterdir():
                    if other != ratings:
                        shutil.rmtree(other) if other.is_dir() else other.unlink()
            elif entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()

    def task(self, versioned_name: str) -> TaskFolder:
        """The folder of a task, by `name@version`; it may not exist yet."""
        return TaskFolder(self.path / versioned_name)

    def tasks(self) -> dict[str, TaskFolder]:
        """The folders of the tasks that have begun, by `name@version`."""
        return {entry.name: TaskFolder(entry) for entry in sorted(self.path.glob("*@*")) if entry.is_dir()}

    def finished(self) -> dict[str, TaskFolder]:
        """Those of them that have a result."""
        return {name: task for name, task in self.tasks().items() if task.result_path.is_file()}

    def read(self) -> RunFile:
        """`run.json`.

        Raises:
            DataMissing, DataCorrupt: it is not there, or is not a run file.
        """
        return _read_model(self.run_path, RunFile)

    def write(self, run: RunFile) -> None:
        """Replace `run.json`.

        Raises:
            StorageFull: it could not be written.
        """
        atomic_write(self.run_path, _dump(run))
        clear_temporaries(self.path)


def samples_digest(records: Iterable[SampleRecord]) -> str:
    """SHA-256 of the samples without what depends on the clock."""
    digest = hashlib.sha256()
    for record in records:
        plain: dict[str, Any] = record.model_dump(mode="json", exclude={"time"})
        digest.update(canonical_json(plain).encode() + b"\n")
    return digest.hexdigest()
