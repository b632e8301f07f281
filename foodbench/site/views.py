"""Tasks, metrics and systems as people read them."""

from __future__ import annotations

from collections.abc import Mapping

from foodbench.core.errors import UnknownName
from foodbench.metrics.aggregate import Metric
from foodbench.runs.schema import MetricRecord, TaskResult
from foodbench.site.config import ModelCard
from foodbench.site.model import MetricView, System, TaskView
from foodbench.site.reports import Report
from foodbench.site.wording import visible
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask


def known_task(name: str) -> FoodTask | None:
    """The task of this foodbench, if it has one of that name."""
    try:
        return TASKS.get(name)
    except UnknownName:
        return None


def formula(metric: Metric) -> str:
    """How the number comes from the samples' values."""
    times = "" if metric.scale == 1 else f" × {metric.scale:g}"
    if metric.kind == "proportion":
        return f"number of samples with {metric.value} / number of samples{times}"
    if metric.kind in ("mean", "median"):
        return f"{metric.kind} over samples of {metric.value}{times}"
    if metric.kind in ("ratio", "share"):
        return f"sum over samples of {metric.value} / sum of {metric.over}{times}"
    return f"{str(metric.function).rpartition(':')[2]} of the sums over samples of {', '.join(metric.keys)}{times}"


def task_view(result: TaskResult) -> TaskView:
    """A task as the site shows it: its metrics as stored, described as this foodbench has them."""
    task = known_task(result.task.name)
    current = task is not None and task.version == result.task.version
    described = {metric.id: metric for metric in task.metrics} if task is not None else {}
    questions = () if task is None else task.questions
    return TaskView(
        name=result.task.name,
        version=result.task.version,
        slug=f"{result.task.name}-v{result.task.version}",
        dataset=result.dataset.name,
        question=questions[0] if questions else "",
        summary="" if task is None else task.summary,
        protocol=result.task.protocol,
        metrics=tuple(_metric_view(record, described.get(record.id)) for record in result.metrics),
        headline=min(result.headline, len(result.metrics)),
        current=current or task is None,
    )


def unmeasured_view(task: FoodTask) -> TaskView:
    """A task that nobody has measured, as this foodbench has it."""
    metrics = tuple(
        MetricView(each.id, each.unit, each.higher_is_better, each.description, formula(each), each.signature)
        for each in task.metrics
    )
    return TaskView(
        name=task.name,
        version=task.version,
        slug=f"{task.name}-v{task.version}",
        dataset=task.dataset,
        question=task.questions[0] if task.questions else "",
        summary=task.summary,
        protocol=task.protocol,
        metrics=metrics,
        headline=min(task.headline, len(metrics)),
        current=True,
    )


def _metric_view(record: MetricRecord, metric: Metric | None) -> MetricView:
    return MetricView(
        id=visible(record.id, 80),
        unit=visible(record.unit, 12),
        higher_is_better=record.higher_is_better,
        description="" if metric is None else metric.description,
        formula="" if metric is None else formula(metric),
        signature=visible(record.signature, 200),
    )


def systems_of(reports: tuple[Report, ...], cards: Mapping[str, ModelCard]) -> dict[str, System]:
    """The systems by name; without a card a system is called as its report is."""
    found = {}
    for report in reports:
        card = cards.get(report.name)
        found[report.name] = System(report.name, report.name if card is None else card.name, card, report)
    return found
