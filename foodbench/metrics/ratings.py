"""Ratings of answers by judges: models or people, from 1 (useless) to 10 (as good as can be).

Ratings come after an answer was scored, or never, so every sample carries a sum that may be empty: `rating` and `rated`
are 0 for an answer that nobody has rated, and the mean leaves it out. Where nobody has rated anything the mean does not
exist; it is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError

LOWEST, HIGHEST = 1.0, 10.0

RATING = Metric(
    id="rating",
    kind="ratio",
    value="rating",
    over="rated",
    bounds=(LOWEST, HIGHEST),
    description="Mean rating of the rated answers, 1 to 10; of an answer with several raters their mean counts.",
)
# A ratio, not a proportion: that none or all are rated is a fact, and needs no interval.
RATED = Metric(
    id="rated",
    kind="ratio",
    value="rated",
    over="answers",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of answers that somebody has rated.",
)
METRICS: tuple[Metric, ...] = (RATING, RATED)
"""What a task lists that wants its answers rated."""
IDS = frozenset(metric.id for metric in METRICS)


def sample_values(ratings: Sequence[float] = ()) -> dict[str, float]:
    """One sample's values for `METRICS`.

    Args:
        ratings: one per rater, between 1 and 10; empty if nobody has rated the answer.

    Raises:
        MetricInputError: a rating is out of range.
    """
    for rating in ratings:
        if not LOWEST <= rating <= HIGHEST:
            raise MetricInputError(f"A rating must be between {LOWEST:g} and {HIGHEST:g}, not {rating}.")
    if not ratings:
        return {RATING.value: 0.0, RATED.value: 0.0, str(RATED.over): 1.0}
    return {RATING.value: fsum(ratings) / len(ratings), RATED.value: 1.0, str(RATED.over): 1.0}
