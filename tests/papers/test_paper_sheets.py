"""Tables laid out: every table in every format, and what stands beside a reported number."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.papers.catalog import Paper, TableCard, all_papers, find_table
from foodbench.papers.layout import body, headings
from foodbench.papers.measured import MeasuredRun, read_run
from foodbench.papers.render import CSV_HEADERS, latex, markdown, render_rows, render_sheet
from foodbench.papers.sheet import Panel, Sheet, build
from foodbench.runs.store import RunFolder
from tests.conftest import REPOSITORY

KITCHEN = REPOSITORY / "reports" / "foodlmm-kitchen"
TABLES = [(paper, table) for paper in all_papers() for table in paper.tables]
FORMATS = ("md", "csv", "latex", "html")


def table(name: str, *runs: MeasuredRun) -> Sheet:
    return build(*find_table(name), runs)


def edited(folder: Path, **changes: Any) -> Path:
    """A copy of a few kitchen results with other values in their `dataset`, `task` or top level."""
    folder.mkdir(exist_ok=True)
    run = json.loads((KITCHEN / "run.json").read_text(encoding="utf-8"))
    for task in ("food101.dish@1", "foodseg103.refer1@2", "vireo172.ingredients@1"):
        (folder / task).mkdir()
        result = json.loads((KITCHEN / task / "result.json").read_text(encoding="utf-8"))
        for name, value in changes.items():
            part, _, key = name.partition("__")
            if key:
                result[part][key] = value
            else:
                result[part] = value
        (folder / task / "result.json").write_text(json.dumps(result), encoding="utf-8")
    run["run_id"] = "real-1"
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return edited(tmp_path / "real", dataset__edition="real")


def read(folder: Path, row: str | None = None) -> MeasuredRun:
    return read_run(RunFolder(folder), row)


def panel(sheet: Sheet, title: str) -> Panel:
    (found,) = (each for each in sheet.panels if each.title == title)
    return found


class Page(html.parser.HTMLParser):
    """What of a page matters: balanced tags, text, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "srcset", "style") and "http" in str(value)
        ]
        assert tag not in ("script", "link", "iframe", "img", "object")
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("paper", "card"), TABLES, ids=lambda value: getattr(value, "id", ""))
def test_every_table_in_every_format(paper: Paper, card: TableCard, form: str) -> None:
    sheet = build(paper, card, [read(KITCHEN)])
    text = render_sheet(sheet, form)
    numbers = [cell.value for cell in paper.select({"table": card.id}) if len(cell.value) > 3]
    assert not [number for number in numbers if number not in text.replace(",", "")]
    if form == "html":
        assert Page(text).loads == []
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len([row for row in rows if row["reported"]]) == len(paper.select({"table": card.id}))
        assert {row["status"] for row in rows} <= {"measured", "not measured", "set apart"}
    elif form == "latex":
        _check_latex(text)
    else:
        _check_markdown(text)


def _check_latex(text: str) -> None:
    assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")
    assert text.count(r"\begin{") == text.count(r"\end{")
    for part in re.findall(r"\\begin\{tabular\}\{(l+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        for line in part[1].splitlines():
            if line.endswith(r"\\"):
                spanned = sum(int(width) - 1 for width in re.findall(r"\\multicolumn\{(\d+)\}", line))
                assert len(re.findall(r"(?<!\\)&", line)) + 1 + spanned == len(part[0]), line


def _check_markdown(text: str) -> None:
    widths = []
    for line in text.splitlines():
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        elif widths:
            assert len(set(widths)) == 1
            widths = []


def test_a_table_without_a_run_says_so() -> None:
    sheet = table("foodlmm/9")
    (only,) = sheet.panels
    assert headings(only) == ["row", "source", "gIoU", "cIoU"]
    assert body(only)[0] == ["LISA-7B", "reported", "0.19", "0.17"]
    assert body(only)[2] == ["FoodLMM Chat", "reported", "0.71 [1]", "0.72"]
    assert only.remarks == ("Not measured: no run was given (--with RUN).",)


def test_columns_keep_the_papers_order_where_the_first_row_has_a_gap() -> None:
    assert panel(table("foodlmm/7"), "Ingredient recognition, VIREO Food-172").columns == (("", "IoU"), ("", "F1"))


def test_a_run_beside_the_row_that_it_claims(real: Path) -> None:
    sheet = table("foodlmm/7", read(real, "foodlmm  ft"))
    rows = body(panel(sheet, "Food classification, Food-101"))
    assert rows[1][:2] == ["FoodLMM FT", "reported"]
    assert rows[2][1] == "measured: real-1"
    assert rows[2][2].startswith("100.00% [98.15, 100.00] [")
    assert rows[3][1:] == ["difference", "+6.07 points"]
    assert len(rows) == 4
    assert any("Measured on 204 samples, the paper's 25,250." in note for note in sheet.notes)
    remarks = panel(sheet, "Food classification, Food-101").remarks
    assert remarks == ("Not measured: PRENet: no run was given for the row (--with ROW=RUN).",)


def test_a_star_is_another_row(real: Path) -> None:
    rows = body(panel(table("foodlmm/7", read(real, "FoodLMM FT")), "Recipe generation, Recipe1M"))
    assert [row[1] for row in rows] == ["reported", "reported"]


def test_what_a_run_lacks_is_named(real: Path) -> None:
    sheet = table("foodlmm/7", read(real, "FoodLMM FT"))
    lines = panel(sheet, "Referring segmentation, one or several ingredients").lines
    measured = next(line for line in lines if line.source == "measured: real-1")
    assert [field.status for field in measured.fields] == ["not measured", "measured", *["not measured"] * 4]
    (number,) = measured.fields[0].notes
    assert sheet.notes[number - 1] == "The run has no result of foodseg103.refer1.teacher_forced."
    difference = lines[lines.index(measured) + 1]
    assert [field.text for field in difference.fields] == ["–", "+0.81 points", "–", "–", "–", "–"]


def test_a_run_without_a_claim_has_a_row_of_its_own_and_no_difference(real: Path) -> None:
    rows = body(panel(table("foodlmm/7", read(real)), "Food classification, Food-101"))
    assert [row[:2] for row in rows] == [["PRENet", "reported"], ["FoodLMM FT", "reported"], ["real-1", "measured"]]
    assert [row["difference"] for row in records(table("foodlmm/7", read(real)))] == [""] * len(
        records(table("foodlmm/7", read(real)))
    )


def records(sheet: Sheet) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_sheet(sheet, "csv"))))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "kitchen edition"),
        ({"dataset__edition": "real", "limit": 20}, "limit 20"),
        ({"dataset__edition": "real", "task__control": "wrong-image"}, "control wrong-image"),
        ({"dataset__edition": "real", "dataset__missing": 3}, "partial copy, 3 records missing"),
        ({"dataset__edition": "real", "n_missing": 1}, "1 answer missing"),
    ],
)
def test_what_does_not_compare_is_set_apart(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    sheet = table("foodlmm/7", read(edited(tmp_path / "run", **changes), "FoodLMM FT"))
    comparable = panel(sheet, "Food classification, Food-101")
    assert [line.source for line in comparable.lines] == ["reported", "reported"]
    assert "Not measured for FoodLMM FT by real-1: it is set apart below." in comparable.remarks
    apart = panel(sheet, f"Food classification, Food-101: {reason}")
    assert apart.apart == reason
    assert body(apart) == [["real-1, for FoodLMM FT", "measured, set apart", "100.00% [98.15, 100.00]"]]
    for record in records(sheet):
        assert record["difference"] == ""
        assert record["status"] != "measured"
    for form in ("md", "html", "latex"):
        assert "not comparable with the paper" in render_sheet(sheet, form)


def test_the_shipped_kitchen_report_is_labelled() -> None:
    sheet = table("foodlmm/7", read(KITCHEN))
    assert not [
        line for each in sheet.panels for line in each.lines if line.status == "measured" or line.status == "difference"
    ]
    assert [each.apart for each in sheet.panels] == ["", "kitchen edition"] * 7


def test_every_kind_of_row_can_be_told_apart_in_every_format(real: Path) -> None:
    sheet = table("foodlmm/7", read(real, "FoodLMM FT"), read(KITCHEN))
    for form in ("md", "html", "latex"):
        text = render_sheet(sheet, form)
        for word in ("reported", "measured: real-1", "difference", "not measured", "measured, set apart"):
            assert word in text, (form, word)
    found = records(sheet)
    assert list(found[0]) == list(CSV_HEADERS)
    by_status = {status: next(row for row in found if row["status"] == status) for status in ("measured", "set apart")}
    row = by_status["measured"]
    assert (row["run"], row["task"], row["metric"], row["reported"]) == (
        "real-1",
        "food101.dish@1",
        "top1_accuracy",
        "93.93",
    )
    assert float(row["difference"]) == pytest.approx(6.07)
    assert float(row["low"]) < float(row["measured"]) == float(row["high"])
    assert by_status["set apart"]["difference"] == ""
    assert by_status["set apart"]["why"] == "kitchen edition"


def test_a_row_of_one_group_is_claimed_by_group(real: Path) -> None:
    sheet = table("foodlmm/7", read(real, "FoodSeg103/FoodLMM FT"))
    lines = panel(sheet, "Referring segmentation, one or several ingredients").lines
    assert [line.row for line in lines if line.source == "reported"][3:] == ["LISA-7B", "FoodLMM S1", "FoodLMM FT"]
    assert sum(line.status == "measured" for line in lines) == 1


def test_a_task_that_the_run_did_not_measure_has_the_runs_reason(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    edited(folder, dataset__edition="real")
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["tasks"]["recipe1m.recipe@1"] = {"status": "not_measured", "reason": "it cannot write"}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    sheet = table("foodlmm/7", read(folder, "FIRE"))
    remarks = " ".join(panel(sheet, "Recipe generation, Recipe1M").remarks)
    assert "recipe1m.recipe was not measured in the run: it cannot write" in remarks


def test_the_newest_version_of_a_task_counts(real: Path) -> None:
    newer = real / "food101.dish@3"
    shutil.copytree(real / "food101.dish@1", newer)
    result = json.loads((newer / "result.json").read_text(encoding="utf-8"))
    result["task"]["version"] = 3
    (newer / "result.json").write_text(json.dumps(result), encoding="utf-8")
    assert read(real).results["food101.dish"].task.version == 3


def test_broken_runs_are_refused(real: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        read(tmp_path / "nothing")
    (real / "food101.dish@1" / "result.json").write_text('{"schema_version": 1}', encoding="utf-8")
    with pytest.raises(DataCorrupt):
        read(real)


HOSTILE = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "@x",
    "\tx",
    "<script>alert(1)</script>",
    "a|b`c*d_e",
    r"\input{x} & 5% $",
    "\u202ex\x1b[31m",
    "[2] x",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text(real: Path, name: str) -> None:
    run = json.loads((real / "run.json").read_text(encoding="utf-8"))
    run["run_id"] = run["model"]["spec"] = name
    (real / "run.json").write_text(json.dumps(run), encoding="utf-8")
    sheet = table("foodlmm/7", read(real))
    page = render_sheet(sheet, "html")
    Page(page)
    assert not re.search("[\u202e\x1b]", "".join(render_sheet(sheet, form) for form in FORMATS))
    for row in csv.reader(io.StringIO(render_sheet(sheet, "csv"))):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(cell)]
    _check_latex(render_sheet(sheet, "latex"))
    _check_markdown(render_sheet(sheet, "md"))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_escapes() -> None:
    assert latex(r"a_b & 5% \x [1]") == r"a\_b \& 5\% \textbackslash{}x {[}1{]}"
    assert markdown("a|b <c> *d*") == r"a\|b \<c\> \*d\*"


def lines_of(form: str) -> Iterator[str]:
    yield from render_rows("Title", ("a", "b"), [("1", "x|y"), ("2", "<b>")], form).splitlines()


@pytest.mark.parametrize("form", FORMATS)
def test_plain_rows_in_every_format(form: str) -> None:
    text = "\n".join(lines_of(form))
    assert "<b>" not in text or form in ("csv", "md")
    assert {"md": r"x\|y", "csv": "x|y", "latex": "x|y", "html": "x|y"}[form] in text
