"""Resamples of clusters: that they are what they say, and what is computed in them is what a plain loop computes."""

import numpy as np
import pytest

from foodbench.metrics.aggregate import Metric
from foodbench.stats import resampling
from foodbench.stats.resampling import FunctionPair, MedianPair, RatioPair, draws

SMALL, LARGE = 7, 2_000


def macro(sums):
    """Mean over two labels of hits by due; None where a label is never due."""
    if not (sums["due/a"] and sums["due/b"]):
        return None
    return (sums.get("hit/a", 0) / sums["due/a"] + sums.get("hit/b", 0) / sums["due/b"]) / 2


@pytest.mark.parametrize("count", [1, 2, SMALL, 1_500, LARGE])
def test_every_resample_draws_as_many_clusters_as_there_are(count):
    blocks = list(draws(count, 203, seed=1))
    counts = np.concatenate(blocks)
    assert counts.shape == (203, count)
    assert (counts.sum(axis=1) == count).all()
    assert (counts >= 0).all()


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_counts_are_multinomial(count):
    """Each count is binomial (n draws of chance 1/n), and two of them are correlated by -1/(n - 1)."""
    from scipy.stats import binom, chisquare

    counts = np.concatenate(list(draws(count, 40_000 if count == SMALL else 400, seed=2)))
    seen = np.bincount(np.minimum(counts, 5).astype(int).ravel(), minlength=6)
    expected = binom.pmf(np.arange(6), count, 1 / count)
    expected[5] = 1 - expected[:5].sum()
    # Counts of one resample hang together a little, which makes the statistic smaller, not larger.
    assert chisquare(seen, expected * seen.sum()).pvalue > 0.001
    assert counts.var(axis=0).mean() == pytest.approx(1 - 1 / count, rel=0.02)
    halves = counts[:, : count // 2].sum(axis=1)
    share = (count // 2) / count
    assert halves.var() == pytest.approx(count * share * (1 - share), rel=0.25 if count == LARGE else 0.05)
    assert abs(counts.mean(axis=0) - 1).max() < 5 / np.sqrt(len(counts))


def test_the_rare_resample_with_too_many_is_drawn_anew(monkeypatch):
    monkeypatch.setattr(resampling, "_SIGMAS", 0)
    counts = np.concatenate(list(draws(LARGE, 300, seed=3)))
    assert (counts.sum(axis=1) == LARGE).all()
    assert counts.var() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_the_same_seed_draws_the_same(count):
    first, again, other = (np.concatenate(list(draws(count, 50, seed))) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


def sample(seed, clusters=9, n=40):
    rng = np.random.default_rng(seed)
    rows = np.concatenate((np.arange(clusters), rng.integers(0, clusters, n - clusters)))
    return rng, rows, clusters


def repeated(counts, rows):
    """The samples of a resample, each as often as its cluster was drawn."""
    return np.repeat(np.arange(rows.size), counts.astype(int)[rows])


@pytest.mark.parametrize("same_weights", [True, False])
def test_ratios_by_a_plain_loop(same_weights):
    rng, rows, clusters = sample(1)
    values, weights = rng.random((2, rows.size)), rng.random((2, rows.size)) + 0.5
    if same_weights:
        weights[1] = weights[0]
    pair = RatioPair.of((values[0], weights[0]), (values[1], weights[1]), rows, clusters)

    def difference(chosen):
        before, after = (values[side][chosen].sum() / weights[side][chosen].sum() for side in (0, 1))
        return after - before

    everything = np.arange(rows.size)
    assert pair.value() == pytest.approx(difference(everything))
    left_out = [difference(everything[rows != cluster]) for cluster in range(clusters)]
    np.testing.assert_allclose(pair.left_out(), left_out)
    counts = np.concatenate(list(draws(clusters, 60, seed=4)))
    np.testing.assert_allclose(pair.resampled(60, 4), [difference(repeated(row, rows)) for row in counts])


@pytest.mark.parametrize("full", [0.0, 2.0], ids=["dense", "sparse"])
def test_functions_of_sums_by_a_plain_loop(monkeypatch, full):
    monkeypatch.setattr(resampling, "_FULL", full)
    rng, rows, clusters = sample(2)

    def some():
        made = []
        for _ in rows:
            label = "ab"[rng.integers(2)]
            made.append({f"due/{label}": 2.0} | ({f"hit/{label}": 1.0} if rng.random() < 0.6 else {}))
        return made

    before = some()
    after = [mine if rng.random() < 0.5 else other for mine, other in zip(before, some(), strict=True)]
    pair = FunctionPair.of(macro, before, after, rows, clusters)
    metric = Metric("macro", "of_sums", function="builtins:len", keys=("due/", "hit/"))

    def difference(chosen):
        numbers = []
        for side in (before, after):
            sums = {}
            for index in chosen:
                for key, number in metric.share(side[index]).items():
                    sums[key] = sums.get(key, 0) + number
            numbers.append(macro({"due/a": 0, "due/b": 0} | sums))
        return np.nan if None in numbers else numbers[1] - numbers[0]

    everything = np.arange(rows.size)
    assert pair.value() == pytest.approx(difference(everything))
    left_out = [difference(everything[rows != cluster]) for cluster in range(clusters)]
    np.testing.assert_allclose(pair.left_out(), left_out)
    counts = np.concatenate(list(draws(clusters, 60, seed=4)))
    np.testing.assert_allclose(pair.resampled(60, 4), [difference(repeated(row, rows)) for row in counts])


@pytest.mark.parametrize(("clusters", "n"), [(9, 40), (9, 41), (300, 900), (1_500, 1_500)])
@pytest.mark.parametrize("ties", [False, True])
def test_medians_by_a_plain_loop(clusters, n, ties):
    rng, rows, _ = sample(3, clusters, n)
    values = rng.lognormal(0, 1, (2, n))
    if ties:
        values = np.round(values)
    counts = np.concatenate(list(draws(clusters, 60, seed=4)))
    expected = [np.subtract(*(np.median(side[repeated(row, rows)]) for side in values[::-1])) for row in counts]
    np.testing.assert_allclose(MedianPair(*values, rows, clusters).resampled(60, 4), expected)


def test_a_median_outside_the_usual_stretch_is_found(monkeypatch):
    rng, rows, clusters = sample(5, 300, 900)
    values = rng.normal(size=(2, 900))
    usual = MedianPair(*values, rows, clusters).resampled(40, 4)
    monkeypatch.setattr(resampling, "_SIGMAS", 0.05)
    np.testing.assert_array_equal(MedianPair(*values, rows, clusters).resampled(40, 4), usual)


def test_blocks_do_not_change_small_resamples(monkeypatch):
    whole = np.concatenate(list(draws(SMALL, 50, seed=7)))
    monkeypatch.setattr(resampling, "_BLOCK_CELLS", 3 * SMALL)
    assert (np.concatenate(list(draws(SMALL, 50, seed=7))) == whole).all()
