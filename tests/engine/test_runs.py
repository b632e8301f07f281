"""What a run asks, keeps, hides and adds up."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from foodbench.cli.main import run_command
from foodbench.core.types import Answer, Request
from foodbench.tasks import TASKS, select

SEEN: list[Request] = []


class Recorder:
    """Writes down its requests; keeps an account like a paid endpoint."""

    identity = "recorder/1"

    def __init__(self, api_key: str = "", max_tokens: int = 5) -> None:
        self._asked = 0

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """The same words to everything."""
        SEEN.extend(requests)
        self._asked += len(requests)
        return [Answer(text="curry rice") for _ in requests]

    def usage(self) -> dict[str, float]:
        """Running totals."""
        return {"requests": self._asked, "cost_usd": self._asked / 100}


def results(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert run_command(["run", "--quiet", "--json", *arguments]) == code
    return {result["task"]["name"]: result for result in json.loads(capsys.readouterr().out)["results"]}


def test_a_model_is_asked_exactly_what_the_task_says(kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """lmms-eval slips a stop sequence (a blank line) into tasks that name none; answers were cut there."""
    SEEN.clear()
    results(capsys, "--model", f"py:{__name__}:Recorder", "--tasks", "all")
    for name in TASKS.names():
        asked = [request for request in SEEN if request.task == name]
        assert asked or name not in select("all")
        assert all(dict(request.generation) == dict(TASKS.get(name).generation) for request in asked)


def test_each_task_has_its_own_share_of_the_cost(kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = "food101.dish,nutrition5k.total,foodseg103.refer1"
    found = results(capsys, "--model", f"py:{__name__}:Recorder", "--tasks", tasks)
    assert [result["usage"] for result in found.values()] == [{"requests": 24.0, "cost_usd": pytest.approx(0.24)}] * 3
    (run,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    assert run_command(["score", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["usage"]["requests"] == 24.0


def test_credentials_are_written_nowhere(kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = results(
        capsys, "--model", f"py:{__name__}:Recorder", "--tasks", "food101.dish",
        "--model-args", "api_key=s3cr3t-value,max_tokens=7",
    )  # fmt: skip
    assert found["food101.dish"]["model"]["args"] == {"api_key": "(hidden)", "max_tokens": "7"}
    written = [path for path in Path(os.environ["FOODBENCH_RUNS"]).rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"s3cr3t" in path.read_bytes()]


def test_without_a_train_split_there_is_a_score_but_no_floor(
    small_kitchen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "food-101"
    shutil.copytree(small_kitchen / "food-101", root)
    (root / ".foodbench-synthetic.json").unlink()
    for line in (root / "meta" / "train.txt").read_text().split():
        (root / "images" / f"{line}.jpg").unlink()
    assert run_command(["data", "add", "food101", str(root), "--allow-partial"]) == 0
    (metric,) = results(capsys, "--model", "baseline:oracle", "--tasks", "food101.dish")["food101.dish"]["metrics"]
    assert metric["value"] == 100.0
    assert metric["floor"]["value"] is None
    assert "train" in metric["floor"]["reason"]
    assert metric["ceiling"]["value"] == 100.0


def test_registering_a_real_copy_begins_another_run(
    kitchen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("--model", "baseline:majority", "--tasks", "food101.dish")
    results(capsys, *command)
    root = tmp_path / "food-101"
    shutil.copytree(kitchen / "food-101", root)
    (root / ".foodbench-synthetic.json").unlink()
    assert run_command(["data", "add", "food101", str(root)]) == 0
    assert results(capsys, *command)["food101.dish"]["dataset"]["edition"] == "real"
    editions = {
        json.loads(path.read_text())["dataset"]["edition"]
        for path in Path(os.environ["FOODBENCH_RUNS"]).rglob("result.json")
    }
    assert editions == {"real", "kitchen"}, "the kitchen's result is still there"


def test_nothing_measured_is_no_success(kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results(capsys, "--model", "baseline:majority", "--tasks", "nutrition5k.total", code=4) == {}


@pytest.mark.parametrize("seed", ["-1", "5000000000", "x"])
def test_impossible_seeds_are_usage_errors(seed: str) -> None:
    assert run_command(["run", "--model", "baseline:mean", "--seed", seed]) == 2


def test_a_limit_that_leaves_nothing_out_is_none(kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = results(capsys, "--model", "baseline:mean", "--tasks", "nutrition5k.total")["nutrition5k.total"]
    same = results(capsys, "--model", "baseline:mean", "--tasks", "nutrition5k.total", "--limit", "999")
    assert same["nutrition5k.total"]["limit"] is None
    assert same["nutrition5k.total"]["task"]["fingerprint"] == whole["task"]["fingerprint"]


def test_processes_without_a_launcher_are_refused(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run_command(["run", "--model", "baseline:mean", "--tasks", "nutrition5k.total", "--quiet"]) == 2
    assert "torchrun" in capsys.readouterr().err
