"""`foodbench table`: what is printed, what is refused, what is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from foodbench.papers.catalog import all_papers
from tests.cli.stored_runs import Output
from tests.conftest import REPOSITORY
from tests.test_startup import HEAVY, PROBE

Foodbench = Callable[..., Output]
KITCHEN = REPOSITORY / "reports" / "foodlmm-kitchen"
NAMES = [f"{paper.id}/{table.id}" for paper in all_papers() for table in paper.tables]


def test_the_list_names_every_table(foodbench: Foodbench) -> None:
    output = foodbench("table", "--list")
    assert output.code == 0
    assert [line.split()[0] for line in output.out.splitlines()[1:]] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_table_prints(foodbench: Foodbench, name: str) -> None:
    output = foodbench("table", name)
    assert (output.code, output.err) == (0, "")
    assert "reported" in output.out
    assert "Not measured: " in output.out


def test_a_kitchen_run_is_shown_apart(foodbench: Foodbench) -> None:
    output = foodbench("table", "foodlmm/7", "--with", f"FoodLMM FT={KITCHEN}")
    assert output.code == 0
    assert output.out.count("kitchen edition: NOT COMPARABLE with the paper") == 6
    assert "difference" not in output.out
    assert "it is set apart below" in output.out


def test_a_runs_folder_may_have_an_equals_sign(foodbench: Foodbench, tmp_path: object) -> None:
    link = f"{tmp_path}/a=b"
    subprocess.run(["ln", "-s", str(KITCHEN), link], check=True)
    assert foodbench("table", "foodlmm/9", "--with", link).code == 0


def test_the_linter_prints_findings_and_a_count_for_each_paper(foodbench: Foodbench) -> None:
    output = foodbench("table", "--lint", "all")
    assert output.code == 0
    assert "25.2 / 34.7% = 72.6" in output.out
    assert [line.split(":")[0] for line in output.out.splitlines()[-4:]] == ["foodlmm", "rl", "recipes", "adamllm"]


@pytest.mark.parametrize("form", ["md", "csv", "latex", "html"])
def test_lists_and_findings_have_the_formats_of_tables(foodbench: Foodbench, form: str) -> None:
    for arguments in (["--list"], ["--lint", "recipes"]):
        output = foodbench("table", *arguments, "--format", form)
        assert (output.code, output.err) == (0, "")
        assert "Table 3" in output.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say one thing"),
        (["foodlmm/7", "--list"], "Say one thing"),
        (["--list", "--with", "x"], "--with goes with a table"),
        (["foodlm/7"], "Did you mean foodlmm/7"),
        (["foodlmm/70"], "Did you mean foodlmm/7"),
        (["foodlmm"], "foodlmm/10"),
        (["nonsense"], "Known papers: adamllm, foodlmm, recipes, rl."),
        (["--lint", "foodlm"], "Did you mean foodlmm?"),
        (["foodlmm/7", "--with", "nothing"], "Unknown run 'nothing'"),
        (["foodlmm/7", "--with", f"FoodLM={KITCHEN}"], "FoodLMM FT"),
        (["foodlmm/7", "--with", "FoodLMM FT=nothing"], "Unknown run 'nothing'"),
        (["foodlmm/7", "--format", "pdf"], "'pdf'"),
    ],
)
def test_wrong_usage(foodbench: Foodbench, arguments: list[str], words: str) -> None:
    output = foodbench("table", *arguments)
    assert (output.code, output.out) == (2, "")
    assert words in "\n".join(output.error)
    assert len(output.error) == 2


def test_a_damaged_run_is_refused(foodbench: Foodbench, tmp_path: object) -> None:
    folder = f"{tmp_path}/broken"
    subprocess.run(["mkdir", folder], check=True)
    subprocess.run(["cp", str(REPOSITORY / "pyproject.toml"), f"{folder}/run.json"], check=True)
    output = foodbench("table", "foodlmm/9", "--with", folder)
    assert output.code == 5
    assert "is not a valid RunFile" in output.error[0]


@pytest.mark.parametrize("arguments", [["--help"], ["--list"], ["foodlmm/7"], ["--lint", "all"]], ids=" ".join)
def test_it_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(["table", *arguments]), json.dumps([*HEAVY, "jinja2"])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report == {"code": 0, "loaded": []}, done.stderr
