"""docs/diagnostics.md shows the committed diagnosis, and that one is of the tasks as they are."""

from __future__ import annotations

from foodbench.runs.diagnostics import VERDICTS, read_diagnosis
from foodbench.tasks import TASKS
from foodbench.tasks.corruption import CONTROL, CORRUPTIONS
from tests.docs.diagnostics_table import DIAGNOSIS, PAGE, page


def test_the_table_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.diagnostics_table"


def test_the_committed_diagnosis_is_of_these_tasks() -> None:
    found = read_diagnosis(DIAGNOSIS)
    assert (found.edition, found.variant, found.answers, found.seed) == ("kitchen", "", "references", 0)
    assert {task.name: task.version for task in found.tasks} == {
        task.name: TASKS.get(task.name).version for task in found.tasks
    }
    for each in found.results:
        assert [metric.metric for metric in each.metrics] == [metric.id for metric in TASKS.get(each.task).metrics]
    assert {each.corruption for each in found.results} == {CONTROL, *CORRUPTIONS}


def test_every_corruption_and_verdict_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{kind}`" in text for kind in (CONTROL, *CORRUPTIONS))
    explained = {
        verdict for line in text.splitlines() if line.startswith("| ") for verdict in line.split("|")[1].split(", ")
    }
    assert {verdict.strip() for verdict in explained} >= set(VERDICTS)
