"""What to know about results besides their numbers: what was left out, what is missing, what a figure rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from foodbench.cli.tables import shown_number
from foodbench.core.printable import printable
from foodbench.core.wording import counted, plural_of
from foodbench.metrics.ratings import RATING
from foodbench.runs.schema import RescoredFrom, TaskResult
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask

FEW_TRAIN_SAMPLES = 50
"""A floor fitted on fewer says little about what is usual: another draw of so few gives another floor."""


def scored_by(origin: RescoredFrom) -> str:
    """Which code scored a result that another one has followed, and where it is."""
    commit = f" (commit {origin.commit[:12]})" if origin.commit else ""
    return f"{origin.task} by foodbench {origin.foodbench or '?'}{commit}, kept in {origin.kept}"


def _rescored(result: TaskResult) -> Iterable[str]:
    if result.rescored_from is not None:
        yield f"scored again from stored answers; before: {scored_by(result.rescored_from)}."


def print_remarks(results: Sequence[TaskResult]) -> None:
    """Print to stdout what the numbers alone do not say."""
    for result in results:
        for kind in _REMARKS:
            for remark in kind(result):
                click.echo(printable(f"{result.task.name}: {remark}"))


def _control(result: TaskResult) -> Iterable[str]:
    if result.task.control is not None:
        yield f"control {result.task.control}: not the right pictures; what is earned without looking."


def limited_text(task: FoodTask, limit: int, clusters: int, questions: int) -> str:
    """What a limit has chosen, where that is not one question for each.

    Args:
        task: what was limited.
        limit: to how many.
        clusters: groups of dependent questions that were chosen.
        questions: questions that were chosen.
    """
    chosen = min(limit, clusters) if task.selective else limit
    if chosen == questions:
        return ""
    unit = task.limit_unit
    return f"--limit counts {plural_of(unit)}: {counted(chosen, unit)} ({counted(questions, 'question')})"


def _limit(result: TaskResult) -> Iterable[str]:
    if result.limit is None:
        return
    known = result.task.name in TASKS
    text = known and limited_text(TASKS.get(result.task.name), result.limit, result.metrics[0].clusters, result.n)
    yield f"{text or f'--limit {result.limit}: ' + counted(result.n, 'sample')}: compares with no full result."


def _partial(result: TaskResult) -> Iterable[str]:
    if result.dataset.missing:
        total = result.dataset.available + result.dataset.missing
        absent = f"{result.dataset.missing:,} of {counted(total, 'record')} without a file"
        yield f"partial copy ({absent}): compares with no full result."


def _missing(result: TaskResult) -> Iterable[str]:
    if result.n_missing:
        yield f"{result.n_missing:,} of {counted(result.n, 'answer')} missing from the predictions, counted as wrong."


def _floors(result: TaskResult) -> Iterable[str]:
    floors = [metric.floor for metric in result.metrics if metric.floor is not None]
    few = {
        floor.model: floor.fitted_on
        for floor in floors
        if floor.value is not None and floor.fitted_on is not None and floor.fitted_on < FEW_TRAIN_SAMPLES
    }
    for model, count in sorted(few.items()):
        yield (
            f"the floor {model} was fitted on {counted(count, 'train sample')} only: "
            f"fewer than {FEW_TRAIN_SAMPLES} make no firm floor."
        )


def _known_bad(result: TaskResult) -> Iterable[str]:
    if result.without_known_bad is not None:
        first, count = result.metrics[0], len(result.without_known_bad.excluded)
        value = shown_number(result.without_known_bad.values[first.id], first.unit)
        yield f"{first.id} is {value} without {counted(count, 'sample')} known to be wrong."


def _errors(result: TaskResult) -> Iterable[str]:
    if result.errors:
        count = counted(result.errors, "malformed answer")
        yield f"{count}, scored as wrong ('error' in samples.jsonl says why)."


def _ratings(result: TaskResult) -> Iterable[str]:
    if any(metric.id == RATING.id and metric.value is None for metric in result.metrics):
        yield "rating: not measured: nobody has rated the answers yet (foodbench judge RUN)."
    for rater in result.raters:
        mean = "" if rater.mean is None else f", mean {shown_number(rater.mean)}"
        unread = f" ({counted(rater.unread, 'reply')} could not be read)" if rater.unread else ""
        yield f"{rater.rated:,} of {counted(result.n, 'answer')} rated by {rater.rater}{mean}{unread}."


def _references(result: TaskResult) -> Iterable[str]:
    reasons = {
        f"{figure.model}: {figure.reason}"
        for metric in result.metrics
        for figure in (metric.floor, metric.ceiling)
        if figure is not None and figure.reason
    }
    yield from (f"no reference figure from {reason}" for reason in sorted(reasons))


_REMARKS = (_control, _limit, _partial, _missing, _rescored, _known_bad, _errors, _ratings, _references, _floors)
