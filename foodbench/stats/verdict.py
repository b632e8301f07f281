"""From differences to verdicts: is the candidate better, as good up to a margin, worse, or can the samples not tell.

The rule, for each gated metric, with L and U the ends of its two-sided 90 % interval (so each end has one-sided 5 %),
signed so that larger is better, and the margin that the policy allows it to lose. The first that holds:

| condition | verdict |
|---|---|
| fewer than 20 clusters | INCONCLUSIVE: no statistics on a handful |
| L > 0 | IMPROVED |
| L > -margin | PASS; where U < 0 too it says "small real drop" |
| U < 0, and the p-value stays below 5 % after Holm's correction over all gated metrics | FAIL |
| otherwise | INCONCLUSIVE, with the smallest change that so many clusters detect and the number needed |

Holm's correction protects the author of a harmless change from the false alarm that twelve metrics would give in 46 %
of the cases. PASS needs none, because every metric must pass. Accepted knowingly: a real drop smaller than the margin
can still FAIL where there are few samples; with enough of them it becomes PASS.

Where the same difference is seen in every cluster there is no interval (`Difference.spread` is 0): both ends are then
the difference itself, so that a metric none of whose values changed passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isclose, isfinite, sqrt
from statistics import NormalDist

from foodbench.metrics.inputs import MetricInputError
from foodbench.stats.holm import holm
from foodbench.stats.paired import Difference
from foodbench.stats.power import detectable, samples_needed

LEAST_CLUSTERS = 20


class Verdict(StrEnum):
    """What a gate says about one metric, or about all."""

    IDENTICAL = "identical"
    IMPROVED = "improved"
    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with what it rests on.

    Attributes:
        verdict: the verdict.
        difference: candidate minus baseline.
        margin: how much the metric may lose, in its unit.
        adjusted_p: Holm-adjusted p-value against "the candidate is not worse"; None where nothing could be tested.
        note: one phrase for people, e.g. `small real drop`; empty where there is nothing to add.
        detectable: where INCONCLUSIVE: the smallest change that so many clusters detect in 80 % of the cases.
        needed: where INCONCLUSIVE: clusters with which a change that does nothing would pass in 80 % of the cases.
    """

    verdict: Verdict
    difference: Difference
    margin: float
    adjusted_p: float | None
    note: str
    detectable: float | None = None
    needed: int | None = None


def _signed(difference: Difference, higher_is_better: bool) -> tuple[float, float] | None:
    """The ends of the interval, signed so that larger is better; None without an interval."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        if difference.spread != 0 or difference.value is None:
            return None
        low = high = difference.value
    return (low, high) if higher_is_better else (-high, -low)


def _effective_spread(difference: Difference) -> float:
    """The spread for planning; from the interval's width where that is all there is."""
    if difference.spread is not None:
        return difference.spread
    if difference.low is None or difference.high is None:
        return 0.0
    quantile = NormalDist().inv_cdf((1 + difference.confidence) / 2)
    return (difference.high - difference.low) / (2 * quantile) * sqrt(difference.clusters)


def _inconclusive(difference: Difference, margin: float, adjusted_p: float | None, alpha: float) -> Judgement:
    spread = _effective_spread(difference)
    least = needed = None
    if spread == 0:
        note = "no interval: too little varies to say how sure the difference is"
    else:
        least = detectable(difference.clusters, spread, alpha=alpha)
        note = f"can detect {least:.2g}"
        if margin > 0:
            needed = samples_needed(margin, spread, alpha=alpha)
            enough = needed <= difference.clusters
            note += "; the measured drop is near the margin" if enough else f"; needs {needed:,} clusters"
    return Judgement(Verdict.INCONCLUSIVE, difference, margin, adjusted_p, note, least, needed)


def _judge_one(
    difference: Difference,
    margin: float,
    higher_is_better: bool,
    adjusted_p: float | None,
    alpha: float,
    least_clusters: int,
) -> Judgement:
    if difference.value is None:
        note = "the metric does not exist on both sides"
        return Judgement(Verdict.NOT_MEASURED, difference, margin, None, note)
    if difference.clusters < least_clusters:
        note = f"{difference.clusters} clusters; no verdict below {least_clusters}"
        return Judgement(Verdict.INCONCLUSIVE, difference, margin, None, note)
    ends = _signed(difference, higher_is_better)
    if ends is None:
        return _inconclusive(difference, margin, adjusted_p, alpha)
    low, high = ends
    constant = difference.low is None
    verdict, note = None, ""
    if low > 0:
        verdict = Verdict.IMPROVED
    elif low > -margin or (constant and low >= -margin):
        verdict, note = Verdict.PASS, "small real drop" if high < 0 else ""
    elif high < 0 and adjusted_p is not None and adjusted_p < alpha:
        verdict = Verdict.FAIL
    if verdict is None:
        return _inconclusive(difference, margin, adjusted_p, alpha)
    if constant:
        same = "no value differs" if difference.value == 0 else "the same difference in every cluster"
        note = f"{note}; {same}" if note else same
    return Judgement(verdict, difference, margin, adjusted_p, note)


def judge(
    differences: Mapping[str, Difference],
    margins: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
    *,
    alpha: float = 0.05,
    least_clusters: int = LEAST_CLUSTERS,
) -> dict[str, Judgement]:
    """Verdicts on all gated metrics together, by the rule above.

    Holm's family are the differences that exist and have enough clusters: only those could FAIL.

    Args:
        differences: by "task:metric id"; their confidence must be 1 - 2 alpha.
        margins: by the same keys; how much each may lose, in its unit, 0 or more.
        higher_is_better: by the same keys; direction of the metric.
        alpha: one-sided level.
        least_clusters: below so many clusters there is no verdict.

    Returns:
        By the same keys, in the order of `differences`. A metric that does not exist on one side is NOT MEASURED.

    Raises:
        MetricInputError: a margin or direction is missing, a margin is negative or not finite, or an interval has
            another confidence than the rule asks for.
    """
    for key, difference in differences.items():
        absent = next(
            (name for name, known in (("margin", margins), ("direction", higher_is_better)) if key not in known), None
        )
        if absent is not None:
            raise MetricInputError(f"'{key}' has no {absent}.")
        if not (isfinite(margins[key]) and margins[key] >= 0):
            raise MetricInputError(f"'{key}': a margin is a number, 0 or more, not {margins[key]}.")
        if not isclose(difference.confidence, 1 - 2 * alpha, abs_tol=1e-9):
            raise MetricInputError(
                f"'{key}': an interval of {difference.confidence:.0%} does not go with a level of {alpha:.0%}.",
                hint=f"Compute the differences with confidence={1 - 2 * alpha:g}.",
            )
    family = {
        key: difference.p_worse
        for key, difference in differences.items()
        if difference.value is not None and difference.p_worse is not None and difference.clusters >= least_clusters
    }
    adjusted = holm(family)
    return {
        key: _judge_one(difference, margins[key], higher_is_better[key], adjusted.get(key), alpha, least_clusters)
        for key, difference in differences.items()
    }


_WORST_FIRST = (Verdict.FAIL, Verdict.NOT_COMPARABLE, Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on all: the first of FAIL, NOT COMPARABLE, NOT MEASURED, INCONCLUSIVE that occurs.

    Otherwise IDENTICAL if all are, IMPROVED if any is, and PASS. No verdicts at all are NOT MEASURED: an empty gate
    passes nothing.
    """
    seen = set(verdicts)
    if not seen:
        return Verdict.NOT_MEASURED
    for verdict in _WORST_FIRST:
        if verdict in seen:
            return verdict
    if seen == {Verdict.IDENTICAL}:
        return Verdict.IDENTICAL
    return Verdict.IMPROVED if Verdict.IMPROVED in seen else Verdict.PASS
