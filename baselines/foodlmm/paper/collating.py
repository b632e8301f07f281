"""Examples into batches: token ids, what of them is learned, and what each special token must come out as.

Rows are padded on the right. Attention looks back only, so no word of a row ever sees its padding: no attention mask
is needed, and every position is the token's own, as in the released training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import numpy as np
import torch

from baselines.foodlmm.paper.examples import Example, tokens_of
from foodbench.core.errors import AnswerInvalid, CheckpointError, DataError
from foodbench.metrics.masks import decode
from foodbench.models.foodlmm import FoodLMMProcessor
from foodbench.models.foodlmm.conversation import STYLES, PromptTooLong
from foodbench.models.foodlmm.image_processing_foodlmm import clip_view, sam_view
from foodbench.models.foodlmm.tokens import SEGMENT_TOKEN, token_roles

IGNORED = -100
"""Label of tokens that the text loss leaves out."""

_NUMBERED = re.compile(r"\[[A-Z]+(\d+)\]")


class ExampleUnusable(DataError):
    """A training example contradicts itself or does not fit the model."""

    code = "data.example"


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """The words of an example.

    Attributes:
        ids: of the whole conversation.
        labels: the same at answers and their end tokens, `IGNORED` elsewhere.
        segments: positions that predict its `[SEG*]` tokens, in reading order.
        values: (position, head) of its nutrition tokens: the position predicts the token, the head is an index into
            `HEADS`.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    segments: tuple[int, ...]
    values: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples that are trained on together.

    Attributes:
        input_ids, labels: (rows, length), padded on the right.
        pixel_values: (rows, 3, side, side), language branch.
        sam_pixel_values: (pictures, 3, side, side), mask branch; only the pictures of rows that have masks.
        reshaped_sizes: (height, width) of each of these pictures within the mask branch's input.
        segments: (masks, 3): place in `sam_pixel_values`, row, position that predicts the token. Picture by picture.
        masks: per picture (masks, height, width) bool, at the picture's own size.
        values: (values, 3): row, position that predicts the token, head.
        value_targets: (values,) float32, kcal or grams.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    pixel_values: torch.Tensor
    sam_pixel_values: torch.Tensor
    reshaped_sizes: tuple[tuple[int, int], ...]
    segments: torch.Tensor
    masks: tuple[torch.Tensor, ...]
    values: torch.Tensor
    value_targets: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in moved.items():
            if isinstance(value, torch.Tensor):
                moved[name] = value.to(device, non_blocking=True)
        moved["masks"] = tuple(mask.to(device, non_blocking=True) for mask in self.masks)
        return Batch(**moved)


class Collator:
    """Makes batches of examples for one model.

    Args:
        processor: of a released FoodLMM or LISA.

    Raises:
        CheckpointError: the processor is of neither.
    """

    def __init__(self, processor: FoodLMMProcessor) -> None:
        if processor.conversation is None:
            raise CheckpointError(
                "The processor does not write the conversations of a released FoodLMM or LISA.",
                hint="Train from a converted checkpoint: python -m foodbench.models.foodlmm.convert.",
            )
        self._processor = processor
        self._pad = int(processor.tokenizer.pad_token_id)
        found = processor.token_ids()
        self._roles = token_roles(
            found["segment_token_ids"], found["nutrition_token_ids"] or [], found["plain_segment_token_id"]
        )
        self._known = frozenset(STYLES[processor.conversation].answer_tokens)

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """Open the pictures and collate.

        Raises:
            ExampleUnusable: an example contradicts itself, or is too long for the model.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        encoded = [self.encode(example) for example in examples]
        images = self._processor.image_processor
        clip: list[np.ndarray] = []
        sam: list[torch.Tensor] = []
        reshaped: list[tuple[int, int]] = []
        masks: list[torch.Tensor] = []
        segments: list[tuple[int, int, int]] = []
        for row, (example, words) in enumerate(zip(examples, encoded, strict=True)):
            picture = example.image.open().convert("RGB")
            clip.append(clip_view(picture, images.clip_size))
            if not words.segments:
                continue
            segments += [(len(sam), row, position) for position in words.segments]
            masks.append(_decoded(example, (picture.height, picture.width)))
            view = sam_view(picture, images.sam_size)
            reshaped.append((view.shape[0], view.shape[1]))
            sam.append(images.normalise_sam(view))
        values = [(row, *place) for row, words in enumerate(encoded) for place in words.values]
        return Batch(
            input_ids=_padded([words.ids for words in encoded], self._pad),
            labels=_padded([words.labels for words in encoded], IGNORED),
            pixel_values=images.normalise_clip(np.stack(clip)),
            sam_pixel_values=torch.stack(sam) if sam else torch.zeros(0, 3, images.sam_size, images.sam_size),
            reshaped_sizes=tuple(reshaped),
            segments=torch.tensor(segments, dtype=torch.long).view(-1, 3),
            masks=tuple(masks),
            values=torch.tensor(values, dtype=torch.long).view(-1, 3),
            value_targets=torch.tensor([value for example in examples for value in example.values]).float(),
        )

    def encode(self, example: Example) -> EncodedExample:
        """The words of an example, checked against its masks and values.

        Raises:
            ExampleUnusable: as `__call__`.
        """
        ids: list[int] = []
        labels: list[int] = []
        history: list[tuple[str, str]] = []
        for turn in example.turns:
            self._check_tokens(example, turn.answer)
            answer = self._processor.encode_answer(turn.answer)
            try:
                prompt = self._processor.encode_prompt(history, turn.question, room=len(answer))
            except PromptTooLong as error:
                raise ExampleUnusable(
                    f"{_name(example)}: {error.message}", hint="Leave out turns, or the example."
                ) from error
            if prompt[: len(ids)] != ids:
                raise AssertionError("a conversation must begin with the tokens of its earlier turns")
            labels += [IGNORED] * (len(prompt) - len(ids)) + answer
            ids = prompt + answer
            history.append((turn.question, turn.answer))
        return self._read_roles(example, ids, labels)

    def _read_roles(self, example: Example, ids: Sequence[int], labels: Sequence[int]) -> EncodedExample:
        segments: list[int] = []
        values: list[tuple[int, int]] = []
        # Only in answers: what a question says is plain text to the model.
        for position, token in enumerate(labels):
            role = self._roles.get(token)
            if role is None:
                continue
            if role.kind == "segment":
                segments.append(position - 1)
            else:
                values.append((position - 1, role.head))
        for kind, tokens, given in (
            ("[SEG*]", segments, example.masks),
            ("nutrition", values, example.values),
        ):
            if len(tokens) != len(given):
                _refuse(
                    example,
                    f"has {len(tokens)} {kind} tokens in its answers, but {len(given)} targets for them",
                    "Each token needs one mask or value, in reading order over all turns.",
                )
        return EncodedExample(tuple(ids), tuple(labels), tuple(segments), tuple(values))

    def _check_tokens(self, example: Example, answer: str) -> None:
        for token in tokens_of(answer):
            if token in self._known:
                continue
            if self._processor.conversation == "lisa":
                _refuse(
                    example,
                    f"has {token} in an answer; LISA's only token is {SEGMENT_TOKEN}",
                    "Take a mixture for LISA, or train a FoodLMM (model.architecture: foodlmm).",
                )
            limit = self._processor.max_segments
            numbered = _NUMBERED.fullmatch(token)
            if numbered and int(numbered[1]) > limit:
                _refuse(
                    example,
                    f"numbers an ingredient {token}; the model has tokens for {limit}",
                    f"Keep the {limit} largest or heaviest ingredients.",
                )
            _refuse(example, f"has {token} in an answer, which is no token of the model", "Number the ingredients.")


def _decoded(example: Example, size: tuple[int, int]) -> torch.Tensor:
    """(masks, height, width) bool of an example."""
    for mask in example.masks:
        if tuple(mask.size) != size:
            _refuse(
                example,
                f"has a mask of {mask.size[0]} x {mask.size[1]} pixels for a picture of {size[0]} x {size[1]}",
                "Masks are to be given at the size of the opened picture (height x width).",
            )
    try:
        return torch.from_numpy(np.stack([decode(mask) for mask in example.masks]))
    except AnswerInvalid as error:
        raise ExampleUnusable(f"{_name(example)}: {error.message}", hint="Its run-length code is damaged.") from error


def _padded(rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    length = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def _refuse(example: Example, what: str, hint: str) -> NoReturn:
    raise ExampleUnusable(f"{_name(example)}: the example {what}.", hint=hint)


def _name(example: Example) -> str:
    return f"{example.source}, record {example.record or example.image.path}"
