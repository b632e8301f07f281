"""The architecture: saving, reading out hidden states, batching, sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from foodbench.models.foodlmm import FoodLMMConfig, FoodLMMForConditionalGeneration, FoodLMMProcessor
from foodbench.models.foodlmm.modeling_foodlmm import GeneratedAnswer, NutritionReading, SegmentReading
from foodbench.models.foodlmm.tokens import HEADS, TokenRole
from tests.models.foodlmm.conftest import SCALE, TinyFoodLMM, picture

QUESTIONS = (
    "What dish is this?",
    "Where is the rice? Please output its segmentation mask.",
    "How many calories are in the egg, the broccoli and the carrot?",
)


def _script(tiny: TinyFoodLMM, monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    """Make the model write given answers: its head is replaced by one that favours the next scripted token."""
    scripted = [tiny.processor.encode_answer(answer) for answer in answers]
    rows = [row + [tiny.processor.tokenizer.pad_token_id] * 60 for row in scripted]
    step = iter(range(60))

    class Scripted(torch.nn.Module):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            place = next(step)
            logits = torch.zeros(*hidden.shape[:2], tiny.model.config.text_config.vocab_size)
            for row, ids in enumerate(rows):
                logits[row, -1, ids[place]] = 1.0
            return logits

    monkeypatch.setitem(tiny.model._modules, "lm_head", Scripted())


def test_round_trip_through_auto_classes_is_bit_equal(tiny: TinyFoodLMM) -> None:
    config = AutoConfig.from_pretrained(tiny.folder)
    model = AutoModelForImageTextToText.from_pretrained(tiny.folder)
    processor = AutoProcessor.from_pretrained(tiny.folder)
    assert isinstance(config, FoodLMMConfig)
    assert isinstance(model, FoodLMMForConditionalGeneration)
    assert isinstance(processor, FoodLMMProcessor)
    assert config.nutrition_scale == SCALE
    assert config.segment_token_ids == tiny.model.config.segment_token_ids
    saved, loaded = tiny.model.state_dict(), model.state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)
    inputs, again = tiny.processor([picture(0)], [QUESTIONS[0]]), processor([picture(0)], [QUESTIONS[0]])
    assert all(torch.equal(inputs[name], again[name]) for name in inputs)


def test_released_module_names(tiny: TinyFoodLMM) -> None:
    names = set(tiny.model.state_dict())
    assert {f"heads.{head}.weight" for head in HEADS} <= names
    assert {"text_fc.0.weight", "text_fc.2.weight", "lm_head.weight"} <= names
    assert {"sam.vision_encoder.pos_embed", "sam.mask_decoder.iou_token.weight"} <= names


def test_left_padded_batch_equals_single_answers(tiny: TinyFoodLMM, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        "It is curry rice.",
        "The rice is masked as [SEG1], egg as [SEG2].",
        "Weight [MASS_TOTAL] g, calories [CAL_TOTAL] kcal.",
    ]
    pictures = [picture(1), picture(2, 24, 50), picture(3, 64, 64)]
    with monkeypatch.context() as patch:
        _script(tiny, patch, answers)
        together = tiny.model.generate_answers(**tiny.processor(pictures, list(QUESTIONS)), max_new_tokens=30)
    for index, answer in enumerate(answers):
        with monkeypatch.context() as patch:
            _script(tiny, patch, [answer])
            inputs = tiny.processor([pictures[index]], [QUESTIONS[index]])
            alone = tiny.model.generate_answers(**inputs, max_new_tokens=30)[0]
        batched = together[index]
        assert batched.token_ids == alone.token_ids
        assert [reading.number for reading in batched.segments] == [reading.number for reading in alone.segments]
        for one, other in zip(batched.segments, alone.segments, strict=True):
            torch.testing.assert_close(one.logits, other.logits, rtol=1e-4, atol=1e-5)
        for value, same in zip(batched.nutrition, alone.nutrition, strict=True):
            assert value.value == pytest.approx(same.value, rel=1e-4)
    assert [len(answer.segments) for answer in together] == [0, 2, 0]
    assert [len(answer.nutrition) for answer in together] == [0, 0, 2]


def test_free_generation_of_a_batch_equals_single_answers(tiny: TinyFoodLMM) -> None:
    pictures = [picture(seed) for seed in range(3)]
    together = tiny.model.generate_answers(**tiny.processor(pictures, list(QUESTIONS)), max_new_tokens=12)
    for index, question in enumerate(QUESTIONS):
        inputs = tiny.processor([pictures[index]], [question])
        alone = tiny.model.generate_answers(**inputs, max_new_tokens=12)[0]
        assert together[index].token_ids == alone.token_ids


def test_tokens_are_read_at_the_position_that_predicts_them(tiny: TinyFoodLMM, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = "The rice: about [MASS1] g. It is masked as [SEG2]. Fat [FAT_TOTAL] g."
    inputs = tiny.processor([picture(4)], [QUESTIONS[1]])
    with monkeypatch.context() as patch:
        _script(tiny, patch, [answer])
        generated = tiny.model.generate_answers(**inputs, max_new_tokens=40)[0]
    # One pass over prompt and answer together, as in training.
    ids = torch.cat([inputs["input_ids"], torch.tensor([generated.token_ids])], dim=1)
    with torch.no_grad():
        hidden = tiny.model.model(input_ids=ids, pixel_values=inputs["pixel_values"]).last_hidden_state[0]
        start = inputs["input_ids"].shape[1]
        embeddings = tiny.model.encode_for_masks(inputs["sam_pixel_values"])
        segment = generated.segments[0]
        prompt = tiny.model.text_fc(hidden[start + segment.position - 1])[None]
        logits = tiny.model.decode_masks(embeddings, torch.tensor([0]), prompt)[0]
    torch.testing.assert_close(segment.logits, logits, rtol=1e-4, atol=1e-5)
    assert segment.number == 2
    assert [(reading.number, HEADS[reading.head]) for reading in generated.nutrition] == [(1, "mass"), (0, "total_fat")]
    for reading in generated.nutrition:
        with torch.no_grad():
            state = tiny.model.text_fc(hidden[start + reading.position - 1])
            expected = tiny.model.heads[HEADS[reading.head]](state).item() * SCALE[reading.head]
        assert reading.value == pytest.approx(expected, rel=1e-4)


def test_truncation_drops_later_readings() -> None:
    answer = GeneratedAnswer((5, 6, 7, 8), (SegmentReading(1, 1, torch.zeros(1)),), (NutritionReading(3, 0, 5, 1.0),))
    cut = answer.truncated(2)
    assert cut.token_ids == (5, 6)
    assert len(cut.segments) == 1
    assert cut.nutrition == ()


def test_paper_size_from_a_config(tmp_path: Path) -> None:
    FoodLMMConfig.paper().save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    with torch.device("meta"):
        model = FoodLMMForConditionalGeneration(config)

    def count(module: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    # LLaMA-7B is 6,738,415,616 weights at a vocabulary of 32,000; 129 more tokens add two rows of 4,096 each.
    language = count(model.model.language_model) + count(model.lm_head)
    assert language == 6_738_415_616 + 129 * 2 * 4096
    assert count(model.model.multi_modal_projector) == 1024 * 4096 + 4096
    assert count(model.text_fc) == 4096 * 4096 + 4096 + 4096 * 256 + 256
    assert count(model.heads) == 10 * 257
    assert count(model.sam.mask_decoder) == 4_058_340
    assert count(model.sam.vision_encoder) == 637_026_048
    roles = model.roles()
    assert roles[32004].head == HEADS.index("total_mass")
    assert (roles[32009].kind, roles[32009].number) == ("segment", 1)
    assert (roles[32128].head, roles[32128].number) == (HEADS.index("pro"), 20)
    assert roles[32003] == TokenRole("segment", 0)  # LISA's [SEG], which stays
    assert len(roles) == 126


def test_config_refuses_token_tables_of_the_wrong_shape() -> None:
    with pytest.raises(ValueError, match="segment_token_ids"):
        FoodLMMConfig(max_segments=5, segment_token_ids=[1, 2])
    with pytest.raises(ValueError, match="nutrition_token_ids"):
        FoodLMMConfig(max_segments=1, nutrition_token_ids=[[1]] * 9)
    with pytest.raises(ValueError, match="nutrition_scale"):
        FoodLMMConfig(nutrition_scale=[1.0])
