"""The same tasks and adapters through lmms-eval's own command line give the same numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from foodbench.cli.main import run_command
from tests.conftest import REPOSITORY

COMMAND = Path(sys.executable).parent / "lmms-eval"


def lmms_eval(task: str, adapter: str) -> dict[str, float]:
    """Metric to value, from the table that `lmms-eval` prints."""
    done = subprocess.run(
        [COMMAND, "--model", "foodbench", "--model_args", f"adapter={adapter}", "--tasks", task],
        cwd=os.environ["FOODBENCH_RUNS"] if Path(os.environ["FOODBENCH_RUNS"]).is_dir() else REPOSITORY.parent,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
    )
    rows = re.findall(r"\|none\s*\|\s*0\|([\w.]+)\s*\|[↑↓]\s*\|\s*([\d.]+)\|", done.stdout)
    assert rows, done.stdout[-1500:] + done.stderr[-1500:]
    return {name: float(value) for name, value in rows}


def foodbench_run(task: str, adapter: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, float]:
    assert run_command(["run", "--model", adapter, "--tasks", task, "--json", "--quiet", *options]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    return {metric["id"]: metric["value"] for metric in result["metrics"]}


@pytest.mark.parametrize(
    ("task", "adapter"), [("food101.dish", "baseline:colour"), ("foodseg103.refer1", "baseline:blind")]
)
def test_kitchen_numbers_agree(task: str, adapter: str, kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = foodbench_run(task, adapter, capsys)
    theirs = lmms_eval("foodbench_" + task.replace(".", "_"), adapter)
    assert theirs == {name: pytest.approx(value, abs=6e-5) for name, value in ours.items()}


def test_real_photos_beat_chance_both_ways(realdata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["data", "add", "food101", str(realdata / "food-101"), "--allow-partial"]) == 0
    capsys.readouterr()
    ours = foodbench_run("food101.dish", "baseline:colour", capsys, "--edition", "real")
    # 10 classes with 20 test photos each: chance is 10 %, and 16.4 % is its upper 99.5 % bound.
    assert ours["top1_accuracy"] > 20
    assert lmms_eval("foodbench_food101_dish", "baseline:colour") == {
        "top1_accuracy": pytest.approx(ours["top1_accuracy"], abs=6e-5)
    }
