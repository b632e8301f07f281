"""What holds whatever the numbers: exchanging the sides mirrors, order does not matter, units carry through."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.stats.paired import paired_difference

METRICS = [
    Metric("proportion", "proportion", "right"),
    Metric("mean", "mean", "x"),
    Metric("median", "median", "x"),
    Metric("ratio", "ratio", "x", "y"),
    Metric("share", "share", "right", "y", when_zero=0.0),
    Metric(
        "rmse",
        "of_sums",
        function="foodbench.metrics.nutrition:root_mean_square",
        keys=("squared_error.kcal", "dishes"),
    ),
]


@st.composite
def runs(draw):
    """The same samples on two sides, some in one cluster, some without any change."""
    n = draw(st.integers(2, 24))
    spread = draw(st.sampled_from([1, 3, n]))
    sides = []
    for _ in range(2):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        sides.append(
            [(float(rng.integers(0, 2)), float(rng.integers(0, 50)), float(rng.integers(1, 9))) for _ in range(n)]
        )
    changed = np.random.default_rng(draw(st.integers(0, 2**32))).random(n) < draw(st.sampled_from([0, 0.3, 1]))
    sides[1] = [other if change else mine for mine, other, change in zip(*sides, changed, strict=True)]
    return [
        [
            Score(
                f"s{i}",
                f"c{i % spread}",
                True,
                {"right": right, "x": x, "y": y, "squared_error.kcal": x * x, "dishes": 1.0},
            )
            for i, (right, x, y) in enumerate(one)
        ]
        for one in sides
    ]


def compare(metric, before, after):
    return paired_difference(metric, before, after, resamples=100)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.id)
@settings(max_examples=30, deadline=None)
@given(runs())
def test_what_is_always_so(metric, sides):
    before, after = sides
    found = compare(metric, before, after)
    # An interval holds its estimate and has a width.
    assert 0 < found.p_worse <= 1
    assert (found.low is None) == (found.high is None) == (found.method == "none")
    if found.low is not None:
        assert found.low <= found.value <= found.high
        assert found.low < found.high
        assert found.spread > 0
    # The order of the scores does not matter.
    assert compare(metric, before[::-1], after[1:] + after[:1]) == found
    # Exchanging the sides mirrors.
    mirrored = compare(metric, after, before)
    assert mirrored.value == -found.value
    assert (mirrored.method, mirrored.only_baseline) == (found.method, found.only_candidate)
    if found.low is not None:
        assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), rel=1e-6, abs=1e-9)
    # The unit carries through, and changes nothing else.
    scaled = compare(replace(metric, scale=100.0), before, after)
    assert scaled.p_worse == found.p_worse
    if found.low is not None:
        expected = [100 * number for number in (found.value, found.low, found.high, found.spread)]
        assert [scaled.value, scaled.low, scaled.high, scaled.spread] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS[1:4:2], ids=lambda metric: metric.id)
@settings(max_examples=30, deadline=None)
@given(runs(), st.sampled_from([1e-6, 0.5, 1e6]))
def test_values_in_another_unit(metric, sides, factor):
    found = compare(metric, *sides)
    other = compare(
        metric,
        *[[replace(one, values={**one.values, "x": factor * one.values["x"]}) for one in side] for side in sides],
    )
    assert other.method == found.method
    assert other.p_worse == pytest.approx(found.p_worse, rel=1e-6)
    if found.low is not None:
        assert (other.low, other.high) == pytest.approx(
            (factor * found.low, factor * found.high), rel=1e-6, abs=1e-9 * factor
        )
