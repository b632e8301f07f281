"""The kitchen model's tokenizer: Qwen's pre-tokenizer and special tokens, a small vocabulary of its own.

Numbers up to the grid's side and the fixed parts of an answer are tokens of their own (added, not special, so that
decoding keeps them): an answer with one reference has about thirty tokens, and a coordinate is one choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from baselines.common import qwen_tokenizer
from baselines.foodlmm.templates import OTHER_NOUNS, PlateFacts
from baselines.rl_segmentation.kitchen_model.examples import FAMILIES, draw_asked, make_example, sentence
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT, SYSTEM, render
from foodbench.models.qwen_seg.references import Reference

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
    words = [*ANSWER_PARTS, *(text for text in number_tokens(grid) if len(text) > 1)]
    return qwen_tokenizer.train_tokenizer(_corpus(seed), vocab_size, words)
