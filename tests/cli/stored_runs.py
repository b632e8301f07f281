"""Finished runs made through the real scoring and store, without a model and without lmms-eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from foodbench.core.types import Answer, Mask, Sample
from foodbench.data.kitchen import FOLDERS
from foodbench.data.roots import DatasetChoice
from foodbench.engine import scoring
from foodbench.engine.references import Reference
from foodbench.metrics.masks import decode, encode
from foodbench.runs.provenance import collect
from foodbench.runs.schema import ModelIdentity, RunFile, TaskStatus, TaskTime
from foodbench.runs.store import RunFolder, StoredAnswer
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData

Answers = Callable[[Sample], str]
MODEL = ModelIdentity(spec="py:tests:Parrot", args={"size": "small"}, identity="parrot-1")


class Output:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def error(self) -> list[str]:
        """The lines of the error."""
        return [line for line in self.err.splitlines() if line.startswith(("error:", "hint:"))]


def load_task(name: str, kitchen: Path) -> TaskData:
    task = TASKS.get(name)
    return task.load(DatasetChoice(task.dataset, "kitchen", kitchen / FOLDERS[task.dataset], False))


def store_task(folder: RunFolder, data: TaskData, answer: Answers) -> None:
    """Score answers as `foodbench run` does, and write them."""
    keys = {sample.sample_id: f"key-{sample.sample_id}" for sample in data.samples}
    stored = {keys[sample.sample_id]: StoredAnswer(answer(sample), 0.25) for sample in data.samples}
    scores = {
        sample.sample_id: data.task.score(sample, stored[keys[sample.sample_id]].answer, data.vocabulary)
        for sample in data.samples
    }
    oracle = [data.task.score(each, data.task.oracle(each).to_text(), data.vocabulary) for each in data.samples]
    records = scoring.sample_records(data, scores, keys, stored)
    result = scoring.task_result(
        data,
        records,
        scores,
        [
            Reference(role="floor", model="baseline:mean", values={}, reason="the train split is not there"),
            Reference(role="ceiling", model="baseline:oracle", values=point_values(data.task.metrics, oracle)),
        ],
        model=MODEL,
        seed=0,
        usage={},
        time=TaskTime(
            started="2026-01-01T00:00:00", finished="2026-01-01T00:00:06", seconds=6, model_seconds=6, asked=24
        ),
    )
    folder.task(data.task.versioned_name).write(records, result, scoring.sample_ids(data))


def finish_run(folder: RunFolder, statuses: Mapping[str, TaskStatus]) -> None:
    folder.write(
        RunFile(
            run_id=folder.path.name,
            model=MODEL,
            config={},
            tasks=dict(statuses),
            provenance=collect(0),
            time={"started": "2026-01-01T00:00:00", "updated": "2026-01-01T00:00:09"},
        )
    )


def right_dish(sample: Sample) -> str:
    return sample.reference["dish"].replace("_", " ")


def shifted_mask(sample: Sample) -> str:
    """A decoy under another name, then the reference moved four rows down, under the right name."""
    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    true = decode(Mask(size=size, counts=sample.reference["masks"][0]["counts"]))
    moved = true.copy()
    moved[4:] = true[:-4]
    moved[:4] = False
    decoy = encode(~true)
    right = encode(moved)
    masks = (Mask(decoy.size, decoy.counts, "table"), Mask(right.size, right.counts, sample.slots["ingredients"][0]))
    return Answer(text="It is here.", masks=masks).to_text()
