"""`foodbench export`: what comes out, what is refused, and what it does not load."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.runs.schema import TaskStatus
from foodbench.runs.store import RunFolder
from tests.cli.stored_runs import Output
from tests.conftest import REPOSITORY
from tests.runs.export_runs import finish, metric, sample, store

Foodbench = Callable[..., Output]
REPORT = REPOSITORY / "reports" / "foodlmm-kitchen"
STAGE1 = REPOSITORY / "reports" / "foodlmm-stage1-kitchen"
REAL = REPOSITORY / "reports" / "colour-food101-real"


@pytest.fixture
def run() -> Path:
    folder = RunFolder(Path(os.environ["FOODBENCH_RUNS"]) / "parrot-11aa")
    store(folder, metrics=[metric("top1_accuracy", 98.1517360191317), metric("other", 1.5)])
    return finish(folder, **{"vireo172.dish@1": TaskStatus(status="not_measured", reason="no \x1b[31mdata")})


def test_each_format_to_standard_output_and_to_a_file(foodbench: Foodbench, run: Path, tmp_path: Path) -> None:
    for form, sign in (
        ("csv", "run,model,"),
        ("jsonl", '{"run": '),
        ("md", "### "),
        ("latex", "\\begin{table}"),
        ("hf-eval-results", "model-index:"),
    ):
        printed = foodbench("export", "parrot", "--to", form)
        assert printed.code == 0, printed.err
        assert sign in printed.out
        assert "vireo172.dish@1: not exported: not measured: no \\x1b[31mdata" in printed.err
        path = tmp_path / "new" / f"results.{form}"
        assert foodbench("export", run, "--to", form, "--out", path).out == ""
        assert path.read_bytes().decode("utf-8").replace("\r\n", "\n") == printed.out.replace("\r\n", "\n")


def test_metrics_and_tasks_are_chosen(foodbench: Foodbench, run: Path) -> None:
    def rows(*arguments: str) -> list[str]:
        return [json.loads(line)["metric"] for line in foodbench("export", run, *arguments).out.splitlines()]

    assert rows("--to", "jsonl") == ["top1_accuracy", "other"]
    assert rows("--to", "jsonl", "--metrics", "primary") == ["top1_accuracy"]
    assert "`other`" not in foodbench("export", run, "--to", "md").out
    assert "`other`" in foodbench("export", run, "--to", "md", "--metrics", "all").out
    unknown = foodbench("export", run, "--to", "md", "--tasks", "food101.dihs")
    assert unknown.code == 2
    assert "Did you mean food101.dish?" in unknown.error[1]


def test_samples_as_rows(foodbench: Foodbench, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    store(folder, samples=[sample("a", "=1+1"), sample("b", "line\nline")])
    path = finish(folder)
    lines = foodbench("export", path, "--to", "jsonl", "--samples").out.splitlines()
    assert [json.loads(line)["answer"] for line in lines] == ["=1+1", "line\nline"]
    out = tmp_path / "s.csv"
    assert foodbench("export", path, "--to", "csv", "--samples", "--out", out).code == 0
    with out.open(newline="", encoding="utf-8") as stream:
        assert [row["answer"] for row in csv.DictReader(stream)] == ["'=1+1", "line\nline"]


def test_a_report_is_exported_like_a_run(foodbench: Foodbench) -> None:
    output = foodbench("export", REPORT, "--to", "md", "--metrics", "primary")
    assert output.code == 0
    assert (
        "| `food101.dish@1` | `top1_accuracy` (%) ↑ | 100.0 | 98.2 – 100.0 | 204 | 100.0 | 8.3 | 100.0 |" in output.out
    )
    lines = foodbench("export", REPORT, "--to", "jsonl", "--samples", "-t", "food101.dish").out.splitlines()
    assert len(lines) == 204


def test_a_card_is_checked(foodbench: Foodbench, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    assert foodbench("export", run, "--to", "hf-eval-results", "--out", path).code == 0
    for arguments in (("--check", path), (run, "--check", path)):
        good = foodbench("export", *arguments)
        assert good.code == 0, good.err
        assert "is in order: 1 result of py:tests:Model_1" in good.err
    path.write_text(path.read_text().replace("98.1517360191317", "99.1517360191317"))
    assert foodbench("export", "--check", path).code == 0, "by itself nothing is wrong with it"
    bad = foodbench("export", run, "--check", path)
    assert bad.code == 5
    assert "99.1517360191317 here, 98.1517360191317 in the run" in bad.error[0]


def test_files_that_are_no_cards(foodbench: Foodbench, tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe", b"a: [", b"x" * 5_000_000):
        (tmp_path / "card").write_bytes(content)
        output = foodbench("export", "--check", tmp_path / "card")
        assert output.code == 5
        assert len(output.error) == 2
    for path in (tmp_path / "nothing", tmp_path):
        assert foodbench("export", "--check", path).code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--to", "xlsx"], 2, "xlsx"),
        ([], 2, "RUN and --to are needed"),
        (["--to", "md", "--samples"], 2, "--samples goes with csv and jsonl"),
        (["--to", "csv", "--samples", "--metrics", "all"], 2, "--metrics does not go with it"),
        (["--to", "csv", "--name", "x"], 2, "--name goes with hf-eval-results"),
        (["--to", "hf-eval-results", "--name", "x", "--name", "y"], 2, "one model"),
        (["other", "--to", "csv"], 2, "Several runs go with --figure only"),
        (["--to", "csv", "--width", "3"], 2, "go with --figure only"),
        (["--figure", "forest", "--to", "csv"], 2, "--figure goes with no --to"),
        (["--figure", "forest"], 2, "--figure needs RUN and --out"),
        (["--figure", "forest", "--out", "f.jpg"], 2, "cannot be written as '.jpg'"),
        (["--figure", "forest", "--out", "svg"], 2, "cannot be written as 'svg'"),
        (["--figure", "forrest", "--out", "f.svg"], 2, "Unknown figure 'forrest'"),
        (["--figure", "forest", "--out", "f.svg", "--nutrient", "kcal"], 2, "--nutrient goes with --figure mass"),
        (["--figure", "mass", "--out", "f.svg", "--metrics", "all"], 2, "--metrics does not go with --figure mass"),
        (["--figure", "mass", "--out", "f.svg"], 2, "Unknown task of this run 'nutrition5k.total'"),
        (["--figure", "forest", "--out", "f.svg", "--width", "0"], 2, "0 inches wide"),
        (["parrot-11aa", "--figure", "forest", "--out", "f.svg"], 2, "A run comes twice"),
        ([str(REAL), "--figure", "forest", "--out", "f.svg"], 2, "have figures of their own"),
        (["--to", "csv", "--check", "x"], 2, "--check goes with no --to"),
    ],
)
def test_wrong_usage(foodbench: Foodbench, run: Path, arguments: list[str], code: int, message: str) -> None:
    output = foodbench("export", run, *arguments)
    assert output.code == code
    assert message in output.error[0]
    assert len(output.error) == 2


def test_no_such_run(foodbench: Foodbench, run: Path) -> None:
    output = foodbench("export", "parot-11aa", "--to", "csv")
    assert output.code == 2
    assert "parrot-11aa" in output.error[1]


def test_an_unfinished_run_is_incomplete(foodbench: Foodbench, run: Path) -> None:
    (run / "nutrition5k.total@2").mkdir()
    output = foodbench("export", run, "--to", "csv")
    assert output.code == 4
    assert "nutrition5k.total@2 is not finished" in output.error[0]
    assert foodbench("export", run, "--to", "csv", "--tasks", "food101.*").code == 0


@pytest.mark.parametrize("name", ["result.json", "samples.jsonl", "run.json"])
def test_damaged_files_are_named(foodbench: Foodbench, run: Path, name: str) -> None:
    path = next(run.rglob(name))
    path.write_bytes(path.read_bytes()[:50])
    output = foodbench("export", run, "--to", "jsonl", "--samples")
    assert output.code == 5
    assert name in output.error[0]


def test_where_nothing_can_be_written(foodbench: Foodbench, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    output = foodbench("export", run, "--to", "csv", "--out", tmp_path / "file" / "x.csv")
    assert output.code == 4
    assert "Cannot write" in output.error[0]
    assert foodbench("export", run, "--to", "csv", "--out", tmp_path).code == 2
    before = tmp_path / "there.csv"
    before.write_text("old")
    assert foodbench("export", run, "--to", "hf-eval-results", "--tasks", "nothing", "--out", before).code == 2
    assert before.read_text() == "old"


def test_figures_are_written(foodbench: Foodbench, tmp_path: Path) -> None:
    for name, sign in (("f.svg", b"<?xml"), ("f.pdf", b"%PDF"), ("F.PNG", b"\x89PNG")):
        path = tmp_path / "new" / name
        output = foodbench("export", REPORT, STAGE1, "--figure", "mass", "--nutrient", "kcal", "--out", path)
        assert output.code == 0, output.err
        assert (output.out, output.err) == ("", f"Saved in {path}\n")
        assert path.read_bytes().startswith(sign)
    arguments = ("--figure", "forest", "--metrics", "headline", "--width", "3.3", "-t", "*.refer1", "--name", "Ours")
    path = tmp_path / "forest.svg"
    assert foodbench("export", REPORT, *arguments, "--out", path).code == 0
    text = path.read_text()
    assert "Ours: results between floor and ceiling" in text
    assert 'width="237.6pt"' in text
    assert "answered.ingredient" in text


def test_what_is_not_in_a_figure_is_told(foodbench: Foodbench, run: Path, tmp_path: Path) -> None:
    output = foodbench("export", "parrot", "--figure", "forest", "--out", tmp_path / "f.svg")
    assert output.code == 0, output.err
    assert "vireo172.dish@1: not exported: not measured: no \\x1b[31mdata" in output.err


def test_a_figure_that_cannot_be_written_leaves_the_old_one(foodbench: Foodbench, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    output = foodbench("export", run, "--figure", "forest", "--out", tmp_path / "file" / "f.svg")
    assert output.code == 4
    assert "Cannot write" in output.error[0]
    old = tmp_path / "old.svg"
    old.write_text("old")
    assert foodbench("export", run, "--figure", "classes", "--out", old).code == 2
    assert old.read_text() == "old"
    lacking = foodbench("export", REPORT, run, "--figure", "mass", "--out", old)
    assert lacking.code == 2
    assert lacking.error[0].startswith(f"error: {run}: Unknown task"), "the run is named"


HEAVY = (
    "torch",
    "pandas",
    "scipy",
    "lmms_eval",
    "transformers",
    "huggingface_hub",
    "yaml",
    "numpy",
    "PIL",
    "matplotlib",
)
PROBE = """
import json, sys
from foodbench.cli.main import run_command
code = run_command(json.loads(sys.argv[1]))
print()
print(json.dumps([code, [name for name in json.loads(sys.argv[2]) if name in sys.modules]]))
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["export", "--help"], set()),
        (["export", str(REPORT), "--to", "csv"], {"numpy"}),
        (["export", str(REPORT), "--to", "latex"], {"numpy"}),
    ],
    ids=["help", "csv", "latex"],
)
def test_it_loads_no_more_than_it_needs(arguments: list[str], allowed: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    code, loaded = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    assert set(loaded) <= allowed
