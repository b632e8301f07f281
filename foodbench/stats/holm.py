"""Holm's correction: several tests at once, and still at most 5 % of harmless changes accused of anything.

With twelve tasks tested at 5 % each, a harmless change has a false alarm somewhere in 46 % of the cases. Holm's
procedure holds it to 5 % however the tests depend on each other, and is never weaker than Bonferroni's.
"""

from __future__ import annotations

from collections.abc import Mapping

from foodbench.metrics.inputs import MetricInputError


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm-adjusted p-values: a test is significant at level alpha in the family where its adjusted p is below alpha.

    The smallest p is multiplied by the number of tests, the next by one less, and so on; no adjusted p is below that of
    a smaller one, nor above 1. scipy has no such function (`scipy.stats.false_discovery_control` controls another
    error).

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979).

    Args:
        p_values: by name of the test.

    Returns:
        The adjusted values by name, in the order of the input.

    Raises:
        MetricInputError: a p-value that is not above 0 and at most 1 (no test can rule anything out for certain).
    """
    for name, p_value in p_values.items():
        if not 0 < p_value <= 1:
            raise MetricInputError(f"'{name}': a p-value lies above 0 and is at most 1, not {p_value}.")
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = min(1.0, max(largest, (len(p_values) - rank) * p_value))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
