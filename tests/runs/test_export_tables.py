"""Tables for papers: every edition apart, every character as it was meant, and LaTeX that is whole."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from foodbench.runs.export import load_results
from foodbench.runs.export_tables import to_latex, to_markdown
from foodbench.runs.schema import ReferenceFigure
from foodbench.runs.store import RunFolder
from tests.conftest import REPOSITORY
from tests.runs.export_runs import HOSTILE, finish, metric, store

REPORT = REPOSITORY / "reports" / "foodlmm-kitchen"
SPECIAL = re.compile(r"(?<!\\)[&%$#_{}~^<>|]")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run-1")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_says_the_numbers_and_their_frame(folder: RunFolder) -> None:
    floor = ReferenceFigure(model="baseline:majority", value=None, reason="no train split")
    store(folder, metrics=[metric("top1_accuracy", 98.1517), metric("unrated", None, floor=floor, unit="")], headline=2)
    text = to_markdown(load_results(finish(folder)))
    head, rule, first, second = [line for line in text.splitlines() if line.startswith("|")]
    assert cells(head) == ["task", "metric", "value", "95% interval", "n", "parsed (%)", "floor", "ceiling"]
    assert rule == "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    assert cells(first) == [
        "`food101.dish@1`", "`top1_accuracy` (%) ↑", "98.2", "97.7 – 98.4", "3", "66.7", "8.2", "100.0",
    ]  # fmt: skip
    assert cells(second) == ["", "`unrated` ↑", "–", "–", "3", "", "–", "100.000"]
    assert "synthetic plates drawn by foodbench, not the real datasets" in text
    assert "foodbench 0\\.1\\.0" in text or "foodbench 0.1.0, commit cccccccccccc" in text


@pytest.mark.parametrize("write", [to_markdown, to_latex])
def test_editions_never_share_a_table(write: object, folder: RunFolder) -> None:
    store(folder)
    store(folder, "nutrition5k.total", dataset={"edition": "real"})
    store(folder, "foodseg103.refer1", dataset={"variant": "hard"})
    text = write(load_results(finish(folder)))  # type: ignore[operator]
    parts = re.split(r"^### |\\begin\{table\}", text, flags=re.MULTILINE)[1:]
    names = ("nutrition5k.total", "food101.dish", "foodseg103.refer1")
    assert [[name in part for name in names] for part in parts] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert "real data" in parts[0]
    assert "synthetic" not in parts[0]
    assert all("synthetic" in part for part in parts[1:])
    assert "hard" in parts[2]


@pytest.mark.parametrize("write", [to_markdown, to_latex])
def test_a_result_that_is_not_full_says_so_in_its_row(write: object, folder: RunFolder) -> None:
    store(folder, limit=12, control="wrong-image", n_missing=2, dataset={"missing": 7})
    (row,) = [line for line in write(load_results(finish(folder))).splitlines() if "top1" in line]  # type: ignore[operator]
    plain = row.replace("\\", "")
    for remark in (
        "control wrong-image",
        "limit 12",
        "partial copy, 7 of 10 records missing",
        "2 of 3 answers missing",
    ):
        assert remark in plain


def hostile(folder: RunFolder) -> Path:
    for number, text in enumerate(HOSTILE):
        name = f"food101.t{number}"
        store(folder, name, metrics=[metric(f"m{text}", 50.0, unit=text)], dataset={"variant": text})
    return finish(folder)


def test_hostile_names_break_no_markdown(folder: RunFolder) -> None:
    text = to_markdown(load_results(hostile(folder)))
    assert all(line.isprintable() for line in text.splitlines())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 3 * len(HOSTILE)
    assert {len(cells(row)) for row in rows} == {8}
    outside = re.sub(r"`[^`]*`", "", text)
    assert not re.search(r"(?<!\\)<", outside), "no HTML"
    assert not re.search(r"(?<!\\)\]\(", outside), "no links"


def balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def assert_whole(text: str) -> None:
    """What TeX would stumble over: groups, environments, columns, characters with a meaning."""
    assert balanced(text)
    assert re.findall(r"\\begin\{(\w+)\}", text).count("table") == text.count(r"\end{table}")
    for table in text.split(r"\begin{table}")[1:]:
        columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", table)
        assert columns is not None
        for rule in ("toprule", "midrule", "bottomrule"):
            assert table.count(f"\\{rule}") == 1
        rows = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert rows
        for row in rows:
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns.group(1)) - 1, row
            plain = re.sub(r"\$-\$|\$\\(up|down)arrow\$|\\text\w+\{\}", "", row.removesuffix(r" \\"))
            assert not [char for char in SPECIAL.findall(plain) if char != "&"], row
            assert set(re.findall(r"\\([^%&#_{}$])", plain)) <= {" "}, row


def test_latex_is_whole(folder: RunFolder) -> None:
    assert_whole(to_latex(load_results(REPORT)))
    store(folder, metrics=[metric("r2", -0.5, unit="", low=-1.25, high=0.125)])
    text = to_latex(load_results(finish(folder)))
    assert r"& $-$0.500 & $-$1.250 -- 0.125 &" in text
    assert_whole(text)


def test_hostile_names_break_no_latex(folder: RunFolder) -> None:
    text = to_latex(load_results(hostile(folder)))
    assert_whole(text)
    assert r"\textbackslash{}input\{/etc/passwd\} \% \$ \# \_ \{ \} \textasciitilde{}" in text
    assert r"\input" not in text
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert all(re.fullmatch(r"tab:[a-z0-9-]+", label) for label in labels)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles(folder: RunFolder, tmp_path: Path) -> None:
    body = to_latex(load_results(REPORT))
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
