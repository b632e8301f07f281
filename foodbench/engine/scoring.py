"""From scored samples to the files of a finished task. Shared by `foodbench run` and `foodbench score`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from foodbench.core.hashing import fingerprint
from foodbench.core.types import Sample, Score
from foodbench.data.controls import ControlImage
from foodbench.data.known_bad import bad_ids
from foodbench.engine.references import Reference
from foodbench.metrics import ratings
from foodbench.runs.provenance import collect
from foodbench.runs.schema import (
    DatasetIdentity,
    MetricRecord,
    ModelIdentity,
    RaterSummary,
    ReferenceFigure,
    SampleIds,
    SampleRecord,
    SampleTime,
    TaskIdentity,
    TaskResult,
    TaskTime,
    WithoutKnownBad,
)
from foodbench.runs.store import StoredAnswer, samples_digest
from foodbench.stats.summary import point_values, summarise
from foodbench.tasks.base import TaskData


def question_key(data: TaskData, sample: Sample, identity: str) -> str:
    """Identity of one question asked of one model. An answer is reused only under an equal key.

    Args:
        data: the task's samples.
        sample: the question.
        identity: the model's.

    Raises:
        DataMissing, DataCorrupt: the picture cannot be read.
    """
    return fingerprint(
        [
            data.task.versioned_name,
            sample.sample_id,
            sample.image.fingerprint(),
            sample.question,
            dict(sample.slots),
            dict(data.task.generation),
            identity,
        ]
    )


def sample_records(
    data: TaskData, scores: Mapping[str, Score], keys: Mapping[str, str], answers: Mapping[str, StoredAnswer]
) -> list[SampleRecord]:
    """The lines of `samples.jsonl`, in order of sample id: every sample of the task, each once.

    Args:
        data: the task's samples.
        scores: score by sample id.
        keys: journal key by sample id.
        answers: stored answer by key.
    """
    records = []
    for sample in data.samples:
        score, key = scores[sample.sample_id], keys[sample.sample_id]
        answer = answers[key]
        records.append(
            SampleRecord(
                sample_id=sample.sample_id,
                cluster=sample.cluster,
                key=key,
                answer=answer.answer,
                parsed=score.parsed,
                values=dict(score.values),
                detail=dict(score.detail),
                error=score.error,
                tokens=None if answer.tokens is None else dict(answer.tokens),
                time=SampleTime(seconds=answer.seconds),
            )
        )
    return records


def _metric_records(data: TaskData, scores: Sequence[Score], references: Sequence[Reference]) -> list[MetricRecord]:
    records = []
    for metric, value in zip(data.task.metrics, summarise(data.task.metrics, scores), strict=True):
        # Nobody rates baselines.
        beside = () if metric.id in ratings.IDS else references
        floors = [reference for reference in beside if reference.role == "floor"]
        records.append(
            MetricRecord(
                id=value.id,
                value=value.value,
                low=value.low,
                high=value.high,
                interval_method=value.interval_method,
                n=value.n,
                clusters=value.clusters,
                unit=value.unit,
                higher_is_better=value.higher_is_better,
                signature=metric.signature,
                floor=_best(floors, value.id, value.higher_is_better),
                ceiling=next((_figure(item, value.id) for item in beside if item.role == "ceiling"), None),
            )
        )
    return records


def _figure(reference: Reference, metric_id: str) -> ReferenceFigure:
    return ReferenceFigure(
        model=reference.model,
        value=reference.values.get(metric_id),
        reason=reference.reason,
        fitted_on=reference.fitted_on,
    )


def _best(references: Sequence[Reference], metric_id: str, higher_is_better: bool) -> ReferenceFigure | None:
    figures = [_figure(reference, metric_id) for reference in references]
    worst = -math.inf if higher_is_better else math.inf
    if not figures:
        return None
    choose = max if higher_is_better else min
    return choose(figures, key=lambda figure: worst if figure.value is None else figure.value)


def task_result(
    data: TaskData,
    records: Sequence[SampleRecord],
    scores: Mapping[str, Score],
    references: Sequence[Reference],
    *,
    model: ModelIdentity,
    seed: int,
    usage: Mapping[str, float],
    time: TaskTime,
    raters: Sequence[RaterSummary] = (),
    n_missing: int = 0,
) -> TaskResult:
    """`result.json` of a finished task."""
    ordered = [scores[sample.sample_id] for sample in data.samples]
    return TaskResult(
        task=task_identity(data),
        dataset=DatasetIdentity(
            name=data.task.dataset,
            edition=data.choice.edition,
            variant=data.choice.variant,
            split=data.task.split,
            fingerprint=data.dataset_fingerprint,
            available=data.available,
            missing=len(data.missing_ids),
        ),
        model=model,
        metrics=_metric_records(data, ordered, references),
        headline=data.task.headline,
        without_known_bad=_without_known_bad(data, ordered),
        n=len(ordered),
        n_missing=n_missing,
        limit=data.limit,
        parse_rate=sum(score.parsed for score in ordered) / len(ordered),
        errors=sum(score.error is not None for score in ordered),
        samples_sha256=samples_digest(records),
        usage=dict(usage),
        raters=list(raters),
        provenance=collect(seed),
        time=time,
    )


def task_identity(data: TaskData) -> TaskIdentity:
    """What was asked, as the result states it."""
    task = data.task
    return TaskIdentity(
        name=task.name,
        version=task.version,
        protocol=task.protocol,
        fingerprint=data.fingerprint,
        prompt_fingerprint=task.prompt_fingerprint,
        control=data.control,
    )


def _without_known_bad(data: TaskData, scores: Sequence[Score]) -> WithoutKnownBad | None:
    """The metrics of the samples that nobody has found wrong; None if none of the scored ones is known to be wrong."""
    if data.choice.edition != "real":
        return None
    bad = bad_ids(data.task.dataset)
    excluded = set()
    for sample in data.samples:
        # Under a control another picture is shown; what is known to be wrong goes with the right one.
        right = sample.image.original if isinstance(sample.image, ControlImage) else sample.image
        if not bad.isdisjoint((sample.cluster, right.path.name)):
            excluded.add(sample.sample_id)
    if not excluded:
        return None
    values = point_values(data.task.metrics, [score for score in scores if score.sample_id not in excluded])
    return WithoutKnownBad(excluded=sorted(excluded), values=values)


def sample_ids(data: TaskData) -> SampleIds:
    """`ids.json` of a finished task."""
    return SampleIds(scored=[sample.sample_id for sample in data.samples], missing=sorted(data.missing_ids))


def token_totals(records: Sequence[SampleRecord]) -> dict[str, Any]:
    """Sums of the token counts of all samples; empty if none reports them."""
    totals: dict[str, int] = {}
    for record in records:
        for name, count in (record.tokens or {}).items():
            totals[name] = totals.get(name, 0) + count
    return totals
