"""A run that is interrupted and gone on with ends as one that was not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from trl import GRPOTrainer

from baselines.rl_segmentation.dynamic_sampling import STATE_FILE
from baselines.rl_segmentation.resuming import load_weights
from baselines.rl_segmentation.sampling_settings import SamplingSettings
from foodbench.core.errors import CheckpointError
from foodbench.models.qwen_seg.checkpoint import load_model
from tests.baselines.rl_segmentation.training_helpers import trainer

PICKY = SamplingSettings(rounds=2)


def rounded(completions: list[Any], **_columns: Any) -> list[float]:
    """Differs within few groups, so that questions are drawn."""
    return [float(sum(character.isalpha() for character in one[0]["content"]) > 14) for one in completions]


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.fixture(scope="module")
def interrupted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A run of eight updates that kept its state after the fourth, and its last weights."""
    folder = tmp_path_factory.mktemp("whole")
    run = trainer(checkpoint, folder, (rounded,), sampling=PICKY, max_steps=8, save_strategy="steps", save_steps=4)
    run.train()
    assert run._draws > 0
    return folder, weights(run.model)


def test_the_weights_that_are_gone_on_with_are_the_checkpoint_s(
    checkpoint: Path, interrupted: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    folder, _ = interrupted
    run = trainer(checkpoint, tmp_path, (rounded,), sampling=PICKY, max_steps=8)
    before = weights(run.model)
    run._load_from_checkpoint(str(folder / "checkpoint-4"))
    saved = weights(load_model(folder / "checkpoint-4")[0])
    assert largest_difference(weights(run.model), saved) == 0
    assert largest_difference(before, saved) > 0


def test_what_is_mended_is_still_broken_in_the_libraries(
    checkpoint: Path, interrupted: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    """When this fails, `ExactResume` can go."""
    folder, _ = interrupted
    run = trainer(checkpoint, tmp_path, (rounded,), max_steps=8)
    before = weights(run.model)
    super(GRPOTrainer, run)._load_from_checkpoint(str(folder / "checkpoint-4"))
    assert largest_difference(weights(run.model), before) == 0


def test_a_run_gone_on_with_ends_with_the_same_weights(
    checkpoint: Path, interrupted: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    folder, last = interrupted
    shutil.copytree(folder / "checkpoint-4", tmp_path / "checkpoint-4")
    run = trainer(checkpoint, tmp_path, (rounded,), sampling=PICKY, max_steps=8)
    run.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert run.state.global_step == 8
    assert largest_difference(weights(run.model), last) == 0


@pytest.mark.parametrize("content", ["", "[]", '{"draws": -1}', '{"draws": true}', "{}"])
def test_a_damaged_count_of_draws_is_told(
    checkpoint: Path, interrupted: tuple[Path, dict[str, torch.Tensor]], content: str, tmp_path: Path
) -> None:
    folder, _ = interrupted
    shutil.copytree(folder / "checkpoint-4", tmp_path / "checkpoint-4")
    (tmp_path / "checkpoint-4" / STATE_FILE).write_text(content)
    run = trainer(checkpoint, tmp_path, (rounded,), sampling=PICKY, max_steps=8)
    with pytest.raises(CheckpointError, match=STATE_FILE):
        run.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))


def test_a_checkpoint_that_misses_a_weight_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    saved = load_file(broken / "model.safetensors")
    saved.pop(next(name for name in saved if "mlp" in name))
    save_file(saved, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="missing"):
        load_weights(load_model(checkpoint)[0], broken)


def test_a_checkpoint_of_other_shapes_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    config = json.loads((broken / "config.json").read_text())
    config["text_config"]["intermediate_size"] += 8
    (broken / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        load_weights(load_model(checkpoint)[0], broken)


def test_a_run_gone_on_with_in_its_second_round_of_the_questions_sees_them_in_the_same_order(
    checkpoint: Path, tmp_path: Path
) -> None:
    def run(folder: Path) -> Any:
        return trainer(checkpoint, folder, (rounded,), count=6, max_steps=12, save_strategy="steps", save_steps=8)

    whole = run(tmp_path / "whole")
    whole.train()
    shutil.copytree(tmp_path / "whole" / "checkpoint-8", tmp_path / "second" / "checkpoint-8")
    second = run(tmp_path / "second")
    second.train(resume_from_checkpoint=str(tmp_path / "second" / "checkpoint-8"))
    assert largest_difference(weights(second.model), weights(whole.model)) == 0
