"""The byte-pair tokenizer of the small model, trained on its own questions and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from baselines.foodlmm.templates import FAMILIES, OTHER_NOUNS, PlateFacts, refusal_sentence
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.foodlmm.tokens import IMAGE_TOKEN, special_tokens

_PLATES_PER_DISH = 40


def _corpus(seed: int) -> Iterator[str]:
    """Text like that of training; every word of it at least a few times."""
    rng = np.random.default_rng([seed, 101])
    for dish in DISHES.values():
        for _ in range(_PLATES_PER_DISH):
            drawn = dish.draw_ingredients(rng)
            facts = PlateFacts(dish.name, tuple(name for name in INGREDIENT_NAMES if name in drawn))
            for make in FAMILIES.values():
                for _ in range(3):
                    for turn in make(facts, rng):
                        yield f"USER: \n{turn.question} ASSISTANT: {turn.answer}"
    for noun in OTHER_NOUNS:
        yield from [refusal_sentence(noun)] * 4


def train_tokenizer(vocab_size: int, max_segments: int, seed: int) -> Any:
    """Train a byte-level BPE tokenizer and add the special tokens.

    Args:
        vocab_size: without special tokens.
        max_segments: numbered ingredients; 0 for LISA's one token.
        seed: of the corpus.

    Returns:
        a transformers tokenizer that pads on the left.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # The special tokens are whole in the vocabulary anyway: the merges need not learn their spelling.
    bare = (_without(text, special_tokens(max_segments)) for text in _corpus(seed))
    core.train_from_iterator(bare, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",  # noqa: S106
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        padding_side="left",
        model_max_length=512,
    )
    # lstrip: without it each special token would cost a blank of its own, one more step of generation.
    tokenizer.add_special_tokens(
        {
            "additional_special_tokens": [
                AddedToken(token, lstrip=token != IMAGE_TOKEN, normalized=False, special=True)
                for token in (IMAGE_TOKEN, *special_tokens(max_segments))
            ]
        }
    )
    return tokenizer


def _without(text: str, tokens: tuple[str, ...]) -> str:
    for token in tokens:
        text = text.replace(f" {token}", "")
    return text
