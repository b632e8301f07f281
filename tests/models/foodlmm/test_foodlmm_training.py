"""The training code: templates, packing, the optimiser, interruption."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.foodlmm.muon import BatchedMuon
from baselines.foodlmm.packing import Packer, area_fractions, image_batch
from baselines.foodlmm.plates import Plates, load_plates
from baselines.foodlmm.progress import Reporter
from baselines.foodlmm.settings import load_settings
from baselines.foodlmm.templates import FAMILIES, OTHER_NOUNS, PlateFacts, refer_answer, refer_turn
from baselines.foodlmm.training import Trainer
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.data.kitchen import INGREDIENTS
from foodbench.models.foodlmm.processing_foodlmm import noun_phrase
from tests.models.foodlmm.conftest import SCALE, TINY, TinyFoodLMM, tiny_settings

RECIPE = Path(__file__).parents[3] / "baselines" / "foodlmm" / "kitchen" / "stage1.yaml"
FACTS = PlateFacts("curry rice", ("rice", "carrot", "green beans", "sauce"))


def test_the_shipped_recipe_is_valid_and_a_typo_in_one_is_not(tmp_path: Path) -> None:
    settings = load_settings(RECIPE)
    assert set(settings.joint.families) == set(FAMILIES)
    typo = tmp_path / "typo.yaml"
    typo.write_text(RECIPE.read_text() + "\nlerning_rate: 0.1\n")
    with pytest.raises(UsageError, match="lerning_rate"):
        load_settings(typo)


def test_a_refer_answer_names_present_things_first_and_refuses_the_others() -> None:
    answer, present = refer_answer(FACTS, ["fork", "green beans", "egg", "rice"])
    assert answer == (
        "The green beans are masked as [SEG1], rice as [SEG2]. "
        "The fork is not found in this picture. The egg is not found in this picture."
    )
    assert present == ("green beans", "rice")
    assert noun_phrase(answer.partition("[SEG2]")[0]) == "rice"


def test_absent_things_come_in_questions_of_every_length() -> None:
    rng = np.random.default_rng(0)
    absent: dict[int, list[bool]] = {1: [], 2: [], 3: []}
    for _ in range(3000):
        turn = refer_turn(FACTS, rng)
        refused = turn.answer.count("not found")
        asked = refused + len(turn.numbered)
        absent[asked] += [True] * refused + [False] * len(turn.numbered)
    for count, missing in absent.items():
        assert 0.3 < np.mean(missing) < 0.5, count


def test_nouns_of_nothing_are_on_no_plate() -> None:
    assert not set(OTHER_NOUNS) & set(INGREDIENTS)
    assert len(set(OTHER_NOUNS)) == len(OTHER_NOUNS)


def test_area_fractions_count_pixels() -> None:
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    labels[1, :4, :2] = 20
    fractions = area_fractions(labels, 4)
    assert fractions.shape == (2, 21, 2, 2)
    torch.testing.assert_close(fractions.sum(1), torch.ones(2, 2, 2))
    assert fractions[1, 20].tolist() == [[0.5, 0.0], [0.0, 0.0]]
    assert fractions[0, 0].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_plates_are_read_back_as_rendered_and_a_damaged_shard_is_rendered_again(tmp_path: Path, plates: Plates) -> None:
    data = tiny_settings().data
    again = load_plates(data, TINY.image_size, tmp_path, split="train", count=6, workers=1)
    (shard,) = tmp_path.iterdir()
    shard.write_bytes(shard.read_bytes()[:1000])
    third = load_plates(data, TINY.image_size, tmp_path, split="train", count=6, workers=1)
    for other in (again, third):
        assert np.array_equal(other.sam, plates.sam)
        assert np.array_equal(other.portions, plates.portions)
    assert {tuple(size) for size in plates.sam_sizes.tolist()} == {(32, 32), (21, 32)}


def test_packed_turns_equal_turns_asked_alone(tiny: TinyFoodLMM, plates: Plates) -> None:
    joint = tiny_settings().joint.model_copy(update={"row_tokens": 300})
    packer = Packer(plates, tiny.processor, tiny.model.roles(), joint)
    indices = np.array([0, 1])
    turns = packer.turns(indices, np.random.default_rng(5))
    images = image_batch(plates, indices, tiny.processor, np.random.default_rng(6))
    with torch.no_grad():
        packed = tiny.model.model(
            input_ids=turns.input_ids,
            attention_mask=turns.attention_mask,
            position_ids=turns.position_ids,
            pixel_values=images.pixel_values,
        ).last_hidden_state[0]
        prefix = len(tiny.processor.prefix_ids)
        positions = turns.position_ids[0].tolist()
        starts = [place for place in range(prefix, len(positions)) if positions[place] == prefix]
        assert len(starts) >= 2
        first, second = starts[1], (starts[2] if len(starts) > 2 else int((turns.input_ids[0] != 0).sum()))
        alone_ids = torch.cat([turns.input_ids[0, :prefix], turns.input_ids[0, first:second]])[None]
        alone = tiny.model.model(input_ids=alone_ids, pixel_values=images.pixel_values[:1]).last_hidden_state[0]
    torch.testing.assert_close(packed[first:second], alone[prefix:], rtol=1e-4, atol=1e-5)


def test_packed_targets_belong_to_the_tokens_that_follow(tiny: TinyFoodLMM, plates: Plates) -> None:
    joint = tiny_settings().joint.model_copy(update={"row_tokens": 300})
    turns = Packer(plates, tiny.processor, tiny.model.roles(), joint).turns(np.arange(6), np.random.default_rng(1))
    roles = tiny.model.roles()
    assert len(turns.segments)
    for row, position, number in turns.segments.tolist():
        assert roles[int(turns.input_ids[row, position + 1])].kind == "segment"
        label = noun_phrase(tiny.processor.decode_answer(turns.input_ids[row, : position + 1].tolist()))
        assert INGREDIENTS[label].number == number
    for (row, position, head), target in zip(turns.values.tolist(), turns.value_targets.tolist(), strict=True):
        role = roles[int(turns.input_ids[row, position + 1])]
        assert role.head == head
        if role.number == 0:
            assert target == pytest.approx(float(plates.portions[row, :, head - 5].sum()), rel=1e-5)


def test_both_branches_are_turned_alike(tiny: TinyFoodLMM, plates: Plates) -> None:
    square = [index for index, size in enumerate(plates.sam_sizes.tolist()) if size == [32, 32]]
    indices = np.array(square * 8)
    images = image_batch(plates, indices, tiny.processor, np.random.default_rng(2))
    assert torch.equal(images.clip_labels, images.sam_labels)


def test_batched_muon_updates_as_torch_does() -> None:
    torch.manual_seed(0)
    shapes = [(16, 8), (16, 8), (8, 24), (5, 5)]
    mine = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in mine]
    ours = BatchedMuon(mine, lr=0.01)
    reference = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        for parameter, other in zip(mine, theirs, strict=True):
            parameter.grad = torch.randn_like(parameter)
            other.grad = parameter.grad.clone()
        ours.step()
        reference.step()
    for parameter, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cuts", [(2,), (3,), (1, 4)])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    tmp_path: Path, tiny: TinyFoodLMM, plates: Plates, cuts: tuple[int, ...]
) -> None:
    def losses(folder: Path) -> list[object]:
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        return [(line["stage"], line["step"], line["losses"]) for line in lines]

    settings, reporter = tiny_settings(), Reporter()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    complete = Trainer(settings, plates, whole, reporter).run()
    for steps in cuts:
        Trainer(settings, plates, parts, reporter).run(stop_after=steps)
    # A process killed after its last save leaves lines in the log that the next one writes again.
    with (parts / "log.jsonl").open("a") as log:
        log.write('{"stage":"joint","step":4,"losses":{"text":99.0}}\n{"stage":"jo')
    resumed = Trainer(settings, plates, parts, reporter).run()
    assert losses(parts) == losses(whole)
    assert len(losses(whole)) == 7
    for name, value in complete.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_state_of_another_recipe_or_a_damaged_one_is_refused(
    tmp_path: Path, tiny: TinyFoodLMM, plates: Plates
) -> None:
    Trainer(tiny_settings(), plates, tmp_path, Reporter()).run(stop_after=1)
    with pytest.raises(CheckpointError, match="another recipe"):
        Trainer(tiny_settings(seed=4), plates, tmp_path, Reporter()).run()
    (tmp_path / "state.pt").write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Trainer(tiny_settings(), plates, tmp_path, Reporter()).run()


def test_nutrition_scale_is_the_mean_of_what_is_there(plates: Plates) -> None:
    scale = plates.nutrition_scale()
    assert len(scale) == len(SCALE)
    assert scale[5] == pytest.approx(float(plates.portions[:, :, 0].sum()) / len(plates), rel=1e-5)
    assert scale[0] == pytest.approx(
        float(plates.portions[:, :, 0].sum() / (plates.portions[:, :, 0] > 0).sum()), rel=1e-5
    )
