"""What a model says, without what it thinks aloud."""

from __future__ import annotations

import re
import unicodedata

from foodbench.metrics.reading.names import MAX_ANSWER_CHARS

REASONING_TAGS = ("think", "analysis")


def without_reasoning(text: str) -> str:
    """What a model says after thinking aloud: `<think>` and `<analysis>` blocks are left out.

    A block that is not closed takes the rest with it: the model did not come to its answer. A closing tag alone ends a
    block that was opened by the prompt (some chat templates do), so what stands before it is left out.
    """
    for tag in REASONING_TAGS:
        if f"{tag}>" not in text:
            continue
        said: list[str] = []
        thinking = False
        for part in re.split(f"(</?{tag}>)", text):
            if part == f"<{tag}>":
                thinking = True
            elif part == f"</{tag}>":
                if not thinking:
                    said.clear()
                thinking = False
            elif not thinking:
                said.append(part)
        text = "".join(said).strip()
    return text


def says_something(text: str) -> bool:
    """Whether a text holds a letter, digit or symbol: blanks, marks that nobody sees, and dots are silence."""
    return any(unicodedata.category(char)[0] in "LNS" for char in text.strip()[:MAX_ANSWER_CHARS])
