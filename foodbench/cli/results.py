"""The results of tasks as people see them: one line per metric, between its floor and its ceiling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from foodbench.cli.tables import print_table, shown_number
from foodbench.metrics.ratings import RATING
from foodbench.runs.schema import MetricRecord, ReferenceFigure, TaskResult

HEADERS = ("task", "metric", "", "value", "95% interval", "n", "parsed", "floor", "ceiling")


def print_results(results: Sequence[TaskResult], *, every_metric: bool = False) -> None:
    """Print finished tasks to stdout: a table for each edition (they are never mixed), then what to know about them.

    Args:
        results: the tasks.
        every_metric: also what is not among a task's headline metrics; always so for a single task.
    """
    every_metric = every_metric or len(results) == 1
    for edition in ("real", "kitchen"):
        shown = [result for result in results if result.dataset.edition == edition]
        if shown:
            print_table(HEADERS, [row for result in shown for row in _rows(result, every_metric)], right=(3, 4, 5, 6))
    for line in _remarks(results):
        click.echo(line)
    hidden = 0 if every_metric else sum(max(0, len(result.metrics) - result.headline) for result in results)
    if hidden:
        click.echo(f"{hidden} more metrics: foodbench show RUN")


def _rows(result: TaskResult, every_metric: bool) -> Iterable[tuple[str, ...]]:
    edition = f" ({result.dataset.edition})"
    for index, metric in enumerate(result.metrics if every_metric else result.metrics[: result.headline]):
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


def _ratings(result: TaskResult) -> Iterable[str]:
    name = result.task.name
    if any(metric.id == RATING.id and metric.value is None for metric in result.metrics):
        yield f"{name}: rating: not measured: nobody has rated the answers yet (foodbench judge RUN)."
    for rater in result.raters:
        mean = "" if rater.mean is None else f", mean {shown_number(rater.mean)}"
        unread = f" ({rater.unread:,} replies could not be read)" if rater.unread else ""
        yield f"{name}: {rater.rated:,} of {result.n:,} answers rated by {rater.rater}{mean}{unread}."


def _interval(metric: MetricRecord) -> str:
    if metric.low is None or metric.high is None:
        return "–"
    return f"{shown_number(metric.low, metric.unit)} – {shown_number(metric.high, metric.unit)}"


def _reference(figure: ReferenceFigure | None, unit: str) -> str:
    if figure is None or figure.value is None:
        return "–"
    return f"{shown_number(figure.value, unit)} {figure.model.removeprefix('baseline:')}"


def _remarks(results: Sequence[TaskResult]) -> Iterable[str]:
    for result in results:
        name = result.task.name
        if result.task.control is not None:
            yield f"{name}: control {result.task.control}: not the right pictures; what is earned without looking."
        if result.limit is not None:
            yield f"{name}: {result.n} samples (--limit {result.limit}): compares with no full result."
        if result.dataset.missing:
            total = result.dataset.available + result.dataset.missing
            absent = f"{result.dataset.missing:,} of {total:,} records have no file"
            yield f"{name}: partial copy ({absent}): compares with no full result."
        if result.without_known_bad is not None:
            first, count = result.metrics[0], len(result.without_known_bad.excluded)
            value = shown_number(result.without_known_bad.values[first.id], first.unit)
            yield f"{name}: {first.id} is {value} without the {count} samples that are known to be wrong."
        if result.errors:
            yield f"{name}: {result.errors:,} malformed answers, scored as wrong ('error' in samples.jsonl says why)."
        yield from _ratings(result)
        reasons = {
            f"{figure.model}: {figure.reason}"
            for metric in result.metrics
            for figure in (metric.floor, metric.ceiling)
            if figure is not None and figure.reason
        }
        yield from (f"{name}: no reference figure from {reason}" for reason in sorted(reasons))
