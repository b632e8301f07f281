"""`foodbench diagnose recipes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.runs.diagnostics import read_diagnosis
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]
pytestmark = pytest.mark.usefixtures("kitchen")
FEW = ("--edition", "kitchen", "--limit", "6", "--share", "1")


def test_the_table_says_what_was_lost_and_what_the_verdicts_mean(foodbench: Foodbench) -> None:
    output = foodbench("diagnose", "recipes", *FEW, "--corrupt", "ingredients")
    assert output.code == 0, output.err
    lines = output.out.splitlines()
    assert lines[0] == "recipe1m (kitchen: seed 7, 24+24), test: 6 recipes, answers: references, seed 0"
    assert "paraphrase: at 1 100 % changed" in lines
    assert "ingredients: at 1 100 % changed" in lines
    (row,) = [
        line.split() for line in lines if line.split()[:1] == ["ingredients_listed.f1.micro"] and "notices" in line
    ]
    assert row[1:4] == ["1", "100.0%", "0.0%"]
    assert any(line.startswith("notices: ") for line in lines)
    assert "actions: " not in output.out
    assert "recipe1m.recipe: ingredients 1 ..." in output.err


def test_json_and_file_are_the_same_and_seeded(foodbench: Foodbench, tmp_path: Path) -> None:
    path = tmp_path / "new" / "recipes.json"
    first = foodbench("diagnose", "recipes", *FEW, "--corrupt", "actions", "--json", "--quiet", "--out", path)
    again = foodbench("diagnose", "recipes", *FEW, "--corrupt", "actions", "--json", "--quiet")
    other = foodbench("diagnose", "recipes", *FEW, "--corrupt", "actions", "--json", "--quiet", "--seed", "7")
    plain, repeated, seeded = (json.loads(each.out) for each in (first, again, other))
    assert read_diagnosis(path).plain() == plain
    assert plain["schema"] == "foodbench.diagnosis/1"
    assert plain["results"] == repeated["results"]
    assert plain["examples"] == repeated["examples"]
    assert plain["examples"] != seeded["examples"]
    assert {each["corruption"] for each in plain["results"]} == {"paraphrase", "actions"}
    assert first.err == f"Written: {path}\n"


def test_all_metrics_on_request(foodbench: Foodbench) -> None:
    whole = foodbench("diagnose", "recipes", *FEW, "--corrupt", "steps-order", "--metrics", "all", "--quiet")
    assert "rouge_l_set" in whole.out
    assert "title.exact" in whole.out


@pytest.mark.parametrize(
    "share", ["0", "1.5", "-1", "nan", "half", "", ",", ",".join(str(n / 20) for n in range(1, 13))]
)
def test_code_2_of_a_wrong_share(foodbench: Foodbench, share: str) -> None:
    output = foodbench("diagnose", "recipes", f"--share={share}")
    assert output.code == 2
    assert output.error[0].startswith("error: --share")


def test_code_2_of_an_unknown_run_or_corruption(foodbench: Foodbench) -> None:
    assert "Unknown run 'nobody'" in foodbench("diagnose", "recipes", "nobody").error[0]
    assert foodbench("diagnose", "recipes", "--corrupt", "colours").code == 2


def test_code_4_of_a_run_without_recipes(foodbench: Foodbench, runs: Path) -> None:
    output = foodbench("diagnose", "recipes", "parrot-11")
    assert output.code == 4
    assert "no finished task of recipes" in output.error[0]


def test_code_5_without_real_data(foodbench: Foodbench) -> None:
    assert foodbench("diagnose", "recipes", "--edition", "real").code == 5
