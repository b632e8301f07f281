"""`foodbench data make kitchen --difficulty`, and that a run's identity has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.data.manifest import read_marker
from foodbench.data.roots import DatasetChoice
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]
TINY = ("--size", "64", "--train", "8", "--test", "4")


def test_a_hard_kitchen_is_made_in_a_home_folder_of_its_own(foodbench: Foodbench, tmp_path: Path) -> None:
    output = foodbench("data", "make", "kitchen", *TINY, "--difficulty", "dark,clutter=0.5", "--json")
    assert output.code == 0, output.err
    made = json.loads(output.out)
    assert made["settings"]["difficulty"]["lighting"] == 1
    assert made["settings"]["difficulty"]["clutter"] == 0.5
    assert not made["default_edition"]
    folder = tmp_path / "home" / "kitchen" / "v1-seed0-64px-8+4-lighting1.0+clutter0.5"
    for root in made["roots"].values():
        assert Path(root).parent == folder
        assert read_marker(Path(root)).difficulty == made["settings"]["difficulty"]


def test_results_of_two_difficulties_do_not_compare(foodbench: Foodbench, tmp_path: Path) -> None:
    from foodbench.tasks import TASKS

    task = TASKS.get("food101.dish")
    digests = []
    for name in ("standard", "dark"):
        out = tmp_path / name
        assert foodbench("data", "make", "kitchen", *TINY, "--out", out, "--difficulty", name).code == 0
        digests.append(task.load(DatasetChoice("food101", "kitchen", out / "food-101", False)).fingerprint)
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [("hrd", "Did you mean 'hard'"), ("occlusion=7", "-1..1"), ("ingredients=many", "3-6"), ("x=1", "Known")],
)
def test_a_wrong_difficulty_is_a_wrong_usage(foodbench: Foodbench, tmp_path: Path, text: str, words: str) -> None:
    output = foodbench("data", "make", "kitchen", "--out", tmp_path / "out", "--difficulty", text)
    assert output.code == 2
    assert words in output.err
    assert not (tmp_path / "out").exists()
