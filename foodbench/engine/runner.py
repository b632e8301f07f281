"""A run: all data first, then the model's weights, then one task after the other, each saved as soon as it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foodbench.adapters.arguments import without_secrets
from foodbench.core.errors import DataMissing, ExitCode, FoodbenchError, ProviderDown, StorageFull, UnsupportedTask
from foodbench.core.hashing import fingerprint
from foodbench.data.controls import Control
from foodbench.data.roots import KITCHEN_VARIABLE, resolve, roots
from foodbench.engine import evaluation, scoring
from foodbench.engine.models import RunModel
from foodbench.engine.processes import Processes
from foodbench.engine.rated import with_ratings
from foodbench.engine.references import measure_references
from foodbench.engine.reporting import Reporter
from foodbench.runs.provenance import collect, now
from foodbench.runs.schema import ConfigValue, ModelIdentity, RunFile, TaskResult, TaskStatus, TaskTime
from foodbench.runs.store import RunFolder, StoredAnswer
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask, TaskData
from foodbench.tasks.controls import controlled


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What to run.

    Attributes:
        model: as `--model`.
        model_args: the adapter's settings.
        tasks: task names.
        edition: `real`, `kitchen`, or None for the real one where it is registered.
        allow_partial: use incomplete copies of datasets.
        require_all: a task without data is an error rather than "not measured".
        limit: at most this many samples per task.
        seed: for every random choice.
        batch_size: requests per generate call; the adapter's own wish by default.
        out: folder that holds runs.
        fresh: forget earlier answers of the same run.
        control: ask every question of another or of a blank picture.
    """

    model: str
    model_args: Mapping[str, str]
    tasks: Sequence[str]
    edition: Literal["real", "kitchen"] | None = None
    allow_partial: bool = False
    require_all: bool = False
    limit: int | None = None
    seed: int = 0
    batch_size: int | None = None
    out: Path = Path("runs")
    fresh: bool = False
    control: Control | None = None


@dataclass
class RunOutcome:
    """How a run ended.

    Attributes:
        folder: where it is.
        results: finished tasks in order.
        not_measured: why, for tasks without data or that the model cannot answer by its nature.
        errors: why, for tasks that failed.
        rank: this process's number.
    """

    folder: RunFolder
    results: list[TaskResult] = field(default_factory=list)
    not_measured: dict[str, FoodbenchError] = field(default_factory=dict)
    errors: dict[str, FoodbenchError] = field(default_factory=dict)
    rank: int = 0

    @property
    def exit_code(self) -> int:
        """0 if every task that has data and suits the model was measured; otherwise the first error's code.

        Also if no task at all was measured: a gate must not pass on nothing.
        """
        for error in self.errors.values():
            return int(error.exit_code)
        if not self.results:
            return int(next((error.exit_code for error in self.not_measured.values()), ExitCode.INCOMPLETE))
        return int(ExitCode.OK)


def execute(options: RunOptions, config: Mapping[str, ConfigValue], reporter: Reporter) -> RunOutcome:
    """Run everything that `options` asks for.

    The same options continue the same run: its folder's name is a function of them, and answers that are there are not
    asked for again.

    Raises:
        UnknownName, UsageError: the model or its arguments are wrong.
        DataMissing: `require_all` is set and a dataset is missing; or no task is left to run.
        StorageFull: the run's folder cannot be written.
    """
    model = RunModel(options.model, options.model_args, options.batch_size)  # loads no weights yet
    loaded, not_measured, broken = _load(options, reporter)
    processes = Processes.from_environment()
    try:
        folder = RunFolder(options.out / run_id(options, model.identity))
        outcome = RunOutcome(folder=folder, not_measured=dict(not_measured), errors=dict(broken), rank=processes.rank)
        run = _Run(options, model, folder, processes, reporter, outcome)
        with folder.in_use() if processes.rank == 0 else nullcontext():
            run.begin(config)
            processes.barrier()  # nobody reads the folder before --fresh has emptied it
            reporter.chosen(loaded, not_measured)
            for name, error in broken.items():
                reporter.failed(name, error)
            for data in loaded:
                if not run.task(data):
                    break
            run.save_state()
        return outcome
    finally:
        processes.close()


def run_id(options: RunOptions, identity: str) -> str:
    """The run's name: the model's readable name and a digest of everything that changes its answers.

    Not of the tasks (tasks run one after the other gather in one run), nor of throughput settings.
    """
    # Which copies are registered decides what "the default edition" is: another set of them is another run.
    copies = [sorted(map(str, roots().items()))] if options.edition != "kitchen" else []
    kitchen = os.environ.get(KITCHEN_VARIABLE) if options.edition != "real" else None
    plain = [identity, options.edition, copies, kitchen, options.allow_partial, options.limit, options.seed]
    if options.control is not None:
        plain.append(options.control)
    readable = "".join(char if char.isalnum() else "-" for char in options.model).strip("-")[:40]
    return f"{readable}-{fingerprint(plain).removeprefix('sha256:')[:8]}"


def _load(
    options: RunOptions, reporter: Reporter
) -> tuple[list[TaskData], dict[str, FoodbenchError], dict[str, FoodbenchError]]:
    """Load every task's data before any weights: ready ones, ones without data, ones with broken data."""
    loaded: list[TaskData] = []
    missing: dict[str, FoodbenchError] = {}
    broken: dict[str, FoodbenchError] = {}
    for name in options.tasks:
        task: FoodTask = TASKS.get(name)
        try:
            choice = resolve(
                task.dataset, options.edition, allow_partial=options.allow_partial, progress=reporter.stage
            )
            data = task.load(choice, limit=options.limit, seed=options.seed, progress=reporter.stage)
            loaded.append(controlled(data, options.control, seed=options.seed))
        except DataMissing as error:
            if options.require_all or len(options.tasks) == 1:
                raise
            missing[name] = error
        except FoodbenchError as error:
            if len(options.tasks) == 1:
                raise
            broken[name] = error
    if not loaded:
        raise next(iter([*broken.values(), *missing.values()]))
    return loaded, missing, broken


@dataclass
class _Run:
    options: RunOptions
    model: RunModel
    folder: RunFolder
    processes: Processes
    reporter: Reporter
    outcome: RunOutcome
    statuses: dict[str, TaskStatus] = field(default_factory=dict)
    _file: RunFile | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes results."""
        return self.processes.rank == 0

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(
            spec=self.model.spec, args=without_secrets(self.options.model_args), identity=self.model.identity
        )

    def begin(self, config: Mapping[str, ConfigValue]) -> None:
        """Write `run.json`, keeping what an earlier invocation says of other tasks."""
        if self.options.fresh and self.leads:
            self.folder.clear()
        if self.folder.run_path.is_file() and not self.options.fresh:
            self.statuses.update(self.folder.read().tasks)
        self._file = RunFile(
            run_id=self.folder.path.name,
            model=self.identity,
            config=dict(config),
            provenance=collect(self.options.seed),
            time={"started": now()},
        )
        for name, error in self.outcome.not_measured.items():
            self._note(TASKS.get(name), "not_measured", error)
        for name, error in self.outcome.errors.items():
            self._note(TASKS.get(name), "failed", error)
        self.save_state()

    def save_state(self) -> None:
        """Replace `run.json` by the present state."""
        if self.leads and self._file is not None:
            self._file.tasks = dict(sorted(self.statuses.items()))
            self._file.time["updated"] = now()
            self.folder.write(self._file)

    def _note(self, task: FoodTask, status: Literal["failed", "not_measured"], error: FoodbenchError) -> None:
        self.statuses[task.versioned_name] = TaskStatus(status=status, reason=error.message, code=error.code)

    def task(self, data: TaskData) -> bool:
        """Run one task to its end.

        Returns:
            False if the others must not be tried (the server is down, the disk is full).
        """
        task = data.task
        try:
            result = self._measure(data)
        except UnsupportedTask as error:
            self.outcome.not_measured[task.name] = error
            self._note(task, "not_measured", error)
        except FoodbenchError as error:
            self.outcome.errors[task.name] = error
            self._note(task, "failed", error)
            self.reporter.failed(task.name, error)
            if isinstance(error, StorageFull):
                return False  # run.json cannot be written either
            self.save_state()
            return not isinstance(error, ProviderDown)
        else:
            where = f"{task.versioned_name}/result.json"
            self.statuses[task.versioned_name] = TaskStatus(status="complete", result=where)
            self.outcome.results.append(result)
            self.reporter.finished(result)
        self.save_state()
        return True

    def _measure(self, data: TaskData) -> TaskResult:
        from foodbench.engine.journal import JournaledModel  # imports lmms-eval, ~5 s: not before there is work

        started, clock = now(), time.perf_counter()
        spent_before = self.model.usage()
        folder = self.folder.task(data.task.versioned_name)
        built: list[Any] = []
        stored: dict[str, StoredAnswer] = {}

        def make_ready() -> dict[str, Any]:
            self.model.prepare(data)
            built.extend(evaluation.build_task(data, chat=self.model.chat))
            stored.update(folder.stored_answers())
            return {}

        # Shared, so that a process that fails here fails the task everywhere, and nobody journals before all have read.
        self.processes.share(make_ready)
        task_object, hooks = built
        keys = {sample.sample_id: scoring.question_key(data, sample, self.model.identity) for sample in data.samples}
        journal = JournaledModel(
            make_model=self.model.as_lmms,
            folder=folder,
            keys=keys,
            stored=stored,
            chunk_size=self.model.chunk_size,
            single=self.model.answers_singly,
            processes=self.processes,
            progress=self.reporter,
        )
        journal.is_simple = not self.model.chat
        scores = evaluation.evaluate(task_object, hooks, journal, seed=self.options.seed)
        answers = {sample_id: journal.stored[key].answer for sample_id, key in keys.items()}
        rated = with_ratings(data, scores, answers, folder)
        records = scoring.sample_records(data, rated.scores, keys, journal.stored)
        references = measure_references(data) if self.leads else []
        result = scoring.task_result(
            data,
            records,
            rated.scores,
            references,
            model=self.identity,
            seed=self.options.seed,
            usage=rated.add_usage({**scoring.token_totals(records), **_spent(spent_before, self.model.usage())}),
            raters=rated.raters,
            time=TaskTime(
                started=started,
                finished=now(),
                seconds=time.perf_counter() - clock,
                model_seconds=journal.asked.seconds,
                asked=journal.asked.samples,
            ),
        )
        if self.leads:
            folder.write(records, result, scoring.sample_ids(data))
        return result


def _spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What one task added to the adapter's running totals."""
    return {name: total - before.get(name, 0.0) for name, total in after.items()}
