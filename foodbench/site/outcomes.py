"""What became of each answer: how good it is, in a level, a number and a word that says what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError
from foodbench.site.model import Level
from foodbench.tasks.base import FoodTask

# Of a metric that is better high, as share of its best value; of an error in percent.
_GOOD, _FAIR = 0.75, 0.5
_SMALL, _LARGE = 10.0, 25.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer.

    Attributes:
        level: `right`, `part`, `wrong` or `unread`.
        value: the task's first metric of this one sample; None where it does not exist for it.
        text: the error class in words.
    """

    level: Level
    value: float | None
    text: str


def value_of(metric: Metric, values: Mapping[str, float]) -> float | None:
    """A metric of one sample alone; the same number as `Metric.of_samples([values])`, without its checks."""
    try:
        if metric.kind in ("proportion", "mean", "median"):
            return metric.scale * values[metric.value]
        if metric.kind in ("ratio", "share"):
            over = values[str(metric.over)]
            if over:
                return metric.scale * values[metric.value] / over
            return None if metric.when_zero is None else metric.scale * metric.when_zero
        return metric.of_samples([values])
    except (KeyError, MetricInputError, ArithmeticError):
        return None


def outcome_of(task: FoodTask | None, metric: Metric | None, score: Score) -> Outcome:
    """The level and the error class of one scored answer."""
    value = None if metric is None else value_of(metric, score.values)
    if not score.parsed:
        return Outcome("unread", value, "malformed" if score.error else "could not be read")
    if task is not None and task.answer_kind == "masks":
        special = _of_masks(score.values)
        if special is not None:
            return Outcome(special[0], value, special[1])
    if metric is None or value is None:
        return Outcome("part", value, "nothing to measure")
    if metric.kind == "proportion":
        return Outcome("right", value, "right") if value else Outcome("wrong", value, "wrong")
    if metric.higher_is_better:
        share = value / metric.scale
        level: Level = "right" if share >= _GOOD else "part" if share >= _FAIR else "wrong"
        return Outcome(level, value, {"right": "good", "part": "fair", "wrong": "poor"}[level])
    level = "right" if value <= _SMALL else "part" if value <= _LARGE else "wrong"
    return Outcome(level, value, {"right": "close", "part": "off", "wrong": "far off"}[level])


def _of_masks(values: Mapping[str, float]) -> tuple[Level, str] | None:
    """Of questions about regions: what was marked that is not there, and the reverse."""
    absent, refused = values.get("absent", 0.0), values.get("refused", 0.0)
    present, answered = values.get("present", 0.0), values.get("answered", 0.0)
    if absent and not present:
        return ("right", "rightly refused") if refused >= absent else ("wrong", "marked what is not there")
    if present and not answered:
        return ("wrong", "nothing marked")
    return None
