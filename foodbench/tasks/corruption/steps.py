"""The steps of a recipe in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foodbench.metrics.reading.names import MAX_ANSWER_CHARS
from foodbench.tasks.corruption.outcome import Corrupted, how_many
from foodbench.tasks.corruption.places import replaced, step_units

if TYPE_CHECKING:
    import numpy as np


def shuffle_steps(text: str, share: float, generator: np.random.Generator) -> Corrupted:
    """Put some of the steps in each other's places; numbers and list markers stay where they are.

    Args:
        text: the recipe, or its steps.
        share: of the steps, at least two; every one of them gets another place.
        generator: what chooses.
    """
    searched, rest = text[:MAX_ANSWER_CHARS], text[MAX_ANSWER_CHARS:]
    units = step_units(searched)
    order = [int(index) for index in generator.permutation(len(units))]
    if share <= 0:
        return Corrupted(text, len(units), 0)
    if len(units) < 2:
        return Corrupted(text, len(units), 0, why="has fewer than two steps")
    moved = sorted(order[: max(2, how_many(share, len(units)))])
    source = _cycle(moved, generator)
    words = [searched[unit.start : unit.end] for unit in units]
    changes = [(units[to], words[origin]) for to, origin in zip(moved, source, strict=True)]
    changed = sum(words[to] != words[origin] for to, origin in zip(moved, source, strict=True))
    if not changed:
        return Corrupted(text, len(units), 0, why="its steps are alike")
    return Corrupted(replaced(searched, changes) + rest, len(units), changed)


def _cycle(places: list[int], generator: np.random.Generator) -> list[int]:
    """The places in an order in which none is where it was (a random cycle; Sattolo's algorithm)."""
    found = list(places)
    for last in range(len(found) - 1, 0, -1):
        other = int(generator.integers(last))
        found[last], found[other] = found[other], found[last]
    return found
