"""Plates per second of the kitchen on one core.

    pytest tests/benchmarks --benchmark-only

Textures are made before the clock starts. `extra_info` holds plates per second; nothing is asserted about time.
"""

import itertools

import pytest

from foodbench.data.kitchen import make, plate_seed, render

WARM_UP = 40


@pytest.mark.parametrize("size", [128, 224, (480, 640)], ids=["128", "224", "480x640"])
def test_render(benchmark, size):
    for index in range(WARM_UP):
        render(plate_seed("val", "warm-up", index), size)
    indices = itertools.count()
    benchmark.pedantic(
        lambda: [render(plate_seed("val", "benchmark", next(indices)), size) for _ in range(10)], rounds=5, iterations=1
    )
    if benchmark.stats is not None:
        benchmark.extra_info["plates_per_second"] = round(10 / benchmark.stats.stats.mean, 1)


@pytest.mark.parametrize("dataset", ["food101", "nutrition5k", "foodseg103"])
def test_make(benchmark, dataset, tmp_path):
    numbers = {"train": 24, "test": 12, "datasets": (dataset,), "workers": 1}
    make(tmp_path / "warm-up", **numbers)
    benchmark.pedantic(lambda: make(tmp_path / "out", seed=1, **numbers), rounds=2, iterations=1)
