"""What a corruption cost a metric, on the way from its ceiling to its floor, and whether that is noticing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from foodbench.core.types import Score
from foodbench.engine.references import Reference
from foodbench.metrics.aggregate import Metric
from foodbench.runs.diagnostics import MetricLoss, Verdict
from foodbench.stats.binary import mcnemar_mid_p
from foodbench.stats.paired import CONFIDENCE, Difference, paired_difference

LEVEL = 0.05
"""One-sided level below which a loss is beyond chance: that of the two-sided interval's one end."""
HALF = 0.5
"""A metric that notices loses at least this part of the share that is wrong, of what the answers have to lose."""
_PREFIXES = {"ingredients_": "ingredients", "title.": "title", "rouge": "words", "sacrebleu": "words"}


@dataclass(frozen=True, slots=True)
class Standards:
    """What metrics are measured against.

    Attributes:
        floors: the best trivial baseline's value and name, by metric.
        ceilings: the references' value, by metric.
    """

    floors: Mapping[str, tuple[float, str] | None]
    ceilings: Mapping[str, float | None]


def best_floor(references: Sequence[Reference], metric: Metric) -> tuple[float, str] | None:
    """The best trivial baseline of a metric: its value and its name; None if none was measured."""
    sign = 1 if metric.higher_is_better else -1
    found = [
        (value, each.model)
        for each in references
        if each.role == "floor" and (value := each.values.get(metric.id)) is not None
    ]
    return max(found, key=lambda figure: sign * figure[0]) if found else None


def looks_at(metric: Metric) -> str:
    """What a metric looks at: words, title, ingredients or actions."""
    return next((about for prefix, about in _PREFIXES.items() if metric.id.startswith(prefix)), "actions")


def metric_losses(
    metrics: Sequence[Metric],
    standards: Standards,
    before: Sequence[Score],
    after: Sequence[Score],
    reworded: Sequence[Score] | None,
    *,
    reached: float,
) -> list[MetricLoss]:
    """What every metric lost.

    Args:
        metrics: of the task.
        standards: floor and ceiling.
        before: scores of the good recipes.
        after: scores of the corrupted ones.
        reworded: scores of the harmlessly reworded ones; None if these are the corrupted ones.
        reached: the share that is wrong now.
    """
    return [_loss(metric, standards, before, after, reworded, reached) for metric in metrics]


def _loss(
    metric: Metric,
    standards: Standards,
    before: Sequence[Score],
    after: Sequence[Score],
    reworded: Sequence[Score] | None,
    reached: float,
) -> MetricLoss:
    difference = _paired(metric, before, after)
    below = None if reworded is None else _paired(metric, reworded, after).p_worse
    floor, ceiling = standards.floors.get(metric.id), standards.ceilings.get(metric.id)
    factor = _percent_per_unit(metric, floor, ceiling)
    loss, low, high = _in_percent(difference, factor)
    value = metric.of_samples([score.values for score in before])
    # What these answers have above the floor, in percent of the range: all of it for the references.
    held = None if factor is None or floor is None or value is None else factor * (floor[0] - value)
    share = None if loss is None or held is None or held <= 0 else loss / held
    verdict = _verdict(difference, below, share, reached, control=reworded is None)
    return MetricLoss(
        metric=metric.id,
        about=looks_at(metric),
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        floor=None if floor is None else floor[0],
        floor_model="" if floor is None else floor[1],
        ceiling=ceiling,
        before=value,
        after=metric.of_samples([score.values for score in after]),
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        confidence=CONFIDENCE,
        method=difference.method,
        p_worse=difference.p_worse,
        p_below_rewording=below,
        loss=loss,
        loss_low=low,
        loss_high=high,
        verdict=verdict,
    )


def _paired(metric: Metric, before: Sequence[Score], after: Sequence[Score]) -> Difference:
    """The paired difference. Where nothing varies between recipes (all fall from 100 to 0) a sign test says how sure.

    A ratio of sums with other denominators after than before has no test of its own then.
    """
    found = paired_difference(metric, before, after)
    sign = 1 if metric.higher_is_better else -1
    if found.method != "none" or found.p_worse != 1.0 or sign * (found.value or 0.0) >= 0:
        return found
    sides = [_by_cluster(metric, scores) for scores in (before, after)]
    changes = [
        sign * (new - old)
        for cluster, old in sides[0].items()
        if old is not None and (new := sides[1][cluster]) is not None
    ]
    lost, won = sum(change < 0 for change in changes), sum(change > 0 for change in changes)
    return replace(found, p_worse=mcnemar_mid_p(lost, won))


def _by_cluster(metric: Metric, scores: Sequence[Score]) -> dict[str, float | None]:
    grouped: dict[str, list[Score]] = {}
    for score in scores:
        grouped.setdefault(score.cluster, []).append(score)
    return {cluster: metric.of_samples([each.values for each in own]) for cluster, own in grouped.items()}


def _percent_per_unit(metric: Metric, floor: tuple[float, str] | None, ceiling: float | None) -> float | None:
    """What turns a difference into a loss in percent of the range; None without a ceiling above the floor."""
    if floor is None or ceiling is None:
        return None
    sign = 1 if metric.higher_is_better else -1
    reach = sign * (ceiling - floor[0])
    return -sign * 100 / reach if reach > 0 and math.isfinite(100 / reach) else None


def _in_percent(difference: Difference, factor: float | None) -> tuple[float | None, float | None, float | None]:
    """Loss and the ends of its interval, lower end first."""
    if factor is None or difference.value is None:
        return None, None, None
    loss = factor * difference.value + 0.0  # no negative zero
    if difference.low is None or difference.high is None:
        return loss, None, None
    low, high = sorted((factor * difference.low, factor * difference.high))
    return loss, low, high


def _verdict(
    difference: Difference, below: float | None, share: float | None, reached: float, *, control: bool
) -> Verdict:
    lost = difference.p_worse is not None and difference.p_worse <= LEVEL
    if reached == 0 or difference.value is None:
        return "nothing changed"
    if control:
        return "false alarm" if lost else "steady"
    if not lost:
        return "misses"
    if below is None or below > LEVEL:
        return "like rewording"
    if share is None:
        return "no range"
    return "notices" if share >= HALF * reached else "weakly"
