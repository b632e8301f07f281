"""Scoring masks from their stored code, beside what LISA's evaluation does with dense masks, in one run.

    pytest tests/benchmarks --benchmark-only

512 x 683 is the size of a typical web photo. `extra_info` holds the other method's time in the same process
and the ratio; nothing is asserted about time.
"""

import timeit

import numpy as np
import pytest

from foodbench.metrics import masks

SIZE = (512, 683)
PAIRS = 8


@pytest.fixture(scope="module")
def dense_pairs():
    """Wavy blobs, predicted and true, that overlap by about three quarters."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    rng = np.random.default_rng(0)

    def blob(shift):
        angle = np.arctan2(rows - 256 - shift, columns - 340 - shift)
        radius = np.hypot(rows - 256 - shift, columns - 340 - shift)
        waves = 40 * np.sin(3 * angle + rng.uniform(0, 6)) + 15 * np.sin(9 * angle + rng.uniform(0, 6))
        return radius < 140 + waves

    return [(blob(rng.uniform(-20, 20)), blob(0.0)) for _ in range(PAIRS)]


def lisa_style(pairs):
    """Counts of one class by histograms of dense label maps; float because torch's CPU histogram takes no integers."""
    import torch

    totals = []
    for pred, true in pairs:
        output, target = torch.from_numpy(pred).float(), torch.from_numpy(true).float()
        both = output[output == target]
        overlap = torch.histc(both, bins=2, min=0, max=1)
        area = torch.histc(output, bins=2, min=0, max=1) + torch.histc(target, bins=2, min=0, max=1)
        totals.append((int(overlap[1]), int(area[1] - overlap[1])))
    return totals


def per_pair(function, repeat=5):
    """Microseconds per pair: the best of a few rounds."""
    return min(timeit.repeat(function, number=1, repeat=repeat)) / PAIRS * 1e6


def test_scoring_stored_codes(benchmark, dense_pairs):
    """Masks that were not seen before; `seen_...` is with both parsed a moment ago, as after `validate` and `area`."""
    codes = [(masks.encode(pred), masks.encode(true)) for pred, true in dense_pairs]

    def score_seen():
        return [masks.intersection_union(pred, true) for pred, true in codes]

    def score():
        masks.forget()
        return score_seen()

    def parse_references():
        masks.forget()
        return [masks.area(true) for _, true in codes]

    def score_with_references_seen():
        parse_references()
        return score_seen()

    assert benchmark(score) == lisa_style(dense_pairs)
    naive = per_pair(lambda: lisa_style(dense_pairs))
    ours, seen = per_pair(score, repeat=50), per_pair(score_seen, repeat=50)
    reference_seen = per_pair(score_with_references_seen, repeat=50) - per_pair(parse_references, repeat=50)
    benchmark.extra_info.update(
        us_per_pair=ours,
        lisa_style_us_per_pair=naive,
        times_faster=naive / ours,
        reference_seen_us_per_pair=reference_seen,
        reference_seen_times_faster=naive / reference_seen,
        seen_us_per_pair=seen,
        seen_times_faster=naive / seen,
    )


def test_encoding_a_dense_mask(benchmark, dense_pairs):
    from pycocotools import mask as coco

    dense = [pred for pred, _ in dense_pairs]

    def by_pycocotools():
        return [coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode() for mask in dense]

    def encode():
        return [masks.encode(mask).counts for mask in dense]

    assert benchmark(encode) == by_pycocotools()
    ours, theirs = per_pair(encode, repeat=20), per_pair(by_pycocotools, repeat=20)
    benchmark.extra_info.update(us_per_mask=ours, pycocotools_us_per_mask=theirs, times_faster=theirs / ours)
