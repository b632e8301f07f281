"""What runs measured, as far as it can stand beside published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foodbench.core.wording import counted
from foodbench.papers.catalog import Cell, Paper
from foodbench.runs.schema import TaskResult, TaskStatus
from foodbench.runs.store import RunFolder


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """A run to put beside a table.

    Attributes:
        name: its id.
        model: whose it is.
        row: the row that it claims to reproduce, as typed: its label, or `group/label`; None puts it in its own row.
        results: its finished tasks by name, of each the newest version.
        statuses: how its tasks stand, by name.
    """

    name: str
    model: str
    row: str | None
    results: Mapping[str, TaskResult]
    statuses: Mapping[str, TaskStatus]

    def claims(self, cell: Cell) -> bool:
        """Whether the run claims to reproduce the cell's row."""
        return self.row is not None and folded(self.row) in row_names(cell)


def folded(name: str) -> str:
    """A label without what people type differently: case and blanks."""
    return " ".join(name.casefold().split())


def row_names(cell: Cell) -> set[str]:
    """What a cell's row can be called."""
    return {folded(cell.row), folded(f"{cell.group}/{cell.row}")}


def read_run(folder: RunFolder, row: str | None = None) -> MeasuredRun:
    """A run's finished results.

    Raises:
        DataMissing, DataCorrupt: a file of the run is absent or damaged.
    """
    run = folder.read()
    results: dict[str, TaskResult] = {}
    for task in folder.finished().values():
        result = task.result()
        known = results.get(result.task.name)
        if known is None or known.task.version < result.task.version:
            results[result.task.name] = result
    statuses = {name.rpartition("@")[0]: status for name, status in run.tasks.items()}
    return MeasuredRun(run.run_id, run.model.spec, row, results, statuses)


def set_apart(result: TaskResult) -> str:
    """Why a result is not comparable with any paper's; empty if it may be."""
    reasons = [
        "kitchen edition" if result.dataset.edition == "kitchen" else "",
        f"control {result.task.control}" if result.task.control else "",
        f"limit {result.limit:,}" if result.limit is not None else "",
        f"partial copy, {counted(result.dataset.missing, 'record')} missing" if result.dataset.missing else "",
        f"{counted(result.n_missing, 'answer')} missing" if result.n_missing else "",
    ]
    return ", ".join(filter(None, reasons))


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured number for a cell, or why there is none.

    Attributes:
        run: id of the run.
        task: the task and its version; empty without a number.
        value: the number; None without one.
        low: lower end of its interval, if it has one.
        high: upper end.
        n: samples.
        apart: why it is not comparable with the paper's number; empty if it is compared.
        why: why there is no number.
        lacks: the task of which the run has no result, if that is why.
    """

    run: str
    task: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    apart: str = ""
    why: str = ""
    lacks: str = ""


def measure(paper: Paper, cell: Cell, run: MeasuredRun) -> Measurement:
    """What a run has for a cell's task and metric."""
    if not cell.task:
        return Measurement(run.name, why=why_unmeasured(paper, cell))
    result = run.results.get(cell.task)
    if result is None:
        why = _why_absent(cell.task, run)
        return Measurement(run.name, why=why, lacks="" if why else cell.task)
    apart = set_apart(result)
    if result.task.protocol != cell.protocol:
        return Measurement(
            run.name, why=f"{cell.task} was run under protocol {result.task.protocol}, not {cell.protocol}"
        )
    metric = next((each for each in result.metrics if each.id == cell.metric), None)
    if metric is None:
        return Measurement(run.name, why=f"the run's {cell.task} has no metric {cell.metric}")
    if metric.value is None:
        return Measurement(run.name, why=f"{cell.metric} has no value on the run's samples")
    if metric.unit != cell.unit:
        return Measurement(run.name, why=f"the run has {cell.metric} in '{metric.unit}', the paper in '{cell.unit}'")
    task = f"{result.task.name}@{result.task.version}"
    return Measurement(run.name, task, metric.value, metric.low, metric.high, result.n, apart)


def _why_absent(task: str, run: MeasuredRun) -> str:
    """What the run says about a task that it did not finish; empty if it says nothing."""
    status = run.statuses.get(task)
    if status is None or status.status == "complete":
        return ""
    reason = f": {status.reason}" if status.reason else ""
    return f"{task} {'failed' if status.status == 'failed' else 'was not measured'} in the run{reason}"


def why_unmeasured(paper: Paper, cell: Cell) -> str:
    """Why no task stands beside a cell."""
    for remark in paper.unmeasured:
        if cell.matches(remark.cells):
            return remark.text
    return "no task of foodbench measures this"


def minds(paper: Paper, cell: Cell) -> list[str]:
    """What to mind where a measured number stands beside a cell."""
    return [remark.text for remark in paper.minds if cell.matches(remark.cells)]
