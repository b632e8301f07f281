"""Top-1 accuracy."""

import pytest

from foodbench.metrics.classification import TOP1_ACCURACY, is_correct, top1_accuracy
from foodbench.metrics.inputs import MetricInputError


def test_unreadable_answers_are_wrong_and_counted():
    assert top1_accuracy(["pizza", None, "ramen", "sushi"], ["pizza", "pizza", "ramen", "ramen"]) == 0.5
    assert top1_accuracy(["pizza"], ["pizza"]) == 1.0
    assert top1_accuracy([None], ["pizza"]) == 0.0


def test_names_are_compared_exactly():
    assert is_correct("Pizza", "pizza") == 0.0


def test_the_metric_agrees_with_the_function():
    predicted, true = ["a", "b", None], ["a", "a", "a"]
    correct = [is_correct(*pair) for pair in zip(predicted, true, strict=True)]
    assert TOP1_ACCURACY.compute(correct) == pytest.approx(100 * top1_accuracy(predicted, true))


def test_no_samples_and_different_lengths_are_refused():
    with pytest.raises(MetricInputError, match="empty"):
        top1_accuracy([], [])
    with pytest.raises(MetricInputError, match="1 values but .* 2"):
        top1_accuracy(["a"], ["a", "b"])
