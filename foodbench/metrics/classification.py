"""Top-1 accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import require_same_length, require_some

TOP1_ACCURACY = Metric(
    id="top1_accuracy",
    kind="proportion",
    value="correct",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of samples whose answer names the right class; an unreadable answer is wrong.",
)


def is_correct(predicted: str | None, true: str) -> float:
    """1.0 if the predicted class is exactly the true one, otherwise 0.0; None (an unreadable answer) is wrong."""
    return float(predicted is not None and predicted == true)


def top1_accuracy(predicted: Sequence[str | None], true: Sequence[str]) -> float:
    """Share of samples whose predicted class is the true one, between 0 and 1.

    Args:
        predicted: shape (n,), class names as the task's parser returns them; None for an unreadable answer.
        true: shape (n,), class names.

    Raises:
        MetricInputError: no samples, or different lengths.
    """
    require_same_length("'predicted'", len(predicted), "'true'", len(true))
    require_some("'true'", len(true))
    return sum(map(is_correct, predicted, true)) / len(true)
