"""A request as turns of a chat for a model that writes no `[SEG]` tokens."""

from __future__ import annotations

import re

from foodbench.core.types import Request

_SEGMENT = re.compile(r"\s*\[SEG\d*\]")

Turns = tuple[tuple[str, str], ...]


def turns_of(request: Request) -> tuple[Turns, str]:
    """The turns before a question, without FoodLMM's mask tokens, and the question itself."""
    if "turn" not in request.slots:
        return (), request.question
    history = tuple((asked, _SEGMENT.sub("", answered)) for asked, answered in request.slots["history"])
    return history, request.slots["turn"]
