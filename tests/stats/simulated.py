"""Pairs of runs whose true difference is known, made from random numbers, one function per kind of metric.

Each takes a generator, the size of the sample and how much the candidate loses, and returns the scores of the baseline
and of the candidate. With a loss of 0 the two sides are exchangeable: no difference is right, and every alarm false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.bleu import CORPUS_BLEU, LENGTHS, MATCHES, TOTALS

Sides = tuple[list[Score], list[Score]]

ACCURACY = Metric("accuracy", "proportion", "right", unit="%", scale=100.0, bounds=(0.0, 1.0))
ENERGY = Metric("mae.kcal", "mean", "error", unit="kcal", higher_is_better=False, bounds=(0.0, float("inf")))
MEDIAN = Metric("median_ae.kcal", "median", "error", unit="kcal", higher_is_better=False, bounds=(0.0, float("inf")))
SCORE = Metric("score", "mean", "score")
CIOU = Metric("ciou", "ratio", "intersection", "union", unit="%", scale=100.0, bounds=(0.0, 1.0))
MICRO_F1 = Metric("f1.micro", "share", "tp", "half_sum", unit="%", scale=100.0, bounds=(0.0, 1.0))
BLEU = CORPUS_BLEU


def scores(columns: Mapping[str, Sequence[float]], clusters: Sequence[int] | None = None) -> list[Score]:
    """One score per row of the columns; each row is a cluster of its own unless said otherwise."""
    rows = [dict(zip(columns, map(float, row), strict=True)) for row in zip(*columns.values(), strict=True)]
    names = range(len(rows)) if clusters is None else clusters
    return [
        Score(f"s{index}", f"c{name}", parsed=True, values=row)
        for index, (row, name) in enumerate(zip(rows, names, strict=True))
    ]


def binary(rng, clusters, loss, *, size=1, discordance=0.06, correlation=0.0):
    """0/1 answers, `discordance` of which are right on one side only; those of a cluster go the same way.

    With the chance sqrt(correlation) a sample does as its cluster does, so that is the correlation within clusters.
    """
    alike = rng.random((clusters, size)) < sqrt(correlation)
    luck = np.where(alike, rng.random((clusters, 1)), rng.random((clusters, size))).ravel()
    lost, won = luck < (discordance + loss) / 2, luck > 1 - (discordance - loss) / 2
    both = rng.random(luck.size) < 0.7
    names = np.repeat(np.arange(clusters), size)
    return scores({"right": lost | (both & ~won)}, names), scores({"right": won | (both & ~lost)}, names)


def clustered_scores(rng, clusters, loss, *, size=5, correlation=0.3):
    """Normal differences with a correlation within clusters."""
    shared, own = rng.normal(size=(clusters, 1)), rng.normal(size=(clusters, size))
    change = (sqrt(correlation) * shared + sqrt(1 - correlation) * own - loss).ravel()
    base = rng.normal(size=change.size)
    names = np.repeat(np.arange(clusters), size)
    return scores({"score": base}, names), scores({"score": base + change}, names)


def energy_errors(rng, dishes, loss):
    """Absolute errors in kcal: lognormal dishes of 290 kcal, each side off by about a quarter, and rather alike."""
    true = rng.lognormal(5.5, 0.6, dishes)
    shared, first, second = rng.normal(size=(3, dishes))
    usual = 0.25 * np.exp(5.5 + 0.6**2 / 2) * sqrt(2 / np.pi)  # mean absolute error
    sides = [true * np.abs(0.25 * (0.9 * shared + sqrt(1 - 0.9**2) * own)) for own in (first, second)]
    return scores({"error": sides[0]}), scores({"error": sides[1] * (1 + loss / usual)})


def masks(rng, images, loss):
    """Intersections and unions in pixels: areas of all sizes, an IoU of about 0.75, a third of the masks drawn anew."""
    area, quality = rng.lognormal(9, 0.8, images), rng.beta(6, 2, images)
    sides = []
    for lower in (0.0, loss):
        changed = rng.random(images) < 1 / 3
        iou = np.where(changed, np.clip(quality + rng.normal(0, 0.1, images), 0, 1), quality) * (1 - lower / 0.75)
        union = area * np.where(changed, rng.uniform(1, 1.3, images), 1.15)
        sides.append(scores({"intersection": np.round(iou * union), "union": np.round(union)}))
    return sides[0], sides[1]


def label_sets(rng, samples, loss):
    """Counts of labels that are named and there; a third of the answers are given anew."""
    there, skill, extra = rng.poisson(3, samples) + 1, rng.beta(6, 3, samples), rng.poisson(1, samples)
    usual = rng.binomial(there, skill)
    sides = []
    for lower in (0.0, loss):
        changed = rng.random(samples) < 1 / 3
        right = np.where(changed, rng.binomial(there, skill), usual)
        right = rng.binomial(right, 1 - lower) if lower else right
        wrong = np.where(changed, rng.poisson(1, samples), extra)
        sides.append(scores({"tp": right, "half_sum": right + (wrong + there - right) / 2}))
    return sides[0], sides[1]


def _ngrams(rng, reference, skill):
    length = np.maximum(5, np.round(reference * rng.normal(1, 0.1, reference.size))).astype(int)
    columns, matches = dict(zip(LENGTHS, (length, reference), strict=True)), length
    for n, (match, total) in enumerate(zip(MATCHES, TOTALS, strict=True)):
        columns[total] = length - n
        columns[match] = matches = rng.binomial(np.minimum(matches, length - n), skill)
    return columns


def recipes(rng, samples, loss):
    """Counts of n-grams of texts of some 30 words, as corpus BLEU takes them; a third of the answers are given anew."""
    reference = np.round(rng.lognormal(3.2, 0.6, samples)).astype(int) + 6
    skill = rng.beta(5, 3, samples)
    usual = _ngrams(rng, reference, skill)
    sides = []
    for lower in (0.0, loss):
        changed = rng.random(samples) < 1 / 3
        anew = _ngrams(rng, reference, skill)
        columns = {key: np.where(changed, anew[key], usual[key]) for key in usual}
        if lower:
            columns.update({key: rng.binomial(columns[key], 1 - lower) for key in MATCHES})
        sides.append(scores(columns))
    return sides[0], sides[1]
