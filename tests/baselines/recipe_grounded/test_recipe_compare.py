"""Tables and findings from made reports; which runs there are; what is put into the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from baselines.common.readme_tables import BEGIN, END
from baselines.recipe_grounded import compare, reproduce
from baselines.recipe_grounded.findings import FINDINGS, told
from baselines.recipe_grounded.kitchen_runs import EVALUATIONS, SHIPPED, STAGE_RUNS
from baselines.recipe_grounded.reports import MEASURED, Column, Reports, report_folder
from baselines.recipe_grounded.settings import load_settings, settings_path
from baselines.recipe_grounded.vocabulary import build
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import StorageFull
from foodbench.data.roots import resolve
from foodbench.models.recipe_grounded.checkpoint import KITCHEN_PARTS
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY

F1 = Column("actions F1", "recipe1m.actions", "f1.sample")
TAIL = Column("tail", "recipe1m.actions", "recall.tail")


@pytest.fixture
def vocabulary(kitchen, tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary.json"
    build(resolve("recipe1m", "kitchen")).save(path)
    return path


def write_report(folder: Path, tell) -> None:
    """A report of a model that answers each sample of recipe1m.actions with what a function makes of it."""
    task = TASKS.get("recipe1m.actions")
    data = task.load(resolve("recipe1m", "kitchen"))
    records = []
    for sample in data.samples:
        score = task.score(sample, tell(sample), data.vocabulary)
        records.append(
            {
                "sample_id": sample.sample_id,
                "cluster": sample.cluster,
                "key": "sha256:0",
                "answer": tell(sample),
                "parsed": score.parsed,
                "values": dict(score.values),
                "detail": dict(score.detail),
                "error": None,
                "tokens": None,
                "time": {},
            }
        )
    place = folder / "recipe1m.actions@1"
    place.mkdir(parents=True)
    (place / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    (place / "result.json").write_text("{}")


def right(sample) -> str:
    return sample.reference["text"]


def less(sample) -> str:
    """Without the first step."""
    return sample.reference["text"].partition("\n")[2]


def test_tables_have_what_there_is(vocabulary: Path, tmp_path: Path) -> None:
    write_report(report_folder(tmp_path, "writer", 0), less)
    write_report(report_folder(tmp_path, "both", 0), right)
    reports = Reports(tmp_path, vocabulary)
    best = reports.value("both", F1)
    assert best is not None
    assert best.value == 100.0
    assert reports.value("both-scsr", F1) is None
    assert reports.value("both", Column("x", "recipe1m.ingredients", "f1.micro")) is None
    text = compare.markdown(reports)
    (row,) = [line for line in text.splitlines() if line.startswith("| + both |")]
    assert "**100.0**" in row
    assert "–" in row
    assert all(table.title in text for table in compare.TABLES)
    assert text.count("\n| ") > len(FINDINGS)


def test_what_the_paper_found_is_looked_up(vocabulary: Path, tmp_path: Path) -> None:
    write_report(report_folder(tmp_path, "writer", 0), less)
    write_report(report_folder(tmp_path, "both", 0), right)
    write_report(report_folder(tmp_path, "actions", 0), less)
    reports = Reports(tmp_path, vocabulary)
    by_claim = {finding.claim: finding for finding in FINDINGS}
    here, difference, verdict = told(by_claim["context without SCSR raises action F1"], reports)
    assert here.endswith("to 100.0")
    assert difference.startswith("+")
    assert verdict == "yes"
    assert told(by_claim["actions alone raise action F1"], reports)[2] in ("not told apart", "no interval")
    assert told(by_claim["context raises action F1"], reports)[2] == "–"
    fallen = reports.difference("both", "writer", F1)
    assert fallen is not None
    assert fallen.high is not None
    assert fallen.high < 0


def test_recall_of_a_tier_and_seeds(vocabulary: Path, tmp_path: Path) -> None:
    plain = json.loads(vocabulary.read_text())["actions"]
    rare = {one["name"] for one in plain if one["tier"] == "tail"}
    due = [
        set(sample.reference["actions"]) for sample in TASKS.get(F1.task).load(resolve("recipe1m", "kitchen")).samples
    ]
    write_report(report_folder(tmp_path, "ar-rft", 0), right)
    write_report(report_folder(tmp_path, "ar-rft", 2), lambda sample: "Serve it.")
    reports = Reports(tmp_path, vocabulary)
    assert reports.seeds("ar-rft") == [0, 2]
    assert sum(len(one & rare) for one in due) > 0
    found = reports.value("ar-rft", TAIL)
    assert found is not None
    assert found.value == 50.0, "all of them, and none"
    head = reports.value("ar-rft", Column("head", F1.task, "recall.head"))
    assert head is not None
    assert 50.0 < head.value < 100.0


def test_every_row_and_finding_has_a_run_that_makes_it() -> None:
    made = {evaluation.key: set(evaluation.tasks) for evaluation in EVALUATIONS} | {"foodlmm": None}
    rows = [(key, table.columns) for table in compare.TABLES for _, key in table.rows]
    rows += [(key, (one.column,)) for one in FINDINGS for key in (one.first, one.second)]
    for key, columns in rows:
        tasks = made[key]
        assert tasks is None or {column.task for column in columns} <= tasks, key
    for _, columns in rows:
        for column in columns:
            assert Reports(Path("none"), Path("none")).metric(column)


def test_stages_follow_on_each_other() -> None:
    known = {"start"}
    for run in STAGE_RUNS:
        assert run.start in known
        assert load_settings(settings_path("kitchen", run.recipe)).stage == run.stage
        known.add(run.name)
    assert set(SHIPPED.values()) <= known
    assert tuple(SHIPPED) == KITCHEN_PARTS


@pytest.mark.parametrize("evaluation", EVALUATIONS, ids=lambda one: one.key)
def test_what_is_measured_can_be_loaded(evaluation, start: Path) -> None:
    checkpoints = dict.fromkeys((run.name for run in STAGE_RUNS), start)
    arguments = dict(part.split("=", 1) for part in evaluation.arguments(checkpoints).split(","))
    adapter = load_adapter("recipe_grounded", arguments)
    assert (adapter.judge is not None) == evaluation.judged
    assert (adapter.writer is not None) == evaluation.written


def test_the_package_gets_a_set_that_is_not_too_large(start: Path, tmp_path: Path, monkeypatch) -> None:
    for run in STAGE_RUNS:
        folder = reproduce.stage_folder(tmp_path, run, 0)
        (folder / "checkpoint").mkdir(parents=True)
        for path in start.iterdir():
            (folder / "checkpoint" / path.name).write_bytes(path.read_bytes())
        (folder / "vocabulary.json").write_text("{}")
    size = reproduce.ship(tmp_path, tmp_path / "package")
    files = [path for path in (tmp_path / "package").rglob("*") if path.is_file()]
    assert size == sum(path.stat().st_size for path in files)
    assert {path.parent.name for path in files} == {*KITCHEN_PARTS, "package"}
    monkeypatch.setattr(reproduce, "LIMIT", 1000)
    with pytest.raises(StorageFull, match="more than"):
        reproduce.ship(tmp_path, tmp_path / "package")


def test_what_scsr_did_is_told_over_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"scsr.judged": 200.0, "scsr.fallbacks": 50.0, "scsr.failures": 1.0}
    reports = Reports(tmp_path, tmp_path)
    monkeypatch.setattr(reports, "seeds", lambda key: [0, 1] if key == "both-scsr" else [])
    monkeypatch.setattr(reports, "usage", lambda _key, _seed, name: counts[name])
    lines = compare.judged_lines(reports)
    assert lines[-1] == "| both | 400 | 25.0 % | 2 |"
    assert lines[-2] == "| ingredients | 0 | – | 0 |"


def test_the_readme_has_the_tables_of_the_committed_reports() -> None:
    shown = compare.README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == compare.markdown(Reports(MEASURED))
    assert "–" not in shown, "every row has its report"


def test_context_and_the_word_level_reward_do_what_is_claimed_of_them() -> None:
    by_claim = {finding.claim: finding for finding in FINDINGS}
    reports = Reports(MEASURED)
    for claim in (
        "context without SCSR raises action F1",
        "context without SCSR raises ingredient F1",
        "... and the predictor's recall of rare actions",
    ):
        finding = by_claim[claim]
        found = reports.difference(finding.first, finding.second, finding.column)
        assert found is not None
        assert found.low is not None
        assert found.low > 0, claim


def test_the_front_page_has_the_measured_differences() -> None:
    front, reports = (REPOSITORY / "README.md").read_text(encoding="utf-8"), Reports(MEASURED)
    by_claim = {finding.claim: finding for finding in FINDINGS}
    shown = {
        "context raises action F1": "action F1 {:+.1f}",
        "context raises ingredient F1": "ingredient F1 {:+.1f}",
        "... and the predictor's recall of rare actions": "rare actions {:+.0f}",
    }
    for claim, text in shown.items():
        finding = by_claim[claim]
        found = reports.difference(finding.first, finding.second, finding.column)
        assert found is not None
        assert text.format(found.value) in front
