"""What changed between two runs on one task: each metric's paired difference, and the samples that changed.

A sample's part in a metric is a number of its own, except in functions of sums (corpus BLEU, mIoU), where no sample has
one; then the first metric of the task that gives each sample a number says which samples became better or worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foodbench.core.errors import DataCorrupt
from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.runs.answered import AnsweredSample
from foodbench.runs.pairs import TaskPair
from foodbench.runs.schema import TaskResult
from foodbench.stats.paired import CONFIDENCE, RESAMPLES, Difference, paired_difference

# Sums are correctly rounded; what is left is the last bit of another platform's values.
_SAME = 1e-7
_NO_CHANGE = 1e-12


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric in two runs.

    Attributes:
        metric: the metric.
        baseline: its value there, on the samples that are compared.
        candidate: its value here.
        difference: candidate minus baseline, with its interval.
    """

    metric: Metric
    baseline: float | None
    candidate: float | None
    difference: Difference


@dataclass(frozen=True, slots=True)
class Flip:
    """One sample that became better or worse.

    Attributes:
        index: its place among the compared samples.
        weight: how much of the metric's change is its own, signed so that larger is better; for ordering.
        change: by how much, signed so that larger is better, in the metric's unit.
        baseline: what the baseline's answer earned.
        candidate: what the candidate's earned.
    """

    index: int
    weight: float
    change: float
    baseline: float | None
    candidate: float | None


@dataclass(frozen=True, slots=True)
class Flips:
    """The samples that changed, by one metric.

    Attributes:
        metric: by which.
        worse: those that lost, the greatest loss first.
        better: those that gained, the greatest gain first.
        other: samples whose answer changed without changing what it earns.
    """

    metric: Metric
    worse: tuple[Flip, ...]
    better: tuple[Flip, ...]
    other: int


def metric_difference(
    pair: TaskPair, metric: Metric, *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES
) -> MetricDifference:
    """One metric in both runs, and its paired difference: zero, without an interval, if all answers are equal.

    Raises:
        DataCorrupt: the samples of a run do not give the value that its result states.
        MetricInputError: a sample lacks a value that the metric is made of.
    """
    old, new = pair.baseline_scores, pair.candidate_scores
    before, after = (metric.of_samples([score.values for score in scores]) for scores in (old, new))
    if pair.whole:
        _check(pair.baseline, "baseline", metric, before)
        _check(pair.candidate, "candidate", metric, after)
    if pair.identical:
        # Not computed: what is left is the rounding of numbers, and that is no difference.
        clusters = len({score.cluster for score in old})
        difference = Difference(
            0.0 if before is not None else None, None, None, confidence, "none", 1.0, len(old), clusters
        )
        return MetricDifference(metric, before, after, difference)
    difference = paired_difference(metric, old, new, confidence=confidence, resamples=resamples)
    return MetricDifference(metric, before, after, difference)


def _check(result: TaskResult, role: str, metric: Metric, value: float | None) -> None:
    stated = next(record.value for record in result.metrics if record.id == metric.id)
    if value is None and stated is None:
        return
    if value is None or stated is None or not math.isclose(value, stated, rel_tol=_SAME, abs_tol=_SAME):
        raise DataCorrupt(
            f"The {role}'s {result.task.name}: its samples give {metric.id} = {value}, its result.json says {stated}.",
            hint="One of the files was edited, or another foodbench scored it; try `foodbench score RUN`.",
        )


def subset_difference(pair: TaskPair, metric: Metric, indices: Sequence[int], *, resamples: int) -> MetricDifference:
    """`metric_difference` on some of the samples."""
    old = [pair.baseline_samples[index].score for index in indices]
    new = [pair.candidate_samples[index].score for index in indices]
    before, after = (metric.of_samples([score.values for score in scores]) for scores in (old, new))
    return MetricDifference(metric, before, after, paired_difference(metric, old, new, resamples=resamples))


def find_flips(pair: TaskPair) -> Flips | None:
    """The samples that became better or worse; None if no metric of the task gives a sample a number of its own."""
    metric = next((each for each in pair.metrics("all") if each.kind != "of_sums"), None)
    if metric is None:
        return None
    sign = 1 if metric.higher_is_better else -1
    worse: list[Flip] = []
    better: list[Flip] = []
    other = 0
    for index in pair.changed:
        old, new = pair.baseline_samples[index].score, pair.candidate_samples[index].score
        before, after, weight = _of_sample(metric, old), _of_sample(metric, new), sign * _moved(metric, old, new)
        if abs(weight) <= _NO_CHANGE:
            other += 1
            continue
        change = sign * ((after or 0.0) - (before or 0.0))
        (worse if weight < 0 else better).append(Flip(index, weight, change, before, after))
    return Flips(metric, _greatest(worse), _greatest(better), other)


def _greatest(flips: Sequence[Flip]) -> tuple[Flip, ...]:
    return tuple(sorted(flips, key=lambda flip: (-abs(flip.weight), flip.index)))


def _of_sample(metric: Metric, score: Score) -> float | None:
    """What one sample has earned, scaled; None where its denominator is zero."""
    value = score.values[metric.value]
    if metric.over is None:
        return metric.scale * value
    over = score.values[metric.over]
    return metric.scale * value / over if over else None


def _moved(metric: Metric, old: Score, new: Score) -> float:
    """How far a sample moved the metric.

    In a ratio whose denominator is a property of the question (the true energy, the names asked for) the numerators are
    compared: a wrong 5 kcal of 10 is a smaller change than a wrong 300 of 600.
    """
    before, after = old.values[metric.value], new.values[metric.value]
    if metric.over is None or old.values[metric.over] == new.values[metric.over]:
        return metric.scale * (after - before)
    first, second = _of_sample(metric, old), _of_sample(metric, new)
    return (second or 0.0) - (first or 0.0)


def mean_seconds(samples: Sequence[AnsweredSample]) -> float | None:
    """The model's mean time per sample; None where it is not known of every one."""
    known = [sample.seconds for sample in samples if sample.seconds is not None]
    return math.fsum(known) / len(known) if samples and len(known) == len(samples) else None
