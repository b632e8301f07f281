"""Numbers that somebody states without answers to follow them back to: shown beside the measured ones, never ranked.

They come from papers, about the real datasets, and from submissions of numbers alone (`reported.yaml`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from foodbench.papers.catalog import Cell as PublishedCell
from foodbench.papers.catalog import all_papers
from foodbench.runs.submission_schema import REPORTED, ReportedFile
from foodbench.site.config import ModelCard, read_yaml
from foodbench.site.model import Figure
from foodbench.site.reports import submission_name
from foodbench.site.views import known_task

SUBMITTED_PAGE = "papers/submitted.html"


@dataclass(frozen=True, slots=True)
class Reported:
    """One stated number that a task's metric stands beside.

    Attributes:
        source: id of the paper, or title of what a submission names.
        page: where the site shows it.
        row: whose number.
        where: table of the paper, or place in the source.
        task: the task.
        metric: the metric.
        value: the number.
        unit: its unit.
        items: test items, where known.
        note: what is doubtful about it.
        edition: of the dataset.
    """

    source: str
    page: str
    row: str
    where: str
    task: str
    metric: str
    value: float
    unit: str
    items: str
    note: str
    edition: str = "real"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission of numbers without answers."""

    name: str
    card: ModelCard
    file: ReportedFile
    numbers: tuple[Reported, ...]


@dataclass(frozen=True, slots=True)
class ReportedNumbers:
    """All stated numbers, those of papers first."""

    numbers: tuple[Reported, ...]

    @property
    def editions(self) -> frozenset[str]:
        """Those that somebody states a number for."""
        return frozenset(each.edition for each in self.numbers)

    def on(self, edition: str) -> ReportedNumbers:
        """Those of one edition."""
        return ReportedNumbers(tuple(each for each in self.numbers if each.edition == edition))

    def of(self, task: str, metric: str | None = None) -> list[Reported]:
        """Those of a task, of one metric if it is named."""
        return [each for each in self.numbers if each.task == task and metric in (None, each.metric)]

    def rows_of(self, tasks: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], dict[str, Reported]]:
        """By page and row, each task's number; the first where a source has several.

        Args:
            tasks: name, metric and unit of each.
        """
        rows: dict[tuple[str, str], dict[str, Reported]] = {}
        for name, metric, unit in tasks:
            for each in self.of(name, metric):
                if each.unit == unit:
                    rows.setdefault((each.page, each.row), {}).setdefault(name, each)
        return rows

    def reproduced(self, claim: str, task: str, metric: str, figure: Figure) -> Reported | None:
        """The published number that a measured one reproduces: it lies within the interval.

        Args:
            claim: `paper/row`, as the model's card says.
            task: the task.
            metric: the metric.
            figure: what was measured.
        """
        source, _, row = claim.partition("/")
        for each in self.of(task, metric):
            if (each.page, each.row) == (paper_page(source), row) and each.unit == figure.unit:
                inside = figure.low is not None and figure.high is not None and figure.low <= each.value <= figure.high
                return each if inside else None
        return None


def paper_page(paper: str) -> str:
    """Where the site shows a paper."""
    return f"papers/{paper}.html"


def published() -> tuple[Reported, ...]:
    """Every published number of a task, in the papers' order."""
    found = []
    for paper in all_papers():
        for cell in paper.cells:
            if cell.task:
                found.append(_published(cell, paper.labels.get(cell.table, cell.table)))
    return tuple(found)


def _published(cell: PublishedCell, where: str) -> Reported:
    return Reported(
        source=cell.paper,
        page=paper_page(cell.paper),
        row=cell.row,
        where=where,
        task=cell.task,
        metric=cell.metric,
        value=float(cell.value),
        unit=cell.unit,
        items=cell.items,
        note=cell.note,
    )


def load_submitted(root: Path, cards: Mapping[str, ModelCard]) -> tuple[Submitted, ...]:
    """The submissions of numbers alone below `leaderboard/submissions`, by name.

    Raises:
        DataCorrupt: one is damaged.
    """
    found = []
    for path in sorted(root.glob(f"*/*/{REPORTED}")):
        name = submission_name(path.parent)
        card, file = cards[name], read_yaml(path, ReportedFile)
        numbers = []
        for each in file.numbers:
            task = known_task(each.task)
            metric = None if task is None else next((one for one in task.metrics if one.id == each.metric), None)
            numbers.append(
                Reported(
                    source=file.source.title,
                    page=f"{SUBMITTED_PAGE}#{name}",
                    row=card.name,
                    where=each.where,
                    task=each.task,
                    metric=each.metric,
                    value=each.value,
                    unit="" if metric is None else metric.unit,
                    items="",
                    note=each.note,
                    edition=file.edition,
                )
            )
        found.append(Submitted(name, card, file, tuple(numbers)))
    return tuple(found)
