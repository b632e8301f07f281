"""The page that shows which metrics notice a wrong recipe, from stored diagnoses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.runs.diagnostics import VERDICTS, Diagnosis, Example, MetricLoss, read_diagnosis
from foodbench.site import downloads
from foodbench.site.pages import Pages
from foodbench.site.wording import MINUS, slug

PAGE = "diagnostics.html"
FOLDER = "diagnostics"
CONTROL = "paraphrase"
TITLES = {
    "paraphrase": "Reworded, nothing wrong",
    "ingredients": "Ingredients swapped",
    "actions": "Actions swapped",
    "steps-order": "Steps shuffled",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one task.

    Attributes:
        task: the task's name.
        link: its page; empty if it has none.
        metric: what is known of it before anything is corrupted.
        cells: by corruption, what it lost at every share, in words, and the verdict at the largest.
    """

    task: str
    link: str
    metric: MetricLoss
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A diagnosis as the page shows it.

    Attributes:
        key: its place on the page.
        diagnosis: the file.
        kinds: the corruptions, the control first.
        rows: its metrics.
        left: answers that could not be corrupted, in words.
        examples: one recipe made wrong in each way.
    """

    key: str
    diagnosis: Diagnosis
    kinds: tuple[str, ...]
    rows: tuple[Row, ...]
    left: tuple[str, ...]
    examples: tuple[Example, ...]


def load_diagnoses(folder: Path) -> dict[str, Diagnosis]:
    """The diagnoses beside the site's configuration, by file name.

    Raises:
        DataCorrupt: one is damaged.
    """
    return {path.stem: read_diagnosis(path) for path in sorted((folder / FOLDER).glob("*.json"))}


def diagnosed_tasks(diagnoses: Sequence[Diagnosis]) -> frozenset[str]:
    """The tasks whose metrics were tried."""
    return frozenset(task.name for each in diagnoses for task in each.tasks)


def write_diagnostics(pages: Pages, diagnoses: dict[str, Diagnosis]) -> None:
    """Write the page, if there is a diagnosis; after the pages of tasks, which it links to.

    Raises:
        StorageFull: it cannot be written.
    """
    if not diagnoses:
        return
    shown = [_shown(name, each, pages.out) for name, each in diagnoses.items()]
    for each in shown:
        downloads.write_table(pages, f"data/diagnostics/{each.key}", _records(each.diagnosis))
    pages.write(PAGE, "diagnostics.html", shown=shown, titles=TITLES, verdicts=VERDICTS, control=CONTROL)


def _shown(name: str, diagnosis: Diagnosis, out: Path) -> Shown:
    kinds = tuple(dict.fromkeys(each.corruption for each in diagnosis.results))
    rows: list[Row] = []
    for task in diagnosis.tasks:
        mine = [each for each in diagnosis.results if each.task == task.name]
        page = f"tasks/{slug(task.name)}.html"
        link = page if (out / page).is_file() else ""
        for index, first in enumerate(mine[0].metrics if mine else ()):
            cells = [_cell([each.metrics[index] for each in mine if each.corruption == kind]) for kind in kinds]
            rows.append(Row(task.name, link, first, tuple(cells)))
    left = [
        f"{each.task}, {each.corruption} at {each.share:g}: {count} unchanged ({why})"
        for each in diagnosis.results
        for why, count in each.unchanged.items()
    ]
    first_task = diagnosis.tasks[0].name if diagnosis.tasks else ""
    examples = tuple(each for each in diagnosis.examples if each.task == first_task)
    return Shown(slug(name), diagnosis, kinds, tuple(rows), tuple(dict.fromkeys(left)), examples)


def _cell(losses: Sequence[MetricLoss]) -> tuple[str, str]:
    """Losses in percent, one per share, and the verdict at the largest."""
    texts = ("–" if each.loss is None else f"{round(each.loss):d}".replace("-", MINUS) for each in losses)
    return " · ".join(texts) + "\N{NO-BREAK SPACE}%", losses[-1].verdict if losses else ""


def _records(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """One record per task, corruption, share and metric."""
    return [
        {
            "edition": diagnosis.label,
            "answers": diagnosis.answers,
            "task": each.task,
            "corruption": each.corruption,
            "share": each.share,
            "reached": each.reached,
            **metric.model_dump(mode="json"),
        }
        for each in diagnosis.results
        for metric in each.metrics
    ]
