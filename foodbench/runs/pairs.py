"""Two runs side by side: which tasks both have answered, and whether their answers may be compared.

Two results compare only if the same questions about the same pictures were asked in the same way and scored by the same
rules. Whatever differs is named with both values; nothing is left out in silence. What is damaged (a file cut short,
NaN, a sample twice) is refused as an error, because no statement about it would hold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from foodbench.core.errors import DataCorrupt, UnknownName
from foodbench.core.types import ENVELOPE_KEY, Score
from foodbench.core.wording import counted
from foodbench.metrics import ratings
from foodbench.metrics.aggregate import Metric
from foodbench.runs.answered import AnsweredSample, answered_samples
from foodbench.runs.schema import MetricRecord, RunFile, TaskResult
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.tasks import TASKS, in_order
from foodbench.tasks.base import FoodTask

LEAST_OVERLAP = 0.95
"""Share of all samples that both runs must have answered, where only those are compared."""
# Values are written in full precision; another platform's mathematics may differ in the last bits.
_SAME = 1e-9
# Of single precision sums in another order; measured between batches of 3 and of 32: 2e-6 of a number, 6e-7 near zero.
_ROUNDING = 1e-5
_RATING_VALUES = frozenset({str(name) for metric in ratings.METRICS for name in (metric.value, metric.over)})

Role = Literal["baseline", "candidate"]
Declared = Mapping[str, tuple[str, str]]
"""By task, the prompt fingerprints of baseline and candidate that are declared to differ."""


@dataclass(frozen=True, slots=True)
class RunSide:
    """One of the two runs.

    Attributes:
        role: which of the two.
        folder: where it is.
        run: its `run.json`.
        finished: the folders of its finished tasks, by task name and version.
        unfinished: why tasks of it have no result, by task name.
        interrupted: whether it stopped in the middle of a task, so that further ones may not have had their turn.
    """

    role: Role
    folder: RunFolder
    run: RunFile
    finished: Mapping[str, Mapping[int, TaskFolder]]
    unfinished: Mapping[str, str]
    interrupted: bool = False

    @property
    def tasks(self) -> set[str]:
        """The names of all tasks that it has begun, finished or not."""
        return {*self.finished, *self.unfinished}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something in which two results differ that must be equal.

    Attributes:
        what: the thing.
        baseline: its value there.
        candidate: its value here.
    """

    what: str
    baseline: Any
    candidate: Any

    def __str__(self) -> str:
        return f"{self.what}: baseline {_short(self.baseline)}, candidate {_short(self.candidate)}"


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A task that is not compared, and why.

    Attributes:
        name: the task.
        kind: `not comparable`: both have it, but something differs that must not; `not measured`: one of them has no
            usable result; `gone`: the candidate does not know of it; `new`: the baseline does not.
        reason: one sentence.
        mismatches: what differs, if that is why.
    """

    name: str
    kind: Literal["not comparable", "not measured", "gone", "new"]
    reason: str
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskPair:
    """A task that two runs have answered, and that compares.

    Attributes:
        task: the task.
        baseline: its result in the baseline.
        candidate: its result in the candidate.
        baseline_samples: the baseline's answers, in order of sample id.
        candidate_samples: the candidate's answers to the same samples, in the same order.
        notes: what people must know about this comparison (a part of the samples, declared prompts).
        whole: whether all samples of both are in it.
        changed: places of the samples whose answers differ.
        rounded: places of those whose answers are the same but for the last digits of their numbers.
    """

    task: FoodTask
    baseline: TaskResult
    candidate: TaskResult
    baseline_samples: Sequence[AnsweredSample]
    candidate_samples: Sequence[AnsweredSample]
    notes: tuple[str, ...] = ()
    whole: bool = True
    changed: tuple[int, ...] = field(init=False)
    rounded: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        sides = enumerate(zip(self.baseline_samples, self.candidate_samples, strict=True))
        differing = [
            (index, same_answer(old.answer, new.answer)) for index, (old, new) in sides if old.answer != new.answer
        ]
        object.__setattr__(self, "changed", tuple(index for index, same in differing if not same))
        object.__setattr__(self, "rounded", tuple(index for index, same in differing if same))

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def identical(self) -> bool:
        """Whether every answer is the same, but for the rounding of numbers (and all samples are compared)."""
        return not self.changed and self.whole

    @property
    def baseline_scores(self) -> list[Score]:
        """In the order of the samples."""
        return [sample.score for sample in self.baseline_samples]

    @property
    def candidate_scores(self) -> list[Score]:
        """In the order of the samples."""
        return [sample.score for sample in self.candidate_samples]

    def metrics(self, rows: Literal["primary", "headline", "all"]) -> list[Metric]:
        """The task's metrics that can be compared: ratings only if the same raters gave them on both sides."""
        wanted = {"primary": 1, "headline": self.task.headline, "all": len(self.task.metrics)}[rows]
        rated = {rater.rater for rater in self.baseline.raters}
        same = bool(rated) and rated == {rater.rater for rater in self.candidate.raters}
        return [metric for metric in self.task.metrics[:wanted] if same or metric.id not in ratings.IDS]


def same_answer(old: str, new: str) -> bool:
    """Whether two raw answers say the same: text and masks to the character, the numbers of an envelope to five digits.

    A model's sums come out in another order with another batch size or number of threads; what that changes in a single
    precision number is rounding, and no other answer.
    """
    if old == new:
        return True
    if ENVELOPE_KEY not in old or ENVELOPE_KEY not in new:
        return False
    try:
        return _alike(json.loads(old), json.loads(new))
    except (ValueError, RecursionError):
        return False


def _alike(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_alike(value, new[name]) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_alike, old, new))
    return type(old) is type(new) and bool(old == new)


def open_side(folder: RunFolder, role: Role) -> RunSide:
    """Look through a run: a folder below `runs/`, or one of reports with compressed samples.

    Raises:
        DataMissing, DataCorrupt: it is no run, or is damaged.
    """
    run = folder.read()
    finished: dict[str, dict[int, TaskFolder]] = {}
    unfinished: dict[str, str] = {}
    interrupted = False
    for versioned, task in folder.tasks().items():
        name, _, version = versioned.rpartition("@")
        if not version.isdecimal():
            raise DataCorrupt(f"{task.path} is not named as a task's folder is.", hint="Such are called name@version.")
        if task.result_path.is_file():
            finished.setdefault(name, {})[int(version)] = task
        else:
            unfinished[name] = "it was begun and not finished"
            interrupted = True
    for versioned, status in run.tasks.items():
        name = versioned.rpartition("@")[0] or versioned
        if name in finished:
            continue
        if status.status == "complete":
            unfinished[name] = f"run.json calls it complete, but there is no {versioned}/result.json"
        else:
            unfinished[name] = f"{status.status.replace('_', ' ')}: {status.reason or 'no reason is given'}"
    still_open = {name: reason for name, reason in unfinished.items() if name not in finished}
    return RunSide(role, folder, run, finished, still_open, interrupted)


def paired_tasks(
    baseline: RunSide,
    candidate: RunSide,
    names: Sequence[str] | None = None,
    *,
    intersect: bool = False,
    declared: Declared | None = None,
) -> Iterator[TaskPair | Unpaired]:
    """Each task of the two runs, in the order of the list of tasks, read one at a time.

    Args:
        baseline: the run that is compared with.
        candidate: the run in question.
        names: only these tasks; all that either run has by default.
        intersect: where the runs have answered different samples, compare those that both have answered, if they are at
            least 95 % of all; without it such tasks are not comparable.
        declared: changes of the way of asking that are known and meant.

    Raises:
        DataMissing, DataCorrupt: files of a run are absent or damaged.
    """
    for name in in_order(baseline.tasks | candidate.tasks if names is None else names):
        yield _paired(baseline, candidate, name, intersect, (declared or {}).get(name))


def _paired(
    baseline: RunSide, candidate: RunSide, name: str, intersect: bool, declared: tuple[str, str] | None
) -> TaskPair | Unpaired:
    if name not in candidate.tasks and candidate.interrupted:
        return Unpaired(name, "not measured", "candidate: the run was interrupted before it")
    if name not in candidate.tasks:
        return Unpaired(name, "gone", "the candidate has not been asked it")
    if name not in baseline.tasks:
        return Unpaired(name, "new", "the baseline has not been asked it")
    for side in (candidate, baseline):
        if name in side.unfinished:
            return Unpaired(name, "not measured", f"{side.role}: {side.unfinished[name]}")
    old_folder, new_folder = _versions(baseline.finished[name], candidate.finished[name])
    old, new = _result(old_folder, name), _result(new_folder, name)
    for side, result in ((candidate, new), (baseline, old)):
        if result.n == 0:
            return Unpaired(name, "not measured", f"{side.role}: no sample was asked (n is 0)")
    mismatches = _mismatches(old, new, intersect, declared)
    task = _known_task(name)
    if task is None:
        reason = "this foodbench has no such task (is a plug-in missing?)"
        return Unpaired(name, "not comparable", reason, tuple(mismatches))
    mismatches += [] if mismatches else _beside_code(task, old, new)
    if mismatches:
        return Unpaired(name, "not comparable", "; ".join(map(str, mismatches)), tuple(mismatches))
    notes = () if declared is None else ("the way of asking differs, as the policy declares",)
    return _with_samples(task, (old_folder, old), (new_folder, new), intersect, declared is not None, notes)


def _versions(old: Mapping[int, TaskFolder], new: Mapping[int, TaskFolder]) -> tuple[TaskFolder, TaskFolder]:
    """The newest version that both have; the newest of each if they share none."""
    shared = max(set(old) & set(new), default=None)
    return old[max(old) if shared is None else shared], new[max(new) if shared is None else shared]


def _known_task(name: str) -> FoodTask | None:
    try:
        return TASKS.get(name)
    except UnknownName:
        return None


def _result(folder: TaskFolder, name: str) -> TaskResult:
    result = folder.result()
    named = f"{result.task.name}@{result.task.version}"
    if named != folder.path.name:
        raise DataCorrupt(
            f"{folder.result_path} is about {named}, its folder is called {folder.path.name}.",
            hint="The run's files were moved or edited; restore them.",
        )
    return result


def _mismatches(old: TaskResult, new: TaskResult, intersect: bool, declared: tuple[str, str] | None) -> list[Mismatch]:
    """What differs between two results and must not."""
    pairs: list[tuple[str, Any, Any]] = []
    if declared is None:
        pairs += [
            ("version of the task", old.task.version, new.task.version),
            ("protocol", old.task.protocol, new.task.protocol),
            ("prompt fingerprint", old.task.prompt_fingerprint, new.task.prompt_fingerprint),
        ]
    else:
        found = (old.task.prompt_fingerprint, new.task.prompt_fingerprint)
        pairs += [
            (f"prompt fingerprint declared for the {role}", stated, actual)
            for role, stated, actual in zip(("baseline", "candidate"), declared, found, strict=True)
            if stated != actual
        ]
    pairs += [("control", old.task.control, new.task.control)]
    pairs += [
        (f"dataset's {name}", getattr(old.dataset, name), getattr(new.dataset, name))
        for name in ("name", "edition", "variant", "split")
    ]
    if not intersect:
        pairs += [
            (f"dataset's {name}", getattr(old.dataset, name), getattr(new.dataset, name))
            for name in ("fingerprint", "available", "missing")
        ]
        pairs += [("limit", old.limit, new.limit), ("number of samples", old.n, new.n)]
        if declared is None:
            pairs += [("fingerprint of questions and references", old.task.fingerprint, new.task.fingerprint)]
    pairs += [("samples without an answer", old.n_missing, new.n_missing)]
    pairs += _metric_definitions(old.metrics, new.metrics)
    return [Mismatch(what, first, second) for what, first, second in pairs if first != second]


def _metric_definitions(old: Sequence[MetricRecord], new: Sequence[MetricRecord]) -> list[tuple[str, Any, Any]]:
    before, after = {metric.id: metric for metric in old}, {metric.id: metric for metric in new}
    found: list[tuple[str, Any, Any]] = [
        ("metrics", [name for name in before if name not in after], [name for name in after if name not in before])
    ]
    for name in before.keys() & after.keys():
        found += [
            (f"{what} of {name}", getattr(before[name], key), getattr(after[name], key))
            for what, key in (("unit", "unit"), ("direction", "higher_is_better"), ("signature", "signature"))
        ]
    return found


def _beside_code(task: FoodTask, old: TaskResult, new: TaskResult) -> list[Mismatch]:
    """Whether the results are of the metrics that this foodbench computes."""
    newest = max(old.task.version, new.task.version)
    if newest != task.version:
        here = f"{task.version} (of this foodbench)"
        return [Mismatch("version of the task", *((here, newest) if newest == new.task.version else (newest, here)))]
    defined = {metric.id for metric in task.metrics}
    own = [metric.id for metric in new.metrics if metric.id not in defined]
    absent = sorted(defined - {metric.id for metric in new.metrics})
    if own or absent:
        return [Mismatch("metrics", f"{absent or 'all'} (of this foodbench)", f"{own or 'not those'}")]
    return []


def _with_samples(
    task: FoodTask,
    baseline: tuple[TaskFolder, TaskResult],
    candidate: tuple[TaskFolder, TaskResult],
    intersect: bool,
    declared: bool,
    notes: tuple[str, ...],
) -> TaskPair | Unpaired:
    (old_folder, old), (new_folder, new) = baseline, candidate
    old_samples, new_samples = _samples(old_folder, old), _samples(new_folder, new)
    old_ids = {sample.score.sample_id for sample in old_samples}
    new_ids = {sample.score.sample_id for sample in new_samples}
    whole = old_ids == new_ids
    if not whole:
        shared, every = old_ids & new_ids, old_ids | new_ids
        share = len(shared) / len(every)
        if not intersect or share < LEAST_OVERLAP:
            mismatch = Mismatch("sample ids", _own_ids(old_ids - new_ids), _own_ids(new_ids - old_ids))
            needed = f"; {100 * share:.1f} % are in both, of which --intersect needs {100 * LEAST_OVERLAP:g} %"
            return Unpaired(task.name, "not comparable", f"{mismatch}{needed}", (mismatch,))
        old_samples = [sample for sample in old_samples if sample.score.sample_id in shared]
        new_samples = [sample for sample in new_samples if sample.score.sample_id in shared]
        notes += (
            f"only the {len(shared):,} of {counted(len(every), 'sample')} that both runs have are compared "
            f"({100 * share:.1f} %); left out: {_own_ids(old_ids - new_ids)} of the baseline, "
            f"{_own_ids(new_ids - old_ids)} of the candidate; that their questions are the same cannot be checked",
        )
    mismatch_of_sample = _sample_mismatch(old_samples, new_samples, declared)
    if mismatch_of_sample is not None:
        return Unpaired(task.name, "not comparable", str(mismatch_of_sample), (mismatch_of_sample,))
    return TaskPair(task, old, new, old_samples, new_samples, notes, whole)


def _samples(folder: TaskFolder, result: TaskResult) -> list[AnsweredSample]:
    samples = answered_samples(folder)
    if len(samples) != result.n:
        raise DataCorrupt(
            f"{folder.stored_samples_path} holds {counted(len(samples), 'sample')}, the result.json beside it says "
            f"{result.n:,}.",
            hint="The file was cut short or edited; restore it, or run the task again.",
        )
    return samples


def _own_ids(ids: set[str]) -> str:
    """`3 (first: apple_pie/12)`."""
    return f"{len(ids):,} (first: {min(ids)})" if ids else "0"


def _sample_mismatch(
    old_samples: Sequence[AnsweredSample], new_samples: Sequence[AnsweredSample], declared: bool
) -> Mismatch | None:
    """The first sample that the two runs put into different clusters, or score differently for the same answer."""
    for old, new in zip(old_samples, new_samples, strict=True):
        if old.score.cluster != new.score.cluster:
            return Mismatch(f"cluster of sample '{old.score.sample_id}'", old.score.cluster, new.score.cluster)
        if declared or old.answer != new.answer or old.score.values == new.score.values:
            continue
        for name in sorted((old.score.values.keys() | new.score.values.keys()) - _RATING_VALUES):
            first, second = old.score.values.get(name), new.score.values.get(name)
            same = (
                first is not None and second is not None and math.isclose(first, second, rel_tol=_SAME, abs_tol=_SAME)
            )
            if not same:
                what = f"'{name}' of the same answer to '{old.score.sample_id}' (score both runs with one foodbench)"
                return Mismatch(what, first, second)
    return None


def _short(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sha256:"):
        return f"{value[:19]}..."
    return "none" if value is None or value in ("", []) else str(value)
