"""What came of corrupting a text, and how much of it a share is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Corrupted:
    """A corrupted text.

    Attributes:
        text: the text; the given one where nothing was changed.
        possible: how many things of the kind it has (different ingredients, different actions, steps).
        changed: how many of them are now others, as the readers of the metrics see it.
        swaps: what was put in the place of what; empty where things were only moved.
        why: why nothing was changed though something was asked for; else empty.
    """

    text: str
    possible: int
    changed: int
    swaps: tuple[tuple[str, str], ...] = ()
    why: str = ""


def how_many(share: float, possible: int) -> int:
    """A share of so many things, rounded half up; at least one unless the share is 0 or there is none."""
    if share <= 0 or possible <= 0:
        return 0
    return min(possible, max(1, int(share * possible + 0.5)))


def cased_like(word: str, model: str) -> str:
    """`word` with a capital, or in capitals, where `model` is written so."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
