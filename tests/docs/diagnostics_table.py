"""The table of docs/diagnostics.md from the committed diagnosis; `python -m tests.docs.diagnostics_table` writes it."""

from __future__ import annotations

import re

from foodbench.core.files import atomic_write
from foodbench.runs.diagnostics import Diagnosis, MetricLoss, read_diagnosis
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "diagnostics.md"
DIAGNOSIS = REPOSITORY / "leaderboard" / "diagnostics" / "recipes-kitchen.json"
KINDS = ("paraphrase", "ingredients", "actions", "steps-order")
MARKS = re.compile(r"(<!-- kitchen: begin -->\n).*?(<!-- kitchen: end -->)", re.DOTALL)


def table(found: Diagnosis) -> str:
    """The headline metrics of each task and the set-based ROUGE-L, at the largest share."""
    lines = ["| task | metric | reworded | ingredients | actions | order of steps |", "|---|---|---|---|---|---|"]
    for task in found.tasks:
        results = {
            each.corruption: each.metrics
            for each in found.results
            if (each.task, each.share) == (task.name, found.shares[-1])
        }
        for index, metric in enumerate(results["paraphrase"]):
            if index < TASKS.get(task.name).headline or metric.metric == "rouge_l_set":
                cells = (_cell(results[kind][index]) for kind in KINDS)
                lines.append(f"| `{task.name}` | `{metric.metric}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(metric: MetricLoss) -> str:
    loss = "–" if metric.loss is None else f"{abs(metric.loss) if abs(metric.loss) < 0.5 else metric.loss:.0f}"
    return f"{loss}, {metric.verdict}"


def page() -> str:
    """The page with the table as it should be."""
    wanted = table(read_diagnosis(DIAGNOSIS))
    return MARKS.sub(lambda match: f"{match[1]}{wanted}{match[2]}", PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    atomic_write(PAGE, page())
