"""The control: a recipe reworded so that nothing in it is wrong. List markers change, and steps begin with "Then"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from foodbench.metrics.reading.actions import find_actions
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.metrics.reading.sentences import LIST_MARKER, without_marker
from foodbench.tasks.corruption.outcome import Corrupted, how_many
from foodbench.tasks.corruption.places import Span, replaced, step_units
from foodbench.tasks.naming import finder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Changes = list[tuple[Span, str]]
_FIRST, _LAST, _BETWEEN = "First,", "Finally,", ("Then", "Next,", "Now")
_NUMBERED = re.compile(r"\s*\d{1,3}\.")


def paraphrase(text: str, share: float, vocabulary: tuple[str, ...], generator: np.random.Generator) -> Corrupted:
    """Reword a recipe without changing what it says.

    Steps on lines of their own are numbered (in another way, if they are), ingredients get a dash (or a star), and
    a share of the steps begin with a word of order. Title, ingredients and actions are read as before, or the text is
    left as it is.

    Args:
        text: the recipe, or its steps.
        share: of the steps that begin with a word of order; all lines get their markers.
        vocabulary: the dataset's ingredients.
        generator: what chooses.
    """
    searched, rest = text[:MAX_ANSWER_CHARS], text[MAX_ANSWER_CHARS:]
    units = step_units(searched)
    order = [int(index) for index in generator.permutation(len(units))]
    words = [str(generator.choice(_BETWEEN)) for _ in units]
    if share <= 0:
        return Corrupted(text, len(units), 0)
    if not units:
        return Corrupted(text, 0, 0, why="has no steps")
    openers: Changes = []
    for index in sorted(order[: how_many(share, len(units))]):
        word = _FIRST if index == 0 else _LAST if index == len(units) - 1 else words[index]
        openers += _opened(searched, units[index], word)
    markers = [] if searched.lstrip().startswith("{") else _marked(searched, units)
    for changes in (markers + openers, openers, markers):
        changed = replaced(searched, changes)
        if changes and _means_the_same(searched, changed, vocabulary):
            return Corrupted(changed + rest, len(units), len(openers))
    return Corrupted(text, len(units), 0, why="cannot be reworded safely")


def _means_the_same(before: str, after: str, vocabulary: tuple[str, ...]) -> bool:
    """Whether the readers of the metrics find the same in both."""
    reader = finder(vocabulary)
    old, new = read_recipe(before), read_recipe(after)
    return (
        (old.title, old.ingredients, len(old.steps)) == (new.title, new.ingredients, len(new.steps))
        and set(find_actions("\n".join(old.steps))) == set(find_actions("\n".join(new.steps)))
        and set(reader.find(before).names) == set(reader.find(after).names)
    )


def _opened(text: str, unit: Span, opener: str) -> Changes:
    """A word of order in front of a step, unless that would change what is read in it."""
    step = text[unit.start : unit.end]
    first = step.split(maxsplit=1)[0]
    lowered = step[:1].lower() + step[1:] if first[1:].islower() else step
    opened = f"{opener} {lowered}"
    if find_actions(opened) != find_actions(step):
        return []
    # An empty place in front of the step and its first letter: the rest may be long.
    return [(Span(unit.start, unit.start + 1), f"{opener} {lowered[:1]}")]


def _marked(text: str, units: Sequence[Span]) -> Changes:
    """Other list markers for the steps that begin a line, and for the ingredients."""
    changes: Changes = []
    numbers = {text.rfind("\n", 0, unit.start) + 1: (number, unit) for number, unit in enumerate(units, start=1)}
    ingredients = set(read_recipe(text).ingredients)
    several = len(numbers) > 1
    start = 0
    for line in text.split("\n"):
        number, unit = numbers.get(start, (0, None))
        if unit is not None and several and _is_marker(text[start : unit.start]):
            old = text[start : unit.start]
            changes.append((Span(start, unit.start), f"({number}) " if _NUMBERED.match(old) else f"{number}. "))
        elif unit is None and (plain := without_marker(line)) in ingredients and line.rstrip().endswith(plain):
            place = start + line.rfind(plain)
            if _is_marker(text[start:place]):
                changes.append((Span(start, place), "* " if text[start:place].lstrip().startswith("-") else "- "))
        start += len(line) + 1
    return changes


def _is_marker(prefix: str) -> bool:
    return not prefix.strip() or LIST_MARKER.fullmatch(prefix) is not None
