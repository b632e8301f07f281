"""What scoring stored answers again changes, and where the result before it is kept.

An earlier result stays as a whole task folder, samples packed: `history/<n>-<digest>/` in the task's own folder. It is
copied there before the new files take their places, so it is never the only copy that is at risk.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.core.hashing import canonical_json
from foodbench.metrics import ratings
from foodbench.runs.schema import RescoredFrom, SampleRecord, TaskResult
from foodbench.runs.store import HISTORY, TaskFolder, pack, write_together

_DIGITS = 12
_PART = ".part"
# Another platform's mathematics may differ in the last bits; that is no change.
_SAME = 1e-9
_READ = {"cluster", "parsed", "values", "detail", "error"}
_NOT_COMPARED = {"time", "provenance", "rescored_from", "samples_sha256"}
_RATING_VALUES = frozenset(str(name) for metric in ratings.METRICS for name in (metric.value, metric.over))
_OF_RATINGS = {"raters", "usage"}


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric before and after.

    Attributes:
        id: the metric.
        unit: its unit.
        old: its value before; None if it had none or was not there.
        new: its value now; None likewise.
    """

    id: str
    unit: str
    old: float | None
    new: float | None

    @property
    def same(self) -> bool:
        """Whether the value is as it was, but for rounding."""
        return _alike(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two scorings of the same answers.

    Attributes:
        metrics: every metric of either, before and after.
        samples: samples whose reading or values differ.
        fields: names of the result's fields that differ, such as `metrics` (also where only an interval does).
        only_ratings: whether nothing differs but what raters have said since.
    """

    metrics: tuple[MetricChange, ...]
    samples: int
    fields: tuple[str, ...]
    only_ratings: bool

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.samples or self.fields)


def _alike(one: Any, other: Any) -> bool:
    """Equality of plain JSON, but for rounding of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if type(one) in (int, float) and type(other) in (int, float):
        return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME * _SAME)
    return bool(one == other)


def _reading(record: SampleRecord, *, rated: bool) -> dict[str, Any]:
    """What an answer was read as and earned, as plain JSON; if so wanted, without what raters said."""
    plain: dict[str, Any] = json.loads(record.model_dump_json(include=_READ))
    if not rated:
        plain["values"] = {name: value for name, value in plain["values"].items() if name not in _RATING_VALUES}
        plain["detail"].pop("ratings", None)
    return plain


def _frame(result: TaskResult) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(result.model_dump_json(exclude=_NOT_COMPARED))
    return plain


def _without_ratings(frame: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in frame.items() if name not in _OF_RATINGS}
    plain["metrics"] = [metric for metric in plain["metrics"] if metric["id"] not in ratings.IDS]
    if plain["without_known_bad"] is not None:
        values = plain["without_known_bad"]["values"]
        others = {name: value for name, value in values.items() if name not in ratings.IDS}
        plain["without_known_bad"] = {**plain["without_known_bad"], "values": others}
    return plain


def changes_between(
    old: TaskResult,
    old_records: Mapping[str, SampleRecord],
    new: TaskResult,
    new_records: Mapping[str, SampleRecord],
) -> Changes:
    """Compare two scorings of the same answers.

    Args:
        old: the result before.
        old_records: its samples by id.
        new: the result now.
        new_records: its samples; the same ids.
    """
    changed = [
        sample_id
        for sample_id, record in new_records.items()
        if not _alike(_reading(old_records[sample_id], rated=True), _reading(record, rated=True))
    ]
    before, after = _frame(old), _frame(new)
    fields = tuple(name for name in after if not _alike(before[name], after[name]))
    only_ratings = _alike(_without_ratings(before), _without_ratings(after)) and all(
        _alike(_reading(old_records[sample_id], rated=False), _reading(new_records[sample_id], rated=False))
        for sample_id in changed
    )
    return Changes(_metric_changes(old, new), len(changed), fields, only_ratings)


def _metric_changes(old: TaskResult, new: TaskResult) -> tuple[MetricChange, ...]:
    before, after = ({metric.id: metric for metric in result.metrics} for result in (old, new))
    return tuple(
        MetricChange(
            id=name,
            unit=(after.get(name) or before[name]).unit,
            old=before[name].value if name in before else None,
            new=after[name].value if name in after else None,
        )
        for name in {**after, **before}
    )


def result_digest(result: TaskResult) -> str:
    """SHA-256 of a result without what depends on the clock."""
    plain = result.model_dump(mode="json", exclude={"time": True, "rescored_from": {"time"}})
    return hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def keep(folder: TaskFolder) -> Path:
    """Copy a finished task's files, samples packed, to its history; nothing is done if they are there already.

    Returns:
        the folder of the copy, which is a task folder itself.

    Raises:
        DataMissing, DataCorrupt: the task is not finished, or its files cannot be read.
        StorageFull: the copy cannot be written.
    """
    result = folder.result()
    digest = result_digest(result)[:_DIGITS]
    history = folder.path / HISTORY
    names = [entry.name for entry in history.iterdir() if entry.is_dir()] if history.is_dir() else []
    numbers = [int(number) for number, _, _ in (name.partition("-") for name in names) if number.isdecimal()]
    for name in names:
        if name.endswith(f"-{digest}"):
            return history / name
    kept = history / f"{max(numbers, default=0) + 1}-{digest}"
    files = {
        "samples.jsonl.gz": pack(folder.samples_bytes()),
        "result.json": folder.result_path.read_bytes(),
    }
    if folder.ids_path.is_file():
        files["ids.json"] = folder.ids_path.read_bytes()
    write_together(files, kept, part=history / _PART)
    return kept


def earlier(folder: TaskFolder) -> list[TaskFolder]:
    """The earlier scorings that a task's folder keeps, oldest first."""
    history = folder.path / HISTORY
    entries = [entry for entry in history.glob("*-*") if entry.is_dir()] if history.is_dir() else []
    numbered = [(int(number), entry) for entry in entries if (number := entry.name.partition("-")[0]).isdecimal()]
    return [TaskFolder(entry) for _, entry in sorted(numbered)]


def came_from(old: TaskResult, kept: Path, run: Path) -> RescoredFrom:
    """What a new result says of the one before it.

    Args:
        old: the result before.
        kept: the task folder that has it.
        run: the run's folder.
    """
    git = old.provenance.get("git") or {}
    version, scoring = old.provenance.get("foodbench"), old.provenance.get("scoring")
    return RescoredFrom(
        task=f"{old.task.name}@{old.task.version}",
        kept=kept.relative_to(run).as_posix(),
        result_sha256=result_digest(old),
        samples_sha256=old.samples_sha256,
        foodbench=None if version is None else str(version),
        commit=git.get("commit"),
        scoring=None if scoring is None else str(scoring),
        time={"finished": old.time.finished},
    )
