"""Stored runs made by hand, with numbers and texts that are hard to write down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foodbench.runs.schema import (
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

AWKWARD = (0.1 + 0.2, 1e-7, 1 / 3, -2.5e300, 5e-324, 98.1517360191317)
HOSTILE = (
    "=HYPERLINK(\"http://evil\",\"x\")",
    "+1+1",
    "-2",
    "@SUM(A1)",
    "＝1",
    "  =1",
    "'quoted",
    "a\nb\r\nc",
    "\x00\x1b[31mred\x07",
    "x | y || z",
    "\\input{/etc/passwd} % $ # _ { } ~ ^ & <b>",
    "\u202egnp.exe\u2028",
    "a,b;\"c\"\t d",
    "",
    "Crème brûlée 🍮",
)  # fmt: skip
MODEL = ModelIdentity(spec="py:tests:Model_1", args={"size": "a|b"}, identity="model-1")


def metric(id: str, value: float | None, **settings: Any) -> MetricRecord:
    plain: dict[str, Any] = {
        "low": None if value is None else value - 0.5,
        "high": None if value is None else value + 0.25,
        "interval_method": "wilson",
        "n": 3,
        "clusters": 2,
        "unit": "%",
        "higher_is_better": True,
        "floor": ReferenceFigure(model="baseline:majority", value=8.25),
        "ceiling": ReferenceFigure(model="baseline:oracle", value=100.0),
    }
    return MetricRecord(id=id, value=value, **{**plain, **settings})


def sample(sample_id: str, answer: str = "soup", **values: float) -> SampleRecord:
    return SampleRecord(
        sample_id=sample_id,
        cluster=sample_id,
        key=f"key of {sample_id}",
        answer=answer,
        parsed=True,
        values=values or {"correct": 1.0},
        detail={"read": answer},
        time=SampleTime(seconds=0.1),
    )


def store(
    run: RunFolder,
    name: str = "food101.dish",
    *,
    version: int = 1,
    metrics: Sequence[MetricRecord] = (metric("top1_accuracy", 98.1517360191317),),
    samples: Sequence[SampleRecord] = (sample("a"), sample("b"), sample("c")),
    dataset: Mapping[str, Any] | None = None,
    **settings: Any,
) -> TaskResult:
    """Write one finished task."""
    plain: dict[str, Any] = {"limit": None, "headline": 1, "control": None, **settings}
    result = TaskResult(
        task=TaskIdentity(
            name=name,
            version=version,
            protocol="strict",
            fingerprint="sha256:questions",
            prompt_fingerprint="sha256:prompt",
            control=plain.pop("control"),
        ),
        dataset=DatasetIdentity(
            **{
                "name": name.partition(".")[0], "edition": "kitchen", "split": "test",
                "fingerprint": "sha256:data", "available": 3, "missing": 0, **(dataset or {}),
            }
        ),
        model=MODEL,
        metrics=list(metrics),
        n=len(samples),
        parse_rate=2 / 3,
        errors=0,
        samples_sha256=samples_digest(samples),
        provenance={"foodbench": "0.1.0", "git": {"commit": "c" * 40, "dirty": False}, "seed": 0},
        time=TaskTime(started="s", finished="2026-01-02T03:04:05", seconds=1, model_seconds=1, asked=len(samples)),
        **plain,
    )  # fmt: skip
    ids = SampleIds(scored=[each.sample_id for each in samples], missing=[])
    run.task(f"{name}@{version}").write(samples, result, ids)
    return result


def finish(run: RunFolder, **statuses: TaskStatus) -> Path:
    """Write `run.json`; the stored tasks are complete."""
    tasks = {name: TaskStatus(status="complete", result=f"{name}/result.json") for name in run.tasks()}
    run.write(
        RunFile(
            run_id=run.path.name,
            model=MODEL,
            config={},
            tasks={**tasks, **statuses},
            provenance={"foodbench": "0.1.0"},
            time={"updated": "2026-01-02T03:04:05"},
        )
    )
    return run.path
