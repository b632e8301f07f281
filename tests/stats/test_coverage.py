"""Calibration: how often a nominal 95 % interval holds the truth, on simulated data with known truth.

Everything is seeded, so each assertion always sees the same numbers; the bands are the coverage that the method has in
long simulations, plus and minus four standard deviations of the simulated share.
"""

import math

import numpy as np
import pytest

from foodbench.stats.intervals import bootstrap_ratio, clustered_mean, proportion, wilson


def share_held(intervals, truth):
    return float(np.mean([ends.low <= truth <= ends.high for ends in intervals]))


def noise(share, repeats):
    return 4 * math.sqrt(share * (1 - share) / repeats)


@pytest.mark.parametrize(("n", "rate"), [(20, 0.9), (100, 0.98), (100, 0.7), (500, 0.5)])
def test_wilson(n, rate):
    """Wilson's exact coverage oscillates with n and the rate around the nominal level."""
    counts = np.arange(n + 1)
    log_factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    binomial = np.exp(
        log_factorials[n] - log_factorials - log_factorials[::-1]
        + counts * math.log(rate) + (n - counts) * math.log(1 - rate)
    )  # fmt: skip
    held = [wilson(int(count), n).low <= rate <= wilson(int(count), n).high for count in counts]
    assert 0.93 < float(binomial @ held) < 0.98


def beta_binomial(rng, clusters, size, rate, correlation):
    """0/1 answers in clusters whose own rates vary (intra-class correlation `correlation`)."""
    spread = (1 - correlation) / correlation
    rates = rng.beta(rate * spread, (1 - rate) * spread, clusters)
    return (rng.random((clusters, size)) < rates[:, None]).ravel().astype(float)


@pytest.mark.parametrize(("clusters", "rate", "correlation"), [(50, 0.7, 0.5), (40, 0.9, 0.3), (50, 0.98, 0.3)])
def test_proportions_of_clustered_answers_and_what_naive_ones_miss(clusters, rate, correlation):
    rng, repeats, size = np.random.default_rng(21), 500, 5
    names = np.repeat(np.arange(clusters), size)
    samples = [beta_binomial(rng, clusters, size, rate, correlation) for _ in range(repeats)]
    held = share_held([proportion(values, names) for values in samples], rate)
    naive = share_held([proportion(values, np.arange(values.size)) for values in samples], rate)
    assert 0.935 - noise(0.935, repeats) < held < 0.975 + noise(0.975, repeats)
    assert naive < 0.90
    assert held > naive + 0.04


def test_means_of_clustered_values_and_what_naive_ones_miss():
    rng, repeats, clusters, size = np.random.default_rng(22), 600, 40, 5
    names = np.repeat(np.arange(clusters), size)
    shared = rng.normal(0, math.sqrt(0.4), (repeats, clusters, 1))
    samples = (shared + rng.normal(0, math.sqrt(0.6), (repeats, clusters, size))).reshape(repeats, -1)
    held = share_held([clustered_mean(values, names) for values in samples], 0.0)
    naive = share_held([clustered_mean(values, np.arange(values.size)) for values in samples], 0.0)
    assert abs(held - 0.95) < noise(0.95, repeats)
    assert naive < 0.85


def test_means_of_heavy_tailed_errors():
    """Absolute errors of energy: lognormal. Skewness costs some coverage at 100 dishes (t and bootstrap alike)."""
    rng, repeats = np.random.default_rng(23), 600
    samples = rng.lognormal(3.6, 0.8, (repeats, 100))
    truth = math.exp(3.6 + 0.8**2 / 2)
    held = share_held([clustered_mean(values, np.arange(100)) for values in samples], truth)
    assert 0.925 - noise(0.925, repeats) < held < 0.95 + noise(0.95, repeats)


def test_ratios_of_sums_like_ciou():
    """Mask areas are lognormal, IoU is beta(8, 2): 50 images."""
    rng, repeats, images = np.random.default_rng(24), 300, 50
    intervals = []
    for _ in range(repeats):
        union = rng.lognormal(0, 1, images)
        intervals.append(bootstrap_ratio(union * rng.beta(8, 2, images), union, np.arange(images), 400))
    assert {ends.method for ends in intervals} == {"bootstrap_t.clustered"}
    held = share_held(intervals, 0.8)
    assert 0.925 - noise(0.925, repeats) < held < 0.95 + noise(0.95, repeats)


def test_ratios_of_clustered_masks_and_what_naive_ones_miss():
    """Three masks per image share most of the image's IoU."""
    rng, repeats, images, size = np.random.default_rng(25), 250, 40, 3
    names = np.repeat(np.arange(images), size)
    clustered, naive = [], []
    for _ in range(repeats):
        union = rng.gamma(4, 1, images * size)
        intersection = union * np.repeat(rng.beta(6, 2, images), size)
        clustered.append(bootstrap_ratio(intersection, union, names, 400))
        naive.append(bootstrap_ratio(intersection, union, np.arange(names.size), 400))
    held, missed = share_held(clustered, 0.75), share_held(naive, 0.75)
    assert abs(held - 0.95) < noise(0.95, repeats)
    assert missed < 0.85
