"""How far raters agree beyond chance: Cohen's kappa for two, Fleiss' for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far raters agree on one aspect.

    Attributes:
        statistic: `cohen`, `cohen.quadratic`, `fleiss` or `none`.
        kappa: 1 is perfect, 0 is chance; None where it does not exist: fewer than two raters or no item that all of
            them rated, or everybody always chose the same, so that chance agrees perfectly too.
        observed: share of agreeing pairs of ratings; None without any.
        items: that all of the raters rated.
        raters: how many.
    """

    statistic: str
    kappa: float | None
    observed: float | None
    items: int
    raters: int


def cohen_kappa(
    first: Sequence[str], second: Sequence[str], categories: Sequence[str], *, quadratic: bool = False
) -> float | None:
    """Cohen's kappa of two raters; None where chance agrees perfectly or there is nothing.

    Args:
        first: one rater's choices.
        second: the other's, of the same items.
        categories: all choices; for `quadratic` in their order.
        quadratic: count a disagreement by its squared distance, for ordered choices. Source: J. Cohen, "Weighted
            kappa", Psychological Bulletin 70 (1968).

    Raises:
        ValueError: different lengths, or a choice that is no category.
    """
    if len(first) != len(second):
        raise ValueError(f"two raters with {len(first)} and {len(second)} ratings")
    places = {name: place for place, name in enumerate(categories)}
    unknown = sorted({*first, *second} - set(places))
    if unknown:
        raise ValueError(f"unknown choice {unknown[0]!r}")
    count = len(first)
    if not count:
        return None

    def distance(one: str, other: str) -> float:
        return float((places[one] - places[other]) ** 2 if quadratic else one != other)

    observed = fsum(distance(one, other) for one, other in zip(first, second, strict=True)) / count
    chance = fsum(
        distance(one, other) * first.count(one) * second.count(other) for one in categories for other in categories
    ) / (count * count)
    return None if chance == 0 else 1 - observed / chance


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float | None:
    """Fleiss' kappa; None where chance agrees perfectly or there is nothing.

    Source: J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971).

    Args:
        counts: (items, categories): how many raters chose what; every item has the same number of ratings, at least 2.

    Raises:
        ValueError: items differ in their number of ratings, or have fewer than two.
    """
    if not counts:
        return None
    raters = sum(counts[0])
    if raters < 2 or any(sum(row) != raters for row in counts):
        raise ValueError("every item needs the same number of ratings, two or more")
    observed = _agreeing(counts, raters)
    totals = [sum(column) for column in zip(*counts, strict=True)]
    chance = fsum((total / (len(counts) * raters)) ** 2 for total in totals)
    return None if chance >= 1 else (observed - chance) / (1 - chance)


def _agreeing(counts: Sequence[Sequence[int]], raters: int) -> float:
    pairs = fsum(sum(count * (count - 1) for count in row) for row in counts)
    return pairs / (len(counts) * raters * (raters - 1))


def agreement(
    choices: Mapping[str, Mapping[str, str]], categories: Sequence[str], *, ordered: bool = False
) -> Agreement:
    """How far all raters agree on the items that each of them rated.

    Args:
        choices: by item, then by rater.
        categories: all choices, in order if they have one.
        ordered: whether they have one: two raters are then compared by squared distance. Fleiss' kappa takes every
            disagreement as the same.
    """
    raters = sorted({rater for by_rater in choices.values() for rater in by_rater})
    shared = [by_rater for _, by_rater in sorted(choices.items()) if len(by_rater) == len(raters)]
    if len(raters) < 2 or not shared:
        return Agreement("none", None, None, len(shared) if len(raters) > 1 else 0, len(raters))
    counts = [[list(by_rater.values()).count(name) for name in categories] for by_rater in shared]
    observed = _agreeing(counts, len(raters))
    if len(raters) > 2:
        return Agreement("fleiss", fleiss_kappa(counts), observed, len(shared), len(raters))
    columns = [[by_rater[rater] for by_rater in shared] for rater in raters]
    kappa = cohen_kappa(columns[0], columns[1], categories, quadratic=ordered)
    return Agreement("cohen.quadratic" if ordered else "cohen", kappa, observed, len(shared), 2)
