"""The results of tasks as people see them: one line per metric, between its floor and its ceiling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import click

from foodbench.cli.remarks import print_remarks
from foodbench.cli.tables import print_table, shown_number
from foodbench.core.wording import counted
from foodbench.runs.schema import MetricRecord, ReferenceFigure, TaskResult

Rows = Literal["primary", "headline", "all"]
HEADERS = ("task", "metric", "", "value", "95% interval", "n", "parsed", "floor", "ceiling")


def print_results(results: Sequence[TaskResult], *, rows: Rows = "headline") -> None:
    """Print finished tasks to stdout: a table for each edition (they are never mixed), then what to know about them.

    Args:
        results: the tasks.
        rows: each task's first metric, its headline metrics, or all; always all for a single task.
    """
    if len(results) == 1:
        rows = "all"
    for edition in ("real", "kitchen"):
        shown = [result for result in results if result.dataset.edition == edition]
        if shown:
            print_table(HEADERS, [row for result in shown for row in _rows(result, rows)], right=(3, 4, 5, 6))
    print_remarks(results)
    hidden = sum(len(result.metrics) - len(_chosen(result, rows)) for result in results)
    if hidden:
        click.echo(f"{counted(hidden, 'more metric')}: foodbench show RUN")


def _chosen(result: TaskResult, rows: Rows) -> Sequence[MetricRecord]:
    return result.metrics[: {"primary": 1, "headline": result.headline, "all": len(result.metrics)}[rows]]


def _rows(result: TaskResult, rows: Rows) -> Iterable[tuple[str, ...]]:
    edition = f" ({result.dataset.label})"
    for index, metric in enumerate(_chosen(result, rows)):
        yield (
            f"{result.task.name}{edition}" if index == 0 else "",
            metric.id,
            "↑" if metric.higher_is_better else "↓",
            shown_number(metric.value, metric.unit),
            _interval(metric),
            f"{metric.n:,}" if index == 0 else "",
            f"{100 * result.parse_rate:.1f}%" if index == 0 else "",
            _reference(metric.floor, metric.unit),
            _reference(metric.ceiling, metric.unit),
        )


def _interval(metric: MetricRecord) -> str:
    if metric.low is None or metric.high is None:
        return "–"
    return f"{shown_number(metric.low, metric.unit)} – {shown_number(metric.high, metric.unit)}"


def _reference(figure: ReferenceFigure | None, unit: str) -> str:
    if figure is None or figure.value is None:
        return "–"
    return f"{shown_number(figure.value, unit)} {figure.model.removeprefix('baseline:')}"
