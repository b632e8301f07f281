"""The committed reports are whole, and the documentation's numbers are theirs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from foodbench.cli.results import print_results
from foodbench.engine import scoring
from foodbench.runs.schema import RunFile, SampleRecord, TaskResult
from foodbench.runs.store import samples_digest
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY

REPORTS = sorted(path.parent for path in (REPOSITORY / "reports").glob("*/run.json"))


def results(name: str) -> list[TaskResult]:
    run = RunFile.model_validate_json((REPOSITORY / "reports" / name / "run.json").read_text())
    order = [f"{task}@{TASKS.get(task).version}" for task in TASKS.names()]
    paths = [REPOSITORY / "reports" / name / task / "result.json" for task in order if task in run.tasks]
    return [TaskResult.model_validate_json(path.read_text()) for path in paths if path.is_file()]


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
        scores = [
            scoring.Score(record.sample_id, record.cluster, record.parsed, record.values, record.detail, record.error)
            for record in records
        ]
        assert point_values(task.metrics, scores) == {metric.id: metric.value for metric in result.metrics}


def test_readme_shows_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(results("foodlmm-kitchen"))
    assert capsys.readouterr().out.rstrip() in (REPOSITORY / "README.md").read_text()


def test_readme_states_the_colour_floor_of_the_report() -> None:
    (result,) = results("colour-food101-real")
    (metric,) = result.metrics
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    assert result.n == 200
    assert f"gets {metric.value:.1f} % (95 % interval {metric.low:.1f} to {metric.high:.1f})" in readme
    assert metric.low is not None
    assert metric.low > 10, "clearly above chance among ten classes"
