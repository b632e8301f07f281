"""Tango's interval and McNemar's mid-p against enumeration and against numeric inversion of the score test."""

import math
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from foodbench.metrics.inputs import MetricInputError
from foodbench.stats.binary import mcnemar_mid_p, tango

tables = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 200)).map(
    lambda some: (some[0], some[1], some[0] + some[1] + some[2])
)


@pytest.mark.parametrize(("lost", "won"), [(1, 0), (0, 1), (5, 0), (3, 3), (15, 8), (30, 10), (10, 30)])
def test_mid_p_by_enumeration(lost, won):
    outcomes = [Fraction(math.comb(lost + won, k), 2 ** (lost + won)) for k in range(lost + won + 1)]
    assert mcnemar_mid_p(lost, won) == pytest.approx(float(sum(outcomes[:won]) + outcomes[won] / 2), rel=1e-12)


def test_one_sample_lost_proves_nothing():
    assert mcnemar_mid_p(1, 0) == 0.25
    assert mcnemar_mid_p(0, 0) == 1.0
    assert mcnemar_mid_p(20_000, 0) >= sys.float_info.min


@given(st.integers(0, 300), st.integers(0, 300))
def test_mid_p_and_the_one_of_the_other_side_make_one(lost, won):
    if lost + won:
        assert mcnemar_mid_p(lost, won) + mcnemar_mid_p(won, lost) == pytest.approx(1)


def _score(lost, won, n, difference):
    """The score statistic at a difference, the nuisance parameter found by maximising the likelihood numerically."""

    def against(share_lost):
        share_won = share_lost + difference
        parts = ((lost, share_lost), (won, share_won), (n - lost - won, 1 - share_lost - share_won))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    ends = max(0.0, -difference), (1 - difference) / 2
    found = minimize_scalar(against, bounds=ends, method="bounded", options={"xatol": 1e-13, "maxiter": 2000}).x
    # The bounded search never tries the ends themselves.
    share_lost = min((found, *ends), key=against)
    variance = n * (2 * share_lost + difference - difference**2)
    return (won - lost - n * difference) / math.sqrt(variance)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize(
    ("lost", "won", "n"), [(15, 15, 500), (30, 10, 500), (3, 9, 50), (1, 0, 40), (0, 7, 60), (25, 60, 100), (6, 2, 8)]
)
def test_tango_by_numeric_inversion(lost, won, n, confidence):
    from scipy.special import ndtri

    quantile = ndtri((1 + confidence) / 2)
    low, high = tango(lost, won, n, confidence)
    middle, edge = (won - lost) / n, 1 - 1e-9
    assert low == pytest.approx(brentq(lambda d: _score(lost, won, n, d) - quantile, -edge, middle - 1e-9), abs=2e-6)
    assert high == pytest.approx(brentq(lambda d: _score(lost, won, n, d) + quantile, middle + 1e-9, edge), abs=2e-6)


@pytest.mark.parametrize("n", [1, 20, 50, 500])
def test_no_sample_changed(n):
    """Closed form: the score statistic is sqrt(n d / (1 - d)), so the ends are at z^2 / (n + z^2)."""
    squared = 1.6448536269514722**2
    assert tango(0, 0, n, 0.9) == pytest.approx((-squared / (n + squared), squared / (n + squared)), abs=1e-9)


def test_every_sample_lost():
    low, high = tango(30, 0, 30, 0.9)
    assert low == -1
    assert -1 < high < -0.8


@given(tables, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_holds_the_estimate_has_a_width_and_mirrors(table, confidence):
    lost, won, n = table
    low, high = tango(lost, won, n, confidence)
    assert -1 <= low < (won - lost) / n < high <= 1
    assert tango(won, lost, n, confidence) == (-high, -low)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tango(3, 3, 5, 0.9), "3 lost and 3 won of 5"),
        (lambda: tango(0, 0, 0, 0.9), "0 lost and 0 won of 0"),
        (lambda: tango(-1, 0, 5, 0.9), "-1 lost"),
        (lambda: tango(1, 1, 5, 1.0), "confidence level lies between 0 and 1"),
        (lambda: mcnemar_mid_p(-1, 0), "cannot be -1 and 0"),
    ],
)
def test_nonsense_is_refused(call, says):
    with pytest.raises(MetricInputError, match=says):
        call()
