"""From the scores of a task's samples to the values of its metrics, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric, MetricValue
from foodbench.metrics.inputs import MetricInputError
from foodbench.stats.intervals import Interval, bootstrap_of_sums, interval


def _require_distinct(scores: Sequence[Score]) -> None:
    if len({score.sample_id for score in scores}) != len(scores):
        raise MetricInputError("There are several scores of one sample.", hint="Keep one score per sample.")


def _shares(metric: Metric, scores: Sequence[Score]) -> list[dict[str, float]]:
    shares = []
    for score in scores:
        try:
            shares.append(metric.share(score.values))
        except MetricInputError as error:
            raise MetricInputError(f"Sample '{score.sample_id}': {error.message}", hint=error.hint) from error
    return shares


def point_values(metrics: Sequence[Metric], scores: Sequence[Score]) -> dict[str, float | None]:
    """The values alone, by metric id: `evaluate` without the cost of intervals, and the same numbers.

    Raises:
        MetricInputError: as `evaluate`.
    """
    _require_distinct(scores)
    return {metric.id: metric.of_samples(_shares(metric, scores)) for metric in metrics}


def evaluate(metric: Metric, scores: Sequence[Score], *, confidence: float = 0.95, seed: int = 0) -> MetricValue:
    """One metric over the scores of a task, with its interval by cluster.

    The result does not depend on the order of the scores.

    Args:
        metric: the metric.
        scores: one per sample of the task, unreadable answers included.
        confidence: nominal coverage of the interval.
        seed: of the bootstrap of a ratio.

    Returns:
        The value in the metric's unit; None as value where it does not exist (no scores, denominators all zero).

    Raises:
        MetricInputError: a score lacks a value, or has one that the metric refuses (NaN, not 0 or 1 in a proportion);
            two scores of one sample.
    """
    _require_distinct(scores)
    # One fixed order, so that the bootstrap draws the same clusters and sums round alike.
    ordered = sorted(scores, key=lambda score: (score.cluster, score.sample_id))
    clusters = [score.cluster for score in ordered]
    shares = _shares(metric, ordered)
    number = metric.of_samples(shares)
    low = high = None
    method = "none"
    if number is not None:
        ends = _interval(metric, shares, clusters, confidence, seed)
        method = ends.method
        if ends.low is not None and ends.high is not None:
            # The estimate inside `interval` is summed by cluster; `number` may differ from it in the last bit.
            low, high = min(metric.scale * ends.low, number), max(metric.scale * ends.high, number)
    return MetricValue(
        id=metric.id,
        value=number,
        low=low,
        high=high,
        n=len(ordered),
        clusters=len(set(clusters)),
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        interval_method=method,
    )


def _interval(
    metric: Metric, shares: Sequence[Mapping[str, float]], clusters: Sequence[str], confidence: float, seed: int
) -> Interval:
    if metric.kind == "of_sums":
        return bootstrap_of_sums(
            metric.statistic(), shares, clusters, seed=seed, confidence=confidence, bounds=metric.bounds
        )
    values = [share[metric.value] for share in shares]
    over = None if metric.over is None else [share[metric.over] for share in shares]
    return interval(metric.kind, values, over, clusters, confidence, seed, bounds=metric.bounds)


def summarise(
    metrics: Sequence[Metric], scores: Sequence[Score], *, confidence: float = 0.95, seed: int = 0
) -> tuple[MetricValue, ...]:
    """`evaluate` for each metric, in their order.

    Raises:
        MetricInputError: as `evaluate`.
    """
    return tuple(evaluate(metric, scores, confidence=confidence, seed=seed) for metric in metrics)
