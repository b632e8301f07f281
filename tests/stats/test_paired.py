"""Paired differences against scipy and plain loops, by kind of metric, and what must never be printed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError
from foodbench.stats import paired
from foodbench.stats.paired import bootstrap_mean_difference, paired_difference
from tests.stats import simulated
from tests.stats.simulated import ACCURACY, BLEU, CIOU, ENERGY, MEDIAN, MICRO_F1, SCORE, scores

MAKERS = {
    "binary": (ACCURACY, lambda rng, size=60: simulated.binary(rng, size, 0.02)),
    "clustered binary": (ACCURACY, lambda rng, size=30: simulated.binary(rng, size, 0.02, size=3, correlation=0.3)),
    "clustered mean": (SCORE, lambda rng, size=30: simulated.clustered_scores(rng, size, 0.1)),
    "errors": (ENERGY, lambda rng, size=60: simulated.energy_errors(rng, size, 3)),
    "median": (MEDIAN, lambda rng, size=60: simulated.energy_errors(rng, size, 3)),
    "ratio": (CIOU, lambda rng, size=60: simulated.masks(rng, size, 0.02)),
    "share": (MICRO_F1, lambda rng, size=60: simulated.label_sets(rng, size, 0.02)),
    "corpus": (BLEU, lambda rng, size=60: simulated.recipes(rng, size, 0.02)),
}
METHODS = {
    "binary": "tango",
    "clustered binary": "tango.clustered",
    "clustered mean": "t.paired.clustered",
    "errors": "t.paired.clustered",
    "median": "bootstrap.paired.clustered",
    "ratio": "t.paired.clustered",
    "share": "t.paired.clustered",
    "corpus": "t.paired.clustered",
}


def compare(name, seed=0, **options):
    metric, make = MAKERS[name]
    return paired_difference(metric, *make(np.random.default_rng(seed)), **({"resamples": 500} | options))


def means(before, after, clusters=None, metric=SCORE):
    return paired_difference(metric, scores({"score": before}, clusters), scores({"score": after}, clusters))


@pytest.mark.parametrize("name", MAKERS)
def test_each_kind_has_its_method(name):
    found = compare(name)
    assert found.method == METHODS[name]
    assert found.low < found.value < found.high
    assert 0 < found.p_worse < 1
    assert found.spread > 0
    assert found.confidence == 0.9
    metric, make = MAKERS[name]
    sides = make(np.random.default_rng(0))
    before, after = (metric.of_samples([score.values for score in side]) for side in sides)
    assert found.value == after - before
    assert (found.n, found.clusters) == (len(sides[0]), len({score.cluster for score in sides[0]}))
    assert (found.only_baseline is None) == (metric.kind != "proportion")


@pytest.mark.parametrize("name", MAKERS)
def test_the_bootstrap_can_be_had_of_every_kind_and_agrees(name):
    metric, make = MAKERS[name]
    sides = make(np.random.default_rng(0), 400)
    usual, resampled = (
        paired_difference(metric, *sides, method=method, resamples=2_000) for method in ("auto", "bootstrap")
    )
    assert resampled.method == "bootstrap.paired.clustered"
    assert resampled.value == usual.value
    assert resampled.spread == pytest.approx(usual.spread, rel=0.15)
    assert resampled.high - resampled.low == pytest.approx(usual.high - usual.low, rel=0.25)
    assert resampled.p_worse == pytest.approx(usual.p_worse, abs=0.06)


def test_one_sample_per_cluster_is_the_paired_t_test():
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=(2, 40))
    found = means(before, after)
    expected = scipy.stats.ttest_rel(after, before, alternative="less")
    ends = scipy.stats.ttest_rel(after, before).confidence_interval(0.9)
    assert found.p_worse == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=1e-9)
    assert found.spread == pytest.approx(np.std(after - before, ddof=1), rel=1e-9)


def test_clusters_of_one_size_by_a_plain_loop():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(12), 4)
    before, after = rng.normal(size=(2, 48))
    by_cluster = [np.mean((after - before)[clusters == cluster]) for cluster in range(12)]
    expected = scipy.stats.ttest_1samp(by_cluster, 0, alternative="less")
    found = means(before, after, clusters)
    assert found.p_worse == pytest.approx(expected.pvalue, rel=1e-9)


def test_clusters_of_several_sizes_by_a_plain_loop():
    rng = np.random.default_rng(3)
    clusters = np.array([0] * 9 + [1] * 2 + [2] * 5 + [3] + [4] * 6)
    before, after = rng.normal(size=(2, clusters.size))
    change = after - before
    left_out = [change[clusters != cluster].mean() for cluster in range(5)]
    error = math.sqrt(4 / 5 * sum((one - np.mean(left_out)) ** 2 for one in left_out))
    found = means(before, after, clusters)
    quantile = scipy.stats.t.ppf(0.95, 4)
    assert (found.low, found.high) == pytest.approx(
        (change.mean() - quantile * error, change.mean() + quantile * error)
    )
    assert found.p_worse == pytest.approx(scipy.stats.t.cdf(change.mean() / error, 4))


def test_clustered_proportions_by_hand():
    """40 clusters of 2, one sample lost in each of 4 and both in 2: 8 lost of 80, d = -0.1.

    Leaving out a cluster with s lost: -(8 - s) / 78; the deviations from the mean are (0.2 - s) / 78, so the squared
    error is 39 / 40 / 78^2 * (34 * 0.04 + 4 * 0.64 + 2 * 3.24) = 0.0016667; that of 80 independent samples would be
    (0.1 - 0.01) / 80 = 0.001125; the design effect is 1.4815.
    """
    lost = np.zeros((40, 2))
    lost[:4, 0] = lost[4:6] = 1
    clusters = np.repeat(np.arange(40), 2)
    found = paired_difference(
        ACCURACY, scores({"right": np.ones(80)}, clusters), scores({"right": 1 - lost.ravel()}, clusters)
    )
    effect = 0.0016667 / 0.001125
    quantile = scipy.stats.t.ppf(0.95, 39)
    ends = paired.score_interval(8 / effect, 0, 80 / effect, quantile)
    assert (found.low / 100, found.high / 100) == pytest.approx(ends, abs=1e-5)
    assert found.p_worse == pytest.approx(scipy.stats.t.cdf(-0.1 / math.sqrt(0.0016667), 39), rel=1e-3)
    assert (found.only_baseline, found.only_candidate) == (8, 0)


def test_a_loss_of_one_sample_is_not_certain():
    """One lost, none won: neither the exact test nor the t test may call it a loss."""
    right = np.ones(50)
    lost = right.copy()
    lost[7] = 0
    single = paired_difference(ACCURACY, scores({"right": right}), scores({"right": lost}))
    assert (single.p_worse, single.only_baseline, single.only_candidate) == (0.25, 1, 0)
    pairs = np.repeat(np.arange(25), 2)
    clustered = paired_difference(ACCURACY, scores({"right": right}, pairs), scores({"right": lost}, pairs))
    assert clustered.p_worse > 0.15
    assert means(right, lost).p_worse > 0.15


def test_direction_of_the_p_value():
    rng = np.random.default_rng(4)
    for metric, make in MAKERS.values():
        before, after = make(rng)
        turned = replace(metric, higher_is_better=not metric.higher_is_better)
        one, other = (paired_difference(some, before, after, resamples=500) for some in (metric, turned))
        assert one.p_worse + other.p_worse == pytest.approx(1, abs=0.02)
        assert (one.low, one.high) == (other.low, other.high)


@pytest.mark.parametrize("name", MAKERS)
def test_a_loss_is_called_worse(name):
    make = {
        "binary": lambda rng: simulated.binary(rng, 300, 0.15, discordance=0.2),
        "clustered binary": lambda rng: simulated.binary(rng, 100, 0.15, size=3, discordance=0.2),
        "clustered mean": lambda rng: simulated.clustered_scores(rng, 60, 1),
        "errors": lambda rng: simulated.energy_errors(rng, 300, 30),
        "median": lambda rng: simulated.energy_errors(rng, 300, 60),
        "ratio": lambda rng: simulated.masks(rng, 300, 0.2),
        "share": lambda rng: simulated.label_sets(rng, 300, 0.2),
        "corpus": lambda rng: simulated.recipes(rng, 300, 0.2),
    }[name]
    metric = MAKERS[name][0]
    before, after = make(np.random.default_rng(5))
    assert 0 < paired_difference(metric, before, after, resamples=500).p_worse < 0.01
    assert paired_difference(metric, after, before, resamples=500).p_worse > 0.99


def test_p_values_never_vanish():
    right, wrong = scores({"right": np.ones(5_000)}), scores({"right": np.zeros(5_000)})
    assert paired_difference(ACCURACY, right, wrong).p_worse > 0
    assert means(np.zeros(5_000), np.full(5_000, -1.0)).p_worse > 0
    change = -1 + 1e-6 * np.random.default_rng(6).normal(size=5_000)
    assert means(np.zeros(5_000), change).p_worse > 0
    found = bootstrap_mean_difference(np.zeros(5_000), change, np.arange(5_000), resamples=500)
    assert 0 < found.p_worse < 0.01


def test_no_flip_has_a_width():
    same = scores({"right": np.arange(500) % 2})
    found = paired_difference(ACCURACY, same, same)
    assert (found.value, found.p_worse, found.only_baseline, found.only_candidate) == (0, 1, 0, 0)
    assert (found.low, found.high) == pytest.approx((-0.5382, 0.5382), abs=1e-4)
    assert found.spread == pytest.approx(0.5382 / 1.6449 * math.sqrt(500), abs=1e-3)
    clustered = scores({"right": np.arange(500) % 2}, np.repeat(np.arange(100), 5))
    wider = paired_difference(ACCURACY, clustered, clustered)
    # As if there were 100 samples, with Student's quantile: 1.6604^2 / (100 + 1.6604^2).
    assert (wider.low, wider.high, wider.p_worse) == (
        pytest.approx(-2.683, abs=1e-3),
        pytest.approx(2.683, abs=1e-3),
        1,
    )


def test_the_same_loss_in_every_cluster_of_a_proportion_has_a_width():
    clusters, lost = np.repeat(np.arange(30), 5), np.tile([0, 1, 1, 1, 1], 30)
    found = paired_difference(ACCURACY, scores({"right": np.ones(150)}, clusters), scores({"right": lost}, clusters))
    assert found.method == "tango.clustered"
    assert found.low < -20 < found.high < -8
    assert 0 < found.p_worse == 0.5**30


@pytest.mark.parametrize("name", ["clustered mean", "errors", "median", "ratio", "share", "corpus"])
def test_equal_values_have_no_interval(name):
    metric, make = MAKERS[name]
    before, _ = make(np.random.default_rng(7))
    for method in ("auto", "bootstrap"):
        found = paired_difference(metric, before, before[::-1], method=method)
        assert (found.value, found.low, found.high, found.method) == (0, None, None, "none")
        assert (found.p_worse, found.spread) == (1, 0)


def test_a_constant_change_has_no_interval_and_the_sign_test():
    before = np.random.default_rng(8).lognormal(3, 1, 40)
    worse, better = (
        paired_difference(ENERGY, scores({"error": before}), scores({"error": before + shift})) for shift in (1, -1)
    )
    assert (worse.low, worse.method, worse.spread) == (None, "none", 0)
    assert worse.value == pytest.approx(1)
    assert (worse.p_worse, better.p_worse) == (0.5**40, 1)


def test_differences_in_the_last_digits_are_none():
    before = np.random.default_rng(9).random(50)
    found = means(before, before * (1 + 1e-15))
    assert (found.low, found.method, found.p_worse) == (None, "none", 1)


def test_ratios_that_differ_by_rounding_alone():
    """Masks and areas three times as large have the same cIoU, but for the last digit."""
    rng = np.random.default_rng(14)
    union = rng.random(60)
    sides = [scores({"intersection": 0.1 * factor * union, "union": factor * union}) for factor in (1.0, 3.0)]
    found = paired_difference(CIOU, *sides)
    assert (found.value, found.method, found.p_worse) == (pytest.approx(0, abs=1e-12), "none", 1)


def test_one_cluster_has_no_interval():
    rng = np.random.default_rng(10)
    found = means(*rng.normal(size=(2, 6)), [0] * 6)
    assert (found.low, found.method, found.p_worse, found.spread, found.clusters) == (None, "none", 1, None, 1)
    single = bootstrap_mean_difference([1.0, 2.0], [2.0, 2.0], ["a", "a"])
    assert (single.value, single.low, single.p_worse) == (0.5, None, 1)


def test_a_metric_that_does_not_exist_on_one_side():
    precision = Metric("precision", "share", "tp", "named")
    found = paired_difference(
        precision, scores({"tp": [1, 0], "named": [2, 1]}), scores({"tp": [0, 0], "named": [0, 0]})
    )
    assert (found.value, found.low, found.p_worse, found.n, found.method) == (None, None, None, 2, "none")
    assert paired_difference(ACCURACY, [], []).value is None


def test_denominators_of_zero_on_one_side_of_a_metric_that_exists_then():
    invented = Metric("hallucinated", "share", "fp", "named", when_zero=0.0, higher_is_better=False)
    named, silent = scores({"fp": [1, 0, 1], "named": [2, 1, 2]}), scores({"fp": [0] * 3, "named": [0] * 3})
    found = paired_difference(invented, named, silent)
    assert (found.value, found.low, found.method, found.p_worse) == (pytest.approx(-0.4), None, "none", 1)


def test_a_denominator_in_one_cluster_alone_says_nothing_about_others():
    ratio = Metric("ratio", "ratio", "value", "over")
    over = [0.0] * 9 + [4.0]
    sides = [scores({"value": value, "over": over}) for value in ([0.0] * 9 + [1.0], [0.0] * 9 + [3.0])]
    found = paired_difference(ratio, *sides)
    assert (found.value, found.low, found.method, found.p_worse) == (0.5, None, "none", 1)


def test_intervals_stay_within_what_is_possible():
    """Ten samples of an IoU, all but one gone from 1 to 0."""
    iou = replace(SCORE, bounds=(0.0, 1.0))
    found = means(np.ones(10), [0] * 9 + [0.2], metric=iou)
    assert found.low == -1
    assert found.value == pytest.approx(-0.98)


def test_many_clusters_of_a_corpus_metric_are_taken_in_groups(monkeypatch):
    sides = simulated.recipes(np.random.default_rng(11), 600, 0.02)
    alone = paired_difference(BLEU, *sides)
    monkeypatch.setattr(paired, "_GROUPS", 100)
    grouped, again, other = (paired_difference(BLEU, *sides, seed=seed) for seed in (0, 0, 1))
    assert grouped == again
    assert grouped.low != other.low
    assert grouped.value == alone.value
    assert grouped.clusters == 600
    assert grouped.spread == pytest.approx(alone.spread, rel=0.2)


def test_the_bootstrap_is_seeded():
    first, again, other = (compare("median", seed=12, **{"resamples": 400}) for _ in range(3))
    assert first == again == other
    metric, make = MAKERS["median"]
    sides = make(np.random.default_rng(12))
    low = {paired_difference(metric, *sides, seed=seed, resamples=400).low for seed in range(5)}
    assert len(low) > 1


def test_the_bootstrap_of_a_mean_agrees_with_scipy():
    rng = np.random.default_rng(13)
    before, after = rng.normal(size=(2, 60))
    found = bootstrap_mean_difference(before, after, np.arange(60), resamples=20_000)
    # The expanded percentiles: Student's quantile and n / (n - 1) as a normal level.
    level = scipy.stats.norm.cdf(-math.sqrt(60 / 59) * scipy.stats.t.ppf(0.95, 59))
    expected = scipy.stats.bootstrap(
        (after - before,), np.mean, n_resamples=20_000, confidence_level=1 - 2 * level, method="percentile", rng=1
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)


def side(values, clusters=None, ids=None):
    made = scores({"score": values}, clusters)
    return made if ids is None else [replace(one, sample_id=name) for one, name in zip(made, ids, strict=True)]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (side([1, 2]), side([1]), "The baseline has 1 sample.s. that the candidate lacks, the first 's1'"),
        (side([1]), side([1, 2, 3]), "The candidate has 2 sample.s. that the baseline lacks, the first 's1'"),
        (side([1, 2], ids="ab"), side([1, 2], ids="bc"), "The baseline has 1 .* the first 'a'"),
        (side([1, 2]), side([1, 2], ids=["s0", "s0"]), "Sample 's0' of the candidate has several scores"),
        (side([1, 2]), side([1, 2], clusters=[0, 5]), "'s1' is of cluster 'c1' in the baseline and of 'c5'"),
        (side([1, math.nan]), side([1, 2]), "Sample 's1' of the baseline: 'score' is nan"),
        (side([1, 2]), side([math.inf, 2]), "Sample 's0' of the candidate: 'score' is inf"),
        (side([1]), [Score("s0", "c0", True, {"score": None})], "'score' is None"),
        (side([1]), [Score("s0", "c0", True, {"other": 1.0})], "Sample 's0' of the candidate: .* has no 'score'"),
    ],
)
def test_what_is_no_pair_is_refused(before, after, says):
    with pytest.raises(MetricInputError, match=says):
        paired_difference(SCORE, before, after)


def test_values_that_the_metric_refuses():
    half = scores({"right": [0.5, 1]})
    with pytest.raises(MetricInputError, match="must be 0 or 1"):
        paired_difference(ACCURACY, half, half)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: paired_difference(SCORE, [], [], confidence=1.0), "confidence level lies between"),
        (lambda: paired_difference(SCORE, [], [], resamples=99), "use at least 100"),
        (lambda: bootstrap_mean_difference([1], [1, 2], ["a"]), "'baseline' has 1 values but 'candidate' has 2"),
        (lambda: bootstrap_mean_difference([1], [1], ["a", "b"]), "'clusters' has 2"),
        (lambda: bootstrap_mean_difference([], [], []), "'baseline' is empty"),
        (lambda: bootstrap_mean_difference([math.nan], [1], ["a"]), "not finite"),
    ],
)
def test_nonsense_is_refused(call, says):
    with pytest.raises(MetricInputError, match=says):
        call()
