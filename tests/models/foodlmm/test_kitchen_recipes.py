"""The recipes of the kitchen's size: LISA, single tasks, and what they share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from baselines.foodlmm.dialogues import CONVERSATIONS
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.progress import Reporter
from baselines.foodlmm.publish import SCAFFOLD, save_checkpoint
from baselines.foodlmm.settings import TrainSettings, load_settings
from baselines.foodlmm.templates import PlateFacts
from baselines.foodlmm.training import Trainer
from foodbench.adapters.foodlmm import LISA
from foodbench.core.types import Request
from tests.models.foodlmm.conftest import TINY, picture, tiny_settings

BASELINES = Path(__file__).parents[3] / "baselines"
RECIPES = sorted([*BASELINES.glob("foodlmm/kitchen/*.yaml"), BASELINES / "lisa" / "kitchen.yaml"])
FACTS = PlateFacts("curry rice", ("rice", "carrot", "green beans", "sauce"))


class Picture:
    """A random picture."""

    path = Path("picture.png")

    def open(self) -> object:
        return picture(0)

    def fingerprint(self) -> str:
        return "sha256:0"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipe_is_valid_and_goes_on_from_one_that_is_there(path: Path) -> None:
    settings = load_settings(path)
    made = {"runs/foodlmm-stage1/checkpoint", "runs/foodlmm-pretrain/checkpoint"}
    assert settings.start_from is None or str(settings.start_from) in made


def test_single_tasks_differ_in_their_families_only() -> None:
    recipes = {path.stem: load_settings(path) for path in RECIPES if path.stem.startswith("single_")}
    assert set(recipes) == {
        f"single_{task}" for task in ("ingredients", "nutrition", "recipe", "refer", "refer_nutrition")
    }
    own = {"families": {}, "row_tokens": 0}
    rest = {r.model_dump_json() for s in recipes.values() if s.joint for r in [s.joint.model_copy(update=own)]}
    assert len(rest) == 1


def test_the_pretrained_checkpoint_is_stage_1s_first_stage() -> None:
    stage1, alone = (
        load_settings(BASELINES / "foodlmm" / "kitchen" / f"{name}.yaml") for name in ("stage1", "pretrain")
    )
    for field in ("seed", "threads", "data", "model", "pretrain"):
        assert getattr(alone, field) == getattr(stage1, field)


def test_lisa_is_asked_for_one_thing_that_is_there() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        (turn,) = CONVERSATIONS["refer_one"](FACTS, rng)
        (name,) = turn.numbered
        assert name in FACTS.ingredients
        assert name in turn.question
        assert turn.answer.count("[SEG]") == 1


def test_a_small_lisa_has_one_token_and_no_heads_and_answers(tmp_path: Path, plates: Plates) -> None:
    plain = tiny_settings().model_dump(mode="json")
    plain["model"] = TINY.model_dump() | {"max_segments": 0}
    plain["joint"]["families"] = {"refer_one": 1.0}
    outcome = Trainer(TrainSettings.model_validate(plain), plates, tmp_path, Reporter()).run()
    assert not outcome.model.config.nutrition_heads
    assert not any("heads." in name for name in outcome.model.state_dict())
    assert [role.kind for role in outcome.model.roles().values()] == ["segment"]
    save_checkpoint(outcome.model, outcome.processor, tmp_path / "checkpoint")
    adapter = LISA(checkpoint=tmp_path / "checkpoint", device="cpu")
    forced = {"forced_answer": "It is [SEG]."}
    (answer,) = adapter.answer([Request("t", "1", Picture(), "Where is the rice?", forced, {})])
    assert answer.text == "It is [SEG]."
    assert [mask.size for mask in answer.masks] == [(30, 40)]
    assert answer.nutrition is None


def test_others_go_on_from_a_pretrained_checkpoint_with_its_scaffold(tmp_path: Path, plates: Plates) -> None:
    plain = tiny_settings().model_dump(mode="json")
    first = TrainSettings.model_validate(plain | {"joint": None})
    outcome = Trainer(first, plates, tmp_path / "first", Reporter()).run()
    start = tmp_path / "first" / "checkpoint"
    save_checkpoint(outcome.model, outcome.processor, start, outcome.scaffold)
    whole = Trainer(tiny_settings(), plates, tmp_path / "whole", Reporter())
    whole.run(stop_after=3)
    for name, value in whole.model.state_dict().items():  # the same first stage
        assert torch.equal(value, outcome.model.state_dict()[name]), name
    onwards = TrainSettings.model_validate(plain | {"model": None, "pretrain": None, "start_from": str(start)})
    trainer = Trainer(onwards, plates, tmp_path / "second", Reporter())
    trainer.run(stop_after=0)
    for name, value in load_file(start / SCAFFOLD).items():
        assert torch.equal(trainer.scaffold.state_dict()[name], value), name


def test_a_checkpoint_to_go_on_from_needs_something_to_train(tmp_path: Path) -> None:
    plain = tiny_settings().model_dump(mode="json")
    with pytest.raises(ValueError, match="joint"):
        TrainSettings.model_validate(
            plain | {"model": None, "pretrain": None, "joint": None, "start_from": str(tmp_path)}
        )
