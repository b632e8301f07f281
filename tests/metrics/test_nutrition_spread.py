"""Root mean square, median, correlation and the answered dishes' errors, against numpy, scipy and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error, median_absolute_error, root_mean_squared_error

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import NUTRIENTS
from foodbench.metrics import nutrition
from foodbench.metrics.inputs import MetricInputError

METRICS = {metric.id: metric for metric in (*nutrition.spread_metrics(), *nutrition.answered_metrics())}
amounts = st.floats(0, 2000).map(lambda value: round(value, 3))
dishes = st.lists(st.tuples(st.none() | amounts, amounts), min_size=1, max_size=40)


def values_of(pairs, name="kcal"):
    return [
        nutrition.detailed_values({} if guess is None else {name: guess}, {name: reference})
        for guess, reference in pairs
    ]


def computed(pairs, name="kcal"):
    values = values_of(pairs, name)
    return {metric.id: metric.of_samples(values) for metric in METRICS.values() if metric.id.endswith(f".{name}")}


@given(dishes)
@settings(max_examples=60, deadline=None)
def test_agrees_with_scikit_learn_over_all_dishes(pairs):
    guess, true = ([column or 0.0 for column in columns] for columns in zip(*pairs, strict=True))
    found = computed(pairs)
    assert found["rmse.kcal"] == pytest.approx(root_mean_squared_error(true, guess), rel=1e-12, abs=1e-12)
    assert found["median_ae.kcal"] == pytest.approx(median_absolute_error(true, guess), rel=1e-12, abs=1e-12)


@given(dishes)
@settings(max_examples=60, deadline=None)
def test_answered_metrics_are_the_official_script_over_the_dishes_it_is_given(pairs):
    found = computed(pairs)
    answered = [(guess, true) for guess, true in pairs if guess is not None]
    assert found["stated.kcal"] == pytest.approx(100 * len(answered) / len(pairs))
    if not answered:
        assert found["mae_answered.kcal"] is None
        assert found["pmae_answered.kcal"] is None
        return
    guess, true = zip(*answered, strict=True)
    mae = mean_absolute_error(true, guess)
    assert found["mae_answered.kcal"] == pytest.approx(mae, rel=1e-12, abs=1e-12)
    if sum(true) > 0:
        assert found["pmae_answered.kcal"] == pytest.approx(100 * mae / np.mean(true), rel=1e-12, abs=1e-12)
    else:
        assert found["pmae_answered.kcal"] is None


@given(st.lists(st.tuples(amounts, amounts), min_size=3, max_size=40))
@settings(max_examples=100, deadline=None)
def test_correlation_agrees_with_scipy(pairs):
    guess, true = np.array(pairs).T
    assume(min(guess.std() / (guess.mean() + 1e-9), true.std() / (true.mean() + 1e-9)) > 0.01)
    found = computed(pairs)["pearson.kcal"]
    assert found == pytest.approx(pearsonr(guess, true).statistic, abs=1e-8)
    assert -1 <= found <= 1


def test_correlation_is_none_where_nothing_varies():
    assert computed([(200.1, 10.0), (200.1, 300.3), (200.1, 7.7)])["pearson.kcal"] is None
    assert computed([(10.0, 200.1), (300.3, 200.1), (7.7, 200.1)])["pearson.kcal"] is None
    assert computed([(10.0, 20.0)])["pearson.kcal"] is None
    assert nutrition.correlation({}) is None


def test_a_linear_answer_correlates_perfectly_and_a_dish_left_out_does_not():
    pairs = [(2.0 * true + 5, float(true)) for true in range(10)]
    assert computed(pairs)["pearson.kcal"] == pytest.approx(1.0)
    assert computed([(-guess, true) for guess, true in pairs])["pearson.kcal"] == pytest.approx(-1.0)
    assert computed([*pairs, (None, 11.0)])["pearson.kcal"] < 0.8


def test_worked_by_hand():
    """Errors 3, 4 and, not stated, 12."""
    found = computed([(13.0, 10.0), (6.0, 10.0), (None, 12.0)])
    assert found["rmse.kcal"] == pytest.approx(13 / math.sqrt(3))
    assert found["median_ae.kcal"] == 4.0
    assert found["mae_answered.kcal"] == 3.5
    assert found["pmae_answered.kcal"] == 35.0
    assert found["stated.kcal"] == pytest.approx(200 / 3)


@given(dishes)
@settings(max_examples=60, deadline=None)
def test_the_right_answer_has_no_error_and_order_does_not_matter(pairs):
    perfect = computed([(true, true) for _, true in pairs])
    assert perfect["rmse.kcal"] == perfect["median_ae.kcal"] == perfect["mae_answered.kcal"] == 0
    found, reversed_order = computed(pairs), computed(pairs[::-1])
    assert reversed_order == found
    assert found["rmse.kcal"] >= 0


def test_nutrients_do_not_mix():
    both = [
        nutrition.detailed_values({"kcal": 10.0, "fat": 3.0}, {"kcal": 20.0, "fat": 1.0}),
        nutrition.detailed_values({"kcal": 40.0}, {"kcal": 20.0, "fat": 5.0}),
    ]
    assert METRICS["rmse.fat"].of_samples(both) == pytest.approx(math.sqrt((4 + 25) / 2))
    assert METRICS["rmse.kcal"].of_samples(both) == pytest.approx(math.sqrt((100 + 400) / 2))
    assert METRICS["stated.fat"].of_samples(both) == 50.0
    assert METRICS["mae_answered.fat"].of_samples(both) == 2.0


def test_detailed_values_contain_the_plain_ones():
    stated, true = {"kcal": 10.0}, {"kcal": 20.0, "fat": 5.0}
    plain = nutrition.sample_values(stated, true)
    detailed = nutrition.detailed_values(stated, true)
    assert {key: detailed[key] for key in plain} == plain
    for metric in nutrition.error_metrics(["kcal", "fat"]):
        assert metric.of_samples([detailed]) == metric.of_samples([plain])


def test_ids_and_directions():
    kinds = {metric_id.partition(".")[0] for metric_id in METRICS}
    assert kinds == {"rmse", "median_ae", "pearson", "pmae_answered", "mae_answered", "stated"}
    assert len(METRICS) == len(kinds) * len(NUTRIENTS)
    assert {m.id.partition(".")[0] for m in METRICS.values() if m.higher_is_better} == {"pearson", "stated"}


def test_refusals():
    for guess in (math.nan, math.inf, 1e200):
        with pytest.raises(AnswerInvalid):
            nutrition.detailed_values({"kcal": guess}, {"kcal": 1.0})
    with pytest.raises(MetricInputError):
        nutrition.detailed_values({"kcal": 1.0}, {"kcal": -1.0})
