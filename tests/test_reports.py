"""The committed reports are whole, and the documentation's numbers are theirs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from foodbench.cli.results import print_results
from foodbench.runs.schema import RunFile, SampleRecord, TaskResult
from foodbench.runs.store import samples_digest
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY

REPORTS = sorted(path.parent for path in (REPOSITORY / "reports").glob("*/run.json"))


def results(name: str) -> list[TaskResult]:
    """The results of a report in the order of the tasks; all of them must be of today's versions."""
    run = RunFile.model_validate_json((REPOSITORY / "reports" / name / "run.json").read_text())
    order = [f"{task}@{TASKS.get(task).version}" for task in TASKS.names()]
    folders = {path.name for path in (REPOSITORY / "reports" / name).glob("*@*")}
    assert {name for name, task in run.tasks.items() if task.status == "complete"} == folders
    assert all(task.reason for name, task in run.tasks.items() if name not in folders)
    assert folders <= set(order), "of another version of the task: run it again"
    paths = [REPOSITORY / "reports" / name / task / "result.json" for task in order if task in folders]
    return [TaskResult.model_validate_json(path.read_text()) for path in paths]


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_results_follow_from_their_samples(report: Path) -> None:
    assert "/" not in json.dumps(json.loads((report / "run.json").read_text())["config"].get("out", "")), "a local path"
    for result in results(report.name):
        task = TASKS.get(result.task.name)
        assert result.task.version == task.version
        packed = (report / task.versioned_name / "samples.jsonl.gz").read_bytes()
        records = [SampleRecord.model_validate_json(line) for line in gzip.decompress(packed).splitlines()]
        assert samples_digest(records) == result.samples_sha256
        assert len(records) == result.n
        scores = [record.score() for record in records]
        assert point_values(task.metrics, scores) == {metric.id: metric.value for metric in result.metrics}


def test_the_kitchen_report_covers_all_strict_tasks() -> None:
    covered = {result.task.name for result in results("foodlmm-kitchen")}
    assert covered == {name for name in TASKS.names() if TASKS.get(name).protocol == "strict"}


def test_readme_shows_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(results("foodlmm-kitchen"), rows="primary")
    table = capsys.readouterr().out.partition("\n\n")[0].rstrip()
    rows = [line for line in table.splitlines() if " (kitchen)" in line or line.startswith("task ")]
    assert len(rows) == 31
    assert "\n".join(row.rstrip() for row in rows) in (REPOSITORY / "README.md").read_text()


def test_readme_states_the_colour_floor_of_the_report() -> None:
    (result,) = results("colour-food101-real")
    (metric,) = result.metrics
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    assert result.n == 200
    assert f"gets {metric.value:.1f} % (95 % interval {metric.low:.1f} to {metric.high:.1f})" in readme
    assert metric.low is not None
    assert metric.low > 10, "clearly above chance among ten classes"
