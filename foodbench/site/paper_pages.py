"""Pages of the papers: each published table, and beside it what was measured on the real datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foodbench.papers.catalog import Paper, all_papers
from foodbench.papers.measured import MeasuredRun, read_run
from foodbench.papers.sheet import Sheet, build
from foodbench.site import downloads
from foodbench.site.model import System
from foodbench.site.pages import Pages
from foodbench.site.reported import SUBMITTED_PAGE, Submitted


def write_papers(pages: Pages, systems: Sequence[System], submitted: Sequence[Submitted]) -> None:
    """Write a page per paper, one for submitted numbers if there are any, and their list.

    The kitchen edition compares with no paper; only systems with a result on a real dataset stand in the tables.

    Raises:
        StorageFull: a page cannot be written.
    """
    runs = [
        read_run(system.report.folder, _row(system))
        for system in systems
        if any(each.result.dataset.edition == "real" for each in system.report.measured.values())
    ]
    papers = all_papers()
    pages.write("papers/index.html", "papers.html", papers=papers, submitted=submitted)
    if submitted:
        pages.write(SUBMITTED_PAGE, "submitted.html", submitted=submitted)
    for paper in papers:
        sheets = [build(paper, table, _beside(paper, runs)) for table in paper.tables]
        for sheet in sheets:
            downloads.write_table(pages, f"data/papers/{paper.id}-{sheet.table.id}", _records(sheet))
        pages.write(f"papers/{paper.id}.html", "paper.html", paper=paper, sheets=sheets)


def _row(system: System) -> str | None:
    return None if system.card is None or not system.card.reproduces else system.card.reproduces.partition("/")[2]


def _beside(paper: Paper, runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """The runs that measured a task of the paper."""
    tasks = {cell.task for cell in paper.cells if cell.task}
    return [run for run in runs if tasks & set(run.results)]


def _records(sheet: Sheet) -> list[dict[str, Any]]:
    records = []
    for record in sheet.records:
        cell, found = record.cell, record.measurement
        records.append(
            {
                **{name: getattr(cell, name) for name in ("paper", "table", "block", "group", "row", "span", "column")},
                "task": cell.task,
                "metric": cell.metric,
                "unit": cell.unit,
                "reported": float(cell.value) if record.reported else None,
                "status": record.status,
                "run": found.run if found else None,
                "measured": found.value if found else None,
                "low": found.low if found else None,
                "high": found.high if found else None,
                "difference": record.difference,
                "why": record.why,
            }
        )
    return records
