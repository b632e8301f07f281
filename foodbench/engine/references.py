"""Floor and ceiling of a task on exactly the samples at hand.

A score means something only between what a trivial answer earns and what the right answer earns through the same
parser. Both are measured, by running the task's floor baselines and the oracle through the task's own reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from foodbench.adapters import base
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import FoodbenchError
from foodbench.stats.summary import point_values
from foodbench.tasks.base import TaskData

ORACLE = "baseline:oracle"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a baseline earned.

    Attributes:
        role: `floor` or `ceiling`.
        model: the baseline's name.
        values: metric id to value; empty if it could not be measured.
        reason: why not.
    """

    role: Literal["floor", "ceiling"]
    model: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    reason: str | None = None


def measure_references(data: TaskData) -> list[Reference]:
    """Run the task's floor baselines and the oracle on the loaded samples.

    A baseline that cannot be fitted (say, because the train split is not on disk) has a reason instead of values.
    """
    roles: list[tuple[Literal["floor", "ceiling"], str]] = [("floor", name) for name in data.task.floors]
    return [_measure(data, role, name) for role, name in [*roles, ("ceiling", ORACLE)]]


def _measure(data: TaskData, role: Literal["floor", "ceiling"], name: str) -> Reference:
    try:
        adapter = load_adapter(name, {})
        base.prepare(adapter, data.task, data.choice)
        answers = base.ask(adapter, [data.task.request(sample) for sample in data.samples])
    except FoodbenchError as error:
        return Reference(role=role, model=name, reason=error.message)
    scores = [
        data.task.score(sample, answer.to_text(), data.vocabulary)
        for sample, answer in zip(data.samples, answers, strict=True)
    ]
    return Reference(role=role, model=name, values=point_values(data.task.metrics, scores))
