"""Calibration by simulation: how often a change that does nothing is called worse, at a nominal 5 %.

Everything is seeded, so each assertion always sees the same numbers. Alarms are counted on both sides, as `p_worse`
below 5 % (worse) and as an interval above zero (better), which the verdicts FAIL and IMPROVED rest on.
"""

import numpy as np
import pytest

from foodbench.stats.binary import score_interval
from foodbench.stats.holm import holm
from foodbench.stats.paired import paired_difference
from foodbench.stats.power import binary_spread, chance
from foodbench.stats.verdict import Verdict, judge
from tests.stats import simulated

pytestmark = pytest.mark.slow

LEVEL = 0.05


def alarms(metric, make, seed, repeats, **options):
    """Percent of pairs of runs called worse, and better, where neither is."""
    rng = np.random.default_rng(seed)
    found = np.zeros(2)
    for _ in range(repeats):
        difference = paired_difference(metric, *make(rng), **options)
        better = difference.low > 0 if metric.higher_is_better else difference.high < 0
        found += (difference.p_worse < LEVEL, better)
    return 100 * found / repeats


@pytest.mark.parametrize(("n", "discordance"), [(200, 0.12), (500, 0.06), (500, 0.2)])
def test_binary(n, discordance):
    found = alarms(
        simulated.ACCURACY, lambda rng: simulated.binary(rng, n, 0, discordance=discordance), 1, 4_000
    )  # fmt: skip
    assert (found > 4).all()
    assert (found < 6).all()


@pytest.mark.parametrize("correlation", [0.1, 0.3, 0.5])
def test_clustered_means(correlation):
    found = alarms(
        simulated.SCORE, lambda rng: simulated.clustered_scores(rng, 60, 0, correlation=correlation), 2, 3_000
    )  # fmt: skip
    assert (found > 4).all()
    assert (found < 6).all()


@pytest.mark.parametrize("correlation", [0.1, 0.3, 0.5])
def test_clustered_binary(correlation):
    def make(rng):
        return simulated.binary(rng, 100, 0, size=5, discordance=0.15, correlation=correlation)

    found = alarms(simulated.ACCURACY, make, 3, 3_000)
    assert (found > 4).all()
    assert (found < 6).all()


def test_what_ignoring_clusters_does():
    rng, found = np.random.default_rng(4), []
    for _ in range(1_000):
        sides = simulated.clustered_scores(rng, 60, 0, correlation=0.3)
        alone = [[simulated.Score(one.sample_id, one.sample_id, True, one.values) for one in side] for side in sides]
        found.append(paired_difference(simulated.SCORE, *alone).p_worse < LEVEL)
    assert np.mean(found) > 0.12


@pytest.mark.parametrize("dishes", [50, 500])
def test_heavy_tailed_errors(dishes):
    found = alarms(simulated.ENERGY, lambda rng: simulated.energy_errors(rng, dishes, 0), 5, 4_000)
    assert (found > 4).all()
    assert (found < 6).all()


def test_ratios():
    found = alarms(simulated.CIOU, lambda rng: simulated.masks(rng, 200, 0), 6, 4_000)
    assert (found > 4).all()
    assert (found < 6).all()


def test_pooled_labels():
    found = alarms(simulated.MICRO_F1, lambda rng: simulated.label_sets(rng, 200, 0), 7, 4_000)
    assert (found > 4).all()
    assert (found < 6).all()


def test_corpus_bleu():
    found = alarms(simulated.BLEU, lambda rng: simulated.recipes(rng, 100, 0), 8, 3_000)
    assert (found > 4).all()
    assert (found < 6).all()


def test_medians_are_careful():
    found = alarms(simulated.MEDIAN, lambda rng: simulated.energy_errors(rng, 200, 0), 9, 1_000, resamples=1_000)
    assert (found > 1).all()
    assert (found < 6).all()


def test_the_bootstrap_of_a_corpus():
    options = {"method": "bootstrap", "resamples": 400}
    found = alarms(simulated.BLEU, lambda rng: simulated.recipes(rng, 100, 0), 10, 1_000, **options)
    assert (found > 3).all()
    assert (found < 7).all()


@pytest.mark.parametrize(("n", "discordance", "loss"), [(100, 0.1, 0.03), (500, 0.06, 0.02), (2_000, 0.06, 0.01)])
def test_tango_misses_the_truth_as_often_as_it_says(n, discordance, loss):
    rng, repeats = np.random.default_rng(11), 20_000
    shares = [(discordance + loss) / 2, (discordance - loss) / 2, 1 - discordance]
    tables, numbers = np.unique(rng.multinomial(n, shares, repeats), axis=0, return_counts=True)
    ends = np.array([score_interval(int(lost), int(won), n, 1.6448536269514722) for lost, won, _ in tables])
    above, below = numbers[ends[:, 0] > -loss].sum() / repeats, numbers[ends[:, 1] < -loss].sum() / repeats
    assert 0.04 < above < 0.06
    assert 0.04 < below < 0.06


def test_clustered_proportions_at_the_margin():
    """A loss of exactly the margin passes in one case of twenty; with a plain t interval it would in one of twelve."""
    rng, passed, repeats = np.random.default_rng(12), 0, 2_000
    for _ in range(repeats):
        sides = simulated.binary(rng, 100, 0.02, size=5, discordance=0.04, correlation=0.3)
        passed += paired_difference(simulated.ACCURACY, *sides).low > -2
    assert 0.035 < passed / repeats < 0.065


def test_holm_keeps_the_rate_of_the_family():
    """Twelve harmless changes: 46 % have a false alarm without it."""
    rng, repeats = np.random.default_rng(13), 4_000
    p_values = rng.random((repeats, 12))
    assert 0.43 < np.mean(p_values.min(axis=1) < LEVEL) < 0.49
    corrected = [min(holm({str(key): p for key, p in enumerate(row)}).values()) for row in p_values]
    assert 0.04 < np.mean(np.array(corrected) < LEVEL) < 0.06
    # Of metrics of one model, which go up and down together, it is careful.
    from scipy.special import ndtr

    alike = ndtr(np.sqrt(0.7) * rng.normal(size=(repeats, 1)) + np.sqrt(0.3) * rng.normal(size=(repeats, 12)))
    assert np.mean([min(holm({str(key): p for key, p in enumerate(row)}).values()) < LEVEL for row in alike]) < 0.05


def test_a_gate_of_several_metrics_rarely_fails_a_harmless_change():
    rng, repeats, failed, single = np.random.default_rng(14), 1_000, 0, 0
    for _ in range(repeats):
        differences = {
            str(task): paired_difference(simulated.ACCURACY, *simulated.binary(rng, 200, 0, discordance=0.12))
            for task in range(6)
        }
        same = dict.fromkeys(differences, 1.0)
        judged = judge(differences, same, dict.fromkeys(differences, True)).values()
        failed += any(one.verdict is Verdict.FAIL for one in judged)
        single += any(one.p_worse < LEVEL for one in differences.values())
    assert 0.03 < failed / repeats < 0.065
    assert single / repeats > 0.2


@pytest.mark.parametrize(("n", "discordance", "loss"), [(500, 0.06, 0.03), (200, 0.12, 0.05), (1_000, 0.06, 0.02)])
def test_the_formula_for_power(n, discordance, loss):
    rng, repeats = np.random.default_rng(15), 800
    found = [
        paired_difference(simulated.ACCURACY, *simulated.binary(rng, n, loss, discordance=discordance)).p_worse < LEVEL
        for _ in range(repeats)
    ]
    assert np.mean(found) == pytest.approx(chance(loss, n, binary_spread(discordance, loss)), abs=0.05)


def test_the_formula_for_power_of_clustered_means():
    rng, repeats = np.random.default_rng(16), 1_500
    differences = [
        paired_difference(simulated.SCORE, *simulated.clustered_scores(rng, 60, 0.2)) for _ in range(repeats)
    ]
    spread = float(np.mean([difference.spread for difference in differences]))
    assert spread == pytest.approx(np.sqrt(0.3 + 0.7 / 5), rel=0.05)
    assert np.mean([one.p_worse < LEVEL for one in differences]) == pytest.approx(chance(0.2, 60, spread), abs=0.04)
