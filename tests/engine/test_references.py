"""Floor and ceiling are measured once per set of samples, and never taken from another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foodbench.adapters.baselines import Majority
from foodbench.data.roots import resolve
from foodbench.engine.references import measure_references
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData


def load(limit: int | None = None) -> TaskData:
    return TASKS.get("food101.dish").load(resolve("food101", "kitchen"), limit=limit)


def test_figures_are_kept_and_used_again(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure_references(load())
    assert {(item.role, item.model) for item in first} == {
        ("floor", "baseline:majority"), ("ceiling", "baseline:oracle"),
    }  # fmt: skip
    assert next(item for item in first if item.role == "ceiling").values == {"top1_accuracy": 100.0}

    def not_again(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(Majority, "answer", not_again)
    assert measure_references(load()) == first
    other = measure_references(load(limit=6))
    assert next(item for item in other if item.role == "floor").reason, "other samples have figures of their own"


def test_a_damaged_figure_is_measured_again(kitchen: Path) -> None:
    first = measure_references(load())
    for path in (Path(os.environ["FOODBENCH_HOME"]) / "references").iterdir():
        path.write_text('{"values":')
    assert measure_references(load()) == first
