"""Small runs for comparing, written as files without a model, a dataset or the engine."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from foodbench.core.hashing import fingerprint
from foodbench.core.types import Score
from foodbench.runs.pairs import RunSide, open_side
from foodbench.runs.store import RunFolder
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS

DISH, VIREO, REFER = "food101.dish", "vireo172.dish", "foodseg103.refer1"
PLATFORM = {"packages": {"torch": "2.15.0", "numpy": "2.4.6"}, "cpu": "AMD EPYC", "omp_num_threads": "1", "gpus": []}


@dataclass(frozen=True)
class Line:
    """One stored sample."""

    sample_id: str
    values: Mapping[str, float]
    answer: str
    cluster: str = ""
    parsed: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = 0.01

    def plain(self) -> dict[str, Any]:
        return {
            "sample_id": self.sample_id,
            "cluster": self.cluster or self.sample_id,
            "key": f"key-{self.sample_id}",
            "answer": self.answer,
            "parsed": self.parsed,
            "values": dict(self.values),
            "detail": dict(self.detail),
            "error": None,
            "tokens": None,
            "time": {"seconds": self.seconds},
        }


def dish_lines(right: Sequence[bool]) -> list[Line]:
    """Answers to `food101.dish`; a right one says so, a wrong one too."""
    return [
        Line(f"soup/{index:05d}", {"correct": float(each)}, "soup" if each else f"not soup {index}")
        for index, each in enumerate(right)
    ]


def refer_lines(overlaps: Sequence[float]) -> list[Line]:
    """Answers to `foodseg103.refer1` with these IoUs, of a union of 1,000 pixels each."""
    values = {
        "iou_sum": 0.0,
        "present": 1.0,
        "answered": 1.0,
        "strays": 0.0,
        "drawn": 1.0,
        "absent": 0.0,
        "refused": 0.0,
    }
    return [
        Line(f"{index:08d}", {**values, "intersection": 1000.0 * each, "union": 1000.0, "iou": each}, f"iou {each}")
        for index, each in enumerate(overlaps)
    ]


def write_run(
    folder: Path,
    tasks: Mapping[str, Sequence[Line]],
    *,
    packed: bool = False,
    change: Callable[[dict[str, Any]], None] | None = None,
    statuses: Mapping[str, Mapping[str, Any]] | None = None,
    identity: str | None = None,
    edition: str = "kitchen",
) -> Path:
    """Write a run of these answers.

    Args:
        folder: of the run; its name is the run's id.
        tasks: the answers by task.
        packed: as a folder of reports, compressed.
        change: edits each result.json before it is written.
        statuses: further entries of `run.json`, by versioned name.
        identity: of the model; the run's id by default.
        edition: of the datasets.
    """
    model = {"spec": "py:tests:Parrot", "args": {}, "identity": identity or folder.name}
    entries: dict[str, Any] = {}
    for name, lines in tasks.items():
        task = TASKS.get(name)
        place = folder / task.versioned_name
        place.mkdir(parents=True)
        text = "".join(json.dumps(line.plain()) + "\n" for line in lines)
        result = result_of(name, lines, model, edition)
        if change is not None:
            change(result)
        if packed:
            (place / "samples.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            (place / "samples.jsonl").write_text(text)
        (place / "result.json").write_text(json.dumps(result))
        (place / "ids.json").write_text(json.dumps({"scored": [line.sample_id for line in lines], "missing": []}))
        entries[task.versioned_name] = {"status": "complete", "result": f"{task.versioned_name}/result.json"}
    run = {
        "schema_version": 1,
        "run_id": folder.name,
        "model": model,
        "config": {},
        "tasks": {**entries, **(statuses or {})},
        "provenance": {"foodbench": "0.1.0", "seed": 0, **PLATFORM},
        "time": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def result_of(name: str, lines: Sequence[Line], model: Mapping[str, Any], edition: str) -> dict[str, Any]:
    """A result.json that goes with the answers."""
    task = TASKS.get(name)
    scores = [Score(line.sample_id, line.cluster or line.sample_id, line.parsed, line.values) for line in lines]
    values = point_values(task.metrics, scores)
    ids = sorted(line.sample_id for line in lines)
    return {
        "schema_version": 1,
        "task": {
            "name": name,
            "version": task.version,
            "protocol": task.protocol,
            "fingerprint": fingerprint([name, ids]),
            "prompt_fingerprint": task.prompt_fingerprint,
        },
        "dataset": {
            "name": task.dataset,
            "edition": edition,
            "split": task.split,
            "fingerprint": fingerprint([task.dataset, ids]),
            "available": len(lines),
            "missing": 0,
        },
        "model": dict(model),
        "metrics": [
            {
                "id": metric.id,
                "value": values[metric.id],
                "low": None,
                "high": None,
                "interval_method": "none",
                "n": len(lines),
                "clusters": len({score.cluster for score in scores}),
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "signature": metric.signature,
            }
            for metric in task.metrics
        ],
        "headline": task.headline,
        "n": len(lines),
        "limit": None,
        "parse_rate": sum(line.parsed for line in lines) / len(lines) if lines else 0.0,
        "errors": 0,
        "samples_sha256": fingerprint([line.plain() for line in lines]).removeprefix("sha256:"),
        "provenance": {"foodbench": "0.1.0", "seed": 0, **PLATFORM},
        "time": {"started": "", "finished": "", "seconds": 1.0, "model_seconds": 1.0, "asked": len(lines)},
    }


def sides(baseline: Path, candidate: Path) -> tuple[RunSide, RunSide]:
    """Both runs, opened."""
    return open_side(RunFolder(baseline), "baseline"), open_side(RunFolder(candidate), "candidate")


def flipped(lines: Sequence[Line], lost: int = 0, won: int = 0) -> list[Line]:
    """Dish answers of which the first right ones have become wrong, and the first wrong ones right."""
    found = []
    for line in lines:
        right = line.values["correct"] == 1
        if right and lost:
            lost -= 1
            line = replace(line, values={"correct": 0.0}, answer="soap")
        elif not right and won:
            won -= 1
            line = replace(line, values={"correct": 1.0}, answer="soup")
        found.append(line)
    return found
