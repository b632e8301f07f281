"""Floor and ceiling of a task on exactly the samples at hand.

A score means something only between what a trivial answer earns and what the right answer earns through the same
parser. Both are measured, by running the task's floor baselines and the oracle through the task's own reading.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from foodbench import __version__
from foodbench.adapters import base
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import FoodbenchError, StorageFull
from foodbench.core.files import atomic_write_json
from foodbench.core.hashing import fingerprint
from foodbench.core.paths import home
from foodbench.data.roots import open_dataset
from foodbench.runs.provenance import SCORING, code_digest
from foodbench.stats.summary import point_values
from foodbench.tasks.base import TaskData

Role = Literal["floor", "ceiling"]
ORACLE = "baseline:oracle"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a baseline earned.

    Attributes:
        role: `floor` or `ceiling`.
        model: the baseline's name.
        values: metric id to value; empty if it could not be measured.
        reason: why not.
        fitted_on: train samples that it was fitted on; None where it needs none.
    """

    role: Role
    model: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    reason: str | None = None
    fitted_on: int | None = None


def measure_references(data: TaskData) -> list[Reference]:
    """What the task's floor baselines and the oracle earn on the loaded samples.

    A baseline that cannot be fitted (say, because the train split is not on disk) has a reason instead of values.
    Figures are kept in foodbench's home under a digest of all that they depend on: fitting the baselines takes seconds
    to minutes, and every run on the same samples needs the same ones.
    """
    roles: list[tuple[Role, str]] = [*(("floor", name) for name in data.task.floors), ("ceiling", ORACLE)]
    try:
        fitted_on = open_dataset(data.choice).fingerprint(data.task.train_split)
    except FoodbenchError as error:
        fitted_on = f"nothing: {error.message}"
    return [_cached(data, role, name, fitted_on) for role, name in roles]


def _cached(data: TaskData, role: Role, name: str, fitted_on: str) -> Reference:
    digest = fingerprint([name, _code_digest(), data.fingerprint, fitted_on]).removeprefix("sha256:")
    path = home() / "references" / f"{digest}.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Reference(role=role, model=name, values=dict(kept["values"]), fitted_on=kept["fitted_on"])
    except (OSError, ValueError, TypeError, KeyError):
        reference = _measure(data, role, name)
    if reference.reason is None:
        with contextlib.suppress(StorageFull):  # a figure that cannot be kept is measured again
            atomic_write_json(
                path,
                {
                    "model": name,
                    "task": data.task.versioned_name,
                    "values": dict(reference.values),
                    "fitted_on": reference.fitted_on,
                },
            )
    return reference


def _code_digest() -> str:
    """Of all that a figure is computed by: a changed parser, list of words, metric or baseline measures it anew."""
    return fingerprint([__version__, code_digest((*SCORING, "adapters"))])


def _measure(data: TaskData, role: Role, name: str) -> Reference:
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
    fitted_on = getattr(adapter, "fitted_on", {}).get(data.task.name)
    return Reference(role=role, model=name, values=point_values(data.task.metrics, scores), fitted_on=fitted_on)
