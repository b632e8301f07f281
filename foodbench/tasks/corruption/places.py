"""Where the steps of a written recipe stand in its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from foodbench.metrics.reading.recipe_text import read_recipe

_MOST_SEARCHED = 50
"""So many steps that are not in the text word for word are looked for by their words; hostile texts have thousands."""


class Span(NamedTuple):
    """A stretch of a text: `text[start:end]`."""

    start: int
    end: int


def step_spans(text: str) -> list[Span]:
    """The steps that `read_recipe` finds in a text, without their list markers, in order.

    A step that is not there word for word (escapes in JSON, marks of emphasis) may be left out.
    """
    found: list[Span] = []
    before, searches = len(text), 0
    # From the end: a title or an ingredient may have the words of a step ("Toast"), and stands in front of the steps.
    for step in reversed(read_recipe(text).steps):
        start = text.rfind(step, 0, before)
        end = start + len(step)
        if start < 0 and searches < _MOST_SEARCHED:
            searches += 1
            start, end = _by_words(text, step, before)
        if start >= 0:
            found.append(Span(start, end))
            before = start
    return found[::-1]


def _by_words(text: str, step: str, before: int) -> tuple[int, int]:
    """The last place of a step whose words have other marks between them: "2 tbsp. oil" was read as "2 tbsp oil"."""
    pattern = re.compile(r"\W{1,4}".join(map(re.escape, step.split())))
    last = None
    for last in pattern.finditer(text, 0, before):  # noqa: B007 - the last one is wanted
        pass
    return last.span() if last else (-1, -1)


def step_units(text: str) -> list[Span]:
    """The steps as they can be moved: the steps' lines; the sentences where all stand on one line."""
    spans = step_spans(text)
    lines = [list(group) for _, group in groupby(spans, key=lambda span: text.count("\n", 0, span.start))]
    if len(lines) < 2:
        return spans
    return [Span(group[0].start, group[-1].end) for group in lines]


def replaced(text: str, changes: Sequence[tuple[Span, str]]) -> str:
    """The text with other words in some places.

    Args:
        text: the text.
        changes: places that do not overlap, in any order, with what is to stand there.
    """
    parts: list[str] = []
    end = 0
    for span, words in sorted(changes, key=lambda change: change[0]):
        parts += [text[end : span.start], words]
        end = span.end
    return "".join([*parts, text[end:]])
