"""How much the harness costs: start-up, journal, and a whole run with a model that does nothing.

Run with `make bench`. Each stands beside a naive reference or a known floor in the same run; look at the ratios, not at
the times: machines are shared. Nothing is asserted on a clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.files import AppendLog

GROUP = "start-up"


def start(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.benchmark(group=GROUP)
def test_floor_bare_interpreter(benchmark: Any) -> None:
    benchmark.pedantic(start, args=("-c", "pass"), rounds=8, warmup_rounds=1)


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("arguments", [["--help"], ["list", "tasks"], ["list", "models"]], ids=" ".join)
def test_light_command(benchmark: Any, arguments: list[str]) -> None:
    benchmark.pedantic(start, args=("-m", "foodbench", *arguments), rounds=8, warmup_rounds=1)


@pytest.mark.benchmark(group=GROUP)
def test_reference_lmms_eval_import(benchmark: Any) -> None:
    """What a command would cost that imported the evaluator."""
    benchmark.pedantic(start, args=("-c", "import lmms_eval.evaluator"), rounds=2, warmup_rounds=1)


RECORD = {"key": "sha256:" + "0" * 64, "answer": "It is a salmon rice bowl. " * 30, "seconds": 0.123}


def append_journal(path: Path, count: int) -> None:
    path.unlink(missing_ok=True)
    with AppendLog(path) as log:
        for _ in range(count):
            log.append(RECORD)


def append_naively(path: Path, count: int) -> None:
    path.unlink(missing_ok=True)
    for _ in range(count):
        with path.open("a") as stream:
            stream.write(json.dumps(RECORD) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


@pytest.mark.benchmark(group="journal, 1000 records of 0.9 KB")
def test_journal(benchmark: Any, tmp_path: Path) -> None:
    benchmark(append_journal, tmp_path / "journal.jsonl", 1000)


@pytest.mark.benchmark(group="journal, 1000 records of 0.9 KB")
def test_reference_open_write_fsync_each(benchmark: Any, tmp_path: Path) -> None:
    benchmark.pedantic(append_naively, args=(tmp_path / "journal.jsonl", 1000), rounds=3)


@pytest.mark.benchmark(group="whole run of 24 samples, no-op model")
@pytest.mark.parametrize("task", ["food101.dish", "nutrition5k.total", "foodseg103.refer1"])
def test_run_with_a_no_op_model(benchmark: Any, kitchen: Path, tmp_path: Path, task: str) -> None:
    """Everything but the model: loading, building, journal, scoring, intervals, floor and ceiling, writing."""
    from foodbench.cli.main import run_command

    arguments = ["run", "--model", "py:tests.engine.models_for_tests:Steady", "--tasks", task, "--quiet", "--fresh"]
    arguments += ["--out", str(tmp_path / "runs")]
    assert run_command(arguments) == 0  # imports lmms-eval
    benchmark.extra_info["samples"] = 24
    benchmark.pedantic(run_command, args=(arguments,), rounds=5)
