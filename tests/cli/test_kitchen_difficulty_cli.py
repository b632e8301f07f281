"""`foodbench data make kitchen --difficulty`, and that a run's identity has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.errors import UsageError
from foodbench.data.kitchen import make
from foodbench.data.layout import MARKER
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


# Making it where another kitchen is


def test_another_kitchen_is_left_alone_unless_told(foodbench: Foodbench, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    cook = ("data", "make", "kitchen", "--out", out)
    assert foodbench(*cook, *TINY).code == 0
    marker = (out / "food-101" / MARKER).read_bytes()
    for other in (["--seed", "1"], ["--size", "72"], ["--train", "9"], ["--test", "5"], ["--difficulty", "dark"]):
        refused = foodbench(*cook, *TINY, *other)
        assert refused.code == 2
        assert f"{out} holds another kitchen (food-101: " in refused.error[0]
        assert "--replace" in refused.error[1]
        assert (out / "food-101" / MARKER).read_bytes() == marker
    assert "seed 0 instead of 1" in foodbench(*cook, *TINY, "--seed", "1").error[0]
    assert foodbench(*cook, *TINY).code == 0, "the same numbers give the same files"
    assert (out / "food-101" / MARKER).read_bytes() == marker
    assert foodbench(*cook, *TINY, "--seed", "1", "--replace").code == 0
    assert (out / "food-101" / MARKER).read_bytes() != marker


def test_the_same_difficulty_is_the_same_kitchen(foodbench: Foodbench, tmp_path: Path) -> None:
    cook = ("data", "make", "kitchen", "--out", tmp_path / "mine", *TINY, "--difficulty", "ingredients=3-6,empty=0.2")
    assert foodbench(*cook).code == 0
    assert foodbench(*cook).code == 0


def test_replace_needs_a_folder(foodbench: Foodbench) -> None:
    assert "--out" in foodbench("data", "make", "kitchen", *TINY, "--replace").error[0]


def test_a_library_call_refuses_too(tmp_path: Path) -> None:
    numbers: dict[str, Any] = {"size": 64, "train": 8, "test": 4, "datasets": ("food101",), "workers": 1}
    make(tmp_path, seed=1, **numbers)
    with pytest.raises(UsageError, match="seed 1 instead of 2"):
        make(tmp_path, seed=2, **numbers)
    make(tmp_path, seed=2, **numbers, replace_other=True)
