"""What an answer says: boxes with a point each, in `<think>...</think><answer>[...]</answer>`.

The same parser reads answers for scoring, for rewards in training, and from servers, so it takes whatever a model or a
server can send: it never raises, and its time is linear in the length of the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from foodbench.core.json_text import finite_number
from foodbench.models.tagged import between, matches_pattern

MAX_REFERENCES = 120
"""More references in one answer are not read; the cap of VisionReasoner's released code."""

MAX_CHARACTERS = 4_000_000
"""A longer text is not read: no answer of a model is a thousandth of it."""

BOX_KEY, POINT_KEY, LABEL_KEY = "bbox_2d", "point_2d", "label"
_MAX_LABEL = 200
_SENTENCE = re.compile(r"\bThe ([^.!?\n]{1,60}?) (?:is|are) ([^.!?\n]*)")
_DENIAL = re.compile(r"\b(?:not|no|nowhere|absent|missing)\b")
_MAX_REASONING = 20_000


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing that an answer points at.

    Attributes:
        box: x1, y1, x2, y2, both corners inclusive; as written, which may be flipped or outside of the picture.
        point: x, y of a point on the thing.
        label: what the answer calls it, if it does.
    """

    box: tuple[float, float, float, float]
    point: tuple[float, float]
    label: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What was read from an answer.

    Attributes:
        think: the text between the first `<think>` and the `</think>` after it; None without such a pair.
        items: the JSON list of the answer; None if there is no answer, or it is not a JSON list.
        references: the usable items in order, at most `MAX_REFERENCES`.
        refused: how many items are not usable: no object, not four and two finite numbers.
        error: why there is no list; None if there is one, the empty list included.
    """

    think: str | None
    items: list[Any] | None
    references: tuple[Reference, ...]
    refused: int
    error: str | None


def parse_answer(text: str) -> ParsedAnswer:
    """Read an answer. Never raises.

    The answer is the text between the first `<answer>` after the reasoning (anywhere, if there is no `<think>` block)
    and the `</answer>` after it. It must be a JSON list; each of its items that has `bbox_2d` with four and `point_2d`
    with two finite numbers is a reference. Truth values and texts are no numbers. `label`, if it is a text, is kept.

    Args:
        text: what the model wrote; anything.
    """
    if len(text) > MAX_CHARACTERS:
        return ParsedAnswer(None, None, (), 0, f"the text has {len(text):,} characters (limit {MAX_CHARACTERS:,})")
    think, end = between(text, "<think>", "</think>")
    answer, _ = between(text, "<answer>", "</answer>", end)
    if answer is None:
        return ParsedAnswer(think, None, (), 0, "there is no <answer>...</answer>")
    try:
        items = json.loads(answer)
    except (ValueError, RecursionError) as error:
        return ParsedAnswer(think, None, (), 0, f"the answer is not JSON: {type(error).__name__}")
    if not isinstance(items, list):
        return ParsedAnswer(think, None, (), 0, f"the answer is not a list but {type(items).__name__}")
    found = [_reference(item) for item in items]
    usable = tuple(reference for reference in found if reference is not None)
    return ParsedAnswer(think, items, usable[:MAX_REFERENCES], len(found) - len(usable), None)


def named_references(parsed: ParsedAnswer) -> tuple[Reference, ...]:
    """The references with the names that the reasoning gives them, where it does so plainly.

    Where it says of as many things as there are references that "The ... is" or "The ... are" something, and not that
    they are absent, these are their names in order: so an answer to a question for several things tells which of them
    it leaves out. Labels of its own, or another number of such sentences, leave the references as they are.
    """
    if parsed.think is None or any(reference.label for reference in parsed.references):
        return parsed.references
    sentences = _SENTENCE.findall(parsed.think[:_MAX_REASONING])
    names = [" ".join(name.split()) for name, rest in sentences if not _DENIAL.search(rest)]
    if len(names) != len(parsed.references):
        return parsed.references
    return tuple(replace(reference, label=name) for reference, name in zip(parsed.references, names, strict=True))


def format_answer(think: str, references: Sequence[Reference]) -> str:
    """The answer that says these references, as training data have it: integers, and no labels.

    Args:
        think: the reasoning.
        references: in grid coordinates; rounded, halves up.
    """
    items = ", ".join(
        f'{{"{BOX_KEY}": [{_integers(reference.box)}], "{POINT_KEY}": [{_integers(reference.point)}]}}'
        for reference in references
    )
    return f"<think>{think}</think><answer>[{items}]</answer>"


def is_strict(text: str) -> bool:
    r"""Whether a text is one reasoning block, blanks at most, one answer block, and nothing else.

    The same as a full match of `<think>.*?</think>\s*<answer>.*?</answer>` over lines (VisionReasoner's code).
    """
    return matches_pattern(text, strict=True)


def _reference(item: Any) -> Reference | None:
    if not isinstance(item, dict):
        return None
    box, point = _numbers(item.get(BOX_KEY), 4), _numbers(item.get(POINT_KEY), 2)
    if box is None or point is None:
        return None
    label = item.get(LABEL_KEY)
    said = " ".join(label[:_MAX_LABEL].split()) if isinstance(label, str) else ""
    return Reference((box[0], box[1], box[2], box[3]), (point[0], point[1]), said or None)


def _numbers(values: Any, count: int) -> list[float] | None:
    """The values as floats if they are a list of `count` finite numbers."""
    if not isinstance(values, list) or len(values) != count:
        return None
    numbers = []
    for value in values:
        number = finite_number(value)
        if number is None:
            return None
        numbers.append(number)
    return numbers


def _integers(values: Sequence[float]) -> str:
    return ",".join(str(math.floor(value + 0.5)) for value in values)


__all__ = [
    "MAX_REFERENCES",
    "ParsedAnswer",
    "Reference",
    "format_answer",
    "is_strict",
    "named_references",
    "parse_answer",
]
