"""Confidence intervals of a mean, a proportion, a median, a ratio of sums or a function of sums, by cluster.

Samples of one image, dish or recipe are not independent; treating them as if they were makes intervals too short (with
five questions per image and an intra-class correlation of 0.3 a nominal 95 % interval covers about 80 %). So clusters
are the unit here, and a proportion with one sample per cluster is the special case that Wilson's interval is for.

Which method for what, by coverage in simulations (nominal 95 %; 20 or 50 clusters; see tests/stats/test_coverage.py):

* Proportions: Wilson's interval with the number of samples divided by the design effect. A t interval covers 70 % where
  the rate is 98 % (20 clusters of five), Wilson's by design effect 97 %; where the rate is 70 % they are alike.
* Means: cluster-robust t, deterministic; for heavy-tailed errors it covers as well as any bootstrap.
* Ratios of sums: studentised cluster bootstrap. For cIoU of 20 images the percentile and BCa bootstraps cover 84 to
  87 %, the t interval of the linearised ratio 87 %, the studentised one 92 %; from 200 images on all are alike.
* Medians and functions of sums (corpus BLEU, macro F1, mIoU, a correlation): percentile cluster bootstrap, the one
  method that needs nothing but the statistic itself.

Without an interval (`method` is `none`): fewer than two clusters, or no variation between them in a mean or ratio (a
sample that does not vary says nothing about how much it would; a width of zero would claim certainty).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foodbench.metrics.aggregate import MetricKind
from foodbench.metrics.inputs import MetricInputError, finite_vector, require_same_length

if TYPE_CHECKING:
    from foodbench.metrics.inputs import FloatArray

RESAMPLES = 10_000
STATISTIC_RESAMPLES = 2_000
"""For a percentile bootstrap of a function that is called once per resample."""
# Counts of one block of resamples. From 2 MiB on the C library gives each block's memory back and takes it anew, which
# doubles the time.
_BLOCK_CELLS = 2**17
# Below this relative size a standard error is rounding noise, not variation.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval.

    Attributes:
        low: lower end; None without an interval.
        high: upper end; None without an interval.
        method: `wilson`, `wilson.clustered`, `t.clustered`, `bootstrap_t.clustered`, `bootstrap.clustered` or
            `none`.
        confidence: nominal coverage, e.g. 0.95.
    """

    low: float | None
    high: float | None
    method: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Sums over the samples of each cluster, shape (G,), in the order of the sorted cluster names."""

    totals: FloatArray
    weights: FloatArray

    @property
    def count(self) -> int:
        return int(self.totals.size)

    @property
    def estimate(self) -> float:
        return float(self.totals.sum() / self.weights.sum())

    @property
    def residuals(self) -> FloatArray:
        """What each cluster adds to or takes from the sum beyond its weight's share."""
        return self.totals - self.estimate * self.weights

    @property
    def standard_error(self) -> float:
        """Linearised, with the factor G / (G - 1); 0.0 where what is left is rounding noise."""
        residuals = self.residuals
        spread = sqrt(self.count / (self.count - 1) * float(residuals @ residuals))
        scale = float(np.abs(self.totals).max())
        return 0.0 if spread <= _NOISE * scale else spread / float(self.weights.sum())


def _none(confidence: float) -> Interval:
    return Interval(None, None, "none", confidence)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise MetricInputError(f"A confidence level lies between 0 and 1, not {confidence}.")


def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


@lru_cache(maxsize=1024)
def _t_quantile(confidence: float, degrees: int) -> float:
    # scipy.special alone: importing scipy.stats takes 0.6 s.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def _group(values: FloatArray, weights: FloatArray, clusters: Sequence[Any] | npt.NDArray[Any]) -> _Clusters:
    require_same_length("'values'", values.size, "'clusters'", len(clusters))
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    totals, sums = (np.bincount(index, column, names.size).astype(np.float64) for column in (values, weights))
    return _Clusters(totals, sums)


def _within(low: float, estimate: float, high: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """The ends cut at the bounds, with the estimate between them."""
    return min(max(low, bounds[0]), estimate), max(min(high, bounds[1]), estimate)


def _score_ends(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """Ends of Wilson's score interval for an observed rate of n trials; n need not be whole."""
    shrink = 1 + quantile**2 / n
    centre = (rate + quantile**2 / (2 * n)) / shrink
    half = quantile * sqrt(rate * (1 - rate) / n + quantile**2 / (4 * n**2)) / shrink
    return _within(centre - half, rate, centre + half, (0.0, 1.0))


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion of independent trials; never of width zero.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        successes: number of successes.
        n: number of trials.
        confidence: nominal coverage.

    Raises:
        MetricInputError: not 0 <= successes <= n with n at least 1, or a confidence outside 0 to 1.
    """
    _check_confidence(confidence)
    if n < 1 or not 0 <= successes <= n:
        raise MetricInputError(f"{successes} of {n} is not a proportion.")
    low, high = _score_ends(successes / n, n, _normal_quantile(confidence))
    return Interval(low, high, "wilson", confidence)


def proportion(
    values: Sequence[float] | npt.NDArray[Any], clusters: Sequence[Any] | npt.NDArray[Any], confidence: float = 0.95
) -> Interval:
    """Interval of the mean of 0/1 values: Wilson's, by effective sample size where clusters hold several samples.

    The effective sample size is that of independent samples with the same standard error, at most n; the quantile is
    Student's with G - 1 degrees of freedom. Where nothing varies between clusters (all right, all wrong) it is the
    number of clusters, as if the samples of a cluster were copies of each other.

    Source: N. Dean and M. Pagano, "Evaluating confidence interval methods for binomial proportions in clustered
    surveys", Journal of Survey Statistics and Methodology 3 (2015), the modified Wilson interval.

    Args:
        values: shape (n,), each 0 or 1.
        clusters: shape (n,), cluster names.
        confidence: nominal coverage.

    Raises:
        MetricInputError: values other than 0 and 1, different lengths, or a confidence outside 0 to 1.
    """
    _check_confidence(confidence)
    column = finite_vector("'values'", values)
    if not ((column == 0) | (column == 1)).all():
        raise MetricInputError("A proportion's values must be 0 or 1.")
    return share(column, np.ones_like(column), clusters, confidence)


def share(
    values: Sequence[float] | npt.NDArray[Any],
    over: Sequence[float] | npt.NDArray[Any],
    clusters: Sequence[Any] | npt.NDArray[Any],
    confidence: float = 0.95,
) -> Interval:
    """Interval of sum(values) / sum(over) where each value counts some of what `over` counts; as `proportion`.

    A bootstrap fails where nearly all, or hardly any, are counted: with 3 of 135 its upper end is anywhere up to 1.

    Args:
        values: shape (n,), counts.
        over: shape (n,), counts, each at least the value.
        clusters: shape (n,), cluster names.
        confidence: nominal coverage.

    Raises:
        MetricInputError: a value that is not between 0 and its denominator, different lengths, or a confidence outside
            0 to 1.
    """
    _check_confidence(confidence)
    column, trials = finite_vector("'values'", values), finite_vector("'over'", over)
    require_same_length("'values'", column.size, "'over'", trials.size)
    if not ((column >= 0) & (column <= trials)).all():
        raise MetricInputError("A share's values must lie between 0 and their denominators.")
    groups = _group(column, trials, clusters)
    if groups.count < 2 or groups.weights.sum() == 0:
        return _none(confidence)
    total = float(groups.weights.sum())
    if groups.count == total == column.size:
        return wilson(int(column.sum()), column.size, confidence)
    rate, error = groups.estimate, groups.standard_error
    effective = min(rate * (1 - rate) / error**2, total) if error > 0 else float((groups.weights > 0).sum())
    low, high = _score_ends(rate, effective, _t_quantile(confidence, groups.count - 1))
    return Interval(low, high, "wilson.clustered", confidence)


def _linearised_t(groups: _Clusters, confidence: float, bounds: tuple[float, float]) -> Interval:
    half = _t_quantile(confidence, groups.count - 1) * groups.standard_error
    low, high = _within(groups.estimate - half, groups.estimate, groups.estimate + half, bounds)
    return Interval(low, high, "t.clustered", confidence)


def clustered_mean(
    values: Sequence[float] | npt.NDArray[Any],
    clusters: Sequence[Any] | npt.NDArray[Any],
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] = (-inf, inf),
) -> Interval:
    """Cluster-robust t interval of the mean over samples, with G - 1 degrees of freedom.

    With one sample per cluster it is the ordinary t interval.

    Args:
        values: shape (n,).
        clusters: shape (n,), cluster names.
        confidence: nominal coverage.
        bounds: the ends are cut at these.

    Raises:
        MetricInputError: NaN or infinity, different lengths, or a confidence outside 0 to 1.
    """
    _check_confidence(confidence)
    column = finite_vector("'values'", values)
    groups = _group(column, np.ones_like(column), clusters)
    if groups.count < 2 or groups.standard_error == 0:
        return _none(confidence)
    return _linearised_t(groups, confidence, bounds)


def _resampled_t(groups: _Clusters, resamples: int, seed: int) -> FloatArray:
    """Studentised deviations of the ratio in resamples of clusters, NaN where a resample does not vary.

    A resample is a row of draw counts per cluster, and the sums of all of a block's resamples are one matrix product:
    25,000 clusters and 10,000 resamples take a few MiB and 1.5 s, where one index array would take 2 GB.
    """
    residuals, weights, count = groups.residuals, groups.weights, groups.count
    # Sums of residuals instead of totals: no cancellation where the ratio is near 1.
    columns = np.stack((residuals, weights, residuals**2, residuals * weights, weights**2), axis=1)
    sums = np.concatenate([counts @ columns for counts in _draws(count, resamples, seed)])
    residual, weight, squared, cross, weight_squared = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = residual / weight
        variance = squared - 2 * deviation * cross + deviation**2 * weight_squared
        errors = np.sqrt(np.maximum(variance, 0) * count / (count - 1)) / weight
        errors[~(errors > _NOISE * groups.standard_error)] = np.nan
        return deviation / errors


def bootstrap_ratio(
    value: Sequence[float] | npt.NDArray[Any],
    over: Sequence[float] | npt.NDArray[Any],
    clusters: Sequence[Any] | npt.NDArray[Any],
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] = (-inf, inf),
) -> Interval:
    """Studentised cluster bootstrap of sum(value) / sum(over).

    Resamples whose clusters do not differ have no standard error. They are left out if they are fewer than a tenth of
    the share outside the interval; if there are more (a handful of clusters, or all but one or two of them alike), the
    t interval of the linearised ratio is given instead, and `method` says so.

    Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), section 12.5.

    Args:
        value: shape (n,), numerators.
        over: shape (n,), denominators, none of them negative.
        clusters: shape (n,), cluster names.
        resamples: number of resamples.
        seed: of the generator; the same seed gives the same interval.
        confidence: nominal coverage.
        bounds: the ends are cut at these.

    Raises:
        MetricInputError: NaN, infinity or negative denominators, different lengths, fewer than 100 resamples, or a
            confidence outside 0 to 1.
    """
    _check_confidence(confidence)
    if resamples < 100:
        raise MetricInputError(f"{resamples} resamples say nothing about the ends of an interval; use at least 100.")
    numerators, denominators = finite_vector("'value'", value), finite_vector("'over'", over)
    require_same_length("'value'", numerators.size, "'over'", denominators.size)
    if (denominators < 0).any():
        raise MetricInputError("The denominators 'over' must not be negative.")
    groups = _group(numerators, denominators, clusters)
    if groups.count < 2 or groups.weights.sum() == 0 or groups.standard_error == 0:
        return _none(confidence)
    deviations = _resampled_t(groups, resamples, seed)
    usable = deviations[np.isfinite(deviations)]
    if resamples - usable.size > (1 - confidence) / 10 * resamples:
        return _linearised_t(groups, confidence, bounds)
    lower, upper = np.quantile(usable, ((1 - confidence) / 2, (1 + confidence) / 2))
    estimate, error = groups.estimate, groups.standard_error
    low, high = _within(estimate - float(upper) * error, estimate, estimate - float(lower) * error, bounds)
    return Interval(low, high, "bootstrap_t.clustered", confidence)


def _draws(count: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """How often each of `count` clusters is drawn, in blocks of resamples; shape (block, count)."""
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK_CELLS // count)
    for start in range(0, resamples, rows):
        block = min(rows, resamples - start)
        draws = generator.integers(0, count, (block, count)) + count * np.arange(block)[:, None]
        yield np.bincount(draws.ravel(), minlength=block * count).reshape(block, count).astype(np.float64)


def _percentiles(resampled: FloatArray, estimate: float, confidence: float, bounds: tuple[float, float]) -> Interval:
    """Percentile interval; none if the statistic does not vary or does not exist in a share of the resamples."""
    usable = resampled[np.isfinite(resampled)]
    if resampled.size - usable.size > (1 - confidence) / 10 * resampled.size or np.ptp(usable) == 0:
        return _none(confidence)
    lower, upper = np.quantile(usable, ((1 - confidence) / 2, (1 + confidence) / 2))
    low, high = _within(float(lower), estimate, float(upper), bounds)
    return Interval(low, high, "bootstrap.clustered", confidence)


def bootstrap_of_sums(
    statistic: Callable[[Mapping[str, float]], float | None],
    samples: Sequence[Mapping[str, float]],
    clusters: Sequence[Any] | npt.NDArray[Any],
    resamples: int = STATISTIC_RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] = (-inf, inf),
) -> Interval:
    """Percentile cluster bootstrap of a function of sums over samples.

    Args:
        statistic: given the sums by key, the number, or None where it does not exist.
        samples: shape (n,); each sample's values by key; an absent key is zero.
        clusters: shape (n,), cluster names.
        resamples: number of resamples.
        seed: of the generator.
        confidence: nominal coverage.
        bounds: the ends are cut at these.

    Raises:
        MetricInputError: different lengths, or a confidence outside 0 to 1.
    """
    from scipy.sparse import csr_array

    _check_confidence(confidence)
    require_same_length("'samples'", len(samples), "'clusters'", len(clusters))
    names, rows = np.unique(np.asarray(clusters), return_inverse=True)
    keys = sorted({key for sample in samples for key in sample})
    column = {key: index for index, key in enumerate(keys)}
    places = [
        (row, column[key], number) for row, sample in zip(rows, samples, strict=True) for key, number in sample.items()
    ]
    if names.size < 2 or not places:
        return _none(confidence)
    row_index, column_index, numbers = (np.array(part) for part in zip(*places, strict=True))
    table = csr_array((numbers, (row_index, column_index)), shape=(names.size, len(keys)))
    estimate = statistic(dict(zip(keys, np.asarray(table.sum(axis=0)).ravel().tolist(), strict=True)))
    if estimate is None:
        return _none(confidence)
    resampled = []
    for counts in _draws(names.size, resamples, seed):
        for sums in (counts @ table).tolist():
            number = statistic(dict(zip(keys, sums, strict=True)))
            resampled.append(np.nan if number is None else number)
    return _percentiles(np.array(resampled), estimate, confidence, bounds)


def bootstrap_median(
    values: Sequence[float] | npt.NDArray[Any],
    clusters: Sequence[Any] | npt.NDArray[Any],
    resamples: int = STATISTIC_RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] = (-inf, inf),
) -> Interval:
    """Percentile cluster bootstrap of the median over samples.

    Args:
        values: shape (n,).
        clusters: shape (n,), cluster names.
        resamples: number of resamples.
        seed: of the generator.
        confidence: nominal coverage.
        bounds: the ends are cut at these.

    Raises:
        MetricInputError: NaN or infinity, different lengths, or a confidence outside 0 to 1.
    """
    _check_confidence(confidence)
    column = finite_vector("'values'", values)
    require_same_length("'values'", column.size, "'clusters'", len(clusters))
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    if names.size < 2:
        return _none(confidence)
    order = np.argsort(column, kind="stable")
    ordered, cluster_of = column[order], index[order]
    medians = []
    for counts in _draws(names.size, resamples, seed):
        weights = np.cumsum(counts[:, cluster_of], axis=1)
        half = weights[:, -1:] / 2
        # The middle of the lower and the upper median, as numpy's median of the repeated values.
        lower, upper = (weights < half).sum(axis=1), (weights <= half).sum(axis=1)
        medians.append((ordered[lower] + ordered[np.minimum(upper, ordered.size - 1)]) / 2)
    return _percentiles(np.concatenate(medians), float(np.median(column)), confidence, bounds)


def interval(
    kind: MetricKind,
    values: Sequence[float] | npt.NDArray[Any],
    over: Sequence[float] | npt.NDArray[Any] | None,
    clusters: Sequence[Any] | npt.NDArray[Any],
    confidence: float = 0.95,
    seed: int = 0,
    *,
    bounds: tuple[float, float] = (-inf, inf),
) -> Interval:
    """The interval that goes with a kind of metric (`foodbench.metrics.aggregate.Metric.kind`), unscaled.

    Not of `of_sums`, which has no one column: see `bootstrap_of_sums`.

    Args:
        kind: `proportion`, `mean`, `median`, `share` or `ratio`.
        values: shape (n,).
        over: shape (n,), denominators of a ratio or share; None for the other kinds.
        clusters: shape (n,), cluster names.
        confidence: nominal coverage.
        seed: of the bootstrap of a ratio.
        bounds: the ends are cut at these; a proportion's always at 0 and 1.

    Raises:
        MetricInputError: as the function of that kind; or `over` is missing, or given where it has no place.
    """
    if (kind in ("ratio", "share")) != (over is not None):
        raise MetricInputError(f"Denominators go with kinds 'ratio' and 'share', only with them; the kind is '{kind}'.")
    if kind == "proportion":
        return proportion(values, clusters, confidence)
    if kind == "median":
        return bootstrap_median(values, clusters, STATISTIC_RESAMPLES, seed, confidence, bounds=bounds)
    if over is None:
        return clustered_mean(values, clusters, confidence, bounds=bounds)
    if kind == "share":
        return share(values, over, clusters, confidence)
    return bootstrap_ratio(values, over, clusters, RESAMPLES, seed, confidence, bounds=bounds)
