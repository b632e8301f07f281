"""Ratings as per-sample values: what is not rated is left out, never zero."""

from __future__ import annotations

import pytest

from foodbench.metrics.inputs import MetricInputError
from foodbench.metrics.ratings import RATED, RATING, sample_values


def test_the_mean_is_over_rated_answers_and_of_several_raters_their_mean_counts() -> None:
    samples = [sample_values([8]), sample_values([2, 3]), sample_values()]
    assert RATING.of_samples(samples) == pytest.approx((8 + 2.5) / 2)
    assert RATED.of_samples(samples) == pytest.approx(200 / 3)


def test_without_ratings_there_is_no_rating() -> None:
    samples = [sample_values(), sample_values()]
    assert RATING.of_samples(samples) is None
    assert RATED.of_samples(samples) == 0.0


@pytest.mark.parametrize("rating", [0, 10.5, 11, float("nan")])
def test_what_is_no_rating_is_refused(rating: float) -> None:
    with pytest.raises(MetricInputError):
        sample_values([5, rating])
