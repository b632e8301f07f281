"""The numbers of the figures: metrics of several runs side by side, and the samples by class and by mass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from foodbench.core.errors import AnswerInvalid, DataCorrupt, DataMissing, FoodbenchError, UsageError
from foodbench.core.types import Answer, Sample
from foodbench.runs.export import Metrics, RunResults, chosen_metrics, not_full, sample_rows
from foodbench.runs.schema import MetricRecord, TaskResult

if TYPE_CHECKING:
    from foodbench.stats.intervals import Interval
    from foodbench.tasks.base import FoodTask, TaskData

RESAMPLES = 2_000
"""Of the interval of one class: a hundred classes are looked at together, not gated."""
MASS_BINS = 5
CLASS_DATASETS = frozenset({"foodseg103", "uecfoodpix"})
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one task in several runs.

    Attributes:
        task: the task's name.
        remarked: whether a note says something about a run's result.
        found: the metric in each run; None where the run has not measured the task.
    """

    task: str
    remarked: bool
    found: tuple[MetricRecord | None, ...]

    @property
    def any(self) -> MetricRecord:
        """What is common to all of them: id, unit, direction."""
        return next(each for each in self.found if each is not None)

    @property
    def top(self) -> str:
        """On what scale it is read, in words."""
        numbers = [number for each in self.found if each is not None for number in _numbers(each)]
        if self.any.unit:
            return self.any.unit
        if all(-1 <= number <= 1 for number in numbers):
            return "0 to 1"
        return "0 to 100" if all(0 <= number <= 100 for number in numbers) else "number"


def _numbers(metric: MetricRecord) -> list[float]:
    references = [each.value for each in (metric.floor, metric.ceiling) if each is not None]
    return [each for each in (metric.value, metric.low, metric.high, *references) if each is not None]


def metric_rows(runs: Sequence[RunResults], metrics: Metrics, remarked: set[str]) -> list[MetricRow]:
    """The chosen metrics of all tasks that any of the runs has, in the order in which foodbench lists tasks."""
    from foodbench.tasks import in_order

    rows = []
    for name in in_order(name for run in runs for name in run.results):
        results = [run.results.get(name) for run in runs]
        chosen = dict.fromkeys(each.id for one in results if one is not None for each in chosen_metrics(one, metrics))
        for metric in chosen:
            found = tuple(None if one is None else _metric(one, metric) for one in results)
            if any(each is not None and each.value is not None for each in found):
                rows.append(MetricRow(name, name in remarked, found))
    return rows


def _metric(result: TaskResult, name: str) -> MetricRecord | None:
    return next((each for each in result.metrics if each.id == name), None)


def share_of_the_way(metric: MetricRecord) -> float | None:
    """How far a value is on the way from the floor (0) to the ceiling (1); None where they do not span a way."""
    if metric.value is None or metric.floor is None or metric.ceiling is None:
        return None
    floor, ceiling = metric.floor.value, metric.ceiling.value
    if floor is None or ceiling is None or floor == ceiling or (ceiling > floor) != metric.higher_is_better:
        return None
    return (metric.value - floor) / (ceiling - floor)


@dataclass(frozen=True, slots=True)
class Measured:
    """A number of one run: a class's IoU, a bin's mean error; None where there is nothing to measure."""

    value: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: in how many samples it is, and its IoU in each run."""

    name: str
    found: tuple[Measured, ...]

    @property
    def n(self) -> int:
        """Samples in which it is, in the run that was asked most of them."""
        return max(each.n for each in self.found)


Counts = dict[str, list[tuple[float, float, float, str]]]
"""By class, for each sample that has or was given it: intersection, union, reference (in pixels), cluster."""


def segments_by_class(task: FoodTask) -> bool:
    """Whether the IoU of each class can be had from a task's answers."""
    return task.dataset in CLASS_DATASETS and task.answer_kind == "masks"


def class_rows(runs: Sequence[RunResults], task: str) -> list[ClassRow]:
    """The IoU of every class that occurs in a reference or an answer, best of the first run first.

    The IoU is the sum of intersections over the sum of unions, as in cIoU and mIoU; its interval is a bootstrap over
    the clusters of those samples in which the class occurs.

    Raises:
        DataMissing, DataCorrupt: the task's references are needed and not on this machine, or files are damaged.
    """
    by_run = [_class_counts(run, task) for run in runs]
    names = dict.fromkeys(name for counts in by_run for name in counts)
    rows = [ClassRow(name, tuple(_class_iou(counts.get(name, [])) for counts in by_run)) for name in names]
    return sorted(rows, key=lambda row: (*(-(each.value or 0.0) for each in row.found), row.name))


def _class_counts(run: RunResults, task: str) -> Counts:
    rows = _rows_of(run, task)
    if any(key.startswith("i/") for row in rows for key in row["values"]):
        counts: Counts = {}
        for row in rows:
            for key in row["values"]:
                if key.startswith("u/"):
                    parts = [row["values"].get(f"{part}/{key[2:]}", 0.0) for part in "iun"]
                    counts.setdefault(key[2:], []).append((parts[0], parts[1], parts[2], row["cluster"]))
        return counts
    data = load_questions(run.results[task])
    questions = {sample.sample_id: sample for sample in data.samples}
    return _pair_counts(run, task, rows, questions, data.vocabulary)


def _rows_of(run: RunResults, task: str) -> list[dict[str, Any]]:
    return list(sample_rows(replace(run, results={task: run.results[task]})))


def load_questions(result: TaskResult) -> TaskData:
    """The questions and references of a result. Nothing is rendered or fetched for it.

    Raises:
        DataMissing: the dataset is not on this machine.
        DataCorrupt: its copy here is not the one that was asked about.
    """
    from foodbench.data.layout import is_synthetic
    from foodbench.data.roots import KITCHEN_VARIABLE, kitchen_folder, resolve
    from foodbench.tasks import TASKS
    from foodbench.tasks.controls import controlled

    task, dataset = TASKS.get(result.task.name), result.dataset
    needed = f"The classes of {task.name} are in the references of {task.dataset}"
    if dataset.edition == "kitchen" and not is_synthetic(kitchen_folder(task.dataset)):
        raise DataMissing(
            f"{needed}; the kitchen edition of it is not on this machine.",
            hint=f"Render it: foodbench run --model baseline:mean --tasks {task.name} --edition kitchen --limit 1",
        )
    seed = int(result.provenance.get("seed", 0))
    try:
        choice = resolve(task.dataset, dataset.edition, allow_partial=dataset.missing > 0)
        data = controlled(task.load(choice, limit=result.limit, seed=seed), result.task.control, seed=seed)
    except FoodbenchError as error:
        raise type(error)(f"{needed}: {error.message}", hint=error.hint) from error
    if data.fingerprint != result.task.fingerprint:
        hint = f"Does {KITCHEN_VARIABLE} name the run's kitchen?" if dataset.edition == "kitchen" else ""
        raise DataCorrupt(
            f"{needed}; the copy on this machine is not the one that was asked about.",
            hint=hint or "Register the copy that the run was made on (foodbench data add).",
        )
    return data


def _pair_counts(
    run: RunResults,
    task: str,
    rows: Sequence[Mapping[str, Any]],
    questions: Mapping[str, Sample],
    vocabulary: tuple[str, ...],
) -> Counts:
    """By class from the answers' masks and the references'; the sums must be what was stored."""
    from foodbench.tasks import TASKS

    counts: Counts = {}
    for row in rows:
        sample = questions.get(row["sample_id"])
        score = None if sample is None else TASKS.get(task).score(sample, row["answer"], vocabulary)
        same = score is not None and all(
            score.values.get(key) == row["values"].get(key) for key in ("intersection", "union")
        )
        if sample is None or score is None or not same:
            raise DataCorrupt(
                f"{run.folders[task].path}: the answer to {row['sample_id']} comes to something else today.",
                hint="Score the run again: foodbench score RUN",
            )
        for name, numbers in _masks_by_class(sample, row["answer"], score.detail.get("masks", {})).items():
            counts.setdefault(name, []).append((*numbers, row["cluster"]))
    return counts


def _masks_by_class(
    sample: Sample, answer: str, places: Mapping[str, Sequence[int]]
) -> dict[str, tuple[float, float, float]]:
    """Intersection, union and reference by class: what is due, and what was drawn where nothing is."""
    from foodbench.metrics import masks
    from foodbench.tasks import pointing

    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    try:
        drawn = Answer.from_text(answer).masks
    except AnswerInvalid:
        drawn = ()
    given = {
        name: [found.mask for found in (pointing.checked(drawn[each], size) for each in chosen) if found.mask]
        for name, chosen in places.items()
    }
    true = {str(mask.label): mask for mask in pointing.reference_masks(sample)}
    found = {}
    for name in dict.fromkeys([*true, *(each for each in given if given[each])]):
        mine = masks.union_of(given.get(name, []), size)
        both, either = masks.intersection_union(mine, true.get(name) or masks.empty(size))
        found[name] = (float(both), float(either), float(masks.area(true[name])) if name in true else 0.0)
    return found


def _class_iou(counts: Sequence[tuple[float, float, float, str]]) -> Measured:
    from foodbench.stats.intervals import bootstrap_ratio

    both, either = sum(each[0] for each in counts), sum(each[1] for each in counts)
    n = sum(each[2] > 0 for each in counts)
    if not either:
        return Measured(None, None, n)
    columns = list(zip(*counts, strict=True))
    interval = bootstrap_ratio(columns[0], columns[1], columns[3], RESAMPLES, 0, _CONFIDENCE, bounds=(0.0, 1.0))
    return Measured(both / either, interval, n)


@dataclass(frozen=True, slots=True)
class MassBin:
    """Dishes of similar true mass.

    Attributes:
        low, high: its ends in grams; `high` belongs to the next one, but for the last.
        n: dishes in it, in the run that was asked most of them.
        error: mean absolute error in each run; a dish without a stated value counts as zero.
        bias: mean of stated minus true in each run, over the dishes with a stated value.
    """

    low: float
    high: float
    n: int
    error: tuple[Measured, ...]
    bias: tuple[Measured, ...]


def mass_bins(runs: Sequence[RunResults], task: str, nutrient: str) -> list[MassBin]:
    """Errors by true mass, in bins of about as many dishes each, their ends rounded to 10 g.

    Raises:
        UsageError: the task's samples have no true masses, or none of this nutrient.
        DataMissing, DataCorrupt: files are absent or damaged.
    """
    import numpy as np

    needed = ("true.mass", f"true.{nutrient}", f"absolute_error.{nutrient}")
    by_run = [[row for row in _rows_of(run, task) if all(key in row["values"] for key in needed)] for run in runs]
    masses = sorted({row["sample_id"]: row["values"]["true.mass"] for rows in by_run for row in rows}.values())
    if not masses:
        raise UsageError(
            f"The samples of {task} do not say how heavy the food is.", hint="Choose a task of nutrition5k."
        )
    inner = np.quantile(masses, np.linspace(0, 1, MASS_BINS + 1)[1:-1])
    ends = sorted({*(float(round(each, -1)) for each in inner.tolist())} - {0.0})
    edges = [
        float(np.floor(masses[0] / 10) * 10),
        *(end for end in ends if masses[0] < end < masses[-1]),
        float(np.ceil((masses[-1] + 1e-9) / 10) * 10),
    ]
    bins = []
    for low, high in pairwise(edges):
        inside = [[row for row in rows if low <= row["values"]["true.mass"] < high] for rows in by_run]
        if any(inside):
            error = tuple(_mean(rows, lambda values: values[f"absolute_error.{nutrient}"]) for rows in inside)
            stated = [[row for row in rows if row["values"].get(f"stated.{nutrient}")] for rows in inside]
            bias = tuple(
                _mean(rows, lambda values: values[f"guess.{nutrient}"] - values[f"true.{nutrient}"]) for rows in stated
            )
            bins.append(MassBin(low, high, max(map(len, inside)), error, bias))
    return bins


def _mean(rows: Sequence[Mapping[str, Any]], number: Callable[[Mapping[str, float]], float]) -> Measured:
    from foodbench.stats.intervals import clustered_mean

    if not rows:
        return Measured(None, None, 0)
    values = [number(row["values"]) for row in rows]
    interval = clustered_mean(values, [row["cluster"] for row in rows], _CONFIDENCE)
    return Measured(sum(values) / len(values), interval, len(rows))


def remarks_of(run: RunResults) -> dict[str, str]:
    """What keeps a run's results from being of the whole split, asked in the right way, by task."""
    return {name: "; ".join(why) for name, result in run.results.items() if (why := not_full(result))}
