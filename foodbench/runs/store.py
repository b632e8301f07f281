"""The folder of a run: which files are where, and how they are read and written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from foodbench.core.errors import DataCorrupt, DataMissing, RunIncomplete
from foodbench.core.files import atomic_write, clear_temporaries, file_lock, numbered_json_lines, open_regular
from foodbench.core.hashing import canonical_json
from foodbench.core.printable import printable
from foodbench.runs.schema import RunFile, SampleIds, SampleRecord, TaskResult

Model = TypeVar("Model", bound=BaseModel)
RATINGS = "ratings.jsonl"
LOCK = ".lock"


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
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "top level"
        raise DataCorrupt(
            f"{path} is not a valid {kind.__name__}: {where}: {first['msg']}.",
            hint="It was written by another version of foodbench or edited; run again with --fresh.",
        ) from error


def _dump(model: BaseModel) -> str:
    return json.dumps(model.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """The folder of one task in a run."""

    path: Path

    @property
    def samples_path(self) -> Path:
        """The scored samples, there once the task is complete."""
        return self.path / "samples.jsonl"

    @property
    def result_path(self) -> Path:
        """The result, there once the task is complete."""
        return self.path / "result.json"

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
        if self.samples_path.is_file():
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
        path = self.samples_path
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
        return self.path / "ids.json"

    def write(self, records: Iterable[SampleRecord], result: TaskResult, ids: SampleIds) -> None:
        """Write samples, ids, then result, each atomically; then drop the journals, which hold nothing more.

        A crash between any two steps leaves a folder from which the same command ends in the same files.

        Raises:
            StorageFull: a file could not be written; the journals are kept.
        """
        atomic_write(self.samples_path, "".join(record.model_dump_json() + "\n" for record in records))
        atomic_write(self.ids_path, _dump(ids))
        atomic_write(self.result_path, _dump(result))
        for journal in self.journals():
            journal.unlink(missing_ok=True)
        clear_temporaries(self.path)


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
