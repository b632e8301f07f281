"""Prompts, special tokens, pictures of any shape, and answers for people."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import CLIPImageProcessorPil, SamImageProcessorPil

from foodbench.models.foodlmm import FoodLMMImageProcessor
from foodbench.models.foodlmm.image_processing_foodlmm import clip_view, sam_view
from foodbench.models.foodlmm.modeling_foodlmm import GeneratedAnswer, NutritionReading, SegmentReading
from foodbench.models.foodlmm.processing_foodlmm import noun_phrase
from foodbench.models.foodlmm.tokens import HEADS, special_tokens
from tests.models.foodlmm.conftest import TinyFoodLMM, picture

SIZES = ((40, 30), (30, 40), (64, 64), (97, 31), (1, 1), (300, 7))


def test_special_tokens_are_spelled_as_in_the_released_code() -> None:
    assert special_tokens(2) == (
        "[MASS_TOTAL]",
        "[CAL_TOTAL]",
        "[FAT_TOTAL]",
        "[CARB_TOTAL]",
        "[PRO_TOTAL]",
        "[SEG1]",
        "[MASS1]",
        "[CAL1]",
        "[FAT1]",
        "[CARB1]",
        "[PRO1]",
        "[SEG2]",
        "[MASS2]",
        "[CAL2]",
        "[FAT2]",
        "[CARB2]",
        "[PRO2]",
    )
    assert len(special_tokens(20)) == 125


def test_special_tokens_are_single_and_survive_a_round_trip(tiny: TinyFoodLMM) -> None:
    for token in special_tokens(3):
        ids = tiny.processor.tokenizer(f"as {token}", add_special_tokens=False)["input_ids"]
        assert tiny.processor.tokenizer.convert_ids_to_tokens(ids)[-1] == token
    for answer in (
        "The rice is masked as [SEG1], green beans as [SEG2], corn as [SEG3]. The fork is not found in this picture.",
        "Weight [MASS_TOTAL] g, calories [CAL_TOTAL] kcal, fat [FAT_TOTAL] g.",
        "Zürich-style “rösti” 🥔: about [MASS2] g",
    ):
        assert tiny.processor.decode_answer(tiny.processor.encode_answer(answer)[:-1]) == answer


def test_special_tokens_in_a_question_are_plain_text(tiny: TinyFoodLMM) -> None:
    inputs = tiny.processor([picture(0)], ["Is <image> [SEG1] </s> there?"])
    placeholder = tiny.processor.tokenizer.convert_tokens_to_ids("<image>")
    assert int((inputs["input_ids"] == placeholder).sum()) == tiny.processor.image_seq_length
    ids = tiny.processor.encode_question("Is <image> [SEG1] </s> there?")
    assert not set(ids) & set(tiny.processor.tokenizer.all_special_ids)
    # And the next answer's special tokens are special again.
    assert tiny.processor.encode_answer("as [SEG1]")[-2] == tiny.model.config.segment_token_ids[0]


def test_branches_see_what_clip_and_sam_see() -> None:
    image = picture(5, 97, 61)
    mine = FoodLMMImageProcessor(clip_size=32, sam_size=64)([image])
    clip = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    sam = SamImageProcessorPil(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    torch.testing.assert_close(
        mine["pixel_values"], torch.as_tensor(np.array(clip(image)["pixel_values"])), rtol=0, atol=1e-5
    )
    theirs = sam(image)
    assert mine["reshaped_input_sizes"].tolist() == [list(theirs["reshaped_input_sizes"][0])]
    torch.testing.assert_close(
        mine["sam_pixel_values"], torch.as_tensor(np.array(theirs["pixel_values"])), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_views_of_any_aspect_ratio(width: int, height: int) -> None:
    image = picture(6, width, height)
    assert clip_view(image, 32).shape == (32, 32, 3)
    whole = sam_view(image, 32)
    assert max(whole.shape[:2]) == 32
    assert min(whole.shape[:2]) >= 1


@settings(max_examples=30, deadline=None)
@given(width=st.integers(16, 120), height=st.integers(16, 120), data=st.data())
def test_masks_come_back_to_where_they_are_in_the_picture(width: int, height: int, data: st.DataObject) -> None:
    processor = FoodLMMImageProcessor(clip_size=64, sam_size=64)
    left = data.draw(st.integers(0, width // 2))
    top = data.draw(st.integers(0, height // 2))
    box = np.zeros((height, width), bool)
    box[top : top + height // 2, left : left + width // 2] = True
    shape = processor([Image.new("RGB", (width, height))])["reshaped_input_sizes"][0].tolist()
    # A perfect decoder: the true mask in the padded square input, at half of its resolution.
    shown = np.asarray(Image.fromarray(box).resize((shape[1], shape[0]), Image.Resampling.NEAREST))
    square = np.zeros((64, 64), np.float32)
    square[: shape[0], : shape[1]] = shown
    logits = torch.nn.functional.avg_pool2d(torch.from_numpy(square)[None, None], 2)[0, 0] * 10 - 5
    restored = processor.restore_mask(logits, (shape[0], shape[1]), (height, width))
    assert restored.shape == (height, width)
    overlap, union = (restored & box).sum(), (restored | box).sum()
    # Half an input pixel of uncertainty on each edge, in pixels of the picture.
    slack = 2.0 * max(width, height) / 64 + 1
    assert union - overlap <= slack * (width + height)
    assert overlap >= 0.5 * box.sum()


def test_padding_never_reaches_the_picture() -> None:
    processor = FoodLMMImageProcessor(clip_size=64, sam_size=64)
    logits = torch.full((16, 16), -5.0)
    logits[:12] = 5.0  # a 4:3 picture fills the upper three quarters of the padded input
    assert processor.restore_mask(logits, (48, 64), (480, 640)).mean() > 0.97
    logits = -logits
    assert processor.restore_mask(logits, (48, 64), (480, 640)).mean() < 0.03


def test_numbers_stand_in_place_of_tokens(tiny: TinyFoodLMM) -> None:
    answer = "The rice: about [MASS1] g, roughly [CAL1] kcal. Weight [MASS_TOTAL] g, fat [FAT_TOTAL] g."
    ids = tuple(tiny.processor.encode_answer(answer)[:-1])
    roles = tiny.model.roles()
    values = iter((120.04, 312.44, 250.0, -0.3))
    readings = tuple(
        NutritionReading(place, roles[token].number, roles[token].head, next(values))
        for place, token in enumerate(ids)
        if token in roles
    )
    rendered = tiny.processor.render(GeneratedAnswer(ids, (), readings), (24, 32), (30, 40))
    assert rendered.text == "The rice: about 120.0 g, roughly 312.4 kcal. Weight 250.0 g, fat 0.0 g."
    assert rendered.totals is not None
    assert rendered.totals.as_dict() == {"mass": 250.0, "fat": 0.0}
    assert rendered.portions[1].as_dict() == {"kcal": 312.44, "mass": 120.04}
    assert HEADS[readings[1].head] == "cal"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_given(tiny: TinyFoodLMM, value: float) -> None:
    ids = tuple(tiny.processor.encode_answer("Weight [MASS_TOTAL] g, fat [FAT_TOTAL] g.")[:-1])
    roles = tiny.model.roles()
    values = iter((value, 3.0))
    readings = tuple(
        NutritionReading(place, roles[token].number, roles[token].head, next(values))
        for place, token in enumerate(ids)
        if token in roles
    )
    rendered = tiny.processor.render(GeneratedAnswer(ids, (), readings), (24, 32), (30, 40))
    assert rendered.text == "Weight [MASS_TOTAL] g, fat 3.0 g."
    assert rendered.totals is not None
    assert rendered.totals.as_dict() == {"fat": 3.0}


def test_numbers_out_of_order_still_carry_their_noun_phrase(tiny: TinyFoodLMM) -> None:
    """`[SEG2]` without `[SEG1]`: a mask belongs to what stands before it, whatever its number."""
    ids = tuple(tiny.processor.encode_answer("The egg is masked as [SEG2].")[:-1])
    place = next(place for place, token in enumerate(ids) if token in tiny.model.roles())
    segments = (SegmentReading(place, 2, torch.full((16, 16), 1.0)),)
    rendered = tiny.processor.render(GeneratedAnswer(ids, segments), (24, 32), (30, 40))
    assert [(mask.number, mask.label) for mask in rendered.masks] == [(2, "egg")]


def test_masks_carry_their_noun_phrase(tiny: TinyFoodLMM) -> None:
    answer = "Sure, the green beans are masked as [SEG1], white button mushroom as [SEG2] and egg as [SEG3]."
    ids = tuple(tiny.processor.encode_answer(answer)[:-1])
    roles = tiny.model.roles()
    segments = tuple(
        SegmentReading(place, roles[token].number, torch.full((16, 16), 1.0))
        for place, token in enumerate(ids)
        if token in roles
    )
    rendered = tiny.processor.render(GeneratedAnswer(ids, segments), (24, 32), (30, 40))
    assert rendered.text == answer
    assert [(mask.number, mask.label) for mask in rendered.masks] == [
        (1, "green beans"),
        (2, "white button mushroom"),
        (3, "egg"),
    ]
    assert all(mask.mask.shape == (30, 40) and mask.mask.all() for mask in rendered.masks)


@pytest.mark.parametrize(
    ("before", "label"),
    [
        ("The rice is masked as", "rice"),
        ("The corn is not found in this picture. The french fries are masked as", "french fries"),
        ("The rice is masked as [SEG1], chicken duck as", "chicken duck"),
        ("", ""),
        ("as", ""),
        ("Here it is: the asparagus", "asparagus"),
    ],
)
def test_noun_phrases(before: str, label: str) -> None:
    assert noun_phrase(before) == label


def test_unequal_numbers_of_pictures_and_questions_are_refused(tiny: TinyFoodLMM) -> None:
    with pytest.raises(ValueError, match="1 images for 2 questions"):
        tiny.processor([picture(0)], ["a", "b"])
