"""Supervised training of the kitchen model: resuming, recipes, what a run leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from baselines.common.muon_and_adam import learning_rate
from baselines.foodlmm.progress import Reporter
from baselines.rl_segmentation.kitchen_model import sft
from baselines.rl_segmentation.kitchen_model.measuring import Examiner
from baselines.rl_segmentation.kitchen_model.settings import SftSettings, load_settings
from baselines.rl_segmentation.kitchen_model.training import Trainer
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.files import read_json_lines
from foodbench.models.qwen_seg.checkpoint import load_model
from tests.baselines.rl_segmentation.kitchen_plates import places, plates, settings

KITCHEN = Path(__file__).parents[3] / "baselines" / "rl_segmentation" / "kitchen"


def trainer(folder: Path, recipe: SftSettings | None = None) -> Trainer:
    folder.mkdir(exist_ok=True)
    return Trainer(recipe or settings(), plates(), places(), folder, Reporter())


def losses(folder: Path) -> list[tuple[str, int, dict[str, float]]]:
    return [(record["stage"], record["step"], record["losses"]) for record in read_json_lines(folder / "log.jsonl")]


@pytest.mark.parametrize("interrupted_after", [1, 3, 4, 5])
def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path, interrupted_after: int) -> None:
    whole, first, second = (trainer(tmp_path / name) for name in ("whole", "parts", "parts"))
    whole.run()
    first.run(stop_after=interrupted_after)
    torch.rand(3)  # whatever else the process draws must not matter
    second.run()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    for name, value in whole.helpers.state_dict().items():
        assert torch.equal(value, second.helpers.state_dict()[name]), name
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")
    assert len(losses(tmp_path / "whole")) == 6


def test_an_interruption_between_states_repeats_what_was_lost(tmp_path: Path) -> None:
    recipe = settings(save_every=2)
    whole, first = trainer(tmp_path / "whole", recipe), trainer(tmp_path / "parts", recipe)
    whole.run()
    first.run(stop_after=1)  # logged, but not yet saved
    again = trainer(tmp_path / "parts", recipe)
    again.run()
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


def test_another_recipes_state_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run(stop_after=1)
    with pytest.raises(CheckpointError, match="another recipe"):
        trainer(tmp_path, settings(seed=4)).run()
    (tmp_path / "state.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="cannot be read"):
        trainer(tmp_path).run()


def test_the_first_stage_leaves_the_later_layers_alone(tmp_path: Path) -> None:
    begun, seen = trainer(tmp_path / "begun"), trainer(tmp_path / "seen")
    seen.run(stop_after=3)
    changed = {
        name
        for name, value in begun.model.state_dict().items()
        if not torch.equal(value, seen.model.state_dict()[name])
    }
    assert any("visual.blocks.0" in name for name in changed)
    assert any("language_model.layers.0." in name for name in changed)
    assert not any("language_model.layers.1." in name for name in changed)


def test_measurements_say_what_they_should(tmp_path: Path) -> None:
    examiner = Examiner(settings().data, 2, settings().shape.grid)
    assert len(examiner.exams) == 8
    begun = trainer(tmp_path)
    measured = examiner.measure(begun.model, begun.processor)
    assert begun.model.training
    assert measured["format"] == measured["named"] == measured["all.iou"] == measured["absent.refused"] == 0.0


def test_a_run_leaves_checkpoints_record_log_and_curve(tmp_path: Path) -> None:
    config = tmp_path / "recipe.yaml"
    recipe = settings(publish_at=(0, 2)).model_dump(mode="json")
    config.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    out = tmp_path / "out"
    arguments = ["--config", str(config), "--out", str(out), "--workers", "1"]
    assert sft.main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoint",
        "checkpoint-0",
        "checkpoint-2",
        "curve.png",
        "log.jsonl",
        "plates",
        "state.pt",
    ]
    weights = {}
    for name in ("checkpoint-0", "checkpoint-2", "checkpoint"):
        model, _ = load_model(out / name)
        weights[name] = model.get_input_embeddings().weight
        assert sum(path.stat().st_size for path in (out / name).iterdir()) < 5e6
    assert not torch.equal(weights["checkpoint-2"], weights["checkpoint"])
    record = json.loads((out / "checkpoint" / "training.json").read_text(encoding="utf-8"))
    assert record["step"] == 3
    assert SftSettings.model_validate(record["settings"]) == load_settings(config)
    assert record["val"]["plates"] == 2
    assert {"render", "train", "measure"} <= set(record["seconds"])
    # The same command again trains nothing more.
    before = weights["checkpoint"]
    assert sft.main(arguments) == 0
    model, _ = load_model(out / "checkpoint")
    assert torch.equal(model.get_input_embeddings().weight, before)


@pytest.mark.parametrize("name", ["sft_start", "sft"])
def test_shipped_recipes_are_valid_and_of_one_model(name: str) -> None:
    recipe, other = load_settings(KITCHEN / f"{name}.yaml"), load_settings(KITCHEN / "sft.yaml")
    assert recipe.shape == other.shape
    assert recipe.data == other.data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"save_every": 3, "log_every": 2}, "save_every"),
        ({"shape": {**settings().shape.model_dump(), "grid": 57}}, "grid"),
        ({"answering": {**settings().answering.model_dump(), "families": {"poems": 1.0}}}, "poems"),
        ({"answering": {**settings().answering.model_dump(), "plates": 3}}, "even"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_wrong_recipes_are_refused_by_name(tmp_path: Path, change: dict, message: str) -> None:
    plain = json.loads(json.dumps({**settings().model_dump(mode="json"), **change}))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_settings(path)


def test_the_rate_warms_up_and_comes_down() -> None:
    stage = settings(seeing={"steps": 100, "plates": 2, "learning_rate": 0.01, "warmup": 10, "final_share": 0.1}).seeing
    assert learning_rate(stage, 0) == pytest.approx(0.001)
    assert learning_rate(stage, 10) == pytest.approx(0.009)
    assert learning_rate(stage, 99) == pytest.approx(0.001)
