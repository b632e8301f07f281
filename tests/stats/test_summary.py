"""From scores to metric values."""

import math
import random
import subprocess
import sys

import pytest

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.classification import TOP1_ACCURACY
from foodbench.metrics.inputs import MetricInputError
from foodbench.metrics.nutrition import error_metrics, sample_values
from foodbench.metrics.segmentation import CUMULATIVE_IOU, GENERALIZED_IOU
from foodbench.stats.summary import evaluate, point_values, summarise


def score(index, cluster=None, **values):
    return Score(sample_id=f"s{index:03}", cluster=cluster or f"image{index:03}", parsed=True, values=values)


def mask_scores(count, seed=0):
    rng = random.Random(seed)
    scores = []
    for index in range(count):
        union = rng.randint(100, 9000)
        intersection = rng.randint(0, union)
        values = {"intersection": intersection, "union": union, "iou": intersection / union}
        scores.append(score(index, cluster=f"image{index // 2}", **values))
    return scores


def test_values_intervals_and_counts():
    ciou, giou = summarise((CUMULATIVE_IOU, GENERALIZED_IOU), mask_scores(60))
    assert (ciou.id, ciou.n, ciou.clusters, ciou.interval_method) == ("ciou", 60, 30, "bootstrap_t.clustered")
    assert (giou.id, giou.n, giou.clusters, giou.interval_method) == ("giou.sample", 60, 30, "t.clustered")
    for value in (ciou, giou):
        assert 0 < value.low < value.value < value.high < 1
        assert value.higher_is_better


def test_scale_applies_to_the_value_and_both_ends():
    scores = [score(index, correct=float(index % 4 != 0)) for index in range(40)]
    percent = evaluate(TOP1_ACCURACY, scores)
    fraction = evaluate(Metric(id="fraction", kind="proportion", value="correct"), scores)
    assert percent.value == pytest.approx(75.0)
    assert percent.unit == "%"
    assert (percent.low, percent.high) == pytest.approx((100 * fraction.low, 100 * fraction.high))
    assert percent.interval_method == "wilson"


def test_errors_do_not_fall_below_zero():
    scores = [score(index, **sample_values({"fat": 10.0 if index else 90.0}, {"fat": 10.5})) for index in range(5)]
    percent, mae = summarise(error_metrics(["fat"]), scores)
    assert mae.low == percent.low == 0.0
    assert not mae.higher_is_better


def test_the_order_of_the_scores_changes_nothing():
    scores = mask_scores(50, seed=1)
    shuffled = random.Random(2).sample(scores, len(scores))
    metrics = (CUMULATIVE_IOU, GENERALIZED_IOU)
    assert summarise(metrics, shuffled) == summarise(metrics, scores)


def test_point_values_are_the_same_numbers():
    metrics, scores = (CUMULATIVE_IOU, GENERALIZED_IOU), mask_scores(9)
    assert point_values(metrics, scores) == {value.id: value.value for value in summarise(metrics, scores)}


def test_no_scores_are_none_and_never_nan():
    for value in summarise((TOP1_ACCURACY, CUMULATIVE_IOU, *error_metrics()), []):
        assert (value.value, value.low, value.high, value.n, value.clusters) == (None, None, None, 0, 0)
        assert value.interval_method == "none"


def test_one_score_has_a_value_and_no_interval():
    value = evaluate(TOP1_ACCURACY, [score(0, correct=1.0)])
    assert (value.value, value.low, value.high, value.interval_method) == (100.0, None, None, "none")


def test_a_percentage_of_nothing_is_none():
    value = evaluate(error_metrics(["fat"])[0], [score(index, **sample_values({}, {"fat": 0.0})) for index in range(9)])
    assert (value.value, value.low, value.interval_method) == (None, None, "none")


def test_all_masks_empty_is_perfect_without_an_interval():
    scores = [score(index, intersection=0, union=0, iou=1.0) for index in range(9)]
    for value in summarise((CUMULATIVE_IOU, GENERALIZED_IOU), scores):
        assert (value.value, value.low, value.interval_method) == (1.0, None, "none")


def test_a_score_that_lacks_a_value_is_named():
    with pytest.raises(MetricInputError, match="s001.*'correct'.*top1_accuracy"):
        evaluate(TOP1_ACCURACY, [score(0, correct=1.0), score(1, right=1.0)])


def test_two_scores_of_one_sample_are_refused():
    for function in (summarise, point_values):
        with pytest.raises(MetricInputError, match="several scores"):
            function((TOP1_ACCURACY,), [score(0, correct=1.0), score(0, correct=1.0)])


def test_not_finite_values_are_refused():
    with pytest.raises(MetricInputError, match="not finite"):
        evaluate(TOP1_ACCURACY, [score(0, correct=1.0), score(1, correct=math.nan)])


def test_importing_and_summarising_proportions_loads_nothing_heavy():
    program = (
        "import sys; from foodbench.stats.summary import evaluate; import foodbench.metrics.masks;"
        "print(sorted({'scipy', 'torch', 'pandas', 'PIL', 'pycocotools'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
