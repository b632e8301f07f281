"""Floor and ceiling are measured once per set of samples, and never taken from another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foodbench.adapters.baselines import Majority
from foodbench.data.roots import resolve
from foodbench.engine import references
from foodbench.engine.references import measure_references
from foodbench.runs.provenance import code_digest
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData


@pytest.mark.parametrize("name", ["core/types.py", "stats/summary.py", "metrics/resources/words.txt", "data/list.json"])
def test_whatever_decides_a_figure_is_in_its_digest(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foodbench.__file__", str(tmp_path / "__init__.py"))
    path = tmp_path / name
    path.parent.mkdir(parents=True)

    def digest() -> str:
        code_digest.cache_clear()
        return references._code_digest()

    try:
        path.write_text("rice = paddy")
        before = digest()
        assert digest() == before
        path.write_text("rice = pilaf")
        assert digest() != before
    finally:
        code_digest.cache_clear()


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
