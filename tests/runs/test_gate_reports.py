"""The gate's findings as a table, Markdown, JUnit XML and JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from foodbench.runs.gate import run_gate
from foodbench.runs.gate_policy import GatePolicy, LoadedPolicy
from foodbench.runs.gate_reports import (
    escaped,
    headline,
    junit,
    markdown,
    remarks,
    shown,
    shown_change,
    shown_difference,
    table_row,
)
from foodbench.runs.gate_schema import DifferenceRecord, GateReport
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY
from tests.runs.gate_runs import DISH, VIREO, dish_lines, flipped, sides, write_run

HALF = dish_lines([index % 2 == 0 for index in range(400)])
NASTY = "<script>alert(1)</script> | [x](http://evil) @everyone \x1b[31m\u202e ]]> & `rm`"


@pytest.fixture
def report(tmp_path: Path) -> GateReport:
    """A failure, an inconclusive metric, and a task that was not measured for a hostile reason."""
    status = {TASKS.get("foodseg103.refer1").versioned_name: {"status": "failed", "reason": NASTY}}
    baseline = write_run(tmp_path / "old", {DISH: HALF, VIREO: HALF, "food101.dish.adamllm": []})
    candidate = write_run(
        tmp_path / "new",
        {DISH: flipped(HALF, lost=40), VIREO: flipped(HALF, lost=5, won=4), "food101.dish.adamllm": []},
        statuses=status,
    )
    refer = {TASKS.get("foodseg103.refer1").versioned_name: {"status": "not_measured", "reason": NASTY}}
    run = json.loads((baseline / "run.json").read_text())
    run["tasks"].update(refer)
    (baseline / "run.json").write_text(json.dumps(run))
    return run_gate(*sides(baseline, candidate), LoadedPolicy(GatePolicy(), None), strict=False, today=date(2027, 1, 1))


def test_json_obeys_its_schema(report: GateReport) -> None:
    plain = json.loads(json.dumps(report.plain(), allow_nan=False))
    schema = json.loads((REPOSITORY / "docs" / "schema" / "gate.schema.json").read_text())
    jsonschema.validate(plain, schema)
    assert plain["schema"] == "foodbench.gate/1"
    assert GateReport.model_validate(plain) == report


def test_headline_counts(report: GateReport) -> None:
    assert headline(report) == "GATE: FAIL (1 fail, 1 inconclusive, 2 not measured)"


def test_junit(report: GateReport) -> None:
    suites = ElementTree.fromstring(junit(report))
    cases = {f"{case.get('classname')} {case.get('name')}": case for case in suites.iter("testcase")}
    assert suites.get("failures") == "1"
    assert suites.get("errors") == "2"
    assert suites.get("skipped") == "1"
    assert int(str(suites.get("tests"))) == len(cases)
    failure = cases[f"{DISH} top1_accuracy"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("FAIL: Holm p = ")
    assert cases[f"{VIREO} top1_accuracy"].find("skipped") is not None
    error = cases["foodseg103.refer1 task"].find("error")
    assert error is not None
    assert "<script>" in error.get("message", ""), "escaped by the writer, whole after reading"
    assert "\x1b" not in error.get("message", "")
    assert cases["rules tasks"].find("failure") is None


def test_strict_junit_counts_inconclusive_as_failure(report: GateReport) -> None:
    suites = ElementTree.fromstring(junit(report.model_copy(update={"strict": True})))
    assert (suites.get("failures"), suites.get("skipped")) == ("2", "0")


def test_markdown_shows_hostile_text_as_text(report: GateReport) -> None:
    text = markdown(report)
    assert text.startswith("## GATE: FAIL \\(1 fail")
    assert "<script" not in text
    assert "](http" not in text.replace("\\", "\\\\"), "no link"
    assert "@everyone" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert f"`{report.rows[0].digest}`" in text, "what to put into an acknowledgement"
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {10, 4}, "every row has as many cells as its header"


@pytest.mark.parametrize(
    "hostile", ["a|b", "a\nb", "<b>", "![x](y)", "*x*", "#1", "@team", "~~x~~", "$x$", "`x`", "&lt;"]
)
def test_escaped_text_has_nothing_to_interpret(hostile: str) -> None:
    found = escaped(hostile)
    assert "\n" not in found
    assert "<" not in found
    assert "@" not in found
    for index, char in enumerate(found):
        if char in "|`*![#~$":
            assert found[index - 1] == "\\" or found[index - 1 : index + 1] == "&#"


def test_remarks_put_broken_rules_first_and_warn(tmp_path: Path) -> None:
    baseline = write_run(tmp_path / "old", {DISH: HALF, VIREO: HALF})
    candidate = write_run(tmp_path / "new", {DISH: HALF})
    report = run_gate(*sides(baseline, candidate), LoadedPolicy(GatePolicy(), None))
    assert remarks(report)[0].startswith("tasks: BROKEN: vireo172.dish is in the baseline")


def test_a_row(report: GateReport) -> None:
    cells = table_row(report.rows[0])
    assert cells[:5] == (DISH, "top1_accuracy", "↑", "50.0%", "40.0%")
    assert cells[5].startswith("−10.0 [−12")
    assert cells[5].endswith(" pp")
    assert cells[6:8] == ("1.00 pp", "400 / 400")


@pytest.mark.parametrize(
    ("value", "unit", "scale", "number", "change"),
    [
        (0.8123, "", 0.9, "0.812", "+0.812"),
        (-0.00361, "", 0.84, "-0.004", "−0.004"),
        (0.0001, "", 0.84, "0.000", "0.000"),
        (84.27, "", 84.3, "84.3", "+84.3"),
        (-0.7, "%", 99.0, "-0.7%", "−0.70 pp"),
        (7.66, "kcal", 71.2, "7.7 kcal", "+7.66 kcal"),
        (1234.5, "kcal", 1300, "1,234 kcal", "+1,234 kcal"),
        (None, "kcal", 1.0, "–", "–"),
    ],
)
def test_numbers(value: float | None, unit: str, scale: float, number: str, change: str) -> None:
    assert shown(value, unit, scale) == number
    assert shown_change(value, unit, scale) == change


def test_differences_with_and_without_an_interval() -> None:
    plain = {"confidence": 0.9, "method": "tango", "p_worse": 0.1, "n": 9, "clusters": 9}
    none = {"only_baseline": None, "only_candidate": None, "spread": None}
    found = DifferenceRecord(value=7.7, low=4.1, high=11.3, **plain, **none)
    small = DifferenceRecord(value=-0.0003, low=-0.0005, high=-0.0001, **plain, **none)
    assert shown_difference(small, "", 0.7) == "−0.0003 [−0.0005, −0.0001]"
    tiny = DifferenceRecord(value=1e-9, low=-1e-9, high=2e-9, **plain, **none)
    assert shown_difference(tiny, "%", 9.5) == "0.00 [0.00, 0.00] pp"
    assert shown_difference(found, "kcal", 71.2) == "+7.70 [+4.10, +11.3] kcal"
    assert shown_difference(DifferenceRecord(value=0.0, low=None, high=None, **plain, **none), "%") == "0.00 pp"
    assert shown_difference(DifferenceRecord(value=None, low=None, high=None, **plain, **none), "%") == "–"
