"""What two runs differ by when clusters are left out or drawn again: the jackknife and the bootstrap of a pair.

A resample draws as many clusters as there are, with replacement, and the same ones for both runs. It is kept as a row
of counts (how often each cluster is drawn), so that the sums of a block of resamples are one matrix product: 25,000
clusters and 10,000 resamples need a few MiB and half a second, where one array of indices would need 2 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import factorial, sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from foodbench.metrics.inputs import FloatArray

Statistic = Callable[[Mapping[str, float]], float | None]

# Counts of one block of resamples: more do not fit a core's cache.
_BLOCK_CELLS = 2**17
# From so many clusters on, counts are drawn as Poisson numbers rather than one index per draw.
_POISSON_FROM = 1024
_SIGMAS = 5
_ESCAPE = 255
# A table of sums with more of its cells in use is kept dense.
_FULL = 0.2


def draws(count: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """How often each of `count` clusters is drawn, in blocks of resamples; shape (block, count).

    Each row is multinomial: `count` draws, each cluster as likely as any other.
    """
    generator = np.random.Generator(np.random.SFC64(seed))
    draw = _by_index if count < _POISSON_FROM else _Poisson(count).draw
    rows = max(1, _BLOCK_CELLS // count)
    for start in range(0, resamples, rows):
        yield draw(generator, count, min(rows, resamples - start)).astype(np.float64)


def _by_index(generator: np.random.Generator, count: int, rows: int) -> npt.NDArray[Any]:
    chosen = generator.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
    return np.bincount(chosen.ravel(), minlength=rows * count).reshape(rows, count)


class _Poisson:
    """Multinomial counts by way of Poisson numbers, three times as fast as one random index per draw.

    Independent Poisson numbers are multinomial given their total. So every cluster gets one whose mean is a little
    below 1, and the few draws that a row then lacks are made one by one; the rare row that already has too many is
    drawn anew. One random byte makes a Poisson number, by a table of 256 entries; the probabilities that do not fit
    256ths are made up for by an entry that says "draw a second time", from what is left of the distribution.
    """

    def __init__(self, count: int) -> None:
        mean = 1 - _SIGMAS / sqrt(count)
        numbers = np.arange(21)  # beyond: 1 in 10^20
        chances = np.exp(-mean) * mean**numbers / np.array([float(factorial(number)) for number in numbers])
        entries = np.floor(256 * chances).astype(np.int64)
        table = np.full(256, _ESCAPE, np.uint8)
        table[: entries.sum()] = np.repeat(numbers, entries)
        self._table = table.tobytes()
        left = np.cumsum(chances - entries / 256)
        self._second = left / left[-1]

    def draw(self, generator: np.random.Generator, count: int, rows: int) -> npt.NDArray[Any]:
        """Counts, shape (rows, count), uint8."""
        bytes_ = bytearray(generator.bit_generator.random_raw(-(-rows * count // 8))).translate(self._table)
        flat = np.frombuffer(bytes_, np.uint8, rows * count)
        again = np.flatnonzero(flat == _ESCAPE)
        flat[again] = np.searchsorted(self._second, generator.random(again.size), side="right")
        counts = flat.reshape(rows, count)
        lacking = count - counts.sum(axis=1, dtype=np.uint32).astype(np.int64)
        for row in np.flatnonzero(lacking < 0):
            counts[row], lacking[row] = _by_index(generator, count, 1)[0], 0
        places = np.repeat(count * np.arange(rows), lacking) + generator.integers(0, count, int(lacking.sum()))
        np.add.at(flat, places, np.uint8(1))  # not 1: numpy would convert each, which takes forty times as long
        return counts


class PairedStatistic(Protocol):
    """Candidate minus baseline of one metric as a function of which clusters there are."""

    def value(self) -> float:
        """The difference with every cluster there once; NaN where it does not exist."""

    def left_out(self) -> FloatArray:
        """The difference with each cluster left out in turn, shape (G,); NaN where it does not exist."""

    def resampled(self, resamples: int, seed: int) -> FloatArray:
        """The difference in each resample of clusters, shape (resamples,); NaN where it does not exist."""


@dataclass(frozen=True, slots=True)
class RatioPair:
    """A difference of means or ratios: a sum of terms, each a ratio of two sums over clusters.

    Attributes:
        values: shape (terms, G); numerators by cluster, with the term's sign.
        weights: shape (terms, G); denominators by cluster.
    """

    values: FloatArray
    weights: FloatArray

    @classmethod
    def of(
        cls,
        baseline: tuple[FloatArray, FloatArray],
        candidate: tuple[FloatArray, FloatArray],
        rows: npt.NDArray[Any],
        clusters: int,
    ) -> RatioPair:
        """From the values and denominators of each sample, and the number of each sample's cluster."""
        if np.array_equal(baseline[1], candidate[1]):
            # One ratio: what both sides have in common goes before it can round.
            terms = [(candidate[0] - baseline[0], candidate[1])]
        else:
            terms = [candidate, (-baseline[0], baseline[1])]
        sums = [[np.bincount(rows, column, clusters) for column in term] for term in terms]
        return cls(np.stack([values for values, _ in sums]), np.stack([weights for _, weights in sums]))

    def value(self) -> float:
        """See `PairedStatistic`."""
        return float(_sum_of_ratios(self.values.sum(axis=1), self.weights.sum(axis=1)))

    def left_out(self) -> FloatArray:
        """See `PairedStatistic`."""
        values, weights = (part.sum(axis=1, keepdims=True) - part for part in (self.values, self.weights))
        return _sum_of_ratios(values, weights)

    def resampled(self, resamples: int, seed: int) -> FloatArray:
        """See `PairedStatistic`."""
        terms, clusters = self.values.shape
        fixed = bool((self.weights == self.weights[:, :1]).all())
        table = self.values.T if fixed else np.concatenate((self.values, self.weights)).T
        sums = np.concatenate([counts @ table for counts in draws(clusters, resamples, seed)]).T
        return _sum_of_ratios(sums[:terms], clusters * self.weights[:, :1] if fixed else sums[terms:])


def _sum_of_ratios(values: FloatArray, weights: FloatArray) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights > 0, values / weights, np.nan).sum(axis=0)


@dataclass(frozen=True, slots=True)
class FunctionPair:
    """A difference of a function of sums (corpus BLEU, macro F1, mIoU, a correlation).

    Attributes:
        statistic: given the sums by key, the number, or None where it does not exist.
        keys: names of the columns.
        baseline: sums by cluster, shape (G, keys), dense or sparse.
        change: candidate minus baseline; mostly zero where the runs are alike.
    """

    statistic: Statistic
    keys: tuple[str, ...]
    baseline: Any
    change: Any

    @classmethod
    def of(
        cls,
        statistic: Statistic,
        baseline: Sequence[Mapping[str, float]],
        candidate: Sequence[Mapping[str, float]],
        rows: npt.NDArray[Any],
        clusters: int,
    ) -> FunctionPair:
        """From each sample's values by key (an absent key is zero), and the number of each sample's cluster."""
        keys = tuple(sorted({key for sample in (*baseline, *candidate) for key in sample}))
        column = {key: index for index, key in enumerate(keys)}
        first, second = (_by_cluster(samples, rows, clusters, column) for samples in (baseline, candidate))
        change = second - first
        change.eliminate_zeros()
        return cls(statistic, keys, _dense_if_full(first), _dense_if_full(change))

    def _differences(self, baseline: FloatArray, change: FloatArray) -> list[float]:
        """For rows of sums, shape (rows, keys)."""
        found = []
        for first, second in zip(baseline.tolist(), (baseline + change).tolist(), strict=True):
            before, after = (self.statistic(dict(zip(self.keys, sums, strict=True))) for sums in (first, second))
            found.append(np.nan if before is None or after is None else after - before)
        return found

    def value(self) -> float:
        """See `PairedStatistic`."""
        return self._differences(*(np.asarray(table.sum(axis=0))[None] for table in (self.baseline, self.change)))[0]

    def left_out(self) -> FloatArray:
        """See `PairedStatistic`."""
        clusters, columns = self.baseline.shape
        baseline, change = (np.asarray(table.sum(axis=0)) for table in (self.baseline, self.change))
        rows = max(1, _BLOCK_CELLS // columns)
        found: list[float] = []
        for start in range(0, clusters, rows):
            ours, theirs = (_dense(table[start : start + rows]) for table in (self.baseline, self.change))
            found += self._differences(baseline - ours, change - theirs)
        return np.array(found)

    def resampled(self, resamples: int, seed: int) -> FloatArray:
        """See `PairedStatistic`."""
        found: list[float] = []
        for counts in draws(self.baseline.shape[0], resamples, seed):
            found += self._differences(counts @ self.baseline, counts @ self.change)
        return np.array(found)


def _by_cluster(
    samples: Sequence[Mapping[str, float]], rows: npt.NDArray[Any], clusters: int, column: Mapping[str, int]
) -> Any:
    from scipy.sparse import csr_array

    row_index = np.repeat(rows, [len(sample) for sample in samples])
    column_index = np.fromiter((column[key] for sample in samples for key in sample), np.int64)
    numbers = np.fromiter((number for sample in samples for number in sample.values()), np.float64)
    return csr_array((numbers, (row_index, column_index)), shape=(clusters, len(column)))


def _dense(table: Any) -> FloatArray:
    return table if isinstance(table, np.ndarray) else table.toarray()


def _dense_if_full(table: Any) -> Any:
    return table.toarray() if table.nnz > _FULL * table.shape[0] * table.shape[1] else table


@dataclass(frozen=True, slots=True)
class MedianPair:
    """A difference of medians over samples; it has no jackknife, because leaving out one cluster hardly moves it.

    Attributes:
        baseline: shape (n,).
        candidate: shape (n,).
        rows: the number of each sample's cluster, shape (n,).
        clusters: their number.
    """

    baseline: FloatArray
    candidate: FloatArray
    rows: npt.NDArray[Any]
    clusters: int

    def resampled(self, resamples: int, seed: int) -> FloatArray:
        """See `PairedStatistic`."""
        before, after = (_Ordered.of(side, self.rows, self.clusters) for side in (self.baseline, self.candidate))
        blocks = draws(self.clusters, resamples, seed)
        return np.concatenate([after.medians(counts) - before.medians(counts) for counts in blocks])


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Samples in ascending order, with the stretch of them in which a resample's median nearly always lies.

    Attributes:
        values: ascending, shape (n,).
        cluster_of: the number of each one's cluster.
        sizes: samples of each cluster, shape (G,).
        before: how many of them lie before the stretch.
        start: first of the stretch.
        stop: one past its last.
    """

    values: FloatArray
    cluster_of: npt.NDArray[Any]
    sizes: FloatArray
    before: FloatArray
    start: int
    stop: int

    @classmethod
    def of(cls, values: FloatArray, rows: npt.NDArray[Any], clusters: int) -> _Ordered:
        order = np.argsort(values, kind="stable")
        cluster_of, middle = rows[order], values.size // 2
        sizes, lower = (np.bincount(some, minlength=clusters).astype(float) for some in (rows, cluster_of[:middle]))
        # Standard deviation of how far, in samples, the middle of a resample strays.
        sigma = sqrt(float(np.square(lower - sizes / 2).sum()))
        reach = int(_SIGMAS * sigma) + 2
        start, stop = max(0, middle - reach), min(values.size, middle + reach)
        before = np.bincount(cluster_of[:start], minlength=clusters).astype(float)
        return cls(values[order], cluster_of, sizes, before, start, stop)

    def medians(self, counts: FloatArray) -> FloatArray:
        """Medians of resamples, whose counts have the shape (block, G)."""
        half = (counts @ self.sizes)[:, None] / 2
        medians = self._search(counts, half, counts @ self.before, self.start, self.stop)
        missed = np.isnan(medians)
        if missed.any():
            medians[missed] = self._search(counts[missed], half[missed], np.zeros(missed.sum()), 0, self.values.size)
        return medians

    def _search(self, counts: FloatArray, half: FloatArray, before: FloatArray, start: int, stop: int) -> FloatArray:
        """The medians that lie in a stretch of the samples; NaN for others."""
        weights = before[:, None] + np.cumsum(counts[:, self.cluster_of[start:stop]], axis=1)
        inside = (before < half[:, 0]) & (weights[:, -1] > half[:, 0])
        # The middle of the lower and the upper median, as numpy's median of the repeated values.
        lower, upper = ((weights < half).sum(axis=1), (weights <= half).sum(axis=1))
        last = self.values.size - 1
        middle = (self.values[np.minimum(start + lower, last)] + self.values[np.minimum(start + upper, last)]) / 2
        return np.where(inside, middle, np.nan)
