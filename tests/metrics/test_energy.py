"""Whether stated nutrition agrees with itself: hand-worked answers and the rule for nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.errors import AnswerInvalid
from foodbench.metrics import energy

MEAL = {"kcal": 500.0, "fat": 20.0, "carb": 50.0, "protein": 30.0}  # 180 + 200 + 120 = 500
amounts = st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000)


def test_energy_of_macronutrients():
    assert energy.atwater_kcal(MEAL) == 500.0
    assert energy.atwater_gap(MEAL) == 0.0
    assert energy.atwater_gap({**MEAL, "kcal": 400.0}) == 0.25
    assert energy.atwater_gap({**MEAL, "kcal": 1000.0}) == 0.5


def test_a_gap_needs_all_four():
    for name in ("kcal", "fat", "carb", "protein"):
        assert energy.atwater_gap({key: value for key, value in MEAL.items() if key != name}) is None


def test_nothing():
    assert energy.relative_gap(0.0, 0.0) == 0.0
    assert energy.relative_gap(3.0, 0.0) == 1.0
    assert energy.relative_gap(0.0, 3.0) == 1.0
    assert energy.atwater_gap({"kcal": 0.0, "fat": 0.0, "carb": 0.0, "protein": 0.0}) == 0.0
    assert energy.atwater_gap({**MEAL, "kcal": 0.0}) == 1.0


@given(amounts, amounts, st.floats(0.01, 100))
def test_gaps_do_not_depend_on_the_unit(value, reference, factor):
    gap = energy.relative_gap(value, reference)
    assert gap >= 0
    assert math.isclose(energy.relative_gap(factor * value, factor * reference), gap, rel_tol=1e-6, abs_tol=1e-6)


def test_parts_against_the_total():
    parts = [{"kcal": 100.0, "mass": 50.0, "fat": 1.0}, {"kcal": 50.0, "mass": 30.0}]
    total = {"kcal": 200.0, "mass": 80.0, "fat": 3.0}
    assert energy.parts_gaps(parts, total) == {"kcal": 0.25, "mass": 0.0}
    assert energy.parts_gaps([], total) == {}
    assert energy.parts_gaps(parts, {}) == {}


def test_metrics_over_answers():
    empty = {"kcal": 0.0}
    true = {"kcal": 500.0}
    values = [
        energy.sample_values(MEAL, true),
        energy.sample_values({**MEAL, "kcal": 400.0}, true),
        energy.sample_values({**MEAL, "kcal": 1.0}, true),
        energy.sample_values({"kcal": 30.0}, empty),
        energy.sample_values({}, empty),
    ]
    assert energy.CONSISTENT.of_samples(values) == pytest.approx(100 / 3)
    assert energy.ATWATER_GAP.of_samples(values) == pytest.approx(100 * (0 + 0.25 + 1) / 3)
    assert energy.EMPTY_PLATE.of_samples(values) == 30.0, "what was not stated is no zero"
    assert energy.EMPTY_PLATE.of_samples(values[4:]) is None
    assert energy.CONSISTENT.of_samples(values[3:]) is None
    assert energy.EMPTY_PLATE.of_samples(values[:3]) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308])
def test_what_is_not_finite_is_refused(bad):
    for stated in (
        {**MEAL, "fat": bad},
        {**MEAL, "kcal": bad},
        {**MEAL, "kcal": 0.0, "carb": bad},
        {**MEAL, "fat": bad, "carb": -bad},
    ):
        with pytest.raises(AnswerInvalid):
            energy.sample_values(stated, {"kcal": 1.0})
    with pytest.raises(AnswerInvalid):
        energy.sample_values({"kcal": bad}, {"kcal": 0.0})
    with pytest.raises(AnswerInvalid):
        energy.parts_gaps([{"kcal": bad}, {"kcal": -bad}], {"kcal": 1.0})


def test_a_trace_of_energy_makes_no_infinite_gap():
    assert math.isfinite(energy.relative_gap(1e14, 5e-324))
    assert energy.sample_values({**MEAL, "kcal": 5e-324}, {"kcal": 1.0})["atwater_gap"] == 1.0
