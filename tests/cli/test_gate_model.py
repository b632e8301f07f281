"""The gate on real runs of the included FoodLMM: harmed on purpose, in other batches, in half the precision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from foodbench.cli.main import run_command
from foodbench.data.kitchen import make
from foodbench.models.foodlmm import KITCHEN_CHECKPOINT
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]
TASKS = "food101.dish,nutrition5k.total,nutrition5k.ingredients,foodseg103.refer1"
CLOSE_TASK = "nutrition5k.consistency"
PLATES = 100

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from this repository's own gate.toml."""
    monkeypatch.chdir(tmp_path)


def checkpoint_with_noise(folder: Path, share: float) -> Path:
    """The included checkpoint with noise on the heads of a whole plate's nutrition, as a share of their own size."""
    shutil.copytree(KITCHEN_CHECKPOINT, folder)
    weights = load_file(folder / "model.safetensors")
    generator = np.random.default_rng(7)
    for name, tensor in sorted(weights.items()):
        if name.startswith("heads.total_"):
            noise = generator.standard_normal(tensor.shape) * np.abs(tensor.astype(np.float64)).mean()
            weights[name] = (tensor + share * noise).astype(tensor.dtype)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def run_model(out: Path, *arguments: object) -> Path:
    assert run_command(["run", "--model", "foodlmm", "--quiet", "--out", str(out), *map(str, arguments)]) == 0
    (run,) = out.glob("*/run.json")
    return run.parent


@pytest.fixture(scope="module")
def kitchen_of_100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kitchen-100")
    datasets = ("food101", "nutrition5k", "foodseg103")
    make(folder, seed=11, size=224, train=24, test=PLATES, workers=2, datasets=datasets)
    return folder


@pytest.fixture(scope="module")
def results(kitchen_of_100: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The runs `base`, `batches` (another batch size), `harmed`; and of one more task `full` and `half` precision."""
    folder = tmp_path_factory.mktemp("gated")
    harmed = f"checkpoint={checkpoint_with_noise(folder / 'checkpoint', 1.0)}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOODBENCH_KITCHEN", str(kitchen_of_100))
        patch.setenv("FOODBENCH_HOME", str(folder / "home"))
        return {
            "base": run_model(folder / "base", "--tasks", TASKS),
            "batches": run_model(folder / "batches", "--tasks", TASKS, "--batch-size", 3),
            "harmed": run_model(folder / "harmed", "--tasks", TASKS, "--model-args", harmed),
            "full": run_model(folder / "full", "--tasks", CLOSE_TASK),
            "half": run_model(folder / "half", "--tasks", CLOSE_TASK, "--model-args", "dtype=bf16"),
        }


def gate(foodbench: Foodbench, baseline: Path, candidate: Path) -> tuple[int, dict[str, Any]]:
    output = foodbench("gate", "--baseline", baseline, "--candidate", candidate, "--json")
    return output.code, json.loads(output.out)


def test_a_harmed_head_fails_on_its_task_and_no_other(foodbench: Foodbench, results: dict[str, Path]) -> None:
    code, report = gate(foodbench, results["base"], results["harmed"])
    assert code == 1
    assert {row["task"]: row["verdict"] for row in report["rows"]} == {
        "food101.dish": "identical",
        "nutrition5k.total": "fail",
        "nutrition5k.ingredients": "identical",
        "foodseg103.refer1": "identical",
    }


def test_another_batch_size_is_identical(foodbench: Foodbench, results: dict[str, Path]) -> None:
    code, report = gate(foodbench, results["base"], results["batches"])
    assert (code, report["verdict"]) == (0, "identical")
    assert {row["verdict"] for row in report["rows"]} == {"identical"}


def test_a_tiny_change_at_100_samples_is_inconclusive(foodbench: Foodbench, results: dict[str, Path]) -> None:
    code, report = gate(foodbench, results["full"], results["half"])
    (row,) = report["rows"]
    assert (code, row["verdict"]) == (0, "inconclusive")
    assert abs(row["difference"]["value"]) <= 2
    assert row["changed_answers"] > PLATES / 2, "the numbers in the text"
    assert row["needed"] > PLATES
    assert row["detectable"] > row["margin"]
