"""Reports for the tests of the site: real tasks on a small kitchen, or whatever a hostile hand may write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from foodbench.core.types import Sample, Score
from foodbench.data.roots import resolve
from foodbench.metrics.aggregate import Metric
from foodbench.runs.schema import (
    ConfigValue,
    DatasetIdentity,
    MetricRecord,
    ModelIdentity,
    ReferenceFigure,
    RunFile,
    SampleIds,
    SampleRecord,
    SampleTime,
    TaskIdentity,
    TaskResult,
    TaskStatus,
    TaskTime,
)
from foodbench.runs.store import RunFolder, samples_digest
from foodbench.stats.summary import summarise
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask, TaskData

PROVENANCE: dict[str, Any] = {
    "foodbench": "0.1.0",
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "python": "3.11.7",
    "platform": "Linux",
    "packages": {"torch": "2.15.0"},
    "cpu": "a processor",
    "cores": 2,
    "gpus": [],
    "seed": 0,
}
DAY = "2026-01-02T03:04:05.000+00:00"
Answering = Callable[[FoodTask, Sample, int], str]


def right(task: FoodTask, sample: Sample, _index: int) -> str:
    """The reference."""
    return task.oracle(sample).to_text()


def wrong_each(step: int) -> Answering:
    """The reference, but nonsense for every `step`-th sample."""
    return lambda task, sample, index: "I cannot say." if index % step == 0 else right(task, sample, index)


def loaded(names: Sequence[str]) -> dict[str, TaskData]:
    """The tasks with the questions of the kitchen that is in use."""
    return {name: TASKS.get(name).load(resolve(TASKS.get(name).dataset, "kitchen")) for name in names}


def write_answers(root: Path, name: str, data: Mapping[str, TaskData], answering: Answering, **fields: Any) -> Path:
    """A report of answers to real tasks, scored as a run scores them."""
    results = {}
    for each in data.values():
        task = each.task
        records = []
        for index, sample in enumerate(each.samples):
            raw = answering(task, sample, index)
            records.append(record_of(task.score(sample, raw, each.vocabulary), raw))
        dataset = DatasetIdentity(
            name=task.dataset,
            edition="kitchen",
            split=task.split,
            fingerprint=each.dataset_fingerprint,
            available=each.available,
            missing=0,
        )
        identity = TaskIdentity(
            name=task.name,
            version=task.version,
            protocol=task.protocol,
            fingerprint=each.fingerprint,
            prompt_fingerprint=task.prompt_fingerprint,
        )
        results[task.versioned_name] = (identity, dataset, task.metrics, task.headline, records)
    return write_report(root, name, results, **fields)


def record_of(score: Score, raw: str) -> SampleRecord:
    """A scored sample as it is stored."""
    return SampleRecord(
        sample_id=score.sample_id,
        cluster=score.cluster,
        key=f"sha256:{score.sample_id}",
        answer=raw,
        parsed=score.parsed,
        values=dict(score.values),
        detail=dict(score.detail),
        error=score.error,
        time=SampleTime(seconds=0.01),
    )


Contents = Mapping[str, tuple[TaskIdentity, DatasetIdentity, Sequence[Metric], int, Sequence[SampleRecord]]]


def write_report(
    root: Path,
    name: str,
    contents: Contents,
    *,
    spec: str = "py:example:Model",
    limit: int | None = None,
    date: str = DAY,
    floor: float | None = 0.0,
) -> Path:
    """Write a report folder."""
    folder = RunFolder(root / name)
    model = ModelIdentity(spec=spec, identity=f"{spec}:{name}")
    statuses = {}
    for versioned, (identity, dataset, metrics, headline, records) in contents.items():
        scores = [record.score() for record in records]
        result = TaskResult(
            task=identity,
            dataset=dataset,
            model=model,
            metrics=[
                _metric(each, value, floor) for each, value in zip(metrics, summarise(metrics, scores), strict=True)
            ],
            headline=headline,
            n=len(records),
            limit=limit,
            parse_rate=sum(record.parsed for record in records) / max(1, len(records)),
            errors=sum(record.error is not None for record in records),
            samples_sha256=samples_digest(records),
            provenance=PROVENANCE,
            time=TaskTime(started=date, finished=date, seconds=2.0, model_seconds=1.0, asked=len(records)),
        )
        folder.task(versioned).write(
            records, result, SampleIds(scored=[each.sample_id for each in records], missing=[])
        )
        statuses[versioned] = TaskStatus(status="complete", result=f"{versioned}/result.json")
    folder.write(
        RunFile(
            run_id=name,
            model=model,
            config={
                "tasks": ConfigValue(value=[each.partition("@")[0] for each in contents], origin="command line"),
                "edition": ConfigValue(value="kitchen", origin="command line"),
            },
            tasks=statuses,
            provenance=PROVENANCE,
            time={"started": date, "updated": date},
        )
    )
    return folder.path


def _metric(metric: Metric, value: Any, floor: float | None) -> MetricRecord:
    best = metric.scale if metric.higher_is_better else 0.0
    worst = floor if metric.higher_is_better else 100.0
    return MetricRecord(
        id=metric.id,
        value=value.value,
        low=value.low,
        high=value.high,
        interval_method=value.interval_method,
        n=value.n,
        clusters=value.clusters,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        floor=ReferenceFigure(model="baseline:mean", value=worst, fitted_on=10),
        ceiling=ReferenceFigure(model="baseline:oracle", value=best),
    )


def plain_contents(
    answers: Sequence[tuple[str, str, bool]],
    *,
    name: str = "food101.dish",
    fingerprint: str = "sha256:made",
    **dataset: Any,
) -> Contents:
    """Contents of one task from (sample id, answer, whether right): no dataset is behind them."""
    task = TASKS.get(name)
    records = [
        SampleRecord(
            sample_id=sample_id,
            cluster=sample_id,
            key=sample_id,
            answer=answer,
            parsed=True,
            values={"correct": float(correct)},
        )
        for sample_id, answer, correct in answers
    ]
    identity = TaskIdentity(
        name=name,
        version=dataset.pop("version", task.version),
        protocol="strict",
        fingerprint=fingerprint,
        prompt_fingerprint="sha256:prompt",
    )
    described = {"name": task.dataset, "edition": "kitchen", "split": "test", "fingerprint": "sha256:data"}
    about = DatasetIdentity(**{**described, "available": len(records), "missing": 0, **dataset})
    return {f"{name}@{identity.version}": (identity, about, task.metrics[:1], 1, records)}
