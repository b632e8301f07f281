"""What one training example is, whatever dataset it comes from, and what it must satisfy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np

from foodbench.core.errors import DataCorrupt, DataError
from foodbench.core.types import ImageSource, Mask
from foodbench.models.foodlmm.tokens import SEGMENT_TOKEN, special_tokens

MAX_SEGMENTS = 20
"""Numbered ingredients that FoodLMM has tokens for (`max_seg_num` of the released code)."""

MAX_CHARACTERS = 4800
"""Of a conversation. LLaMA-1 has 2,048 positions; 256 are the picture's and some 60 the system sentence's. English text
takes 3.5 to 4 characters per token, so that this leaves room for text that takes 2.8."""

# Whatever looks like a token, so that one that the vocabulary does not have is noticed instead of learned as text.
_TOKEN = re.compile(r"\[(?:(?P<segment>SEG)[0-9]*|(?:MASS|CAL|FAT|CARB|PRO)(?:_TOTAL|[0-9]*))\]")
_KNOWN = frozenset({SEGMENT_TOKEN, *special_tokens(MAX_SEGMENTS)})

Architecture = Literal["foodlmm", "lisa"]
"""Whose tokens answers are written with: FoodLMM's numbered ones, or LISA's `[SEG]` alone."""

RecordType = TypeVar("RecordType")
T = TypeVar("T")


class NothingToAsk(DataError):
    """A record has nothing that the questions of a mixture could be about; another one is drawn in its place."""

    code = "data.nothing_to_ask"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer; special tokens stand in answers only."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Example:
    """One picture, a conversation about it, and what its special tokens stand for.

    Attributes:
        image: the picture, opened when it is needed; it stands before the first question.
        turns: the conversation; all answers are learned.
        masks: one for every `[SEG...]` token of all answers in reading order, at the picture's size.
        values: one for every nutrition token of all answers in reading order, kcal or grams.
        source: the dataset.
        record: the record's id in it, for messages.
    """

    image: ImageSource
    turns: tuple[Turn, ...]
    masks: tuple[Mask, ...]
    values: tuple[float, ...]
    source: str
    record: str = ""

    def __post_init__(self) -> None:
        """Check that tokens, masks and values belong together.

        Raises:
            DataCorrupt: they do not, or a text is empty or holds tokens where or of a kind that it must not.
        """
        if not self.turns:
            self._refuse("has no turns")
        for number, turn in enumerate(self.turns, start=1):
            if not turn.question.strip() or not turn.answer.strip():
                self._refuse(f"has an empty question or answer in turn {number}")
            if found := tokens_of(turn.question):
                self._refuse(f"has the special token {found[0]} in the question of turn {number}")
            unknown = [token for token in tokens_of(turn.answer) if token not in _KNOWN]
            if unknown:
                self._refuse(f"has {unknown[0]} in the answer of turn {number}, which is no token of the vocabulary")
        segments = sum(len(segment_tokens(turn.answer)) for turn in self.turns)
        if segments != len(self.masks):
            self._refuse(f"has {segments} [SEG] tokens and {len(self.masks)} masks")
        amounts = sum(len(nutrition_tokens(turn.answer)) for turn in self.turns)
        if amounts != len(self.values):
            self._refuse(f"has {amounts} nutrition tokens and {len(self.values)} values")
        if not all(math.isfinite(value) for value in self.values):
            self._refuse("has a nutrition value that is not a finite number")
        sizes = sorted({mask.size for mask in self.masks})
        if len(sizes) > 1:
            self._refuse(f"has masks of different sizes: {sizes[0]} and {sizes[1]}")

    def _refuse(self, what: str) -> None:
        raise DataCorrupt(
            f"{self.source}, record {self.record or self.image.path}: the training example {what}.",
            hint="Restore the dataset's annotation of this record, or leave the record out.",
        )


def tokens_of(text: str) -> list[str]:
    """Everything in a text that is written like a special token, in reading order."""
    return [match.group() for match in _TOKEN.finditer(text)]


def segment_tokens(text: str) -> list[str]:
    """The `[SEG...]` tokens of a text in reading order."""
    return [match.group() for match in _TOKEN.finditer(text) if match["segment"]]


def nutrition_tokens(text: str) -> list[str]:
    """The nutrition tokens of a text in reading order."""
    return [match.group() for match in _TOKEN.finditer(text) if not match["segment"]]


def without_tokens(text: str) -> str:
    """A foreign text in which nothing can be taken for a special token: their square brackets become round ones."""
    return _TOKEN.sub(lambda match: f"({match.group()[1:-1]})", text)


def learnable(answer: str) -> bool:
    """Whether an answer is not empty and all its tokens are in the vocabulary (numbers up to `MAX_SEGMENTS`)."""
    return bool(answer.strip()) and all(token in _KNOWN for token in tokens_of(answer))


class Pool(Protocol):
    """The usable training records of one dataset."""

    def __len__(self) -> int:
        """How many there are."""

    def example(self, position: int, rng: np.random.Generator) -> Example:
        """A conversation about one of them: a pure function of the record and the randomness.

        Raises:
            NothingToAsk: there is none that the questions could be about.
        """


@dataclass(frozen=True, slots=True)
class RecordPool(Generic[RecordType]):
    """A pool that makes its examples when they are asked for.

    Attributes:
        records: the usable records.
        make: from a record and randomness to an example.
        skipped: how many records of the split are not usable.
    """

    records: Sequence[RecordType]
    make: Callable[[RecordType, np.random.Generator], Example]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.records)

    def example(self, position: int, rng: np.random.Generator) -> Example:
        """The example of the record at a position."""
        return self.make(self.records[position], rng)


def one_of(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options at random."""
    return options[int(rng.integers(len(options)))]


def shuffled(rng: np.random.Generator, options: Sequence[T], count: int | None = None) -> list[T]:
    """The options, or `count` of them, in random order."""
    return [options[index] for index in rng.permutation(len(options))[:count].tolist()]


def rounds_that_fit(turns: Iterable[tuple[str, str]]) -> int:
    """How many of a dialogue's first rounds are no longer than `MAX_CHARACTERS` together; at least 1."""
    length = count = 0
    for question, answer in turns:
        length += len(question) + len(answer)
        if count and length > MAX_CHARACTERS:
            break
        count += 1
    return count
