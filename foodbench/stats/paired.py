"""Two runs on the same samples: how much they differ, how sure that is, and whether the candidate is worse.

The runs answered the same questions, so what counts is what changed, by cluster. To compare the two runs' own intervals
would waste what pairing is worth: a loss of 3 points with 500 samples, 6 % of which flip, is found in 86 % of the cases
by a paired test and in 5 % by an unpaired one (docs/statistics.md).

Which method for what, by simulation (percent of intervals that lie beyond the truth on one side, nominal 5, of 1,000
to 1,500 pairs of runs each; tests/stats/test_paired_calibration.py repeats what was chosen):

* Proportions, one sample per cluster: Tango's score interval and McNemar's exact mid-p.
* Proportions, several samples per cluster: Tango's interval with the numbers of samples divided by the design effect.
  Where 100 clusters of five lose 2 or 3 points, 8 and 13 % of the plain t intervals lie above the truth (and would let
  pass what is at the margin), of these 5 and 9; where nothing is lost the two are alike (4 to 5).
* Means, ratios and shares: t interval with G - 1 degrees of freedom by the cluster jackknife, which for a mean of one
  sample per cluster is the paired t interval. For cIoU-like ratios of 20 to 200 images, most of them unchanged and
  areas with a heavy tail, it misses 4 to 7, the percentile bootstrap 7 to 10, the studentised one 8 to 10, the t
  interval of the linearised ratio 7 to 10, BCa 11 to 13. For heavy-tailed energy errors of 20 dishes: 4 to 5 against 8
  to 9, 9 to 11, 4 to 5 and 11 to 13.
* Functions of sums (corpus BLEU, macro F1, a correlation): the same jackknife: 1 to 6 with 20 clusters and 3 to 6 with
  200, where the percentile bootstrap misses 5 to 10 and 4 to 7, BCa 9 to 16 and 4 to 13. It is deterministic, and with
  500 samples a hundredth of the work. It wants a smooth function, as all of these are.
* Medians are not smooth: percentile bootstrap, which is careful (0 to 4) where many values are equal. A t interval from
  the bootstrap's standard error would miss 16 there.

The paired cluster bootstrap can be had of every metric with `method="bootstrap"`: percentiles, widened to what few
clusters need.

Without an interval (`method` is `none`): fewer than two clusters (but for proportions), the same difference in every
cluster of a mean or ratio (a width of zero would claim certainty), a denominator that is all in one cluster, or a
median or bootstrap that does not vary.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isclose, isfinite, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError, finite_vector, require_same_length, require_some
from foodbench.stats.binary import mcnemar_mid_p, score_interval, tango
from foodbench.stats.power import binary_spread
from foodbench.stats.resampling import FunctionPair, MedianPair, RatioPair

if TYPE_CHECKING:
    from foodbench.metrics.inputs import FloatArray

Method = Literal["auto", "bootstrap"]

CONFIDENCE = 0.90
RESAMPLES = 10_000
_LEAST_RESAMPLES = 100
# Parts that a function of sums is left without one at a time; its standard error is then good to 1.6 %.
_GROUPS = 2_000
# Below this relative size a standard error, or a change of a value, is rounding noise.
_NOISE = 1e-9
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline, scaled as the metric's values are (percent points for one in percent).

    Attributes:
        value: the difference; None where the metric does not exist on one side.
        low: lower end of the two-sided interval; None without one.
        high: upper end; None without one.
        confidence: nominal coverage; 0.90 has 5 % beyond each end.
        method: `tango`, `tango.clustered`, `t.paired.clustered`, `bootstrap.paired.clustered` or `none`.
        p_worse: one-sided p-value against "the candidate is not worse", by the metric's direction; never 0. 1 where
            nothing can be tested, None where there is no value.
        n: number of samples.
        clusters: number of clusters.
        only_baseline: of a proportion: samples that are 1 for the baseline only; None for other metrics.
        only_candidate: of a proportion: samples that are 1 for the candidate only.
        spread: standard deviation of one cluster's contribution, so that the standard error is spread / sqrt(clusters);
            0 where every cluster has the same difference (then there is no interval), None where it is not known.
    """

    value: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    p_worse: float | None
    n: int
    clusters: int
    only_baseline: int | None = None
    only_candidate: int | None = None
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class _Test:
    """An interval, unscaled, with the p-value on the side that is worse."""

    low: float | None
    high: float | None
    method: str
    p_worse: float
    spread: float | None


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of every method.

    Attributes:
        confidence: nominal coverage.
        worse: whether a decrease (-1) or an increase (+1) is worse.
        magnitude: the larger of the two sides' values, without sign and scale.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        bootstrap: to be used whatever the metric.
    """

    confidence: float
    worse: int
    magnitude: float
    resamples: int
    seed: int
    bootstrap: bool


def _never_zero(p_value: float) -> float:
    return min(1.0, max(p_value, sys.float_info.min))


def _check(confidence: float, resamples: int) -> None:
    if not 0 < confidence < 1:
        raise MetricInputError(f"A confidence level lies between 0 and 1, not {confidence}.")
    if resamples < _LEAST_RESAMPLES:
        raise MetricInputError(f"{resamples} resamples say nothing about the ends of an interval; use at least 100.")


def _nothing() -> _Test:
    return _Test(None, None, "none", 1.0, None)


def _constant(estimate: float, clusters: int, worse: int) -> _Test:
    """The same difference in every cluster: no interval; if it is worse, the sign test's p-value."""
    p_value = 0.5**clusters if estimate * worse > 0 else 1.0
    return _Test(None, None, "none", _never_zero(p_value), 0.0)


def _binary(lost: int, won: int, n: int, question: _Question) -> _Test:
    low, high = tango(lost, won, n, question.confidence)
    p_value = mcnemar_mid_p(lost, won) if question.worse < 0 else mcnemar_mid_p(won, lost)
    spread = binary_spread((lost + won) / n, (won - lost) / n)
    return _Test(low, high, "tango", p_value, spread or _spread_of(low, high, n, question.confidence))


def _spread_of(low: float, high: float, clusters: int, confidence: float) -> float:
    """What the interval's width stands for where nothing varied; for planning, where a spread of 0 is no help."""
    return (high - low) / (2 * NormalDist().inv_cdf((1 + confidence) / 2)) * sqrt(clusters)


def _jackknife_error(left_out: FloatArray, scale: float) -> float:
    """Standard error of a statistic from its values with one cluster left out in turn; 0.0 for rounding noise."""
    deviations = (left_out.size - 1) * (left_out - left_out.mean())
    spread = sqrt(float(deviations @ deviations) / (left_out.size - 1))
    return 0.0 if spread <= _NOISE * scale else spread / sqrt(left_out.size)


def _t_p_value(statistic: float, clusters: int, question: _Question) -> float:
    from scipy.special import stdtr

    return _never_zero(float(stdtr(clusters - 1, -question.worse * statistic)))


def _t_quantile(clusters: int, confidence: float) -> float:
    # scipy.special alone: importing scipy.stats takes 0.6 s.
    from scipy.special import stdtrit

    return float(stdtrit(clusters - 1, (1 + confidence) / 2))


def _jackknife_t(estimate: float, error: float, parts: int, clusters: int, question: _Question) -> _Test:
    half = _t_quantile(parts, question.confidence) * error
    p_value = _t_p_value(estimate / error, parts, question)
    return _Test(estimate - half, estimate + half, "t.paired.clustered", p_value, error * sqrt(clusters))


def _clustered_binary(lost: int, won: int, n: int, error: float, clusters: int, question: _Question) -> _Test:
    """Tango's interval with the numbers of samples divided by the design effect.

    That is how many times larger the variance is than that of as many independent samples, at least 1. Where nothing
    varies between clusters it is taken as if the samples of a cluster were copies of each other.
    """
    estimate = (won - lost) / n
    independent = ((won + lost) / n - estimate**2) / n
    effect = max(error**2 / independent, 1.0) if error > 0 and independent > 0 else n / clusters
    quantile = _t_quantile(clusters, question.confidence)
    low, high = score_interval(lost / effect, won / effect, n / effect, quantile)
    if error == 0:
        p_value = _constant(estimate, clusters, question.worse).p_worse
        return _Test(low, high, "tango.clustered", p_value, _spread_of(low, high, clusters, question.confidence))
    p_value = _t_p_value(estimate / error, clusters, question)
    return _Test(low, high, "tango.clustered", p_value, error * sqrt(clusters))


def _percentiles(resampled: FloatArray, clusters: int, question: _Question) -> _Test:
    """Percentile interval, widened to what a t interval makes of so many clusters, and the p-value that goes with it.

    Source: T. C. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69 (2015), the
    expanded percentile interval.
    """
    from scipy.special import ndtr, ndtri

    usable = resampled[np.isfinite(resampled)]
    outside = (1 - question.confidence) / 2
    if resampled.size - usable.size > outside / 5 * resampled.size:
        return _nothing()
    shrink = sqrt((clusters - 1) / clusters)
    outside = float(ndtr(-_t_quantile(clusters, question.confidence) / shrink))
    lower, upper = np.quantile(usable, (outside, 1 - outside))
    if lower == upper:
        return _nothing()
    not_worse = (int((-question.worse * usable >= 0).sum()) + 1) / (usable.size + 1)
    p_value = _t_p_value(question.worse * -shrink * float(ndtri(not_worse)), clusters, question)
    spread = float(usable.std(ddof=1)) * sqrt(clusters)
    return _Test(float(lower), float(upper), "bootstrap.paired.clustered", p_value, spread)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both runs' values of a metric, sample by sample in one fixed order.

    Attributes:
        baseline: each sample's values.
        candidate: the same samples' values; equal to the baseline's where they differ by rounding only.
        rows: number of each sample's cluster.
        clusters: their number.
    """

    baseline: list[dict[str, float]]
    candidate: list[dict[str, float]]
    rows: npt.NDArray[Any]
    clusters: int

    def columns(self, key: str) -> tuple[FloatArray, FloatArray]:
        """A key's values on both sides, shape (n,) each."""
        before, after = (np.array([share[key] for share in side]) for side in (self.baseline, self.candidate))
        return before, after

    def values(self, metric: Metric) -> list[float | None]:
        """The metric on both sides, scaled."""
        if metric.kind == "of_sums":
            return [metric.of_samples(side) for side in (self.baseline, self.candidate)]
        values = self.columns(metric.value)
        over = (None, None) if metric.over is None else self.columns(metric.over)
        return [metric.compute(*column) for column in zip(values, over, strict=True)]

    def in_groups(self, seed: int) -> _Pair:
        """Many clusters put together at random into a few, which are as good to tell how much clusters vary."""
        if self.clusters <= _GROUPS:
            return self
        group_of = np.random.default_rng(seed).permutation(self.clusters) % _GROUPS
        return _Pair(self.baseline, self.candidate, group_of[self.rows], _GROUPS)

    def statistic(self, metric: Metric) -> FunctionPair | RatioPair | None:
        """What the metric's difference is a function of; None where a side's denominators are all zero."""
        if metric.kind == "of_sums":
            return FunctionPair.of(metric.statistic(), self.baseline, self.candidate, self.rows, self.clusters)
        values = self.columns(metric.value)
        over = (np.ones_like(values[0]),) * 2 if metric.over is None else self.columns(metric.over)
        if any(column.sum() == 0 for column in over):
            return None
        return RatioPair.of((values[0], over[0]), (values[1], over[1]), self.rows, self.clusters)


def _shares(metric: Metric, scores: Sequence[Score], side: str) -> dict[str, tuple[str, dict[str, float]]]:
    """Cluster and values by sample."""
    shares: dict[str, tuple[str, dict[str, float]]] = {}
    for score in scores:
        try:
            share = metric.share(score.values)
            wrong = [key for key, number in share.items() if not _finite(number)]
            if wrong:
                raise MetricInputError(
                    f"'{wrong[0]}' is {share[wrong[0]]!r}, not a finite number.",
                    hint="Score an unreadable answer as wrong instead of passing NaN on.",
                )
        except MetricInputError as error:
            name = f"Sample '{score.sample_id}' of the {side}"
            raise MetricInputError(f"{name}: {error.message}", hint=error.hint) from error
        if score.sample_id in shares:
            name = f"Sample '{score.sample_id}' of the {side}"
            raise MetricInputError(f"{name} has several scores.", hint="Keep one score per sample.")
        shares[score.sample_id] = (score.cluster, share)
    return shares


def _finite(number: Any) -> bool:
    return isinstance(number, (int, float)) and isfinite(number)


def _without_rounding(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """The candidate's values of a sample, each the baseline's own where it is that but for its last digits."""
    if ours == theirs:
        return ours
    return {
        key: ours[key] if isclose(number, ours.get(key, inf), rel_tol=_ROUNDING) else number
        for key, number in theirs.items()
    }


def _pair(metric: Metric, baseline: Sequence[Score], candidate: Sequence[Score]) -> _Pair:
    """Match samples by id.

    Raises:
        MetricInputError: an id that only one side has or has twice, or that has another cluster there.
    """
    first, second = _shares(metric, baseline, "baseline"), _shares(metric, candidate, "candidate")
    for here, there, name, other in (
        (first, second, "baseline", "candidate"),
        (second, first, "candidate", "baseline"),
    ):
        absent = sorted(here.keys() - there.keys())
        if absent:
            raise MetricInputError(
                f"The {name} has {len(absent)} sample(s) that the {other} lacks, the first '{absent[0]}'.",
                hint="Compare runs of the same samples.",
            )
    # One fixed order, so that the bootstrap draws the same clusters and sums round alike.
    ordered = sorted(first, key=lambda sample_id: (first[sample_id][0], sample_id))
    for sample_id in ordered:
        ours, theirs = first[sample_id][0], second[sample_id][0]
        if ours != theirs:
            raise MetricInputError(
                f"Sample '{sample_id}' is of cluster '{ours}' in the baseline and of '{theirs}' in the candidate.",
                hint="Compare runs of the same version of the task.",
            )
    numbers: dict[str, int] = {}
    rows = np.array([numbers.setdefault(first[one][0], len(numbers)) for one in ordered], np.int64)
    before = [first[one][1] for one in ordered]
    after = [_without_rounding(first[one][1], second[one][1]) for one in ordered]
    return _Pair(before, after, rows, len(numbers))


def _flips(metric: Metric, pair: _Pair) -> tuple[int, int] | None:
    """Of a proportion: samples that only the baseline, and only the candidate, has right."""
    if metric.kind != "proportion":
        return None
    before, after = pair.columns(metric.value)
    return int((before > after).sum()), int((after > before).sum())


def _test_median(metric: Metric, pair: _Pair, question: _Question) -> _Test:
    medians = MedianPair(*pair.columns(metric.value), pair.rows, pair.clusters)
    return _percentiles(medians.resampled(question.resamples, question.seed), pair.clusters, question)


def _test_statistic(metric: Metric, pair: _Pair, question: _Question) -> _Test:
    """By the jackknife, or by the bootstrap where that is asked for."""
    grouped = metric.kind == "of_sums" and not question.bootstrap
    statistic = (pair.in_groups(question.seed) if grouped else pair).statistic(metric)
    if statistic is None:
        return _nothing()
    if question.bootstrap:
        return _percentiles(statistic.resampled(question.resamples, question.seed), pair.clusters, question)
    estimate, left_out = statistic.value(), statistic.left_out()
    if not np.isfinite(left_out).all():
        return _nothing()  # all of a denominator is in one cluster
    # Values were subtracted before they could round; a difference of computed numbers is as exact as they are.
    of_values = isinstance(statistic, RatioPair) and len(statistic.values) == 1
    error = _jackknife_error(left_out, max(float(np.abs(left_out).max()), 0.0 if of_values else question.magnitude))
    flips = _flips(metric, pair)
    if flips is not None:
        return _clustered_binary(*flips, len(pair.baseline), error, pair.clusters, question)
    if error > 0:
        return _jackknife_t(estimate, error, left_out.size, pair.clusters, question)
    return _constant(estimate, pair.clusters, question.worse) if of_values else _nothing()


def _test(metric: Metric, pair: _Pair, question: _Question) -> _Test:
    flips, n = _flips(metric, pair), len(pair.baseline)
    if flips is not None and pair.clusters == n and not question.bootstrap:
        return _binary(*flips, n, question)
    if pair.clusters < 2:
        return _nothing()
    if pair.baseline == pair.candidate and flips is None:
        return _constant(0.0, pair.clusters, question.worse)
    return _test_median(metric, pair, question) if metric.kind == "median" else _test_statistic(metric, pair, question)


def paired_difference(
    metric: Metric,
    baseline: Sequence[Score],
    candidate: Sequence[Score],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
    method: Method = "auto",
) -> Difference:
    """How much the candidate differs from the baseline in one metric, on the same samples.

    The result does not depend on the order of the scores.

    Args:
        metric: the metric.
        baseline: its scores, one per sample.
        candidate: the candidate's scores, of the same samples and clusters.
        confidence: nominal coverage of the two-sided interval.
        seed: of the bootstrap.
        resamples: of the bootstrap; at least 100.
        method: `auto` is the best one for the metric (see the module's docstring); `bootstrap` is the paired cluster
            bootstrap whatever the metric.

    Raises:
        MetricInputError: samples or clusters that differ between the sides, several scores of one sample, a value that
            is missing or that the metric refuses, fewer than 100 resamples, or a confidence outside 0 to 1.
    """
    _check(confidence, resamples)
    pair = _pair(metric, baseline, candidate)
    n = len(pair.baseline)
    before, after = pair.values(metric)
    lost, won = _flips(metric, pair) or (None, None)
    if before is None or after is None:
        return Difference(None, None, None, confidence, "none", None, n, pair.clusters, lost, won, None)
    worse, magnitude = -1 if metric.higher_is_better else 1, max(abs(before), abs(after)) / metric.scale
    question = _Question(confidence, worse, magnitude, resamples, seed, method == "bootstrap")
    test = _test(metric, pair, question)
    value = after - before
    low = high = None
    if test.low is not None and test.high is not None:
        reach = metric.bounds[1] - metric.bounds[0]
        # The estimate inside the test is summed by cluster; `value` may differ from it in the last bit.
        low = min(metric.scale * max(test.low, -reach), value)
        high = max(metric.scale * min(test.high, reach), value)
    spread = None if test.spread is None else metric.scale * test.spread
    return Difference(value, low, high, confidence, test.method, test.p_worse, n, pair.clusters, lost, won, spread)


def bootstrap_mean_difference(
    baseline: Sequence[float] | npt.NDArray[Any],
    candidate: Sequence[float] | npt.NDArray[Any],
    clusters: Sequence[Any] | npt.NDArray[Any],
    *,
    higher_is_better: bool = True,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Difference:
    """Paired cluster bootstrap of the difference of two means, for plain columns of numbers.

    Args:
        baseline: shape (n,).
        candidate: shape (n,), the same samples.
        clusters: shape (n,), cluster names.
        higher_is_better: direction; for the p-value.
        confidence: nominal coverage.
        seed: of the generator.
        resamples: at least 100.

    Raises:
        MetricInputError: NaN or infinity, different lengths, no samples, fewer than 100 resamples, or a confidence
            outside 0 to 1.
    """
    _check(confidence, resamples)
    before, after = finite_vector("'baseline'", baseline), finite_vector("'candidate'", candidate)
    for name, length in (("'candidate'", after.size), ("'clusters'", len(clusters))):
        require_same_length("'baseline'", before.size, name, length)
    require_some("'baseline'", before.size)
    names, rows = np.unique(np.asarray(clusters), return_inverse=True)
    ones = np.ones_like(before)
    pair = RatioPair.of((before, ones), (after, ones), rows, names.size)
    question = _Question(confidence, -1 if higher_is_better else 1, 0.0, resamples, seed, True)
    test = _percentiles(pair.resampled(resamples, seed), names.size, question) if names.size > 1 else _nothing()
    value, n = pair.value(), before.size
    return Difference(
        value, test.low, test.high, confidence, test.method, test.p_worse, n, names.size, None, None, test.spread
    )
