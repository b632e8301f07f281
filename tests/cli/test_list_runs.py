"""`foodbench list runs`, what a limit has chosen, and what floors rest on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.runs.store import RunFolder
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]
RUN = ("run", "--model", "baseline:majority", "--tasks", "food101.dish")


def listed(foodbench: Foodbench) -> dict[str, dict]:
    return {row["run"]: row for row in json.loads(foodbench("list", "runs", "--json").out)}


def test_what_sets_a_run_apart_is_listed(foodbench: Foodbench, kitchen: Path) -> None:
    for extra in ([], ["--limit", "5"], ["--control", "blank-image"], ["--limit", "24"]):
        assert foodbench(*RUN, *extra).code == 0
    rows = listed(foodbench).values()
    assert sorted((row["limit"] or 0, row["control"] or "", row["partial"]) for row in rows) == [
        (0, "", False),
        (0, "", False),
        (0, "blank-image", False),
        (5, "", False),
    ], "a limit of the whole split leaves nothing out"
    assert {edition.partition(",")[0] for row in rows for edition in row["edition"]} == {"kitchen"}
    table = foodbench("list", "runs").out
    assert table.count("limit 5") == 1
    assert table.count("control blank-image") == 1
    assert table.splitlines()[0].split()[:3] == ["run", "model", "edition"]


def test_a_partial_copy_and_a_damaged_run_are_listed(foodbench: Foodbench, runs: Path) -> None:
    path = RunFolder(runs / "parrot-22bb").task("food101.dish@1").result_path
    result = json.loads(path.read_text())
    result["dataset"]["missing"] = 3
    path.write_text(json.dumps(result))
    (runs / "parrot-11aa" / "run.json").write_text("{}")
    rows = listed(foodbench)
    assert rows["parrot-22bb"]["partial"]
    assert "is not a valid RunFile" in rows["parrot-11aa"]["tasks"]
    assert "partial copy" in foodbench("list", "runs").out


def test_no_runs_says_where_it_looked(foodbench: Foodbench) -> None:
    assert foodbench("list", "runs").out == f"No runs in {os.environ['FOODBENCH_RUNS']} (FOODBENCH_RUNS).\n"


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("fooddialogues.chat", "fooddialogues.chat: --limit counts dialogues: 5 dialogues ("),
        ("foodseg103.absent1", "foodseg103.absent1: --limit counts photos: 5 photos (10 questions)"),
    ],
)
def test_a_limit_says_what_it_counts(foodbench: Foodbench, kitchen: Path, task: str, words: str) -> None:
    output = foodbench("run", "--model", "baseline:blind", "--tasks", task, "--limit", "5")
    assert output.code == 0, output.err
    assert words in output.out
    assert words in output.err, "before it runs, too"
    (run,) = listed(foodbench)
    assert words in foodbench("show", run).out


def test_a_limit_of_single_questions_needs_no_explanation(foodbench: Foodbench, kitchen: Path) -> None:
    output = foodbench(*RUN, "--limit", "5")
    assert "--limit counts" not in output.out + output.err


def test_a_floor_fitted_on_few_samples_is_marked(foodbench: Foodbench, kitchen: Path) -> None:
    output = foodbench("run", "--model", "baseline:random", "--tasks", "food101.dish", "--json")
    (result,) = json.loads(output.out)["results"]
    assert result["metrics"][0]["floor"]["fitted_on"] == 24
    assert result["metrics"][0]["ceiling"]["fitted_on"] is None
    (run,) = listed(foodbench)
    shown = foodbench("show", run).out
    assert "food101.dish: the floor baseline:majority was fitted on 24 train samples only" in shown


def test_a_floor_fitted_on_many_is_not_marked(
    foodbench: Foodbench, kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foodbench.cli import remarks

    monkeypatch.setattr(remarks, "FEW_TRAIN_SAMPLES", 24)
    assert "only" not in foodbench(*RUN).out
