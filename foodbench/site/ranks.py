"""Who is better than whom, and how sure that is: paired tests, Holm's correction, ranges of ranks.

Two systems are compared on each question's own difference (`foodbench.stats.paired`). All pairs of a table are one
family of tests. A system's best rank is one more than the number of systems that are better beyond chance, its worst
rank the number of systems less those that are worse beyond chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import NormalDist

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError
from foodbench.site.model import Comparison, Figure, Rank
from foodbench.stats.holm import holm
from foodbench.stats.paired import Difference, paired_difference

CONFIDENCE = 0.95
RESAMPLES = 2_000
RESAMPLES_OF_SUMS = 500
_LEAST_P = 1e-300
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def ordered(values: Mapping[str, float], higher_is_better: bool) -> list[str]:
    """Names, best value first; by name where values are equal."""
    return sorted(values, key=lambda name: (-values[name] if higher_is_better else values[name], name))


def compare_all(
    metric: Metric, scores: Mapping[str, Sequence[Score]], values: Mapping[str, float]
) -> tuple[Comparison, ...]:
    """Every pair of systems in one metric, better against worse.

    Args:
        metric: the metric.
        scores: each system's scores, all of the same samples.
        values: each system's value; systems without one are in no pair.
    """
    found: list[tuple[str, str, Difference]] = []
    for better, worse in combinations(ordered(values, metric.higher_is_better), 2):
        resamples = RESAMPLES_OF_SUMS if metric.kind in ("of_sums", "median") else RESAMPLES
        try:
            difference = paired_difference(
                metric, scores[better], scores[worse], confidence=CONFIDENCE, resamples=resamples
            )
        except MetricInputError:
            continue  # not the same samples or clusters: no pair
        if difference.value is not None:
            found.append((better, worse, difference))
    return _adjusted([_comparison(*each) for each in found])


def _comparison(better: str, worse: str, difference: Difference) -> Comparison:
    error = None if difference.spread is None else difference.spread / math.sqrt(max(1, difference.clusters))
    return Comparison(
        better=better,
        worse=worse,
        value=float(difference.value or 0.0),
        low=difference.low,
        high=difference.high,
        p=_two_sided(difference, error),
        adjusted=1.0,
        error=error,
        clusters=difference.clusters,
        method=difference.method,
    )


def _two_sided(difference: Difference, error: float | None) -> float:
    """The p-value on both sides.

    A bootstrap of N resamples cannot say less than 1 / (N + 1), which no correction for many pairs would leave
    significant. Where every resample agrees, the p-value is that of a t-test with the same standard error.
    """
    one_sided = 1.0 if difference.p_worse is None else difference.p_worse
    if difference.method.startswith("bootstrap") and one_sided < 2 / RESAMPLES_OF_SUMS and error:
        from scipy.special import stdtr

        by_t = float(stdtr(max(1, difference.clusters - 1), -abs(float(difference.value or 0.0)) / error))
        one_sided = min(one_sided, by_t)
    return min(1.0, max(2 * one_sided, _LEAST_P))


def _adjusted(pairs: Sequence[Comparison]) -> tuple[Comparison, ...]:
    from dataclasses import replace

    corrected = holm({f"{index}": pair.p for index, pair in enumerate(pairs)})
    return tuple(replace(pair, adjusted=corrected[f"{index}"]) for index, pair in enumerate(pairs))


def rank_all(names: Sequence[str], pairs: Sequence[Comparison]) -> dict[str, Rank]:
    """Ranges of ranks and tie groups.

    A group is begun by the best system that is in none; whoever is not behind it beyond chance is in its group, up to
    the first who is.

    Args:
        names: best first; all of them take part.
        pairs: those that were tested; others count as not told apart.
    """
    behind = {(pair.better, pair.worse) for pair in pairs if pair.separated}
    ranks: dict[str, Rank] = {}
    leader, group = None, 0
    for name in names:
        if leader is None or (leader, name) in behind:
            leader, group = name, group + 1
        better = sum((other, name) in behind for other in names)
        worse = sum((name, other) in behind for other in names)
        ranks[name] = Rank(1 + better, len(names) - worse, group)
    return ranks


def between(value: float | None, floor: float | None, ceiling: float | None, *, higher: bool) -> float | None:
    """Where a value lies between floor (0) and ceiling (100); not cut at either.

    None without both, or where the ceiling is no better than the floor: a trivial answer can be more consistent with
    itself than the reference is.
    """
    if value is None or floor is None or ceiling is None or math.isclose(floor, ceiling) or (ceiling > floor) != higher:
        return None
    return 100 * (value - floor) / (ceiling - floor)


def suite_error(errors: Sequence[tuple[str, float]]) -> float:
    """Standard error of a mean over tasks.

    Tasks of one dataset ask about the same photos, so their errors may go together: they are added up as if they always
    did, which can only make the interval too wide. Errors of different datasets are independent.

    Args:
        errors: of each task, its dataset and its standard error.
    """
    of_dataset: dict[str, float] = {}
    for dataset, error in errors:
        of_dataset[dataset] = of_dataset.get(dataset, 0.0) + error
    return math.sqrt(sum(error * error for error in of_dataset.values())) / len(errors)


def suite_score(figures: Sequence[tuple[str, Figure]]) -> Figure | None:
    """Mean of the tasks' places between floor and ceiling, with its interval; None if a task has no place.

    Args:
        figures: of each task, its dataset and the figure of its first metric.
    """
    places = [figure.at for _, figure in figures]
    if not figures or any(place is None for place in places):
        return None
    value = sum(place for place in places if place is not None) / len(places)
    errors = [
        (dataset, 0.0 if figure.at_low is None or figure.at_high is None else (figure.at_high - figure.at_low) / 2 / _Z)
        for dataset, figure in figures
    ]
    half = _Z * suite_error(errors)
    return Figure(value, value - half, value + half, "", value, value - half, value + half)


def compare_suites(
    scores: Mapping[str, float],
    tasks: Sequence[tuple[str, float, Mapping[tuple[str, str], Comparison]]],
) -> tuple[Comparison, ...]:
    """Every pair of systems in the mean over tasks.

    Args:
        scores: each system's score in the suite.
        tasks: of each task: its dataset, its ceiling less its floor, and its pairs by (better, worse).
    """
    pairs = []
    for better, worse in combinations(ordered(scores, True), 2):
        errors: list[tuple[str, float]] = []
        clusters = 0
        for dataset, span, compared in tasks:
            pair = compared.get((better, worse)) or compared.get((worse, better))
            if pair is None or pair.error is None:
                break
            errors.append((dataset, pair.error * 100 / abs(span)))
            clusters += pair.clusters
        else:
            value, error = scores[worse] - scores[better], suite_error(errors)
            half = _Z * error
            p_value = 1.0 if error == 0 else min(1.0, max(2 * NormalDist().cdf(-abs(value) / error), _LEAST_P))
            pairs.append(
                Comparison(
                    better, worse, value, value - half, value + half, p_value, 1.0, error, clusters, "normal.suite"
                )
            )
    return _adjusted(pairs)
