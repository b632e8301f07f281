"""The kitchen model's tokenizer and processor."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from baselines.common.qwen_tokenizer import SPECIALS
from baselines.rl_segmentation.kitchen_model.building import build_processor, number_ids
from baselines.rl_segmentation.kitchen_model.tokenizer import ANSWER_PARTS
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT, SYSTEM, messages, render
from foodbench.models.qwen_seg.references import Reference, format_answer
from tests.baselines.rl_segmentation.kitchen_plates import GRID, settings

REFERENCES = [Reference((3, 12, 56, 40), (5, 9)), Reference((10, 0, 11, 1), (10, 0))]


@lru_cache(maxsize=1)
def processor() -> Any:
    return build_processor(settings().shape, 0)


@pytest.mark.parametrize("references", [[], REFERENCES[:1], REFERENCES])
def test_answers_survive_the_round_trip(references: list[Reference]) -> None:
    tokenizer = processor().tokenizer
    text = format_answer("The steak is at the top left. The egg is not there.", references)
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


@given(st.text(max_size=60))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_survives_the_round_trip(text: str) -> None:
    import unicodedata

    tokenizer = processor().tokenizer
    normal = unicodedata.normalize("NFC", text)
    if not any(special in normal for special in SPECIALS):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == normal


def test_numbers_and_parts_of_answers_are_single_tokens() -> None:
    tokenizer = processor().tokenizer
    ids = number_ids(tokenizer, GRID)
    assert len(set(ids.tolist())) == GRID + 1
    for value in range(GRID + 1):
        assert tokenizer(f"[{value},")["input_ids"][1:-1] == [int(ids[value])]
    for part in ANSWER_PARTS:
        assert len(tokenizer(part)["input_ids"]) == 1


def test_an_answer_with_one_reference_is_short() -> None:
    assert len(processor().tokenizer(format_answer("", REFERENCES[:1]))["input_ids"]) < 22


def test_the_chat_template_is_qwens() -> None:
    text = processor().apply_chat_template(messages(SHORT_PROMPT, "x"), tokenize=False, add_generation_prompt=True)
    assert text == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
        f"{render(SHORT_PROMPT, 'x')}<|im_end|>\n<|im_start|>assistant\n"
    )
    without_system = messages(SHORT_PROMPT, "x")[1:]
    assert processor().apply_chat_template(without_system, tokenize=False, add_generation_prompt=True) == text


def test_a_squashed_picture_is_taken_as_it_is() -> None:
    picture = Image.effect_noise((GRID, GRID), 60).convert("RGB")
    inputs = processor().image_processor(images=[picture], return_tensors="pt")
    assert inputs["image_grid_thw"].tolist() == [[1, 4, 4]]
    assert inputs["pixel_values"].shape == (16, 3 * 2 * 14 * 14)
