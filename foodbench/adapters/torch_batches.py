"""Batches for models that run here: as large as memory allows, and of questions that are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from foodbench.adapters.torch_settings import chosen_batch_size
from foodbench.core.types import Request

_FIRST = 32

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class HalvedBatches:
    """How many questions are answered together.

    Attributes:
        size: as it was given; for `auto` 32 at first, and half of a batch for which memory did not suffice.
    """

    def __init__(self, given: int | str) -> None:
        """Begin.

        Args:
            given: a number, or `auto`.

        Raises:
            UsageError: neither.
        """
        self._halves = given == "auto"
        self.size = chosen_batch_size(given, _FIRST)

    def answer(self, write: Callable[[Sequence[Asked]], list[Answered]], asked: Sequence[Asked]) -> list[Answered]:
        """What a model writes to a batch, in two halves (and so on) if it is too large at once.

        Args:
            write: asks the model.
            asked: the batch.

        Raises:
            OutOfMemoryError: the size was given, or there is no room for a single question.
        """
        try:
            return write(asked)
        except torch.OutOfMemoryError:
            if not self._halves or len(asked) == 1:
                raise
        # Outside of the handler: the exception holds the tensors of the failed batch.
        torch.cuda.empty_cache()
        self.size = half = (len(asked) + 1) // 2
        return [*self.answer(write, asked[:half]), *self.answer(write, asked[half:])]


def alike(requests: Sequence[Request]) -> Sequence[Request]:
    """The first of the requests that are to be generated in the same way."""
    count = 1
    while count < len(requests) and requests[count].generation == requests[0].generation:
        count += 1
    return requests[:count]
