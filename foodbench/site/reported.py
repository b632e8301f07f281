"""What papers report on the real datasets, as rows that are shown and never ranked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from foodbench.papers.catalog import Cell as PublishedCell
from foodbench.papers.catalog import all_papers
from foodbench.site.model import Figure


@dataclass(frozen=True, slots=True)
class Reported:
    """One published number that a task's metric stands beside.

    Attributes:
        paper: id of the paper; its page has it.
        row: whose number, as the paper calls it.
        where: the paper's table.
        task: the task.
        metric: the metric.
        value: the number.
        unit: its unit.
        items: test items of the paper, where known.
        note: what is doubtful about it.
    """

    paper: str
    row: str
    where: str
    task: str
    metric: str
    value: float
    unit: str
    items: str
    note: str


@lru_cache(maxsize=1)
def all_reported() -> tuple[Reported, ...]:
    """Every published number of a task, in the papers' order."""
    found = []
    for paper in all_papers():
        for cell in paper.cells:
            if cell.task:
                found.append(_reported(cell, paper.labels.get(cell.table, cell.table)))
    return tuple(found)


def _reported(cell: PublishedCell, where: str) -> Reported:
    return Reported(
        paper=cell.paper,
        row=cell.row,
        where=where,
        task=cell.task,
        metric=cell.metric,
        value=float(cell.value),
        unit=cell.unit,
        items=cell.items,
        note=cell.note,
    )


def reported_of(task: str, metric: str | None = None) -> list[Reported]:
    """The published numbers of a task, of one metric if it is named."""
    return [each for each in all_reported() if each.task == task and metric in (None, each.metric)]


def rows_of(tasks: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], dict[str, Reported]]:
    """By paper and row, each task's published number; the first where a paper has several.

    Args:
        tasks: name, metric and unit of each.
    """
    rows: dict[tuple[str, str], dict[str, Reported]] = {}
    for name, metric, unit in tasks:
        for each in reported_of(name, metric):
            if each.unit == unit:
                rows.setdefault((each.paper, each.row), {}).setdefault(name, each)
    return rows


def reproduced(claim: str, task: str, metric: str, figure: Figure) -> Reported | None:
    """The published number that a measured one reproduces: it lies within the interval.

    Args:
        claim: `paper/row`, as the model's card says.
        task: the task.
        metric: the metric.
        figure: what was measured.
    """
    paper, _, row = claim.partition("/")
    for each in reported_of(task, metric):
        if (each.paper, each.row) == (paper, row) and each.unit == figure.unit:
            inside = figure.low is not None and figure.high is not None and figure.low <= each.value <= figure.high
            return each if inside else None
    return None
