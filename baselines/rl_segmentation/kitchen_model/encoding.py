"""Examples as token rows: what is read, what is to be said, and which part of it is about which thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.common.qwen_tokenizer import IMAGE_TOKEN, TURN_END
from baselines.rl_segmentation.kitchen_model.building import number_ids
from baselines.rl_segmentation.kitchen_model.examples import Example, position, sentence
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT, messages
from foodbench.models.qwen_seg.references import Reference

NOTHING = -1
"""In rows: of no reference; no number."""


@dataclass(frozen=True, slots=True)
class Row:
    """An example behind the visual tokens of its plate.

    Attributes:
        ids: (length,) from the end of the picture to the end of the answer.
        weights: (length,) of each token in the loss; 0 for what is read.
        about: (length,) which of the example's references the token is about, or `NOTHING`.
        values: (length,) the number that a learnt token says, or `NOTHING`.
        references: of the example.
    """

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    about: NDArray[np.int64]
    values: NDArray[np.int64]
    references: tuple[Reference, ...]


class Encoder:
    """Makes rows and stacks them.

    Args:
        processor: of the model.
        grid: side of the square that coordinates are in.
        template_weight: in the loss, of tokens that are the same in every answer.
    """

    def __init__(self, processor: Any, grid: int, template_weight: float) -> None:
        self._processor, self._tokenizer = processor, processor.tokenizer
        self._grid, self._template_weight = grid, template_weight
        self._value_of = {int(token): value for value, token in enumerate(number_ids(self._tokenizer, grid))}
        head, _ = self._around_picture("")
        self.head: list[int] = self._tokenizer(head)["input_ids"]
        """Ids of what comes before a plate's visual tokens, the same for every question."""
        self._tail = lru_cache(maxsize=8192)(lambda question: self._around_picture(question)[1])

    def _around_picture(self, question: str) -> tuple[str, str]:
        chat = messages(SHORT_PROMPT, question)
        text = self._processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        head, tail = text.split(IMAGE_TOKEN)
        return head, tail

    def row(self, example: Example) -> Row:
        """The row of an example."""
        read = self._tail(example.question)
        said = example.answer + TURN_END
        encoded = self._tokenizer(read + said, return_offsets_mapping=True)
        ids = np.array(encoded["input_ids"], np.int64)
        starts, ends = np.array(encoded["offset_mapping"]).T
        last = np.maximum(starts, ends - 1)
        weights = np.zeros(len(read) + len(said), np.float32)
        weights[len(read) :] = self._template_weight
        about = np.full(len(weights), NOTHING, np.int64)
        self._mark_question(example, read, about)
        self._mark_answer(example, read, weights, about)
        learnt = starts >= len(read)
        values = np.array([self._value_of.get(token, NOTHING) for token in ids.tolist()])
        values[~learnt] = NOTHING
        token_weights = np.where(learnt, weights[last], 0.0).astype(np.float32)
        token_weights[values != NOTHING] = 1.0
        return Row(ids, token_weights, about[last], values, example.references)

    def _mark_question(self, example: Example, read: str, about: NDArray[np.int64]) -> None:
        """Names in the question are about their reference."""
        begin = 0
        for name in example.asked:
            begin = read.find(name, begin)
            if name in example.names and begin >= 0:
                about[begin : begin + len(name)] = example.names.index(name)
            begin = max(begin, 0) + len(name)

    def _mark_answer(self, example: Example, read: str, weights: NDArray[np.float32], about: NDArray[np.int64]) -> None:
        """Sentences and items are about their reference; names, places and refusals count in full."""
        begin = len(read) + len("<think>")
        if example.names:
            about[len(read) - 1 : begin] = 0
        where = dict(zip(example.names, example.references, strict=True))
        for name in _spoken(example):
            told = sentence(name, where.get(name), self._grid)
            start = begin + len("The ")
            weights[start : start + len(name)] = 1.0
            place = "not there" if name not in where else position(where[name], self._grid)
            weights[begin + len(told) - 1 - len(place) : begin + len(told) - 1] = 1.0
            if name in where:
                about[begin : begin + len(told)] = example.names.index(name)
            begin += len(told) + 1
        begin = example.answer.index("<answer>[") + len("<answer>[")
        for number in range(len(example.references)):
            end = example.answer.index("]}", begin) + len("]}")
            about[len(read) + begin : len(read) + end] = number
            begin = end

    def stack(self, rows: Sequence[Row]) -> RowBatch:
        """Rows of different lengths as one batch, padded behind."""
        longest = max(len(row.ids) for row in rows)
        padding = self._tokenizer.pad_token_id
        boxes = np.zeros((len(rows), longest, 4), np.float32)
        for place, row in enumerate(rows):
            marked = row.about >= 0
            if row.references:
                corners = np.array([reference.box for reference in row.references], np.float32) / self._grid
                boxes[place, : len(row.ids)][marked] = corners[row.about[marked]]
        return RowBatch(
            torch.from_numpy(np.stack([_padded(row.ids, longest, padding) for row in rows])),
            torch.from_numpy(np.stack([_padded(row.weights, longest, 0.0) for row in rows])),
            torch.from_numpy(np.stack([_padded(row.about, longest, NOTHING) for row in rows]) >= 0),
            torch.from_numpy(np.stack([_padded(row.values, longest, NOTHING) for row in rows])),
            torch.from_numpy(boxes),
        )


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows as tensors of (rows, length).

    Attributes:
        ids: tokens.
        weights: in the loss.
        marked: whether the token is about a reference.
        values: numbers, or `NOTHING`.
        boxes: (rows, length, 4) of the references, as shares of the grid; zeros where there is none.
    """

    ids: torch.Tensor
    weights: torch.Tensor
    marked: torch.Tensor
    values: torch.Tensor
    boxes: torch.Tensor


def _padded(values: NDArray, length: int, filler: float) -> NDArray:
    return np.pad(values, (0, length - len(values)), constant_values=filler)


def _spoken(example: Example) -> tuple[str, ...]:
    """What the reasoning speaks of: what was asked, or else what the answer points at."""
    return example.asked or example.names
