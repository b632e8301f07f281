"""Models that tests name as `py:tests.engine.models_for_tests:Name`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Nutrition, Request


def _log(line: str) -> None:
    path = os.environ.get("ASKED_LOG")
    if path:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode() + b"\n")
        os.close(descriptor)


class Steady:
    """Answers as a function of the sample, slowly, and writes down what it was asked."""

    identity = "steady/1"
    batch_size = 4

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer per request."""
        time.sleep(self._seconds)
        _log(",".join(f"{request.task}:{request.sample_id}" for request in requests))
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Answer:
        luck = stable_seed(request.sample_id) % 1000
        words = ["salmon rice bowl", "curry rice", "it could be anything"][luck % 3]
        return Answer(text=words, nutrition=Nutrition(kcal=float(luck), mass=200.0, fat=10.0, carb=20.0, protein=5.0))


class FailsOnRankOne(Steady):
    """Raises on the second process."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Raises where RANK is 1."""
        if int(os.environ.get("LOCAL_RANK", "0")) == 1:
            raise RuntimeError("this rank is broken")
        return super().answer(requests)


class RaisesLate(Steady):
    """Raises at its third batch."""

    identity = "raises-late/1"

    def __init__(self, mended: bool = False) -> None:
        super().__init__()
        self._left = 10**6 if mended else 2

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Two good batches, then an exception."""
        if self._left == 0:
            raise ValueError("out of luck")
        self._left -= 1
        return super().answer(requests)


class TooFew(Steady):
    """Forgets an answer."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer less than asked."""
        return super().answer(requests)[:-1]


class Garbage:
    """Answers whatever a model might write."""

    WORDS = (
        "",
        "\x00\x1b[31m\u202e",
        "{" * 2000,
        '{"foodbench_answer":1,"masks":[{"size":[2,2],"counts":"' + "~" * 5000 + '"}]}',
        '{"foodbench_answer":1,"masks":[{"size":[999999,999999],"counts":"1"}]}',
        '{"foodbench_answer":1,"nutrition":{"kcal":-1e308}}',
        '{"foodbench_answer":1,"text":"\\ud800"}',
        "<script>alert(1)</script> salmon rice bowl",
        "9" * 50_000,
        "kcal " * 5_000,
    )

    def answer(self, requests: Sequence[Request]) -> list[str]:
        """One piece of garbage per request."""
        return [self.WORDS[stable_seed(request.sample_id) % len(self.WORDS)] for request in requests]
