"""Two runs compared task by task: differences, slices and changed samples, as one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from foodbench.runs.differences import Flip, Flips, MetricDifference, find_flips, metric_difference
from foodbench.runs.gate import difference_record, side_record
from foodbench.runs.gate_schema import (
    ComparedMetric,
    ComparedTask,
    ComparisonReport,
    FlipRecord,
    FlipsRecord,
    MismatchRecord,
    SliceRecord,
    UncomparedTask,
)
from foodbench.runs.pairs import RunSide, TaskPair, Unpaired, paired_tasks
from foodbench.runs.shown import answer_text
from foodbench.runs.slices import AskQuestions, load_questions, slice_pair

Visitor = Callable[[TaskPair, ComparedTask, Flips | None, AskQuestions], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a comparison is to hold.

    Attributes:
        tasks: only these; all by default.
        rows: which metrics of each task.
        slices: names of slices.
        flips: changed samples given per task and direction.
        intersect: as `paired_tasks`.
    """

    tasks: Sequence[str] | None = None
    rows: Literal["primary", "headline", "all"] = "headline"
    slices: Sequence[str] = ()
    flips: int = 5
    intersect: bool = False


def compare_runs(
    baseline: RunSide, candidate: RunSide, wanted: Wanted, visit: Visitor | None = None
) -> ComparisonReport:
    """Compare two runs.

    Args:
        baseline: the run that is compared with.
        candidate: the other one.
        wanted: what the report is to hold.
        visit: called for each compared task while its samples are at hand.

    Raises:
        DataMissing, DataCorrupt: files of a run are absent or damaged.
        UnknownName: no such slice.
    """
    compared: list[ComparedTask] = []
    left: list[UncomparedTask] = []
    for found in paired_tasks(baseline, candidate, wanted.tasks, intersect=wanted.intersect):
        if isinstance(found, Unpaired):
            left.append(_uncompared(found))
            continue
        pair = found
        ask = lru_cache(maxsize=1)(lambda pair=pair: load_questions(pair))
        flips = find_flips(pair)
        task = _compared(pair, wanted, flips, ask)
        compared.append(task)
        if visit is not None:
            visit(pair, task, flips, ask)
    return ComparisonReport(
        baseline=side_record(baseline), candidate=side_record(candidate), tasks=compared, not_compared=left
    )


def _uncompared(found: Unpaired) -> UncomparedTask:
    mismatches = [
        MismatchRecord(what=each.what, baseline=str(each.baseline), candidate=str(each.candidate))
        for each in found.mismatches
    ]
    return UncomparedTask(task=found.name, kind=found.kind, reason=found.reason, mismatches=mismatches)


def _compared(pair: TaskPair, wanted: Wanted, flips: Flips | None, ask: AskQuestions) -> ComparedTask:
    slices: list[SliceRecord] = []
    absent: dict[str, str] = {}
    for name in wanted.slices:
        slicing = slice_pair(pair, name, ask)
        if slicing.reason:
            absent[name] = slicing.reason
        slices += [
            SliceRecord(slice=name, label=row.label, n=row.n, metric=_metric(row.result)) for row in slicing.rows
        ]
    return ComparedTask(
        task=pair.name,
        version=pair.candidate.task.version,
        edition=pair.candidate.dataset.label,
        n=len(pair.baseline_samples),
        clusters=len({sample.score.cluster for sample in pair.baseline_samples}),
        changed_answers=len(pair.changed),
        identical=pair.identical,
        metrics=[_metric(metric_difference(pair, metric)) for metric in pair.metrics(wanted.rows)],
        slices=slices,
        slices_not_available=absent,
        flips=None if flips is None else _flips(pair, flips, wanted.flips),
        notes=list(pair.notes),
    )


def _metric(found: MetricDifference) -> ComparedMetric:
    return ComparedMetric(
        id=found.metric.id,
        unit=found.metric.unit,
        higher_is_better=found.metric.higher_is_better,
        baseline=found.baseline,
        candidate=found.candidate,
        difference=difference_record(found.difference),
    )


def _flips(pair: TaskPair, flips: Flips, wanted: int) -> FlipsRecord:
    return FlipsRecord(
        metric=flips.metric.id,
        unit=flips.metric.unit,
        worse=len(flips.worse),
        better=len(flips.better),
        other=flips.other,
        shown_worse=[_flip(pair, flip) for flip in flips.worse[:wanted]],
        shown_better=[_flip(pair, flip) for flip in flips.better[:wanted]],
    )


def _flip(pair: TaskPair, flip: Flip) -> FlipRecord:
    return FlipRecord(
        sample_id=pair.baseline_samples[flip.index].score.sample_id,
        change=flip.change,
        baseline=flip.baseline,
        candidate=flip.candidate,
        baseline_answer=answer_text(pair.baseline_samples[flip.index].answer),
        candidate_answer=answer_text(pair.candidate_samples[flip.index].answer),
    )
