"""Questions and pictures into FoodLMM's inputs; its tokens, masks and numbers into answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import BatchFeature
from transformers.processing_utils import ProcessorMixin

from foodbench.core.types import Nutrition
from foodbench.models.foodlmm.modeling_foodlmm import GeneratedAnswer
from foodbench.models.foodlmm.tokens import (
    HEAD_NUTRIENTS,
    IMAGE_TOKEN,
    PORTION_HEADS,
    portion_token,
    segment_token,
    special_tokens,
    total_token,
)

_BEFORE_NOUN = re.compile(r"^(?:[\s,;:]|sure\b|and\b|the\b|a\b|an\b)+", re.IGNORECASE)
_AFTER_NOUN = re.compile(r"(?:(?:^|\s+)(?:is|are))?(?:(?:^|\s+)masked)?(?:(?:^|\s+)as)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabelledMask:
    """A mask at the picture's size and the noun phrase that the answer gives it."""

    label: str
    number: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RenderedAnswer:
    """An answer for people and programs.

    Attributes:
        text: the answer with numbers in place of nutrition tokens; `[SEGi]` stays.
        masks: in order of mention.
        totals: nutrition of the whole meal, where the answer gives it.
        portions: nutrition by ingredient number, where the answer gives it.
    """

    text: str
    masks: tuple[LabelledMask, ...] = ()
    totals: Nutrition | None = None
    portions: dict[int, Nutrition] = field(default_factory=dict)


class FoodLMMProcessor(ProcessorMixin):
    """Tokenizer, image processor and prompt format of a FoodLMM.

    Attributes:
        image_seq_length: how many placeholder tokens a picture takes.
        max_segments: how many numbered ingredients the tokenizer has tokens for.
        prompt_format: the prompt around `{image}` and `{question}`.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        image_seq_length: int = 256,
        max_segments: int = 20,
        prompt_format: str = "USER: {image}\n{question} ASSISTANT:",
        chat_template: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.image_seq_length = image_seq_length
        self.max_segments = max_segments
        self.prompt_format = prompt_format
        before_image, _, rest = prompt_format.partition("{image}")
        before_question, _, self._after_question = rest.partition("{question}")
        self.prefix_ids: list[int] = [
            *self._encode((tokenizer.bos_token or "") + before_image),
            *[tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)] * image_seq_length,
            *self._encode(before_question),
        ]
        self._special = set(tokenizer.convert_tokens_to_ids(list(special_tokens(max_segments))))
        self._end_id = tokenizer.eos_token_id

    def _encode(self, text: str, **options: Any) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False, **options)["input_ids"]

    def encode_question(self, question: str) -> list[int]:
        """Ids of what follows the picture in a prompt. Special tokens in the question are taken as plain text."""
        return self._encode(question + self._after_question, split_special_tokens=True)

    def encode_answer(self, answer: str) -> list[int]:
        """Ids of an answer with its special tokens and the end token, as it follows a prompt."""
        return [*self._encode(" " + answer), self._end_id]

    def token_ids(self) -> dict[str, Any]:
        """The fields of `FoodLMMConfig` that name this tokenizer's special tokens."""
        to_id = self.tokenizer.convert_tokens_to_ids
        numbers = range(1, self.max_segments + 1)
        return {
            "image_token_index": to_id(IMAGE_TOKEN),
            "max_segments": self.max_segments,
            "segment_token_ids": [to_id(segment_token(number)) for number in numbers],
            "nutrition_token_ids": [
                *([to_id(portion_token(head, number)) for number in numbers] for head in PORTION_HEADS),
                *([to_id(total_token(head))] for head in PORTION_HEADS),
            ],
        }

    def __call__(self, images: Sequence[Image.Image], text: Sequence[str], **_: Any) -> BatchFeature:
        """Prepare one question per picture.

        Args:
            images: RGB pictures of any sizes.
            text: as many questions, without the prompt format.

        Returns:
            The image processor's tensors with `input_ids` and `attention_mask` (batch, length), padded on the left.
        """
        if len(images) != len(text):
            raise ValueError(f"{len(images)} images for {len(text)} questions.")
        rows = [self.prefix_ids + self.encode_question(question) for question in text]
        length = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        features = self.image_processor(images)
        features["input_ids"] = torch.tensor([[pad] * (length - len(row)) + row for row in rows])
        features["attention_mask"] = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
        return features

    def decode_answer(self, token_ids: Sequence[int], values: dict[int, str] | None = None) -> str:
        """Text of an answer.

        Args:
            token_ids: without prompt and end.
            values: what to write instead of the token at a position.
        """
        # The tokenizer strips the blank before a special token, so the blank is put back here.
        values = values or {}
        pieces: list[str] = []
        plain: list[int] = []
        for position, token in enumerate(token_ids):
            if token not in self._special:
                plain.append(token)
                continue
            if plain:
                pieces.append(self.tokenizer.decode(plain))
                plain = []
            if pieces and not pieces[-1].endswith((" ", "\n", "(")):
                pieces.append(" ")
            pieces.append(values.get(position) or self.tokenizer.convert_ids_to_tokens(token))
        if plain:
            pieces.append(self.tokenizer.decode(plain))
        return "".join(pieces).strip()

    def render(
        self,
        generated: GeneratedAnswer,
        reshaped_input_size: tuple[int, int],
        original_size: tuple[int, int],
    ) -> RenderedAnswer:
        """Turn a generated answer into text, masks at the picture's size, and nutrition.

        Args:
            generated: from the model.
            reshaped_input_size: (height, width) of the picture in the mask branch, from `__call__`.
            original_size: (height, width) of the picture, from `__call__`.
        """
        # A linear head can fall below zero on a trace of something; less than nothing is not an answer.
        amounts = {reading.position: max(0.0, reading.value) for reading in generated.nutrition}
        by_number: dict[int, dict[str, float]] = {}
        for reading in generated.nutrition:
            nutrients = by_number.setdefault(reading.number, {})
            nutrients.setdefault(HEAD_NUTRIENTS[reading.head], amounts[reading.position])
        nutrition = {number: Nutrition(**values) for number, values in by_number.items()}
        text = self.decode_answer(
            generated.token_ids, {position: f"{value:.1f}" for position, value in amounts.items()}
        )
        masks = tuple(
            LabelledMask(
                noun_phrase(self.decode_answer(generated.token_ids[: segment.position])),
                segment.number,
                self.image_processor.restore_mask(segment.logits, reshaped_input_size, original_size),
            )
            for segment in generated.segments
        )
        totals = nutrition.pop(0, None)
        return RenderedAnswer(text, masks, totals, nutrition)


def noun_phrase(before: str) -> str:
    """What a mask stands for, from the answer's text before its `[SEGi]`.

    For "The rice is masked as [SEG1], green beans as" this is "green beans".
    """
    phrase = re.split(r"[.:!?\n]|\[SEG\d+\]", before)[-1]
    return _AFTER_NOUN.sub("", _BEFORE_NOUN.sub("", phrase)).strip()


__all__ = ["FoodLMMProcessor", "LabelledMask", "RenderedAnswer", "noun_phrase"]
