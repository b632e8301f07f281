"""Scoring 5,000 stored segmentation answers again, beside the same from dense masks as LISA's evaluation does it.

    pytest tests/benchmarks/test_bench_rescore.py --benchmark-only

From the text of an answer, as a run keeps it, to the values of its metrics. Reading the questions (`FoodTask.load`) is
not in it: the codes of the reference masks are kept in foodbench's home, so that is reading one JSON file.
`extra_info` holds the seconds of both ways, measured in one process; nothing is asserted about time.
"""

import time

import numpy as np
import pytest

from foodbench.core.types import Answer, Mask, Sample
from foodbench.metrics import masks
from foodbench.stats.summary import point_values, summarise
from foodbench.tasks import TASKS
from foodbench.tasks.pointing import masks_reference
from foodbench.tasks.regions import Regions

SIZE = (512, 683)
SAMPLES = 5000
DENSE_SAMPLES = 50  # the dense way takes the better part of a minute for all
SHAPES = 50
NAME = "rice"


@pytest.fixture(scope="module")
def stored():
    """Samples and stored answers about wavy blobs; a corner pixel makes every mask a different one."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    rng = np.random.default_rng(0)
    shapes = []
    for _ in range(SHAPES):
        down, right = rows - 256 - rng.uniform(-20, 20), columns - 340 - rng.uniform(-20, 20)
        angle = np.arctan2(down, right)
        waves = 40 * np.sin(3 * angle + rng.uniform(0, 6)) + 15 * np.sin(9 * angle + rng.uniform(0, 6))
        shapes.append(np.hypot(down, right) < 140 + waves)

    def marked(index):
        shape = shapes[index % SHAPES].copy()
        shape[index % 40, index // SHAPES] = True
        return shape

    dense = [(marked(index), marked(index + 1)) for index in range(DENSE_SAMPLES)]
    codes = [masks.encode(marked(index)) for index in range(SAMPLES + 1)]
    samples, answers = [], []
    for index in range(SAMPLES):
        pred, true = codes[index], codes[index + 1]
        samples.append(
            Sample(
                sample_id=f"{index:08d}",
                cluster=f"{index:08d}",
                image=None,
                question="",
                slots={"ingredients": [NAME]},
                reference=masks_reference(Regions(true.size, {1: true.counts}), {NAME: 1}, [NAME]),
            )
        )
        answers.append(Answer(text="", masks=(Mask(pred.size, pred.counts, NAME),)).to_text())
    return samples, answers, dense


def dense_seconds(answers, dense):
    """Decoding each stored prediction and counting one class by histograms of two label maps, per sample."""
    import torch

    totals = []
    started = time.perf_counter()
    for answer, (_, true) in zip(answers, dense, strict=False):
        pred = masks.decode(Answer.from_text(answer).masks[0])
        output, target = torch.from_numpy(pred).float(), torch.from_numpy(true).float()
        both = output[output == target]
        overlap = torch.histc(both, bins=2, min=0, max=1)
        areas = torch.histc(output, bins=2, min=0, max=1) + torch.histc(target, bins=2, min=0, max=1)
        totals.append((int(overlap[1]), int(areas[1] - overlap[1])))
    return (time.perf_counter() - started) / len(totals), totals


def test_scoring_stored_segmentation_answers(benchmark, stored):
    samples, answers, dense = stored
    task = TASKS.get("foodseg103.refer1")

    def rescore():
        scores = [task.score(sample, answer, ()) for sample, answer in zip(samples, answers, strict=True)]
        return scores, point_values(task.metrics, scores)

    scores, values = benchmark.pedantic(rescore, rounds=3, warmup_rounds=1)
    assert all(score.parsed for score in scores)
    assert 0.5 < values["ciou"] < 1.0
    per_sample, totals = dense_seconds(answers, dense)
    assert totals == [(score.values["intersection"], score.values["union"]) for score in scores[:DENSE_SAMPLES]]
    started = time.perf_counter()
    summarise(task.metrics, scores)
    intervals = time.perf_counter() - started
    if benchmark.stats is None:
        return
    ours = min(benchmark.stats.stats.data)
    benchmark.extra_info.update(
        samples=SAMPLES,
        seconds=ours,
        seconds_with_intervals=ours + intervals,
        dense_seconds=per_sample * SAMPLES,
        times_faster=per_sample * SAMPLES / ours,
    )
