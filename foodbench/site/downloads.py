"""Every table as CSV and JSON, with full precision: what is drawn can be checked and drawn again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from foodbench.core.files import atomic_write
from foodbench.site.model import Board, Cell, Comparison, Figure, Reference, SuiteBoard, TaskBoard
from foodbench.site.pages import Pages

Record = dict[str, Any]
# A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(pages: Pages, stem: str, records: Sequence[Mapping[str, Any]]) -> None:
    """`<stem>.csv` and `<stem>.json`.

    Raises:
        StorageFull: they cannot be written.
    """
    stream = io.StringIO()
    headers = list(dict.fromkeys(name for record in records for name in record))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(headers)
    for record in records:
        writer.writerow([_plain(record.get(name)) for name in headers])
    atomic_write(pages.out / f"{stem}.csv", stream.getvalue().encode("utf-8", "replace"), sync=False)
    pages.write_json(f"{stem}.json", list(records))


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def suite_records(board: Board, suite: SuiteBoard) -> list[Record]:
    """One record per system, task and metric shown in a suite's table, and one per suite score."""
    records: list[Record] = []
    for row in suite.rows:
        common: Record = {"edition": board.label, "suite": suite.id, "kind": row.kind, "system": row.name or row.title}
        if row.score is not None and row.name:
            records.append(
                {
                    **common,
                    "task": "(suite score)",
                    **_figure(row.score),
                    "rank_best": row.rank.best if row.rank else None,
                    "rank_worst": row.rank.worst if row.rank else None,
                    "n": row.n,
                    "parse_rate": row.parse_rate,
                    "date": row.date,
                }
            )
        for task, cell in zip(suite.tasks, row.cells, strict=True):
            named = {**common, "task": f"{task.task.name}@{task.task.version}", "metric": task.primary.id}
            if isinstance(cell, Cell):
                records.append({**named, **_figure(cell.figures[task.primary.id]), **_cell(cell)})
            elif isinstance(cell, Reference):
                records.append({**named, "value": cell.value, "by": cell.model})
    return records


def task_records(label: str, task: TaskBoard) -> list[Record]:
    """One record per system and metric of a task, then its floors and ceilings."""
    records: list[Record] = []
    for cell in task.cells.values():
        for metric, figure in cell.figures.items():
            named = {"edition": label, "task": f"{task.task.name}@{task.task.version}", "system": cell.system}
            records.append({**named, "metric": metric, **_figure(figure), **_cell(cell)})
    for kind, found in (("floor", task.floors), ("ceiling", task.ceilings)):
        for metric, reference in found.items():
            records.append(
                {
                    "edition": label,
                    "task": f"{task.task.name}@{task.task.version}",
                    "system": reference.model,
                    "metric": metric,
                    "value": reference.value,
                    "badge": kind,
                }
            )
    return records


def pair_records(task: TaskBoard) -> list[Record]:
    """One record per tested pair."""
    return [pair_record(pair) for pair in task.comparisons]


def pair_record(pair: Comparison) -> Record:
    """A tested pair."""
    return {
        "better": pair.better,
        "worse": pair.worse,
        "difference": pair.value,
        "low": pair.low,
        "high": pair.high,
        "p": pair.p,
        "p_holm": pair.adjusted,
        "clusters": pair.clusters,
        "method": pair.method,
    }


def _figure(figure: Figure) -> Record:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "unit": figure.unit, "normalised": figure.at}


def _cell(cell: Cell) -> Record:
    return {
        "rank_best": cell.rank.best if cell.rank else None,
        "rank_worst": cell.rank.worst if cell.rank else None,
        "n": cell.n,
        "parse_rate": cell.parse_rate,
        "seconds_per_answer": cell.seconds,
        "badge": cell.badge.text,
        "date": cell.date,
        "note": cell.note,
    }
