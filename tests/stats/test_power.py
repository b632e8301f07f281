"""Planning by hand-worked numbers; against simulated rates of detection in test_paired_calibration.py."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.metrics.inputs import MetricInputError
from foodbench.stats.power import binary_spread, chance, detectable, samples_needed


@pytest.mark.parametrize(
    ("discordance", "needed"),
    [
        (0.02, (1237, 310, 138, 50)),
        (0.06, (3710, 928, 413, 149)),
        (0.12, (7420, 1855, 825, 297)),
        (0.20, (12366, 3092, 1374, 495)),
    ],
)
def test_samples_to_pass_a_margin_of_1_2_3_and_5_points(discordance, needed):
    """(1.6449 + 0.8416)^2 = 6.1826, times the share of samples that flip, over the squared margin."""
    found = [samples_needed(margin, binary_spread(discordance)) for margin in (0.01, 0.02, 0.03, 0.05)]
    assert tuple(found) == needed


def test_detectable_is_the_other_way_round():
    assert detectable(100, 2.0) == pytest.approx(2.4865 * 2 / 10, abs=1e-4)
    assert samples_needed(detectable(100, 2.0), 2.0) in (100, 101)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_so_many_are_enough_and_one_less_is_not(margin, spread):
    needed = samples_needed(margin, spread)
    assert detectable(needed, spread) <= margin * (1 + 1e-9)
    if needed > 1:
        assert detectable(needed - 1, spread) > margin * (1 - 1e-9)


def test_the_chance_is_the_power_at_what_is_detectable_and_the_level_at_no_change():
    assert chance(detectable(50, 3.0), 50, 3.0) == pytest.approx(0.8)
    assert chance(0, 50, 3.0, alpha=0.1) == pytest.approx(0.1)


def test_nothing_varies():
    assert samples_needed(1.0, 0.0) == 1
    assert detectable(10, 0.0) == 0.0


def test_spread_of_a_binary_difference():
    assert binary_spread(0.06) == pytest.approx(sqrt(0.06))
    assert binary_spread(0.05, 0.03) == pytest.approx(sqrt(0.05 - 0.0009))
    assert binary_spread(1.0, -1.0) == 0.0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: samples_needed(0, 1), "margin must be a positive number"),
        (lambda: samples_needed(-1, 1), "margin must be a positive number"),
        (lambda: samples_needed(1, -1), "spread must be a number, 0 or more"),
        (lambda: samples_needed(1, float("nan")), "spread must be a number"),
        (lambda: samples_needed(1, 1, alpha=0.9, power=0.8), "do not go together"),
        (lambda: samples_needed(1, 1, power=1.0), "do not go together"),
        (lambda: detectable(0, 1), "at least one cluster"),
        (lambda: chance(1, 0, 1), "at least one cluster"),
        (lambda: chance(1, 10, 0), "spread must be a positive number"),
        (lambda: chance(1, 10, 1, alpha=0), "level lies between 0 and 1"),
        (lambda: binary_spread(1.2), "share between 0 and 1"),
        (lambda: binary_spread(0.02, 0.03), "at least as large"),
    ],
)
def test_nonsense_is_refused(call, says):
    with pytest.raises(MetricInputError, match=says):
        call()
