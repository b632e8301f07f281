"""Whole runs of the command on a model that nothing was taught, and what its recipes allow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from baselines.common.run_folder import last_state
from baselines.common.trl_arguments import rollout_batches
from baselines.rl_segmentation import evaluate
from baselines.rl_segmentation.kitchen_model.settings import load_settings as kitchen_settings
from baselines.rl_segmentation.settings import ALGORITHMS, CONFIGS, HERE, RunSettings, load_settings, settings_path
from baselines.rl_segmentation.train import main
from foodbench.core.errors import ExitCode, UsageError
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, load_model

SIZES = [{"size": [64, 64], "share": 1.0}]
PLATES = {
    "source": "plates",
    "plates": {
        "stream": "rl-test",
        "train_plates": 6,
        "val_plates": 5,
        "monitor_plates": 3,
        "sizes": SIZES,
        "side": 64,
    },
    "families": {"refer_one": 1.0},
    "questions": 8,
}


def recipe(checkpoint: Path, algorithm: str = "dapo", **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "algorithm": algorithm,
        "threads": 1,
        "model": {"start": str(checkpoint)},
        "data": PLATES,
        "rollout": {"prompts": 2, "completions": 4, "updates": 2, "max_tokens": 6},
        "policy": {"loss": "dapo", "kl": 0.0, "clip_high": 0.28, "overlong_weight": 0.1, "sampling": {"rounds": 2}},
        "optimiser": {"steps": 4, "learning_rate": 1e-3},
        "validation": {"every": 2, "metric": "reward"},
        "save_every": 2,
        "show_every": 2,
    }
    if algorithm == "grpo":
        plain["policy"] = {"loss": "grpo", "kl": 0.005}
    if algorithm == "sft":
        del plain["rollout"], plain["policy"], plain["show_every"]
        plain["optimiser"]["batch"] = 4
    return plain | changes


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plates")


def train(content: dict[str, Any], out: Path, cache: Path, *more: str) -> int:
    path = written(out.parent, content)
    arguments = ["--algo", content["algorithm"], "--config", str(path), "--out", str(out), "--cache", str(cache)]
    return main([*arguments, "--workers", "1", *more])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("algorithm", ["dapo", "grpo"])
def test_a_run_leaves_a_checkpoint_with_its_record(
    checkpoint: Path, tmp_path: Path, cache: Path, algorithm: str
) -> None:
    out = tmp_path / "run"
    assert train(recipe(checkpoint, algorithm), out, cache, "--seed", "3") == 0

    record = json.loads((out / "checkpoint" / "training.json").read_text())
    assert record["seed"] == record["settings"]["seed"] == 3
    assert record["versions"]["trl"].startswith("1.16")
    assert len(record["start_from_sha256"]) == len(record["weights_sha256"]) > 60
    assert record["start_from_sha256"] != record["weights_sha256"]
    assert set(record["seconds"]) == {"questions", "train", "measure"}
    assert record["val"]["questions"] == 2, "the plates that nothing was chosen by"
    assert QwenSegSettings.read(out / "checkpoint") == QwenSegSettings.read(checkpoint)
    model, _ = load_model(out / "checkpoint")
    assert load_file(out / "checkpoint" / "model.safetensors")["model.norm.weight"].dtype == torch.float16
    assert record["parameters"] == sum(parameter.numel() for parameter in model.parameters())

    log = lines(out / "log.jsonl")
    assert [line["step"] for line in log if "val" in line] == [0, 2, 4]
    noted = set().union(*log)
    assert {"loss", "entropy", "clip_ratio/region_mean", "clip_ratio/low_mean", "clip_ratio/high_mean"} <= noted
    assert {"rewards/failed", "rewards/box_iou/mean", "completions/mean_length", "grad_norm"} <= noted
    dapo = {"dynamic_sampling/kept", "dynamic_sampling/rounds", "rollout/segmentation", "rollout/overlong"}
    assert dapo <= noted if algorithm == "dapo" else "kl" in noted

    shown = lines(out / "completions.jsonl")
    assert {line["step"] for line in shown} == {1, 2, 4}
    assert set(shown[0]["rewards"]) >= {"thinking_format", "answer_format", "non_repeat", "segmentation"}
    with Image.open(out / "curve.png") as curve:
        assert curve.width > 500


def test_a_run_is_not_written_over_but_gone_on_with(
    checkpoint: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    content = recipe(checkpoint)
    assert train(content, whole, cache) == 0
    assert train(content, parts, cache, "--steps", "2") == 0
    assert train(content, parts, cache) == ExitCode.USAGE
    assert "--resume" in capsys.readouterr().err
    assert train(content, parts, cache, "--resume") == 0
    assert last_state(parts) == parts / "state" / "checkpoint-4"
    states = [load_file(out / "state" / "checkpoint-4" / "model.safetensors") for out in (whole, parts)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    logs = [[line for line in lines(out / "log.jsonl") if "loss" in line] for out in (whole, parts)]
    assert [line["loss"] for line in logs[0]] == [line["loss"] for line in logs[1]]


def test_resume_without_a_run_begins_one(checkpoint: Path, tmp_path: Path, cache: Path) -> None:
    assert train(recipe(checkpoint, validation=None), tmp_path / "run", cache, "--resume", "--steps", "2") == 0
    record = json.loads((tmp_path / "run" / "checkpoint" / "training.json").read_text())
    assert record["val"] is None


def test_adapters_are_merged_into_a_plain_checkpoint(checkpoint: Path, tmp_path: Path, cache: Path) -> None:
    content = recipe(checkpoint, "grpo", lora={"rank": 4, "alpha": 8}, validation=None)
    content["policy"] = {"loss": "bnpo", "kl": 0.01}
    content["optimiser"] = {"steps": 2, "learning_rate": 0.05}
    assert train(content, tmp_path / "run", cache) == 0
    start, trained = (
        load_file(folder / "model.safetensors") for folder in (checkpoint, tmp_path / "run" / "checkpoint")
    )
    assert start.keys() == trained.keys()
    changed = {name for name in start if not torch.allclose(start[name], trained[name].float(), atol=2e-3)}
    assert all("visual" not in name for name in changed)


@pytest.mark.parametrize(("freeze", "still"), [("vision", "visual."), ("language", "model.layers.")])
def test_one_half_can_be_left_as_it_is_and_steps_can_be_plain(
    checkpoint: Path, tmp_path: Path, cache: Path, freeze: str, still: str
) -> None:
    """The random model earns nothing, so it is the decay that shows which weights are moved."""
    content = recipe(checkpoint, "grpo", model={"start": str(checkpoint), "freeze": freeze}, validation=None)
    content["policy"]["kl"] = 5.0
    content["optimiser"] = {"steps": 2, "kind": "sgd", "learning_rate": 10.0, "weight_decay": 0.01}
    assert train(content, tmp_path / "run", cache) == 0
    start, trained = (load_file(folder / "model.safetensors") for folder in (checkpoint, tmp_path / "run" / "best"))
    changed = {name for name in start if not torch.equal(start[name], trained[name])}
    assert changed
    assert not any(still in name for name in changed)


def test_supervised_fine_tuning_with_trl(checkpoint: Path, tmp_path: Path, cache: Path) -> None:
    content = recipe(checkpoint, "sft", optimiser={"steps": 4, "learning_rate": 0.01, "batch": 4}, micro_batch=2)
    assert train(content, tmp_path / "run", cache) == 0
    losses = [line["loss"] for line in lines(tmp_path / "run" / "log.jsonl") if "loss" in line]
    assert losses[-1] < losses[0]
    assert not (tmp_path / "run" / "completions.jsonl").exists()


def test_measuring_a_checkpoint(checkpoint: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture) -> None:
    path = written(tmp_path, recipe(checkpoint))
    arguments = ["--checkpoint", str(checkpoint), "--config", str(path), "--algo", "dapo", "--cache", str(cache)]
    assert evaluate.main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["format"] == 0.0


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"algorithm": "ppo"}, ExitCode.USAGE, "algorithm"),
        ({"model": {"start": "nowhere"}}, ExitCode.USAGE, "nowhere"),
        ({"save_every": 3}, ExitCode.USAGE, "multiple of rollout.updates"),
        ({"policy": None}, ExitCode.USAGE, "policy"),
        ({"rewards": {"iou": 2}}, ExitCode.USAGE, "rewards.iou"),
        ({"data": PLATES | {"families": {"dishes": 1.0}}}, ExitCode.USAGE, "dishes"),
        ({"data": {"source": "photos"}}, ExitCode.USAGE, "source"),
        ({"surprise": 1}, ExitCode.USAGE, "surprise"),
        ({"rollout": {"prompts": 3, "completions": 3, "updates": 2, "max_tokens": 4}}, ExitCode.USAGE, "divided"),
        (
            {"rollout": {"prompts": 2, "completions": 4, "updates": 2, "max_tokens": 4, "micro_batch": 3}},
            ExitCode.USAGE,
            "micro",
        ),
        ({"validation": {"every": 2, "segmenter": "pencil"}}, ExitCode.USAGE, "pencil"),
    ],
)
def test_what_cannot_be_run_is_told(
    checkpoint: Path,
    tmp_path: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    code: ExitCode,
    message: str,
) -> None:
    path = written(tmp_path, recipe(checkpoint) | changes)
    arguments = ["--algo", "dapo", "--config", str(path), "--out", str(tmp_path / "run"), "--cache", str(cache)]
    assert main([*arguments, "--workers", "1"]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_a_recipe_for_another_algorithm_is_told(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, recipe(checkpoint, "grpo"))
    assert main(["--algo", "dapo", "--config", str(path), "--out", str(tmp_path / "run")]) == ExitCode.USAGE
    assert "--algo grpo" in capsys.readouterr().err


def test_a_missing_recipe_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--algo", "dapo", "--config", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "run")]
    assert main(arguments) == ExitCode.DATA
    assert "none.yaml" in capsys.readouterr().err


def test_a_damaged_state_is_told(
    checkpoint: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, out = recipe(checkpoint), tmp_path / "run"
    assert train(content, out, cache, "--steps", "2") == 0
    (out / "state" / "checkpoint-2" / "model.safetensors").write_bytes(b"torn")
    assert train(content, out, cache, "--resume") == ExitCode.USAGE
    assert "checkpoint-2" in capsys.readouterr().err


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_recipes_that_are_shipped_are_valid(config: str, algorithm: str) -> None:
    path = settings_path(config, algorithm)
    assert path.is_file()
    if (config, algorithm) == ("kitchen", "sft"):
        return  # the small model's own trainer reads it
    settings = load_settings(path)
    assert settings.algorithm == algorithm
    assert settings.rewards.model_dump(exclude={"iou", "box_l1", "point_l2"}) == RunSettings.model_fields[
        "rewards"
    ].default.model_dump(exclude={"iou", "box_l1", "point_l2"})
    if settings.rollout is not None and settings.policy is not None:
        assert settings.rollout.updates > 1, "otherwise no bound acts"
        assert settings.rollout.temperature == 1.0 or config == "kitchen"
        assert settings.policy.clip_high == (0.28 if algorithm == "dapo" else 0.2)
        assert (settings.policy.sampling is not None) == (algorithm == "dapo")
        assert settings.policy.kl == (0.0 if algorithm == "dapo" else 0.005)
        assert rollout_batches(settings.rollout, 1)["num_generations"] == 8


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_recipes_of_the_larger_kitchen_model_are_valid(algorithm: str) -> None:
    path = HERE / "single_gpu" / f"plates_{algorithm}.yaml"
    if algorithm == "sft":
        shape = kitchen_settings(path).shape
        assert shape.cells == 14
    else:
        assert load_settings(path).algorithm == algorithm


@pytest.mark.parametrize("algorithm", ["grpo", "dapo"])
def test_the_paper_s_recipe_fits_its_four_gpus(algorithm: str) -> None:
    settings = load_settings(settings_path("paper", algorithm))
    assert settings.rollout is not None
    found = rollout_batches(settings.rollout, 4)
    per_gpu = found["per_device_train_batch_size"] * found["gradient_accumulation_steps"]
    assert per_gpu * 4 == 128, "completions of an update, as in VisionReasoner"
    assert found["steps_per_generation"] == 4 * found["gradient_accumulation_steps"]
    with pytest.raises(UsageError, match="divided"):
        rollout_batches(settings.rollout, 5)


@pytest.mark.parametrize("path", sorted((HERE / "accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_its_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    assert config.num_processes == (1 if path.stem == "cpu" else 4)
    assert config.use_cpu == (path.stem == "cpu")


def test_a_start_is_looked_for_here_and_in_the_repository(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    shutil.copytree(checkpoint, tmp_path / "own")
    monkeypatch.chdir(tmp_path)
    content = recipe(Path("nowhere"), validation=None)
    path = written(tmp_path, content)
    arguments = ["--algo", "dapo", "--config", str(path), "--out", "run", "--cache", str(cache), "--workers", "1"]
    assert main([*arguments, "--start", "own", "--steps", "2"]) == 0
    assert json.loads(Path("run/checkpoint/training.json").read_text())["settings"]["model"]["start"] == "own"


def test_arguments_that_make_a_recipe_invalid_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--algo", "grpo", "--config", "kitchen", "--steps", "-1", "--out", str(tmp_path / "run")]) == 2
    assert "grpo.yaml: optimiser.steps: " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
