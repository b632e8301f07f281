"""Stage 2: conversations, what their tokens stand for, and training that goes on from a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from baselines.foodlmm import prompting
from baselines.foodlmm.building import Scaffold
from baselines.foodlmm.dialogues import CONVERSATIONS, numbered_tokens
from baselines.foodlmm.packing import IGNORED, Packer, image_batch
from baselines.foodlmm.plates import Plates, load_plates
from baselines.foodlmm.progress import Reporter
from baselines.foodlmm.publish import save_checkpoint
from baselines.foodlmm.settings import TrainSettings, load_settings
from baselines.foodlmm.training import Trainer
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.meal_talk import Meal, meal_rounds
from foodbench.data.kitchen.reasoning import ingredient_of
from foodbench.models.foodlmm.tokens import PORTION_HEADS
from tests.models.foodlmm.conftest import TinyFoodLMM, tiny_settings

RECIPE = Path(__file__).parents[3] / "baselines" / "foodlmm" / "kitchen" / "stage2.yaml"


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Plates:
    data = tiny_settings().data
    return load_plates(data, data.side, tmp_path_factory.mktemp("plates"), split="train", count=6, workers=1)


def test_the_shipped_recipe_trains_what_the_strict_tasks_ask_for() -> None:
    families = load_settings(RECIPE).joint.families
    assert {"reasoning", "reasoning_alone", "meal_talk", "breakdown", "cooking", "refer_many"} <= set(families)


@pytest.mark.parametrize(
    ("told", "expected", "values"),
    [
        (
            "Steak: 105.5[MASS] grams, 263.8[CAL] kcal\nRice: 64.4 grams [MASS], 83.7 kcal [CAL]",
            "Steak: [MASS1] grams, [CAL1] kcal\nRice: [MASS2] grams, [CAL2] kcal",
            (105.5, 263.8, 64.4, 83.7),
        ),
        (
            "The steak, with 28.5[PRO] grams of the 31.1 grams [TOTAL_PRO] of protein.",
            "The steak, with [PRO1] grams of the [PRO_TOTAL] grams of protein.",
            (28.5, 31.1),
        ),
        ("It has 12.0[FAT_TOTAL] grams of fat: 30%.", "It has [FAT_TOTAL] grams of fat: 30%.", (12.0,)),
        ("There is neither meat nor fish.", "There is neither meat nor fish.", ()),
    ],
)  # fmt: skip
def test_tagged_numbers_become_numbered_tokens(told: str, expected: str, values: tuple[float, ...]) -> None:
    assert numbered_tokens(told) == (expected, values)


def test_no_dialogue_of_the_kitchen_keeps_a_tag(plates: Plates) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        for _, answer in meal_rounds(Meal(plates.facts(int(rng.integers(6))).shares), rng):
            told, values = numbered_tokens(answer)
            assert told.count("[") == len(values) == answer.count("[")
            assert "TOTAL_" not in told


def test_mentions_name_their_ingredient() -> None:
    assert [ingredient_of(said) for said in ("Chicken", "Eggs", "Basmati", "Green beans")] == [
        "chicken duck",
        "egg",
        "rice",
        "green beans",
    ]
    with pytest.raises(KeyError):
        ingredient_of("Plate")


@pytest.mark.parametrize("family", sorted(CONVERSATIONS))
def test_every_token_has_its_target(family: str, plates: Plates, tiny: TinyFoodLMM) -> None:
    settings = tiny_settings().joint.model_copy(update={"row_tokens": 400, "families": {family: 1.0}})
    turns = Packer(plates, tiny.processor, tiny.model.roles(), settings).turns(np.arange(6), np.random.default_rng(3))
    roles = tiny.model.roles()
    learned = [
        (row, place - 1, roles[token])
        for row, ids in enumerate(turns.input_ids.tolist())
        for place, token in enumerate(ids)
        if token in roles and turns.labels[row, place] != IGNORED
    ]
    wanted = [(row, place) for row, place, role in learned if role.kind == "segment"]
    assert sorted(map(tuple, turns.segments[:, :2].tolist())) == sorted(wanted)
    heads = [(row, place, role.head) for row, place, role in learned if role.kind == "nutrition"]
    assert sorted(map(tuple, turns.values.tolist())) == sorted(heads)
    assert (turns.value_targets >= 0).all()


def test_a_breakdown_goes_from_the_heaviest_part_to_the_total(plates: Plates, tiny: TinyFoodLMM) -> None:
    settings = tiny_settings().joint.model_copy(update={"row_tokens": 10, "families": {"breakdown": 1.0}})
    turns = Packer(plates, tiny.processor, tiny.model.roles(), settings).turns(np.array([2]), np.random.default_rng(3))
    order = turns.values[:, 1].argsort()
    found = turns.value_targets[order].reshape(-1, len(PORTION_HEADS)).numpy()
    portions = plates.portions[2][plates.portions[2, :, 0] > 0]
    heaviest_first = portions[np.argsort(-portions[:, 0])]
    np.testing.assert_allclose(found, np.vstack([heaviest_first, portions.sum(0)]), rtol=1e-5)


def test_packed_dialogues_equal_dialogues_asked_alone(plates: Plates, tiny: TinyFoodLMM) -> None:
    """Training must show a later turn exactly what the model is given when it is asked with that history."""
    settings = tiny_settings().joint.model_copy(update={"row_tokens": 10, "families": {"reasoning": 1.0}})
    turns = Packer(plates, tiny.processor, tiny.model.roles(), settings).turns(np.array([0]), np.random.default_rng(5))
    rounds = CONVERSATIONS["reasoning"](plates.facts(0), _after_choice(np.random.default_rng(5)))
    *told, last = [(turn.question, turn.answer) for turn in rounds]
    prompt = tiny.processor.prefix_ids + tiny.processor.encode_dialogue(told, last[0])
    assert turns.input_ids[0].tolist() == [*prompt, *tiny.processor.encode_answer(last[1])]
    images = image_batch(plates, np.array([0]), tiny.processor, np.random.default_rng(6))
    with torch.no_grad():
        packed = tiny.model.model(
            input_ids=turns.input_ids,
            attention_mask=turns.attention_mask,
            position_ids=turns.position_ids,
            pixel_values=images.pixel_values,
        ).last_hidden_state[0, : len(prompt)]
        alone = tiny.model.model(input_ids=torch.tensor([prompt]), pixel_values=images.pixel_values).last_hidden_state
    torch.testing.assert_close(packed, alone[0], rtol=1e-4, atol=1e-5)


def _after_choice(rng: np.random.Generator) -> np.random.Generator:
    """The generator as it is once the packer has drawn the family."""
    rng.choice(1, p=[1.0])
    return rng


def test_prompts_to_hold_on_to_are_means_over_plates(plates: Plates, tiny: TinyFoodLMM) -> None:
    scaffold = Scaffold(tiny.model.config, tiny.processor)
    before = scaffold.prompts.weight.detach().clone()
    prompting.set_prompts(tiny.model, tiny.processor, scaffold, plates)
    tiny.model.eval()
    numbered = tiny.model.config.max_segments
    there = {INGREDIENTS[name].number for index in range(6) for name in plates.facts(index).ingredients[:numbered]}
    changed = {int(row) for row in (scaffold.prompts.weight != before).any(1).nonzero()}
    assert changed == there


def continued(folder: Path, **changes: Any) -> TrainSettings:
    plain = tiny_settings().model_dump(mode="json")
    joint = plain["joint"] | {"families": {"reasoning": 1.0, "meal_talk": 1.0}, "row_tokens": 300, "patch_words": 0.0}
    return TrainSettings.model_validate(
        plain | {"model": None, "pretrain": None, "start_from": str(folder), "joint": joint} | changes
    )


def test_training_goes_on_from_a_checkpoint_and_resumes_exactly(
    tmp_path: Path, tiny: TinyFoodLMM, plates: Plates
) -> None:
    save_checkpoint(tiny.model, tiny.processor, tmp_path / "start")
    settings, reporter = continued(tmp_path / "start"), Reporter()
    whole = Trainer(settings, plates, tmp_path / "whole", reporter).run()
    Trainer(settings, plates, tmp_path / "parts", reporter).run(stop_after=2)
    parts = Trainer(settings, plates, tmp_path / "parts", reporter).run()
    start = tiny.model.state_dict()
    assert any(not torch.equal(value, start[name]) for name, value in whole.model.state_dict().items())
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, parts.model.state_dict()[name]), name
    records = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert {record["stage"] for record in records} == {"joint"}
    assert all("patch_words" not in record["losses"] for record in records)


def test_a_recipe_names_either_a_model_or_a_checkpoint(tmp_path: Path) -> None:
    for changes in ({"model": tiny_settings().model}, {"start_from": None}, {"pretrain": tiny_settings().pretrain}):
        with pytest.raises(ValidationError, match="start_from|pretrain"):
            continued(tmp_path, **changes)
