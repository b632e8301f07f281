"""Every stage for a few updates on a model that was taught nothing, and what recipes of training allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from baselines.common.run_folder import last_state
from baselines.recipe_grounded.data import STAGES, SUPERVISED
from baselines.recipe_grounded.rewards import ABLATIONS, INGREDIENTS, Rewards
from baselines.recipe_grounded.settings import CONFIGS, HERE, StageSettings, load_settings, settings_path
from baselines.recipe_grounded.train import main
from baselines.recipe_grounded.trainers import settled
from baselines.recipe_grounded.vocabulary import ActionVocabulary
from foodbench.core.errors import ExitCode
from foodbench.models.recipe_grounded.checkpoint import PartSettings, load_part_model
from tests.baselines.recipe_grounded import small_models

PLATES = {
    "source": "plates",
    "plates": {
        "stream": "recipes-test",
        "train_plates": 12,
        "val_plates": 4,
        "monitor_plates": 2,
        "sizes": [{"size": [64, 64], "share": 1.0}],
        "side": 64,
    },
    "sizes": {"ar_sft": 6, "ar_rft": 6},
}


def recipe(start: Path, stage: str, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "stage": stage,
        "model": {"start": str(start)},
        "ask": {"grid": small_models.SIDE, "max_new_tokens": 8},
        "data": PLATES,
        "optimiser": {"steps": 4, "learning_rate": 1e-3},
        "validation": {"every": 2},
        "save_every": 2,
        "log_every": 1,
    }
    if stage in SUPERVISED:
        plain["optimiser"]["batch"] = 2
    else:
        plain |= {"show_every": 2, "policy": {"loss": "grpo", "kl": 0.04}}
        plain["rollout"] = {"prompts": 2, "completions": 4, "updates": 2, "max_tokens": 6}
    return plain | changes


def train(content: dict[str, Any], out: Path, cache: Path, *more: str) -> int:
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(content))
    arguments = ["--stage", content["stage"], "--config", str(path), "--out", str(out), "--cache", str(cache)]
    return main([*arguments, "--workers", "1", *more])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewards that any model earns some of: one that was taught nothing earns none of the paper's."""

    def score(text: str, *_others: Any) -> Rewards:
        share = sum(character.isalpha() for character in text) / max(1, len(text))
        return Rewards(f1=share, word=share)

    monkeypatch.setattr("baselines.recipe_grounded.rewards.score", score)


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_leaves_a_checkpoint_with_its_record(start: Path, tmp_path: Path, cache: Path, stage: str) -> None:
    out = tmp_path / "run"
    assert train(recipe(start, stage), out, cache, "--steps", "2", "--seed", "3") == 0

    record = json.loads((out / "checkpoint" / "training.json").read_text())
    assert record["seed"] == record["settings"]["seed"] == 3
    assert record["start_from_sha256"] != record["weights_sha256"]
    assert record["best"]["step"] == 2, "the last weights, whatever was measured"
    assert record["questions"]["kept"] > 0
    assert PartSettings.read(out / "checkpoint") == PartSettings(grid=small_models.SIDE, max_new_tokens=8)
    model, _ = load_part_model(out / "checkpoint")
    before = load_part_model(start)[0].state_dict()
    assert any(not torch.allclose(value, before[name], atol=1e-4) for name, value in model.state_dict().items())

    vocabulary = ActionVocabulary.load(out / "vocabulary.json")
    assert vocabulary.fingerprint == record["vocabulary"]
    assert (vocabulary.recipes, vocabulary.names[0]) == (12, "serve")
    log = lines(out / "log.jsonl")
    assert [line["step"] for line in log if "val" in line] == [0, 2]
    noted = set().union(*log)
    if stage not in SUPERVISED:
        assert {"reward", "kl", "rewards/f1/mean", "rewards/format/mean", "rewards/failed"} <= noted
        assert ("rewards/word/mean" in noted) == (stage == "ar_rft")
        assert set(lines(out / "completions.jsonl")[0]["rewards"]) >= {"f1", "format"}
    kind = "ingredients" if stage.startswith("ingr") else "actions"
    measured = record["val"]
    expected = {"rouge_l"} if stage == "instr_sft" else {"f1", "reward", f"{kind}.format", f"{kind}.recall"}
    assert expected <= set(measured)
    assert ("actions.recall.tail" in measured) == stage.startswith("ar")
    with Image.open(out / "curve.png") as curve:
        assert curve.width > 500


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("stage", ["ar_sft", "ar_rft"])
def test_an_interrupted_stage_goes_on_as_if_it_had_not_been(
    start: Path, tmp_path: Path, cache: Path, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    content = recipe(start, stage)
    assert train(content, whole, cache) == 0
    assert train(content, parts, cache, "--steps", "2") == 0
    assert train(content, parts, cache) == ExitCode.USAGE
    assert "--resume" in capsys.readouterr().err
    assert train(content, parts, cache, "--resume") == 0
    states = [load_file(last_state(out) / "model.safetensors") for out in (whole, parts)]
    assert last_state(parts).name == "checkpoint-4"
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    losses = [[line["loss"] for line in lines(out / "log.jsonl") if "loss" in line] for out in (whole, parts)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 4
    begun = load_file(start / "model.safetensors")
    assert any(not torch.allclose(states[0][name], begun[name].float(), atol=1e-3) for name in begun)


def test_adapters_become_part_of_the_checkpoint(start: Path, tmp_path: Path, cache: Path) -> None:
    content = recipe(start, "ingr_sft", lora={"rank": 4, "alpha": 8}, validation=None)
    content["optimiser"] |= {"learning_rate": 0.05}
    assert train(content, tmp_path / "run", cache, "--steps", "2") == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (start, tmp_path / "run" / "checkpoint"))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.allclose(before[name].float(), after[name].float(), atol=2e-3)}
    assert changed
    assert all("visual" not in name for name in changed)
    assert json.loads((tmp_path / "run" / "checkpoint" / "training.json").read_text())["val"] is None


def test_the_vision_tower_can_be_left_as_it_is(start: Path, tmp_path: Path, cache: Path) -> None:
    content = recipe(start, "instr_sft", validation=None)
    content["model"] |= {"freeze": "vision", "published": "float32"}
    content["optimiser"] |= {"learning_rate": 0.05}
    assert train(content, tmp_path / "run", cache, "--steps", "1") == 0
    before, after = (load_part_model(folder)[0].state_dict() for folder in (start, tmp_path / "run" / "checkpoint"))
    assert all(torch.equal(value, after[name]) for name, value in before.items() if ".visual." in name)
    assert any(not torch.equal(value, after[name]) for name, value in before.items() if "language_model" in name)


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("stage", ["instr_sft", "ingr_rft"])
def test_llava_is_trained_too(tmp_path: Path, cache: Path, stage: str) -> None:
    start = small_models.llava(tmp_path / "llava")
    content = recipe(start, stage)
    if stage == "ingr_rft":
        content["rollout"] |= {"micro_batch": 2}
    assert train(content, tmp_path / "run", cache, "--steps", "2") == 0
    trained = load_part_model(tmp_path / "run" / "checkpoint")[0]
    assert trained.config.model_type == "llava"
    before = load_part_model(start)[0].state_dict()
    assert any(not torch.allclose(value, before[name], atol=1e-4) for name, value in trained.state_dict().items())


def test_a_judge_learns_both_lists(start: Path, tmp_path: Path, cache: Path) -> None:
    content = recipe(start, "ingr_sft", asks=["actions", "ingredients"])
    assert train(content, tmp_path / "run", cache, "--steps", "1") == 0
    measured = json.loads((tmp_path / "run" / "checkpoint" / "training.json").read_text())["val"]
    assert {"actions.f1", "ingredients.f1"} <= set(measured)
    assert measured["f1"] == pytest.approx((measured["actions.f1"] + measured["ingredients.f1"]) / 2, abs=1e-4)


def test_a_writer_is_measured_with_and_without_context(start: Path, tmp_path: Path, cache: Path) -> None:
    content = recipe(start, "instr_sft", context={"share": 1.0, "drop": 0.2, "add": 0.2})
    assert train(content, tmp_path / "run", cache, "--steps", "1") == 0
    measured = json.loads((tmp_path / "run" / "checkpoint" / "training.json").read_text())["val"]
    assert {"rouge_l", "told.rouge_l", "actions.f1", "told.ingredients.f1"} <= set(measured)


def test_recipe1m_is_learnt_from_too(start: Path, tmp_path: Path, cache: Path, kitchen: Path) -> None:
    source = {"source": "recipe1m", "edition": "kitchen", "validation": 2}
    assert train(recipe(start, "ar_sft", data=source), tmp_path / "run", cache, "--steps", "1") == 0
    record = json.loads((tmp_path / "run" / "checkpoint" / "training.json").read_text())
    assert record["val"]["questions"] == 2


@pytest.mark.parametrize(
    ("stage", "changes", "message"),
    [
        ("ar_sft", {"stage": "ar_dpo"}, "stage"),
        ("ar_sft", {"surprise": 1}, "surprise"),
        ("ar_sft", {"model": {"start": "nowhere"}}, "nowhere"),
        ("ar_sft", {"optimiser": {"steps": 2, "learning_rate": 1e-3}}, "optimiser.batch"),
        ("ar_sft", {"optimiser": {"learning_rate": 1e-3, "batch": 2}}, "either steps or epochs"),
        ("ar_sft", {"optimiser": {"steps": 2, "epochs": 1, "learning_rate": 1e-3, "batch": 2}}, "either steps"),
        ("ar_sft", {"rewards": {"f1": 1.0}}, "no rewards"),
        ("ar_sft", {"context": {"share": 0.5}}, "writers"),
        ("instr_sft", {"context": {"share": 0.5, "both": 0, "actions": 0, "ingredients": 0}}, "must be positive"),
        ("ar_sft", {"validation": {"every": 2, "metric": "rouge_l"}}, "rouge_l"),
        ("ar_sft", {"ask": {"grid": 28, "longest": 28}}, "not both"),
        ("ar_sft", {"ask": {"max_new_tokens": 4}}, "grid"),
        ("ar_sft", {"micro_batch": 4, "optimiser": {"steps": 1, "learning_rate": 1, "batch": 6}}, "micro"),
        ("ar_sft", {"data": {"source": "recipe1m", "edition": "kitchen", "vocabulary": "none.json"}}, "none.json"),
        ("ar_sft", {"data": {"source": "photos"}}, "source"),
        ("ar_rft", {"policy": None}, "policy"),
        ("ar_rft", {"asks": ["actions"]}, "asks about actions only"),
        ("ar_rft", {"save_every": 3}, "multiple of rollout.updates"),
        ("ar_rft", {"validation": {"every": 3}}, "validation.every"),
        ("ar_rft", {"rewards": {"hit": {"head": 1.0}}}, "each of head, mid, tail"),
        ("ingr_rft", {"rewards": {"word": 1.0}}, "no tiers"),
        ("ingr_rft", {"rollout": {"prompts": 3, "completions": 3, "updates": 2, "max_tokens": 4}}, "divided"),
    ],
)
def test_what_cannot_be_run_is_told(
    start: Path,
    tmp_path: Path,
    cache: Path,
    kitchen: Path,
    capsys: pytest.CaptureFixture[str],
    stage: str,
    changes: dict[str, Any],
    message: str,
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe(start, stage) | changes))
    arguments = ["--stage", stage, "--config", str(path), "--out", str(tmp_path / "run"), "--cache", str(cache)]
    assert main([*arguments, "--workers", "1"]) in (ExitCode.USAGE, ExitCode.DATA)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_a_recipe_for_another_stage_is_told(start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe(start, "ingr_sft")))
    assert main(["--stage", "ar_sft", "--config", str(path), "--out", str(tmp_path / "run")]) == ExitCode.USAGE
    assert "--stage ingr_sft" in capsys.readouterr().err


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_recipe_of_every_size(config: str, stage: str) -> None:
    settings = load_settings(settings_path(config, stage))
    assert settings.stage == stage
    assert (settings.lora is None) == (config == "kitchen")


@pytest.mark.parametrize("path", sorted(HERE.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_rewards_are_those_of_the_paper_s_table(path: Path) -> None:
    settings = load_settings(path)
    if settings.stage == "ingr_rft":
        assert settings.earned == INGREDIENTS
    elif settings.stage == "ar_rft":
        assert settings.earned == ABLATIONS[path.stem.removeprefix("ar_rft").strip("_") or "full"]
    if settings.rollout is not None:
        answers = settings.rollout.prompts * settings.rollout.completions
        assert answers == 64 * settings.rollout.updates, "the paper's effective batch, of each update"
        assert settings.rollout.completions == 8
        assert settings.rollout.updates == (2 if path.parent.name == "kitchen" else 1)


def test_the_paper_s_numbers() -> None:
    stages = {stage: load_settings(settings_path("paper", stage)) for stage in STAGES}
    for settings in stages.values():
        assert settings.lora is not None
        assert (settings.lora.rank, settings.lora.alpha) == (128, 32)
        assert settings.model.start.startswith("Qwen/Qwen2.5-VL-7B") or not settings.supervised
        assert settings.optimiser.learning_rate == (2e-5 if settings.supervised else 5e-6)
    assert [stages[stage].max_length for stage in ("ar_sft", "ingr_sft", "instr_sft")] == [2048, 2048, 4096]
    found = settled(stages["ar_sft"], 10_397)
    assert (found.steps, found.warmup, found.batch) == (1300, 65, 8)
    rewarded: StageSettings = stages["ar_rft"]
    assert settled(rewarded, 3_712).steps == 464


def test_arguments_that_make_a_recipe_invalid_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stage", "ar_sft", "--config", "kitchen", "--steps", "-1", "--out", str(tmp_path / "run")]) == 2
    assert "ar_sft.yaml: optimiser.steps: " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
