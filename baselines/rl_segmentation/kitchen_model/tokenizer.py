"""The kitchen model's tokenizer: Qwen's pre-tokenizer and special tokens, a small vocabulary of its own.

Numbers up to the grid's side and the fixed parts of an answer are tokens of their own (added, not special, so that
decoding keeps them): an answer with one reference has about thirty tokens, and a coordinate is one choice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from baselines.foodlmm.templates import OTHER_NOUNS, PlateFacts
from baselines.rl_segmentation.kitchen_model.examples import FAMILIES, draw_asked, make_example, sentence
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT, SYSTEM, render
from foodbench.models.qwen_seg.references import Reference

IMAGE_TOKEN, VIDEO_TOKEN = "<|image_pad|>", "<|video_pad|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
TURN_START, TURN_END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIALS = (
    PAD,
    TURN_START,
    TURN_END,
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    VISION_START,
    VISION_END,
    "<|vision_pad|>",
    IMAGE_TOKEN,
    VIDEO_TOKEN,
)
"""Qwen2.5-VL's own, in its order."""
ANSWER_PARTS = ("<think>", "</think>", "<answer>", "</answer>", '{"bbox_2d": [', '], "point_2d": [', "]}")
_PLATES_PER_DISH = 40
_QUESTIONS_PER_PLATE = 6


def number_tokens(grid: int) -> list[str]:
    """What is written for the coordinates 0 to `grid`."""
    return [str(value) for value in range(grid + 1)]


def _corpus(seed: int) -> Iterator[str]:
    """Text like that of training; every word of it at least a few times."""
    rng = np.random.default_rng([seed, 103])
    families = dict.fromkeys(FAMILIES, 1.0)
    for dish in DISHES.values():
        for _ in range(_PLATES_PER_DISH):
            drawn = dish.draw_ingredients(rng)
            facts = PlateFacts(dish.name, tuple(name for name in INGREDIENT_NAMES if name in drawn))
            for _ in range(_QUESTIONS_PER_PLATE):
                corner = rng.integers(0, 80, 2).tolist()
                place = Reference((corner[0], corner[1], corner[0] + 20, corner[1] + 20), (0, 0))
                asked = draw_asked(facts, rng, families)
                example = make_example(asked, dict.fromkeys(facts.ingredients, place), 100)
                yield f"{SYSTEM} system\n user\n assistant\n {render(SHORT_PROMPT, example.question)}"
                yield example.think
    for noun in OTHER_NOUNS:
        yield from [sentence(noun, None, 100)] * 4


def train_tokenizer(vocab_size: int, grid: int, seed: int) -> Any:
    """Train a byte-level BPE tokenizer and add Qwen's special tokens, numbers and parts of answers.

    Args:
        vocab_size: of bytes and merges.
        grid: the largest coordinate.
        seed: of the corpus.

    Returns:
        a transformers tokenizer that pads on the left.
    """
    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(_corpus(seed), trainer)
    learnt = json.loads(core.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(pair) for pair in learnt["merges"]],
        eos_token=TURN_END,
        pad_token=PAD,
        unk_token=PAD,
        additional_special_tokens=list(SPECIALS),
        padding_side="left",
        model_max_length=4096,
    )
    words = [*ANSWER_PARTS, *(text for text in number_tokens(grid) if len(text) > 1)]
    tokenizer.add_tokens([AddedToken(word, normalized=False, special=False) for word in words])
    return tokenizer
