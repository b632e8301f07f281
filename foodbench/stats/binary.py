"""Two paired proportions with one sample per cluster: McNemar's test and Tango's interval.

scipy has neither (`scipy.stats` has no paired proportions; statsmodels has McNemar's test without the mid-p).
"""

from __future__ import annotations

import sys
from math import sqrt
from statistics import NormalDist

from foodbench.metrics.inputs import MetricInputError


def mcnemar_mid_p(lost: int, won: int) -> float:
    """One-sided mid-p of McNemar's exact test against "the candidate is not worse".

    Given how many samples are right on one side only, the candidate's are binomial with one half. The mid-p counts half
    of the observed outcome's own probability: without that the test raises too few alarms.

    Source: M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional", BMC Medical Research Methodology 13:91 (2013).

    Args:
        lost: samples that only the baseline has right.
        won: samples that only the candidate has right.

    Returns:
        The p-value, above 0; 1 where no sample changed.

    Raises:
        MetricInputError: a negative number.
    """
    if lost < 0 or won < 0:
        raise MetricInputError(f"Samples that changed cannot be {lost} and {won}.")
    if lost + won == 0:
        return 1.0
    from scipy.special import bdtr

    # The probability of at most `won`, and of fewer.
    at_most = float(bdtr(won, lost + won, 0.5))
    fewer = float(bdtr(won - 1, lost + won, 0.5)) if won else 0.0
    return max((at_most + fewer) / 2, sys.float_info.min)


def _tango_lower(lost: float, won: float, n: float, quantile: float) -> float:
    """The smallest difference that a score test does not reject, by bisection."""
    estimate = (won - lost) / n

    def rejected(difference: float) -> bool:
        # The share of samples lost, at its most likely under this difference: the root of a quadratic.
        slope = (2 * n - won + lost) * difference - (won + lost)
        root = slope * slope + 8 * n * lost * difference * (1 - difference)
        share = (sqrt(max(root, 0.0)) - slope) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return variance <= 0 or won - lost - n * difference > quantile * sqrt(variance)

    low, high = -1.0, estimate
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rejected(middle) else (low, middle)
    return low


def score_interval(lost: float, won: float, n: float, quantile: float) -> tuple[float, float]:
    """Tango's interval for a normal, or Student's, quantile; the numbers of samples need not be whole."""
    return _tango_lower(lost, won, n, quantile), -_tango_lower(won, lost, n, quantile)


def tango(lost: int, won: int, n: int, confidence: float) -> tuple[float, float]:
    """Tango's score interval of the difference of two paired proportions, (won - lost) / n; never of width zero.

    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998).

    Args:
        lost: samples that only the baseline has right.
        won: samples that only the candidate has right.
        n: number of samples.
        confidence: nominal coverage, two-sided.

    Raises:
        MetricInputError: negative numbers, more changed samples than samples, or a confidence outside 0 to 1.
    """
    if not 0 < confidence < 1:
        raise MetricInputError(f"A confidence level lies between 0 and 1, not {confidence}.")
    if not (lost >= 0 and won >= 0 and n > 0 and lost + won <= n):
        raise MetricInputError(f"{lost} lost and {won} won of {n} samples are no comparison.")
    return score_interval(lost, won, n, NormalDist().inv_cdf((1 + confidence) / 2))
