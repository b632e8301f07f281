"""Holm's correction by hand, and what any correct one must keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.metrics.inputs import MetricInputError
from foodbench.stats.holm import holm

families = st.dictionaries(st.text(max_size=3), st.floats(1e-300, 1), max_size=8)


def test_by_hand():
    """Times 4, 3, 2, 1 in ascending order: 0.02, 0.03, 0.06 and 0.04, which may not be below 0.06."""
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == {"a": pytest.approx(0.03), "b": pytest.approx(0.06), "c": pytest.approx(0.06), "d": 0.02}
    assert list(adjusted) == ["a", "b", "c", "d"]


def test_one_test_alone_is_not_corrected_and_none_are_none():
    assert holm({"a": 0.03}) == {"a": 0.03}
    assert holm({}) == {}


def test_never_above_one():
    assert holm({"a": 0.9, "b": 0.6}) == {"a": 1.0, "b": 1.0}


@given(families)
def test_monotone_and_between_the_p_value_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for name, p_value in p_values.items():
        assert p_value <= adjusted[name] <= min(1.0, len(p_values) * p_value)
    ranked = sorted(p_values, key=p_values.get)
    assert [adjusted[name] for name in ranked] == sorted(adjusted.values())


@given(families)
def test_the_order_of_the_tests_does_not_matter(p_values):
    assert holm(dict(reversed(p_values.items()))) == holm(p_values)


@pytest.mark.parametrize("p_value", [0.0, -0.1, 1.1, float("nan")])
def test_nothing_is_certain(p_value):
    with pytest.raises(MetricInputError, match="'b': a p-value lies above 0"):
        holm({"a": 0.5, "b": p_value})
