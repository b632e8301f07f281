"""The pages about tasks and metrics say what the code does; links between pages lead somewhere.

`python -m tests.test_docs` brings the lines of docs/tasks.md up to date, but for their last cell (numbers of items).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from foodbench.core.files import atomic_write
from foodbench.core.types import NUTRIENTS
from foodbench.data.catalog import CATALOG
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.metrics.aggregate import Metric
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask
from foodbench.tasks.nutrition5k.refer import heaviest
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.glob("*.md")])
PREFIXES = ("ingredients_listed.", "ingredients_mentioned.")


def lines_of(name: str) -> list[str]:
    return (DOCS / name).read_text(encoding="utf-8").splitlines()


def task_row(task: FoodTask) -> str:
    """The beginning of a task's line in docs/tasks.md; the numbers of items follow."""
    primary, *others = (f"`{metric.id}`" for metric in task.metrics[: task.headline])
    asked = "the dataset's own" if not task.questions else task.questions[0]
    more = f" ({len(task.questions)} wordings)" if len(task.questions) > 1 else ""
    cells = (f"`{task.name}`", str(task.version), task.protocol, primary, ", ".join(others) or "–", asked + more)
    return f"| {' | '.join(cells)} | "


def metric_row(metric: Metric) -> str:
    """The beginning of a metric's line in docs/metrics.md, by family: nutrients and kinds of lists share one."""
    name = metric.id
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    for nutrient in NUTRIENTS:
        name = re.sub(rf"\.{nutrient}$", ".<nutrient>", name)
    return f"| `{name}` | {metric.kind} | "


def test_every_task_has_its_line() -> None:
    page = lines_of("tasks.md")
    rows = [task_row(TASKS.get(name)) for name in TASKS.names()]
    absent = [row for row in rows if not any(line.startswith(row) for line in page)]
    assert not absent, "docs/tasks.md lacks:\n" + "\n".join(absent)
    listed = [line for line in page if line.startswith(tuple(f"| `{name}." for name in CATALOG.names()))]
    assert len(listed) == len(rows), "docs/tasks.md has lines of tasks that do not exist"


def test_every_metric_has_its_line() -> None:
    page = lines_of("metrics.md")
    rows = {metric_row(metric) for name in TASKS.names() for metric in TASKS.get(name).metrics}
    absent = [row for row in sorted(rows) if not any(line.startswith(row) for line in page)]
    assert not absent, "docs/metrics.md lacks:\n" + "\n".join(absent)


def test_every_golden_file_is_described() -> None:
    described = [line.split("`")[1] for line in lines_of("metrics.md") if re.match(r"\| `\w+\.json` \|", line)]
    assert sorted(described) == sorted(path.name for path in (REPOSITORY / "tests" / "golden").iterdir())
    for name in described:
        line = next(line for line in lines_of("metrics.md") if line.startswith(f"| `{name}` |"))
        plain = json.loads((REPOSITORY / "tests" / "golden" / name).read_text(encoding="utf-8"))
        parts = set(plain) - {"about", "source", "what", "manifests"}
        assert not [part for part in parts if f"`{part}`" not in line], name


def test_the_real_dishes_are_counted(realdata: Path) -> None:
    reader = Nutrition5k(realdata / "nutrition5k_dataset", allow_partial=True)
    page = lines_of("tasks.md")
    counts = {
        name: [sum(len(heaviest(dish)) >= rank for dish in reader.annotations(name)) for rank in (1, 2, 3)]
        for name in ("depth_test", "rgb_test")
    }
    for rank, count in enumerate(counts["depth_test"], start=1):
        (line,) = [line for line in page if line.startswith(f"| `nutrition5k.refer{rank}` ")]
        assert f"| {count} / " in line
    assert "({}, {} and {} dishes with `view=any`)".format(*counts["rgb_test"]) in "\n".join(page)


@pytest.mark.parametrize("page", ["docs/data.md", "README.md"])
def test_every_dataset_is_named(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert not [name for name in CATALOG.names() if f"`{name}" not in text]


def anchors_of(page: Path) -> set[str]:
    """The anchors that a page's headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        other = page.parent / path if path else page
        assert other.exists(), f"{page.name} links to {target}"
        if anchor and other.suffix == ".md":
            assert anchor in anchors_of(other), f"{page.name} links to {target}"


def main() -> None:
    """Write the tasks' lines anew."""
    page = lines_of("tasks.md")
    for name in TASKS.names():
        for number, line in enumerate(page):
            if line.startswith(f"| `{name}` |"):
                page[number] = task_row(TASKS.get(name)) + line.rsplit("| ", 1)[1]
    atomic_write(DOCS / "tasks.md", "\n".join(page) + "\n")


if __name__ == "__main__":
    main()
