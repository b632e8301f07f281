"""Fixtures of the command line: running a command in this process, and finished runs to show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.cli.main import run_command
from foodbench.runs.schema import TaskStatus
from foodbench.runs.store import RunFolder
from tests.cli.stored_runs import Output, finish_run, load_task, right_dish, shifted_mask, store_task


@pytest.fixture
def foodbench(capsys: pytest.CaptureFixture[str]) -> Callable[..., Output]:
    """Run a command line in this process."""

    def call(*arguments: object) -> Output:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Output(code, printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def finished_runs(small_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with `parrot-11aa` (dish and mask tasks finished, one not measured) and `parrot-22bb` (dish)."""
    runs = tmp_path_factory.mktemp("finished-runs")
    dish, refer = load_task("food101.dish", small_kitchen), load_task("foodseg103.refer1", small_kitchen)
    first, second = RunFolder(runs / "parrot-11aa"), RunFolder(runs / "parrot-22bb")
    store_task(first, dish, right_dish)
    store_task(first, refer, shifted_mask)
    finish_run(
        first,
        {
            "food101.dish@1": TaskStatus(status="complete", result="food101.dish@1/result.json"),
            "foodseg103.refer1@1": TaskStatus(status="complete", result="foodseg103.refer1@1/result.json"),
            "nutrition5k.total@1": TaskStatus(status="not_measured", reason="parrots do not weigh"),
        },
    )
    store_task(second, dish, lambda sample: "\x1b[31mcake\x1b[0m \u202eeikooc\nvalues    correct 1")
    finish_run(second, {"food101.dish@1": TaskStatus(status="complete", result="food101.dish@1/result.json")})
    return runs


@pytest.fixture
def runs(kitchen: Path, finished_runs: Path) -> Path:
    """A copy of the finished runs in this test's runs folder, with the kitchen that they were made on."""
    copy = Path(os.environ["FOODBENCH_RUNS"])
    shutil.copytree(finished_runs, copy)
    return copy
