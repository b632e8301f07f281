"""Averages of several masks per sample, against FoodLMM's and LISA's loops written naively."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.metrics.inputs import MetricInputError
from foodbench.metrics.queries import GENERALIZED_IOU_BY_MASK
from foodbench.metrics.segmentation import (
    CUMULATIVE_IOU,
    GENERALIZED_IOU,
    GENERALIZED_IOU_BY_DIALOGUE,
    pair_values,
)

pair = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda two: (min(two), max(two)))
samples = st.lists(st.lists(pair, min_size=1, max_size=5), min_size=1, max_size=10)


def test_worked_by_hand():
    """One sample with IoUs 1/2 and 1 (both empty), one with 0."""
    values = [pair_values([(10, 20), (0, 0)]), pair_values([(0, 20)])]
    assert values[0] == {"intersection": 10, "union": 20, "iou": 0.75, "iou_sum": 1.5, "present": 2}
    assert GENERALIZED_IOU.of_samples(values) == 0.375
    # Two dialogues: the first sample is one turn of the first (three masks in two turns), the second the other's only.
    turns = [
        {"iou_share": 1.5 / 3, "turn_share": 0.5},
        {"iou_share": 0.3 / 3, "turn_share": 0.5},
        {"iou_share": 0.0, "turn_share": 1.0},
    ]
    assert GENERALIZED_IOU_BY_DIALOGUE.of_samples(turns) == pytest.approx((0.6 + 0.0) / 2)
    assert GENERALIZED_IOU_BY_MASK.of_samples(values) == 0.5
    assert CUMULATIVE_IOU.of_samples(values) == 0.25


@given(samples)
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_loops_of_foodlmm_and_lisa(pairs):
    ious = [[both / (either + 1e-5) + (either == 0) for both, either in sample] for sample in pairs]
    values = [pair_values(sample) for sample in pairs]
    tolerance = {"abs": 1e-4, "rel": 1e-4}
    assert GENERALIZED_IOU.of_samples(values) == pytest.approx(np.mean([np.mean(each) for each in ious]), **tolerance)
    assert GENERALIZED_IOU_BY_MASK.of_samples(values) == pytest.approx(np.mean(np.concatenate(ious)), **tolerance)
    either = sum(each for sample in pairs for _, each in sample)
    if either:
        both = sum(each for sample in pairs for each, _ in sample)
        assert CUMULATIVE_IOU.of_samples(values) == pytest.approx(both / either)


@given(samples)
@settings(max_examples=40, deadline=None)
def test_bounds_and_ceiling(pairs):
    for metric in (CUMULATIVE_IOU, GENERALIZED_IOU, GENERALIZED_IOU_BY_MASK):
        assert 0 <= metric.of_samples([pair_values(sample) for sample in pairs]) <= 1
        assert metric.of_samples([pair_values([(e, e) for _, e in sample]) for sample in pairs]) == 1


def test_no_masks_and_nonsense_are_refused():
    with pytest.raises(MetricInputError, match="empty"):
        pair_values([])
    with pytest.raises(MetricInputError, match="Not an intersection"):
        pair_values([(2, 1)])
