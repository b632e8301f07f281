"""Texts of the form `<think>...</think><answer>...</answer>`, which several models are trained to write."""

from __future__ import annotations

import re

_OPENING = "<think>"
_CLOSING = "</answer>"
_BORDER = re.compile(r"</think>\s*<answer>")


def matches_pattern(text: str, *, strict: bool = False) -> bool:
    r"""Whether a text begins with a reasoning block and, after blanks at most, an answer block.

    What equation 7 of the paper on grounded recipes (Liu et al.) rewards and, strictly, VisionReasoner's code. The same
    as `re.match` of `<think>.*?</think>\s*<answer>.*?</answer>` over lines, but in linear time: that expression takes
    quadratic time on texts with many tags.

    Args:
        text: what the model wrote.
        strict: nothing may follow (`re.fullmatch`).
    """
    if not text.startswith(_OPENING):
        return False
    border = _BORDER.search(text, len(_OPENING))
    if border is None:
        return False
    if strict:
        return text.endswith(_CLOSING) and border.end() <= len(text) - len(_CLOSING)
    return text.find(_CLOSING, border.end()) >= 0


def between(text: str, opening: str, closing: str, start: int = 0) -> tuple[str | None, int]:
    """The text between the first two such tags from `start` on, and where the closing one ends; `start` if none."""
    first = text.find(opening, start)
    last = text.find(closing, first + len(opening)) if first >= 0 else -1
    if last < 0:
        return None, start
    return text[first + len(opening) : last], last + len(closing)
