"""Comparing two runs of 25,000 samples, beside a bootstrap that draws one array of indices per resample.

    pytest tests/benchmarks --benchmark-only

`extra_info` holds the plain bootstrap's time in the same process, extrapolated from fewer resamples, the ratio, and the
most memory that was allocated at once; nothing is asserted about time.
"""

import timeit
import tracemalloc

import numpy as np
import pytest

from foodbench.core.types import Score
from foodbench.metrics.bleu import CORPUS_BLEU, KEYS, corpus_bleu
from foodbench.metrics.labels import label_metrics, sample_values
from foodbench.stats.paired import bootstrap_mean_difference, paired_difference
from tests.stats import simulated

SAMPLES, RESAMPLES = 25_000, 10_000
PLAIN_RESAMPLES = 100
CLUSTERS = np.arange(SAMPLES)


@pytest.fixture(scope="module")
def errors():
    return simulated.energy_errors(np.random.default_rng(0), SAMPLES, 1)


@pytest.fixture(scope="module")
def recipes():
    return simulated.recipes(np.random.default_rng(1), SAMPLES, 0.01)


@pytest.fixture(scope="module")
def labels():
    """Lists of ingredients from a vocabulary of 353, common and rare; a third of the answers given anew."""
    rng = np.random.default_rng(2)
    names = np.array([f"label{number}" for number in range(353)])
    frequency = 0.8 / np.arange(1, names.size + 1)
    there = rng.random((SAMPLES, names.size)) < frequency

    def answers():
        return rng.random(there.shape) < np.where(there, 0.7, 0.1 * frequency)

    usual = answers()
    other = np.where(rng.random((SAMPLES, 1)) < 1 / 3, answers(), usual)
    return [
        [
            Score(f"s{row}", f"c{row}", True, sample_values(names[named], names[due], names.size))
            for row, (named, due) in enumerate(zip(side, there, strict=True))
        ]
        for side in (usual, other)
    ]


def measured(benchmark, call, plain=None):
    """Time the call, then note the peak of its memory and the plain way's time."""
    found = benchmark.pedantic(call, rounds=3, iterations=1, warmup_rounds=1)
    if benchmark.disabled:
        return found
    tracemalloc.start()
    call()
    benchmark.extra_info["peak_mb"] = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    if plain is not None:
        seconds = timeit.timeit(plain, number=1) * RESAMPLES / PLAIN_RESAMPLES
        times = seconds / benchmark.stats.stats.min
        benchmark.extra_info.update(plain_seconds_extrapolated=seconds, times_faster=times)
    return found


def columns(sides, key):
    return [np.array([score.values[key] for score in side]) for side in sides]


def test_bootstrap_of_a_mean(benchmark, errors):
    before, after = columns(errors, "error")

    def plain():
        rng = np.random.default_rng(0)
        chosen = (rng.integers(0, SAMPLES, SAMPLES) for _ in range(PLAIN_RESAMPLES))
        return [after[index].mean() - before[index].mean() for index in chosen]

    found = measured(benchmark, lambda: bootstrap_mean_difference(before, after, CLUSTERS), plain)
    assert found.method == "bootstrap.paired.clustered"


def test_bootstrap_of_corpus_bleu(benchmark, recipes):
    tables = [np.stack([columns([side], key)[0] for key in KEYS], axis=1) for side in recipes]

    def plain():
        rng = np.random.default_rng(0)
        for _ in range(PLAIN_RESAMPLES):
            index = rng.integers(0, SAMPLES, SAMPLES)
            for table in tables:
                corpus_bleu(dict(zip(KEYS, table[index].sum(axis=0).tolist(), strict=True)))

    found = measured(benchmark, lambda: paired_difference(CORPUS_BLEU, *recipes, method="bootstrap"), plain)
    assert found.method == "bootstrap.paired.clustered"


@pytest.mark.parametrize("metric", [simulated.ENERGY, simulated.MEDIAN], ids=lambda metric: metric.kind)
def test_errors(benchmark, errors, metric):
    found = measured(benchmark, lambda: paired_difference(metric, *errors))
    assert found.n == SAMPLES


def test_corpus_bleu(benchmark, recipes):
    found = measured(benchmark, lambda: paired_difference(CORPUS_BLEU, *recipes))
    assert found.method == "t.paired.clustered"


@pytest.mark.parametrize("method", ["auto", "bootstrap"])
def test_macro_f1(benchmark, labels, method):
    metric = next(metric for metric in label_metrics() if metric.id == "f1.macro_present")
    found = measured(benchmark, lambda: paired_difference(metric, *labels, method=method))
    assert found.n == SAMPLES
