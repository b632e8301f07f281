"""How many samples a comparison needs, and the smallest change that it can detect.

All by one normal approximation: a paired difference of G clusters has the standard error `spread` / sqrt(G), where
`spread` is the standard deviation of what one cluster contributes to it (`foodbench.stats.paired.Difference.spread`).
A test at one-sided level alpha then detects a change of (z[1 - alpha] + z[power]) standard errors with the chance
`power`. The same number serves to pass: a change that does nothing passes a margin of that size with that chance.

tests/stats/test_paired_calibration.py compares the formula with simulated rates of detection.
"""

from __future__ import annotations

from math import ceil, isfinite, sqrt
from statistics import NormalDist

from foodbench.metrics.inputs import MetricInputError

ALPHA = 0.05
POWER = 0.80


def _quantiles(alpha: float, power: float) -> float:
    """How many standard errors a change must have to be seen."""
    if not (0 < alpha < 1 and 0 < power < 1 and alpha < power):
        raise MetricInputError(
            f"A level of {alpha} and a power of {power} do not go together.", hint="0 < alpha < power"
        )
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)


def _positive(name: str, number: float) -> None:
    if not (isfinite(number) and number > 0):
        raise MetricInputError(f"The {name} must be a positive number, not {number}.")


def _check_spread(spread: float) -> None:
    if not (isfinite(spread) and spread >= 0):
        raise MetricInputError(f"The spread must be a number, 0 or more, not {spread}.")


def samples_needed(margin: float, spread: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Clusters (with one sample each: samples) needed to detect a change of size `margin`.

    The same number is needed for a harmless change to pass that margin with the chance `power`.

    Args:
        margin: the change, or the margin, in the unit of `spread`; positive.
        spread: standard deviation of one cluster's contribution to the difference.
        alpha: one-sided level.
        power: chance to detect.

    Returns:
        The number, rounded up, at least 1.

    Raises:
        MetricInputError: a margin that is not positive, a negative spread, or levels that do not go together.
    """
    _positive("margin", margin)
    _check_spread(spread)
    return max(1, ceil((_quantiles(alpha, power) * spread / margin) ** 2))


def detectable(clusters: int, spread: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest change that so many clusters detect with the chance `power`, in the unit of `spread`.

    Raises:
        MetricInputError: fewer than one cluster, a negative spread, or levels that do not go together.
    """
    if clusters < 1:
        raise MetricInputError(f"There must be at least one cluster, not {clusters}.")
    _check_spread(spread)
    return _quantiles(alpha, power) * spread / sqrt(clusters)


def chance(effect: float, clusters: int, spread: float, *, alpha: float = ALPHA) -> float:
    """The chance to detect a change of size `effect` with so many clusters.

    Args:
        effect: the true change in the direction that is tested, in the unit of `spread`; 0 gives alpha.
        clusters: their number.
        spread: standard deviation of one cluster's contribution to the difference; not zero.
        alpha: one-sided level.

    Raises:
        MetricInputError: fewer than one cluster, a spread that is not positive, or a level outside 0 to 1.
    """
    if clusters < 1:
        raise MetricInputError(f"There must be at least one cluster, not {clusters}.")
    _positive("spread", spread)
    if not 0 < alpha < 1:
        raise MetricInputError(f"A level lies between 0 and 1, not {alpha}.")
    normal = NormalDist()
    return normal.cdf(effect * sqrt(clusters) / spread - normal.inv_cdf(1 - alpha))


def binary_spread(discordance: float, difference: float = 0.0) -> float:
    """Spread of a difference between two proportions, of one sample per cluster.

    Args:
        discordance: share of samples that only one side has right, 0 to 1.
        difference: candidate minus baseline, -1 to 1, as a share (not in percent).

    Raises:
        MetricInputError: a share that is none, or a difference larger than the discordance.
    """
    if not 0 <= discordance <= 1:
        raise MetricInputError(f"The discordance is a share between 0 and 1, not {discordance}.")
    if not abs(difference) <= discordance * (1 + 1e-12):
        raise MetricInputError(
            f"A difference of {difference} needs a discordance at least as large, not {discordance}."
        )
    return sqrt(max(discordance - difference**2, 0.0))
