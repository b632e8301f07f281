"""Questions and pictures into FoodLMM's inputs; its tokens, masks and numbers into answers."""

from __future__ import annotations

import math
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

from foodbench.core.errors import CheckpointError
from foodbench.core.types import Nutrition
from foodbench.models.foodlmm.conversation import STYLES, answer_ids, check_room, prompt_ids
from foodbench.models.foodlmm.modeling_foodlmm import GeneratedAnswer
from foodbench.models.foodlmm.tokenization_legacy import read_vocabulary, tidy
from foodbench.models.foodlmm.tokens import (
    HEAD_NUTRIENTS,
    IMAGE_TOKEN,
    PORTION_HEADS,
    SEGMENT_TOKEN,
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
        max_segments: how many numbered ingredients the tokenizer has tokens for; 0 for a small LISA, whose one token
            is `[SEG]`.
        prompt_format: the prompt around `{image}` and `{question}`; only without `conversation`.
        conversation: a released model's way to prompt, one of `STYLES`; its tokenizer is the legacy one.
        context: positions of the language model; a longer prompt is refused.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        image_seq_length: int = 256,
        max_segments: int = 20,
        prompt_format: str = "USER: {image}\n{question} ASSISTANT:",
        chat_template: str | None = None,
        conversation: str | None = None,
        context: int = 2048,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.image_seq_length = image_seq_length
        self.max_segments = max_segments
        self.prompt_format = prompt_format
        self.conversation = conversation
        self.context = context
        self._end_id = tokenizer.eos_token_id
        if conversation is not None:
            if conversation not in STYLES:
                raise CheckpointError(
                    f"processor_config.json asks for prompts in the style '{conversation}'.",
                    hint=f"Known styles: {', '.join(sorted(STYLES))}.",
                )
            self._style = STYLES[conversation]
            self._vocabulary = read_vocabulary(tokenizer, 0 if conversation == "lisa" else max_segments)
            self._special = set(tokenizer.convert_tokens_to_ids(list(self._style.answer_tokens)))
            return
        before_image, _, rest = prompt_format.partition("{image}")
        before_question, _, self._after_question = rest.partition("{question}")
        self.prefix_ids: list[int] = [
            *self._encode((tokenizer.bos_token or "") + before_image),
            *[self._known(IMAGE_TOKEN)] * image_seq_length,
            *self._encode(before_question),
        ]
        self._next_turn_ids = self._encode(before_image)
        self._special = {self._known(token) for token in special_tokens(max_segments)}

    def _known(self, token: str) -> int:
        """Id of a special token.

        Raises:
            CheckpointError: the tokenizer has none of that name.
        """
        found = self.tokenizer.get_added_vocab().get(token)
        if found is None:
            raise CheckpointError(
                f"The tokenizer lacks the special token {token}.",
                hint="The tokenizer files are not the checkpoint's; copy it anew.",
            )
        return int(found)

    def _encode(self, text: str, **options: Any) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False, **options)["input_ids"]

    def encode_question(self, question: str, *, first: bool = True) -> list[int]:
        """Ids of a question up to where its answer begins. Special tokens in it are taken as plain text.

        Args:
            question: without prompt format.
            first: whether it follows the picture; otherwise it follows an answer.
        """
        asked = self._encode(question + self._after_question, split_special_tokens=True)
        return asked if first else [*self._next_turn_ids, *asked]

    def encode_answer(self, answer: str) -> list[int]:
        """Ids of an answer with its special tokens and the end token, as it follows a prompt."""
        if self.conversation is not None:
            return answer_ids(answer, self._style, self.tokenizer)
        return [*self._encode(" " + answer), self._end_id]

    def encode_dialogue(self, history: Sequence[tuple[str, str]], question: str) -> list[int]:
        """Ids of what follows the picture where earlier questions and answers come before the question."""
        ids: list[int] = []
        for place, (asked, answered) in enumerate(history):
            ids += [*self.encode_question(asked, first=place == 0), *self.encode_answer(answered)]
        return [*ids, *self.encode_question(question, first=not history)]

    def encode_prompt(self, history: Sequence[tuple[str, str]], question: str, room: int = 0) -> list[int]:
        """Ids of a whole prompt.

        Args:
            history: questions and answers before the question.
            question: without prompt format.
            room: positions to keep for an answer.

        Raises:
            PromptTooLong: it does not fit `context`.
        """
        if self.conversation is None:
            ids = self.prefix_ids + self.encode_dialogue(history, question)
            check_room(len(ids), self.context, turns=len(history) + 1, image_length=self.image_seq_length, room=room)
            return ids
        return prompt_ids(
            [*history, (question, None)],
            self._style,
            self.tokenizer,
            image_token_id=self._vocabulary.image_patch,
            image_length=self.image_seq_length,
            context=self.context,
            room=room,
        )

    def token_ids(self) -> dict[str, Any]:
        """The fields of `FoodLMMConfig` that name this tokenizer's special tokens."""
        if self.conversation is not None:
            found = self._vocabulary
            return {
                "image_token_index": found.image_patch,
                "max_segments": len(found.segments) or 1,
                "segment_token_ids": list(found.segments) or [found.segment],
                "plain_segment_token_id": found.segment if found.segments else None,
                "nutrition_token_ids": [list(ids) for ids in found.nutrition] or None,
            }
        to_id = self._known
        if not self.max_segments:
            return {
                "image_token_index": to_id(IMAGE_TOKEN),
                "max_segments": 1,
                "segment_token_ids": [to_id(SEGMENT_TOKEN)],
                "nutrition_token_ids": None,
            }
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

    def __call__(
        self,
        images: Sequence[Image.Image],
        text: Sequence[str],
        history: Sequence[Sequence[tuple[str, str]]] | None = None,
        **_: Any,
    ) -> BatchFeature:
        """Prepare one question per picture.

        Args:
            images: RGB pictures of any sizes.
            text: as many questions, without the prompt format.
            history: for each the questions and answers before it; none by default.

        Returns:
            The image processor's tensors with `input_ids` and `attention_mask` (batch, length), padded on the left.
        """
        if len(images) != len(text):
            raise ValueError(f"{len(images)} images for {len(text)} questions.")
        features = self.image_processor(images)
        features.update(self.encode_batch(text, history))
        return features

    def encode_batch(
        self, text: Sequence[str], history: Sequence[Sequence[tuple[str, str]]] | None = None
    ) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask` (batch, length) of questions, padded on the left.

        Raises:
            PromptTooLong: the model's context cannot hold one of them.
        """
        told = [()] * len(text) if history is None else history
        rows = [self.encode_prompt(earlier, question) for earlier, question in zip(told, text, strict=True)]
        length = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        return {
            "input_ids": torch.tensor([[pad] * (length - len(row)) + row for row in rows]),
            "attention_mask": torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows]),
        }

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
            if self.conversation is None and pieces and not pieces[-1].endswith((" ", "\n", "(")):
                pieces.append(" ")
            pieces.append(values.get(position) or self.tokenizer.convert_ids_to_tokens(token))
        if plain:
            pieces.append(self.tokenizer.decode(plain))
        # The released models' tokenizer strips both sides of a special token.
        return ("".join(pieces) if self.conversation is None else tidy(" ".join(pieces))).strip()

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
        # One that is not finite is none: the token stays in the text, and the value counts as not given.
        readings = [reading for reading in generated.nutrition if math.isfinite(reading.value)]
        amounts = {reading.position: max(0.0, reading.value) for reading in readings}
        by_number: dict[int, dict[str, float]] = {}
        for reading in readings:
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
    phrase = re.split(r"[.:!?\n]|\[SEG\d*\]", before)[-1]
    return _AFTER_NOUN.sub("", _BEFORE_NOUN.sub("", phrase)).strip()


__all__ = ["FoodLMMProcessor", "LabelledMask", "RenderedAnswer", "noun_phrase"]
