"""Intervals against published and hand-worked values, and what must never be printed."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.metrics.inputs import MetricInputError
from foodbench.stats import intervals
from foodbench.stats.intervals import bootstrap_ratio, clustered_mean, interval, proportion, wilson

FOLDER = Path(__file__).parents[1] / "golden"
PROPORTIONS = json.loads((FOLDER / "proportions.json").read_text())
CLUSTERED = json.loads((FOLDER / "clustered.json").read_text())

cluster_names = st.integers(0, 8).map("image{}".format)
binary = st.lists(st.tuples(st.integers(0, 1), cluster_names), min_size=1, max_size=40)
pairs = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), cluster_names), min_size=1, max_size=40)


@pytest.mark.parametrize("case", PROPORTIONS["wilson"])
def test_wilson_equals_the_published_table(case):
    ends = wilson(case["successes"], case["n"])
    assert (round(ends.low, 4), round(ends.high, 4)) == (case["low"], case["high"])


@pytest.mark.parametrize("case", PROPORTIONS["binomtest"])
def test_wilson_equals_scipy(case):
    ends = wilson(case["successes"], case["n"], case["confidence"])
    assert ends.low == pytest.approx(case["low"], abs=1e-12)
    assert ends.high == pytest.approx(case["high"], abs=1e-12)
    assert (ends.method, ends.confidence) == ("wilson", case["confidence"])


def test_hand_worked_clustered_mean():
    case = CLUSTERED["mean"]
    ends = clustered_mean(case["values"], case["clusters"])
    assert (ends.low, ends.high) == pytest.approx((case["low"], case["high"]), abs=1e-5)


def test_hand_worked_clustered_proportion():
    case = CLUSTERED["proportion"]
    ends = proportion(case["values"], case["clusters"])
    assert (ends.low, ends.high) == pytest.approx((case["low"], case["high"]), abs=1e-5)
    assert ends.method == "wilson.clustered"


def test_hand_worked_ratio_of_a_handful_of_clusters_falls_back_to_t():
    case = CLUSTERED["ratio"]
    ends = bootstrap_ratio(case["value"], case["over"], case["clusters"])
    assert (ends.low, ends.high) == pytest.approx((case["low"], case["high"]), abs=1e-5)
    assert ends.method == "t.clustered"


def test_all_right_is_not_certain():
    """20 of 20 never prints as 100 +- 0, however the samples cluster."""
    single = proportion([1] * 20, range(20))
    assert (single.low, single.high, single.method) == (pytest.approx(0.8389, abs=1e-4), 1.0, "wilson")
    clustered = proportion([1] * 20, [index // 5 for index in range(20)])
    assert clustered.low < 0.5
    assert clustered.high == 1.0
    wrong = proportion([0] * 20, range(20))
    assert (wrong.low, wrong.high) == (0.0, pytest.approx(0.1611, abs=1e-4))


def test_a_proportion_equal_in_every_cluster_has_a_width():
    ends = proportion([0, 1] * 10, [index // 2 for index in range(20)])
    assert ends.low < 0.3
    assert ends.high > 0.7


def test_a_sample_without_variation_has_no_interval():
    for ends in (
        clustered_mean([0.1] * 30, range(30)),
        bootstrap_ratio([5.0] * 30, [5.0] * 30, range(30)),
        bootstrap_ratio([0.7 * x for x in range(1, 31)], range(1, 31), range(30)),
        bootstrap_ratio([0.0] * 30, [0.0] * 30, range(30)),
    ):
        assert (ends.low, ends.high, ends.method) == (None, None, "none")


@pytest.mark.parametrize("clusters", [[], ["a"], ["a"] * 10], ids=len)
def test_fewer_than_two_clusters_have_no_interval(clusters):
    values = np.arange(len(clusters)) % 2
    for kind, over in (("proportion", None), ("mean", None), ("ratio", np.ones(len(clusters)))):
        ends = interval(kind, values, over, clusters)
        assert (ends.low, ends.high, ends.method) == (None, None, "none")


def test_one_miss_among_perfect_masks_falls_back_to_t():
    """Every third resample lacks the one cluster that differs; studentising would send the end to minus infinity."""
    value, over = np.full(50, 100.0), np.full(50, 100.0)
    value[7] = 0.0
    ends = bootstrap_ratio(value, over, range(50), bounds=(0.0, 1.0))
    assert ends.method == "t.clustered"
    assert 0.9 < ends.low < 0.98
    assert ends.high == 1.0


def test_copies_of_a_sample_in_its_cluster_change_nothing():
    """Ten questions with the same answer about each image are worth one: the clusters count."""
    rng = np.random.default_rng(2)
    values, over = rng.gamma(2, 10, 40), rng.gamma(5, 10, 40)
    names = np.arange(40)
    once, tenfold = clustered_mean(values, names), clustered_mean(np.repeat(values, 10), np.repeat(names, 10))
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))
    once = bootstrap_ratio(values, over, names, 500)
    tenfold = bootstrap_ratio(np.repeat(values, 10), np.repeat(over, 10), np.repeat(names, 10), 500)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_the_bootstrap_is_seeded_and_converges():
    rng = np.random.default_rng(3)
    over = rng.lognormal(0, 1, 60)
    value = over * rng.beta(8, 2, 60)
    first = bootstrap_ratio(value, over, range(60), seed=1)
    assert first.method == "bootstrap_t.clustered"
    assert bootstrap_ratio(value, over, range(60), seed=1) == first
    other = bootstrap_ratio(value, over, range(60), seed=2)
    assert other != first
    assert other.low == pytest.approx(first.low, abs=0.1 * (first.high - first.low))
    assert other.high == pytest.approx(first.high, abs=0.1 * (first.high - first.low))


def test_blocks_of_resamples_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(4)
    over = rng.lognormal(0, 1, 60)
    value = over * rng.beta(8, 2, 60)
    whole = bootstrap_ratio(value, over, range(60), 1000)
    monkeypatch.setattr("foodbench.stats.intervals._BLOCK_CELLS", 60 * 7)
    assert bootstrap_ratio(value, over, range(60), 1000).low == pytest.approx(whole.low, rel=1e-12)


def test_the_bootstrap_resamples_the_ratio_itself():
    """The same ends from resamples drawn one by one and studentised by the definition."""
    rng = np.random.default_rng(5)
    over = rng.lognormal(0, 1, 25)
    value = over * rng.beta(8, 2, 25)

    def ratio_and_error(v, o):
        ratio = v.sum() / o.sum()
        return ratio, math.sqrt(len(v) / (len(v) - 1) * ((v - ratio * o) ** 2).sum()) / o.sum()

    estimate, error = ratio_and_error(value, over)
    generator, studentised = np.random.default_rng(9), []
    for _ in range(2000):
        ratio, its_error = ratio_and_error(
            *(column[draw] for draw in [generator.integers(0, 25, 25)] for column in (value, over))
        )
        studentised.append((ratio - estimate) / its_error)
    low, high = estimate - np.quantile(studentised, [0.975, 0.025]) * error
    ends = bootstrap_ratio(value, over, range(25), 2000, seed=9)
    assert (ends.low, ends.high) == pytest.approx((low, high), rel=1e-9)


@given(binary, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=100, deadline=None)
def test_proportions_hold_their_estimate_within_zero_and_one(samples, confidence):
    values, clusters = zip(*samples, strict=True)
    ends = proportion(values, clusters, confidence)
    if ends.method == "none":
        assert len(set(clusters)) < 2
        return
    assert 0.0 <= ends.low <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= ends.high <= 1.0
    assert ends.high - ends.low > 0.01


@given(pairs)
@settings(max_examples=100, deadline=None)
def test_means_and_ratios_hold_their_estimate_within_their_bounds(samples):
    value, over, clusters = (list(column) for column in zip(*samples, strict=True))
    value = [min(pair) for pair in zip(value, over, strict=True)]
    mean = clustered_mean(value, clusters, bounds=(0.0, 100.0))
    ratio = bootstrap_ratio(value, over, clusters, 200, bounds=(0.0, 1.0))
    if mean.low is not None:
        assert 0.0 <= mean.low <= np.mean(value) + 1e-9
        assert np.mean(value) - 1e-9 <= mean.high <= 100.0
    if ratio.low is not None:
        assert 0.0 <= ratio.low <= sum(value) / sum(over) + 1e-9
        assert sum(value) / sum(over) - 1e-9 <= ratio.high <= 1.0


def test_more_confidence_is_wider():
    rng = np.random.default_rng(6)
    value, over = rng.gamma(2, 1, 30), rng.gamma(9, 1, 30)
    for make in (
        lambda level: wilson(7, 20, level),
        lambda level: clustered_mean(value, range(30), level),
        lambda level: bootstrap_ratio(value, over, range(30), 1000, confidence=level),
    ):
        narrow, wide = make(0.8), make(0.99)
        assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: wilson(1, 0), "not a proportion"),
        (lambda: wilson(3, 2), "not a proportion"),
        (lambda: wilson(1, 2, 1.0), "confidence"),
        (lambda: wilson(1, 2, math.nan), "confidence"),
        (lambda: proportion([0.5, 1], "ab"), "0 or 1"),
        (lambda: clustered_mean([1.0], ["a", "b"]), "1 values but"),
        (lambda: clustered_mean([math.nan, 1.0], ["a", "b"]), "not finite"),
        (lambda: bootstrap_ratio([1.0, 1.0], [1.0, -1.0], ["a", "b"]), "negative"),
        (lambda: bootstrap_ratio([1.0, 1.0], [1.0], ["a", "b"]), "2 values but"),
        (lambda: bootstrap_ratio([1.0, 1.0], [1.0, 2.0], ["a", "b"], 10), "resamples"),
        (lambda: interval("ratio", [1.0], None, ["a"]), "Denominators"),
        (lambda: interval("mean", [1.0], [1.0], ["a"]), "Denominators"),
    ],
)
def test_nonsense_is_refused(call, says):
    with pytest.raises(MetricInputError, match=says):
        call()


def _mean_of_sums(sums):
    return sums["v"] / sums["n"] if sums["n"] else None


def test_bootstrap_of_sums_agrees_with_scipy_on_a_mean():
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, size=80)
    samples = [{"v": float(value), "n": 1.0} for value in values]
    ours = intervals.bootstrap_of_sums(_mean_of_sums, samples, np.arange(80), resamples=4000)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=rng)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.1 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.1 * width)
    assert ours.method == "bootstrap.clustered"


def test_bootstrap_median_agrees_with_scipy_and_respects_clusters():
    rng = np.random.default_rng(4)
    values = rng.normal(size=101)
    ours = intervals.bootstrap_median(values, np.arange(101), resamples=4000)
    theirs = scipy.stats.bootstrap((values,), np.median, n_resamples=4000, method="percentile", rng=rng)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.15 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.15 * width)
    copies = intervals.bootstrap_median(np.repeat(values, 3), np.repeat(np.arange(101), 3), resamples=4000)
    assert copies.low == pytest.approx(ours.low, abs=0.05 * width), "three copies of a sample say no more than one"


@pytest.mark.parametrize("clusters", [["a"] * 5, ["a", "b", "c", "d", "e"]])
def test_no_bootstrap_interval_of_what_does_not_vary(clusters):
    assert intervals.bootstrap_median([1.0] * 5, clusters).method == "none"
    assert intervals.bootstrap_of_sums(_mean_of_sums, [{"v": 1.0, "n": 1.0}] * 5, clusters).method == "none"


def test_a_share_of_single_trials_is_a_proportion():
    values, clusters = [1, 0, 1, 1, 0, 1], ["a", "a", "b", "c", "c", "d"]
    assert intervals.share(values, [1] * 6, clusters) == proportion(values, clusters)
    assert intervals.share([1, 0, 1], [1, 1, 1], ["a", "b", "c"]) == wilson(2, 3)


def test_a_share_of_rare_events_has_a_short_interval():
    """Three of 135: what a bootstrap-t puts anywhere up to 1."""
    values = np.zeros(135)
    values[[3, 40, 90]] = 1
    ends = intervals.share(values, np.ones(135), np.arange(135) // 3)
    exact = scipy.stats.binomtest(3, 135).proportion_ci(method="exact")
    assert ends.low < 3 / 135 < ends.high
    assert ends.high == pytest.approx(exact.high, abs=0.02)


def test_a_share_by_names_covers_as_it_says():
    """40 queries of one to five names, answered at a rate that differs by query: nominal 95 %."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        over = rng.integers(1, 6, 40)
        rates = rng.beta(6, 1, 40)
        ends = intervals.share(rng.binomial(over, rates), over, np.arange(40))
        hits += ends.low <= 6 / 7 <= ends.high
    assert hits / 400 > 0.92


@pytest.mark.parametrize(("values", "over"), [([2.0], [1.0]), ([-1.0], [1.0])])
def test_a_share_counts_some_of_what_there_is(values, over):
    with pytest.raises(MetricInputError, match="between 0 and"):
        intervals.share(values, over, ["a"])


def test_a_share_of_nothing_has_no_interval():
    assert intervals.share([0.0, 0.0], [0.0, 0.0], ["a", "b"]).method == "none"
