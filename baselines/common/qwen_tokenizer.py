"""A tokenizer of Qwen's kind with a small vocabulary of its own: its pre-tokenizer and special tokens, other merges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

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


def train_tokenizer(texts: Iterable[str], vocab_size: int, words: Sequence[str] = ()) -> Any:
    """Train a byte-level BPE tokenizer and add Qwen's special tokens.

    Args:
        texts: to learn merges from.
        vocab_size: of bytes and merges.
        words: that are tokens of their own; added, not special, so that decoding keeps them.

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
    core.train_from_iterator(texts, trainer)
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
    tokenizer.add_tokens([AddedToken(word, normalized=False, special=False) for word in words])
    return tokenizer


__all__ = [
    "IMAGE_TOKEN",
    "PAD",
    "SPECIALS",
    "TURN_END",
    "TURN_START",
    "VIDEO_TOKEN",
    "VISION_END",
    "VISION_START",
    "train_tokenizer",
]
