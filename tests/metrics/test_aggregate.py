"""What a metric computes from columns of per-sample values, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import FoodbenchError
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError

MEAN = Metric(id="mae", kind="mean", value="error")
RATE = Metric(id="accuracy", kind="proportion", value="correct", scale=100.0)
RATIO = Metric(id="pmae", kind="ratio", value="error", over="true", scale=100.0)


def test_the_three_kinds():
    assert MEAN.compute([1.0, 2.0, 6.0]) == 3.0
    assert RATE.compute([1, 0, 1, 1]) == 75.0
    assert RATE.compute(np.array([True, False])) == 50.0
    # The sum of errors over the sum of true values, not the mean of 50 % and 100 %.
    assert RATIO.compute([1.0, 10.0], [2.0, 10.0]) == pytest.approx(100 * 11 / 12)


def test_nothing_to_average_is_none_and_never_nan():
    assert MEAN.compute([]) is None
    assert RATE.compute(np.empty(0)) is None
    assert RATIO.compute([], []) is None
    assert RATIO.compute([1.0], [0.0]) is None


def test_zero_denominators_have_the_value_that_the_metric_states():
    ciou = Metric(id="ciou", kind="ratio", value="intersection", over="union", when_zero=1.0)
    assert ciou.compute([0, 0], [0, 0]) == 1.0
    assert ciou.compute([], []) is None


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40), st.randoms())
@settings(max_examples=80, deadline=None)
def test_order_does_not_change_a_single_bit(values, random):
    shuffled = random.sample(values, len(values))
    assert MEAN.compute(shuffled) == MEAN.compute(values)


def test_sums_are_correctly_rounded():
    assert MEAN.compute([1e16, 1.0, -1e16, 1.0]) == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_place(bad):
    with pytest.raises(MetricInputError, match="index 1"):
        MEAN.compute([1.0, bad])
    with pytest.raises(MetricInputError, match="'true'.*index 0"):
        RATIO.compute([1.0], [bad])


@pytest.mark.parametrize("bad", [["1"], [None], [[1.0], [2.0]], [1j], [[1.0], [1.0, 2.0]], 1.0, "12", [10**400]])
def test_what_is_no_column_of_numbers_is_refused(bad):
    with pytest.raises(MetricInputError):
        MEAN.compute(bad)


def test_columns_that_do_not_fit_the_kind_are_refused():
    with pytest.raises(MetricInputError, match="0 or 1"):
        RATE.compute([0.5])
    with pytest.raises(MetricInputError, match="takes no denominators"):
        MEAN.compute([1.0], [1.0])
    with pytest.raises(MetricInputError, match="needs denominators"):
        RATIO.compute([1.0])
    with pytest.raises(MetricInputError, match="negative"):
        RATIO.compute([1.0], [-1.0])
    with pytest.raises(MetricInputError, match="2 values but .* 1"):
        RATIO.compute([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "mode"}, "unknown kind"),
        ({"kind": "of_sums"}, "'function' and 'keys'"),
        ({"function": "a:b", "keys": ("n",)}, "'function' and 'keys'"),
        ({"kind": "median", "value": ""}, "'value' goes with"),
        ({"kind": "ratio"}, "'over' goes with"),
        ({"over": "true"}, "'over' goes with"),
        ({"when_zero": 1.0}, "'when_zero' goes with"),
        ({"scale": 0.0}, "'scale'"),
        ({"scale": math.nan}, "'scale'"),
        ({"bounds": (1.0, 0.0)}, "'bounds'"),
    ],
)
def test_contradictory_metrics_cannot_be_made(changes, says):
    with pytest.raises(MetricInputError, match=says):
        Metric(**{"id": "m", "kind": "mean", "value": "v", **changes})


def test_the_error_is_a_deliberate_one_and_a_value_error():
    assert issubclass(MetricInputError, FoodbenchError)
    assert issubclass(MetricInputError, ValueError)


def _ratio_by_class(sums):
    """Mean over classes of tp / n; what a macro average is."""
    classes = [key.removeprefix("n/") for key in sums if key.startswith("n/")]
    return sum(sums.get(f"tp/{name}", 0.0) / sums[f"n/{name}"] for name in classes) / len(classes) if classes else None


MACRO = Metric(id="macro", kind="of_sums", function=f"{__name__}:_ratio_by_class", keys=("tp/", "n/"), scale=100.0)


def test_a_function_of_sums_over_sparse_keys():
    samples = [{"n/rice": 1.0, "tp/rice": 1.0, "other": 5.0}, {"n/rice": 1.0}, {"n/egg": 2.0, "tp/egg": 1.0}]
    assert MACRO.share(samples[0]) == {"n/rice": 1.0, "tp/rice": 1.0}
    assert MACRO.of_samples(samples) == 50.0
    assert MACRO.of_samples([{}]) is None
    assert MACRO.of_samples([]) is None


def test_a_function_of_sums_must_be_finite():
    with pytest.raises(MetricInputError, match="returned nan"):
        Metric(id="nan", kind="of_sums", function=f"{__name__}:_nan", keys=("n",)).of_samples([{"n": 1.0}])


def _nan(_sums):
    return math.nan


def test_median():
    median = Metric(id="m", kind="median", value="v", scale=2.0)
    assert median.of_samples([{"v": 1.0}, {"v": 2.0}, {"v": 40.0}]) == 4.0
    assert median.of_samples([{"v": 1.0}, {"v": 2.0}]) == 3.0
    assert median.of_samples([]) is None
