"""The kitchen model: the folder it is published as, and training's forward pass against the model's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from baselines.rl_segmentation.kitchen_model.building import build_model, build_processor, number_ids
from baselines.rl_segmentation.kitchen_model.encoding import NOTHING, Encoder
from baselines.rl_segmentation.kitchen_model.examples import FAMILIES, Example, draw_example, make_example
from baselines.rl_segmentation.kitchen_model.forward import BoxHead, Reader, Sight
from baselines.rl_segmentation.kitchen_model.losses import answer_loss, box_loss
from baselines.rl_segmentation.kitchen_model.measuring import answers
from baselines.rl_segmentation.kitchen_model.publish import save_checkpoint
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, load_model
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT
from foodbench.models.qwen_seg.references import Reference
from tests.baselines.rl_segmentation.kitchen_plates import GRID, places, plates, settings

WHERE = {"steak": Reference((4, 6, 20, 30), (12, 16)), "egg": Reference((30, 35, 50, 52), (40, 41))}
ASKED = ("egg", "rice", "steak")
SEVERAL = make_example(("Please segment the egg, rice and steak in this image.", ASKED, ASKED), WHERE, GRID)


@lru_cache(maxsize=1)
def built() -> tuple[Any, Any]:
    processor = build_processor(settings().shape, 0)
    return build_model(settings().shape, processor.tokenizer, 0).eval(), processor


def encoder() -> Encoder:
    return Encoder(built()[1], GRID, 0.25)


def examples(count: int) -> list[Example]:
    rng = np.random.default_rng(1)
    return [draw_example(plates(), 0, rng, GRID, dict.fromkeys(FAMILIES, 1.0)) for _ in range(count)]


def test_the_published_folder_is_a_plain_qwen(tmp_path: Path) -> None:
    model, processor = built()
    save_checkpoint(model, processor, tmp_path, GRID)
    assert QwenSegSettings.read(tmp_path) == QwenSegSettings(SHORT_PROMPT, GRID, "colour", 256)
    again, loaded = load_model(tmp_path)
    assert type(again).__name__ == "Qwen2_5_VLForConditionalGeneration"
    for (name, own), (other, theirs) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(own.half().float(), theirs)
    question = "Where is the steak? <think>12</think> Größe 100"
    assert loaded.tokenizer(question)["input_ids"] == processor.tokenizer(question)["input_ids"]
    picture = Image.effect_noise((GRID, GRID), 80).convert("RGB")
    assert torch.equal(
        loaded.image_processor(images=[picture], return_tensors="pt")["pixel_values"],
        processor.image_processor(images=[picture], return_tensors="pt")["pixel_values"],
    )
    asked = QwenSegSettings(SHORT_PROMPT, GRID, "colour", 12)
    half = answers(model.half().float(), processor, [picture] * 2, ["egg", "the steak here"], asked)
    assert answers(again, loaded, [picture] * 2, ["egg", "the steak here"], asked) == half


def test_the_same_seed_gives_the_same_model() -> None:
    tokenizer = built()[1].tokenizer
    before = torch.get_rng_state()
    one, same, other = (build_model(settings().shape, tokenizer, seed).state_dict() for seed in (7, 7, 8))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.get_rng_state())


def test_near_numbers_begin_alike() -> None:
    model, processor = built()
    numbers = model.get_input_embeddings().weight[number_ids(processor.tokenizer, GRID)]
    near = torch.cosine_similarity(numbers[:-1], numbers[1:]).mean()
    far = torch.cosine_similarity(numbers[:-30], numbers[30:]).mean()
    assert near > 0.9
    assert far < 0.5


@torch.no_grad()
def test_training_sees_and_reads_as_the_model_does() -> None:
    model, processor = built()
    sight, reader = Sight(model, processor.image_processor, GRID), Reader(model, encoder().head, 2)
    pixels = torch.from_numpy(places().pixels[:2])
    seen = sight(pixels)
    pictures = [Image.fromarray(one) for one in places().pixels[:2]]
    inputs = processor.image_processor(images=pictures, return_tensors="pt")
    features = model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
    torch.testing.assert_close(seen, torch.stack(features), rtol=1e-5, atol=1e-6)

    rows = [encoder().row(example) for example in examples(6)]
    batch = encoder().stack(rows)
    reader.look(seen)
    states = reader.read(batch.ids, 3)
    image = model.config.image_token_id
    for place, row in enumerate(rows):
        ids = torch.tensor([[*encoder().head, *[image] * 4, *row.ids.tolist()]])
        own = model.model(
            input_ids=ids,
            mm_token_type_ids=(ids == image).int(),
            pixel_values=inputs["pixel_values"].view(2, 16, -1)[place // 3],
            image_grid_thw=inputs["image_grid_thw"][:1],
        ).last_hidden_state
        length = len(row.ids)
        torch.testing.assert_close(states[place, :length], own[0, -length:], rtol=1e-4, atol=1e-5)


def test_rows_are_the_chat_and_the_answer() -> None:
    row, tokenizer = encoder().row(SEVERAL), built()[1].tokenizer
    text = tokenizer.decode(row.ids)
    assert text.startswith('<|vision_end|>Please find "Please segment the egg, rice and steak in this image" with')
    assert text.endswith(f"<|im_end|>\n<|im_start|>assistant\n{SEVERAL.answer}<|im_end|>")


def test_weights_and_what_tokens_are_about() -> None:
    row, tokenizer = encoder().row(SEVERAL), built()[1].tokenizer
    learnt = [
        (tokenizer.decode([token]), weight, about)
        for token, weight, about in zip(row.ids, row.weights, row.about, strict=True)
    ]
    begin = next(place for place, (token, _, _) in enumerate(learnt) if token == "<think>")
    assert all(weight == 0 for _, weight, _ in learnt[:begin])
    assert all(weight > 0 for _, weight, _ in learnt[begin:])
    read = "".join(token for token, _, about in learnt[:begin] if about == 0)
    assert "egg" in read
    assert "steak" in "".join(token for token, _, about in learnt[:begin] if about == 1)

    said = learnt[begin:]
    full = "".join(token for token, weight, _ in said if weight == 1.0)
    assert full == " egg bottom right rice not there steak top left" + "303550524041" + "4620301216"
    first = "".join(token for token, _, about in said if about == 0)
    assert first == '<think>The egg is at the bottom right.{"bbox_2d": [30,35,50,52], "point_2d": [40,41]}'
    second = "".join(token for token, _, about in said if about == 1)
    assert second == ' The steak is at the top left., {"bbox_2d": [4,6,20,30], "point_2d": [12,16]}'
    assert [value for value in row.values if value != NOTHING] == [30, 35, 50, 52, 40, 41, 4, 6, 20, 30, 12, 16]


def test_stacked_boxes_are_those_of_their_tokens() -> None:
    rows = [encoder().row(SEVERAL), *[encoder().row(example) for example in examples(3)]]
    batch = encoder().stack(rows)
    for place, row in enumerate(rows):
        for token, about in enumerate(row.about.tolist()):
            assert bool(batch.marked[place, token]) == (about != NOTHING)
            expected = row.references[about].box if about != NOTHING else (0, 0, 0, 0)
            assert batch.boxes[place, token].tolist() == [
                float(np.float32(corner) / np.float32(GRID)) for corner in expected
            ]
        assert not batch.weights[place, len(row.ids) :].any()
        assert not batch.marked[place, len(row.ids) :].any()


def test_the_loss_is_the_weighted_mean_over_tokens() -> None:
    model, processor = built()
    batch = encoder().stack([encoder().row(example) for example in examples(3)])
    generator = torch.Generator().manual_seed(0)
    states = torch.randn((*batch.ids.shape, 32), generator=generator)
    vocabulary = model.get_input_embeddings().weight.detach()
    numbers = number_ids(processor.tokenizer, GRID)
    found = answer_loss(states, vocabulary, numbers, batch, spread=1.5)

    total = weight_sum = 0.0
    for row in range(len(batch.ids)):
        for place in range(1, batch.ids.shape[1]):
            weight = float(batch.weights[row, place])
            if not weight:
                continue
            logits = (vocabulary @ states[row, place - 1]).double().numpy()
            logs = logits - np.logaddexp.reduce(logits)
            value = int(batch.values[row, place])
            if value == NOTHING:
                cost = -logs[int(batch.ids[row, place])]
            else:
                bell = np.exp(-0.5 * ((np.arange(GRID + 1) - value) / 1.5) ** 2)
                cost = -(bell / bell.sum() * logs[numbers.numpy()]).sum()
            total, weight_sum = total + weight * cost, weight_sum + weight
    np.testing.assert_allclose(float(found), total / weight_sum, rtol=1e-4)


def test_the_box_head_learns_from_the_states_before_what_is_said() -> None:
    batch = encoder().stack([encoder().row(SEVERAL)])
    row = encoder().row(SEVERAL)
    states = torch.zeros((1, len(row.ids), 32), requires_grad=True)
    box_loss(BoxHead(32), states, batch).backward()
    assert states.grad is not None
    used = states.grad.abs().sum(-1)[0] > 0
    learnt = row.weights > 0
    for place in range(len(row.ids) - 1):
        own = not learnt[place] and row.about[place] != NOTHING
        assert bool(used[place]) == (own or row.about[place + 1] != NOTHING)


def test_losses_of_nothing_are_zero() -> None:
    nothing = encoder().stack([encoder().row(make_example(("Where is the egg?", ("egg",), ("egg",)), {}, GRID))])
    assert box_loss(BoxHead(32), torch.zeros((*nothing.ids.shape, 32)), nothing).item() == 0.0
