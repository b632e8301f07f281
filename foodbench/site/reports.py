"""Reports on disk: which there are, what each measured, and the command that made it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.core.printable import printable
from foodbench.runs.schema import RunFile, TaskResult
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.runs.submission_schema import SUBMISSION, SubmissionFile

# They become parts of paths and of links.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TASK = re.compile(r"[a-z0-9][a-z0-9_.]{0,99}")
_OPTIONS = ("edition", "limit", "seed", "control")
_FLAGS = ("allow_partial", "require_all")


@dataclass(frozen=True, slots=True)
class Measured:
    """One task of a report.

    Attributes:
        folder: where its files are.
        result: its result.
    """

    folder: TaskFolder
    result: TaskResult

    @property
    def versioned(self) -> str:
        """`name@version`."""
        return self.folder.path.name

    @property
    def why_unranked(self) -> str:
        """Why the result is on no board; empty if it is."""
        if self.result.task.control:
            return f"control: {self.result.task.control}"
        if self.result.limit is not None:
            return f"only a part was asked (limit {self.result.limit:,})"
        if self.result.n_missing:
            return f"{self.result.n_missing:,} answers were missing"
        return ""


@dataclass(frozen=True, slots=True)
class Report:
    """One run that the board shows.

    Attributes:
        name: of its folder; what the system is called in links.
        folder: where it is.
        run: its `run.json`.
        measured: its finished tasks, by `name@version`.
        unmeasured: why tasks of it have no result, by name.
        trusted: finished tasks whose answers were not read again when they came in, by `name@version`.
    """

    name: str
    folder: RunFolder
    run: RunFile
    measured: Mapping[str, Measured]
    unmeasured: Mapping[str, str]
    trusted: frozenset[str] = frozenset()

    @property
    def command(self) -> str:
        """The command line that makes this run again."""
        return command_of(self.run)


def load_reports(root: Path) -> tuple[Report, ...]:
    """All reports below a folder, by name.

    Raises:
        DataMissing: there are none.
        DataCorrupt: one is damaged, or has a name that cannot be part of a link.
    """
    found = sorted(path.parent for path in root.glob("*/run.json"))
    if not found:
        raise DataMissing(
            f"There are no reports in {root}.", hint="A report is a folder with a run.json; see --reports."
        )
    return tuple(_load(path, path.name) for path in found)


def load_submissions(root: Path) -> tuple[Report, ...]:
    """The submissions of runs below `leaderboard/submissions`, by name; they were checked when they came in.

    Raises:
        DataCorrupt: as `load_reports`.
    """
    found = sorted(path.parent for path in root.glob("*/*/run.json"))
    return tuple(replace(_load(path, submission_name(path)), trusted=_trusted(path)) for path in found)


def _trusted(folder: Path) -> frozenset[str]:
    path = folder / SUBMISSION
    try:
        tasks = SubmissionFile.model_validate_json(path.read_bytes()).tasks
    except (OSError, ValidationError) as error:
        raise DataCorrupt(f"{path} cannot be read as what it is.", hint="Restore the file.") from error
    return frozenset(name for name, task in tasks.items() if task.checked == "recomputed")


def submission_name(folder: Path) -> str:
    """What a submission is called in links: its model and its digest."""
    return f"{folder.parent.name}-{folder.name}"


def _load(path: Path, name: str) -> Report:
    if not _NAME.fullmatch(name):
        raise DataCorrupt(
            f"The report {printable(name, limit=80)} has a name that cannot be part of a link.",
            hint="Use letters, digits, '.', '_' and '-'.",
        )
    folder = RunFolder(path)
    run = folder.read()
    measured = {}
    for versioned, task in folder.finished().items():
        result = task.result()
        named = f"{result.task.name}@{result.task.version}"
        if named != versioned or not _TASK.fullmatch(result.task.name):
            raise DataCorrupt(
                f"{task.result_path} is about {printable(named, limit=80)}, its folder is called "
                f"{printable(versioned, limit=80)}.",
                hint="The report's files were moved or edited; restore them.",
            )
        if result.metrics:
            measured[versioned] = Measured(task, result)
    unmeasured = {
        name.rpartition("@")[0] or name: f"{status.status.replace('_', ' ')}: {status.reason or 'no reason is given'}"
        for name, status in run.tasks.items()
        if name not in measured
    }
    return Report(name, folder, run, measured, unmeasured)


def command_of(run: RunFile) -> str:
    """`foodbench run ...` with every setting of the run that is not the default."""
    chosen: dict[str, Any] = {name: each.value for name, each in run.config.items() if each.origin != "default"}
    words = ["foodbench", "run", "--model", run.model.spec]
    for name, value in sorted(run.model.args.items()):
        words += ["--model-args", f"{name}={value}"]
    tasks = chosen.get("tasks", "all")
    words += ["--tasks", ",".join(map(str, tasks)) if isinstance(tasks, list) else str(tasks)]
    for name in _OPTIONS:
        if chosen.get(name) is not None:
            words += [f"--{name}", str(chosen[name])]
    words += [f"--{name.replace('_', '-')}" for name in _FLAGS if chosen.get(name)]
    return shlex.join(words)
