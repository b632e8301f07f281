"""Nutrition errors against hand-worked cases, and against what the task layer aggregates."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import NUTRIENTS
from foodbench.metrics import nutrition
from foodbench.metrics.inputs import MetricInputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "nutrition.json").read_text())
grams = st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0.01, 1e4)), min_size=1, max_size=30)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_hand_worked_cases(case):
    predicted, true = case["predicted"], case["true"]
    assert nutrition.absolute_errors(predicted, true).tolist() == case["errors"]
    assert nutrition.mean_absolute_error(predicted, true) == pytest.approx(case["mae"], rel=1e-15)
    assert nutrition.percent_of_mean(predicted, true) == pytest.approx(case["percent_of_mean"], rel=1e-15)
    error = nutrition.nutrient_error("fat", predicted, true)
    assert (error.nutrient, error.n) == ("fat", len(true))
    assert error.mae == pytest.approx(case["mae"], rel=1e-15)
    assert error.mean_true == pytest.approx(case["mean_true"], rel=1e-15)
    assert error.percent_of_mean == pytest.approx(case["percent_of_mean"], rel=1e-15)


@given(grams, st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_percent_of_mean_does_not_depend_on_the_unit(pairs, factor):
    predicted, true = zip(*pairs, strict=True)
    scaled = nutrition.percent_of_mean([factor * x for x in predicted], [factor * x for x in true])
    assert scaled == pytest.approx(nutrition.percent_of_mean(predicted, true), rel=1e-9, abs=1e-9)


@given(grams)
@settings(max_examples=60, deadline=None)
def test_metrics_over_sample_values_agree_with_the_functions(pairs):
    predicted, true = zip(*pairs, strict=True)
    values = [nutrition.sample_values({"carb": p}, {"carb": t}) for p, t in pairs]
    percent, mae = nutrition.error_metrics(["carb"])
    errors = [sample[mae.value] for sample in values]
    assert mae.compute(errors) == nutrition.mean_absolute_error(predicted, true)
    assert percent.compute(errors, [sample[percent.over] for sample in values]) == pytest.approx(
        nutrition.percent_of_mean(predicted, true), rel=1e-12
    )


def test_metric_ids_say_their_convention_and_unit():
    metrics = {metric.id: metric for metric in nutrition.error_metrics()}
    assert list(metrics) == [f"{kind}.{name}" for kind in ("pmae", "mae") for name in NUTRIENTS]
    assert metrics["mae.kcal"].unit == "kcal"
    assert metrics["mae.fat"].unit == "g"
    assert metrics["pmae.kcal"].unit == "%"
    assert not any(metric.higher_is_better for metric in metrics.values())


def test_a_nutrient_left_out_counts_as_zero():
    values = nutrition.sample_values({}, {"kcal": 250.0, "fat": 0.0})
    assert values == {"absolute_error.kcal": 250.0, "true.kcal": 250.0, "absolute_error.fat": 0.0, "true.fat": 0.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1.7e308])
def test_a_prediction_that_is_no_number_is_an_invalid_answer(bad):
    with pytest.raises(AnswerInvalid):
        nutrition.sample_values({"kcal": -bad}, {"kcal": 1.7e308})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_a_true_value_that_is_none_is_a_defect_of_the_task(bad):
    with pytest.raises(MetricInputError, match="kcal"):
        nutrition.sample_values({"kcal": 1.0}, {"kcal": bad})


def test_bad_columns_are_refused():
    for function in (nutrition.absolute_errors, nutrition.mean_absolute_error, nutrition.percent_of_mean):
        with pytest.raises(MetricInputError, match="1 values but .* 2"):
            function([1.0], [1.0, 2.0])
        with pytest.raises(MetricInputError, match="'predicted'.*not finite"):
            function([math.nan], [1.0])
        with pytest.raises(MetricInputError, match="'true'.*not finite"):
            function([1.0], [math.inf])
    with pytest.raises(MetricInputError, match="empty"):
        nutrition.mean_absolute_error([], [])


def test_a_percentage_of_nothing_does_not_exist():
    with pytest.raises(MetricInputError, match="no positive mean"):
        nutrition.percent_of_mean([1.0, 2.0], [0.0, 0.0])
    assert nutrition.nutrient_error("fat", [1.0, 2.0], [0.0, 0.0]).percent_of_mean is None
