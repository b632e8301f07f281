"""Some of a recipe's ingredients swapped for others of the dataset's list, wherever they are named."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from foodbench.metrics.reading.names import MAX_ANSWER_CHARS, ingredient_synonyms, normalise
from foodbench.metrics.reading.plurals import singular
from foodbench.tasks.corruption.outcome import Corrupted, cased_like, how_many
from foodbench.tasks.corruption.places import Span, replaced
from foodbench.tasks.naming import finder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

_SMALL_WORDS = frozenset(("a", "an", "and", "in", "of", "or", "the", "with"))


def _words(name: str) -> frozenset[str]:
    return frozenset(map(singular, normalise(name).split())) - _SMALL_WORDS


@lru_cache(maxsize=8)
def _kinships(vocabulary: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """For each name that a text can be seen to hold, its words, and a mark for each family of synonyms that it is of.

    Two names that have nothing of this in common are two foods: "rice" for "rice vinegar", or "scallion" for "green
    onion", would make little or nothing wrong.
    """
    families: dict[frozenset[str], frozenset[str]] = {}
    for number, synonym in enumerate(ingredient_synonyms()):
        for member in synonym.members:
            families[_words(member)] = families.get(_words(member), frozenset()) | {f"={number}"}
    reader = finder(vocabulary)
    seen = [name for name in reader.names if reader.find(name.replace("_", " ")).names == (name,)]
    return {name: _words(name) | families.get(_words(name), frozenset()) for name in seen}


def swap_ingredients(
    text: str,
    share: float,
    vocabulary: tuple[str, ...],
    generator: np.random.Generator,
    right: frozenset[str] = frozenset(),
) -> Corrupted:
    """Swap some of the ingredients that a text names, each everywhere, title included.

    What comes in is an ingredient of the list that has no word in common with any that the text names. What the text
    says is not there ("no nuts") stays and is not counted, but does not come in either.

    Args:
        text: the recipe.
        share: of its different ingredients.
        vocabulary: the dataset's ingredients.
        generator: what chooses.
        right: names that do not come in either, because the dish has them.
    """
    searched, rest = text[:MAX_ANSWER_CHARS], text[MAX_ANSWER_CHARS:]
    kin, reader = _kinships(vocabulary), finder(vocabulary)
    occurrences = reader.occurrences(searched)
    present = list(reader.find(searched).names)
    # Drawn for the whole text, whatever the share: a larger share is then the smaller one and more.
    order = [present[index] for index in generator.permutation(len(present))]
    candidates = [list(kin)[index] for index in generator.permutation(len(kin))]
    if share <= 0:
        return Corrupted(text, len(present), 0)
    if not present:
        return Corrupted(text, 0, 0, why="names no ingredient of the list")
    taken = set[str]().union(*(kin.get(name, _words(name)) for name in {*(each.name for each in occurrences), *right}))
    chosen = _chosen(order[: how_many(share, len(present))], candidates, kin, taken)
    changes = [
        (Span(each.start, each.end), cased_like(chosen[each.name].replace("_", " "), searched[each.start : each.end]))
        for each in occurrences
        if each.name in chosen
    ]
    changed = replaced(searched, changes)
    now = set(reader.find(changed).names)
    swaps = tuple((old, new) for old, new in chosen.items() if old not in now and new in now)
    if not swaps:
        return Corrupted(text, len(present), 0, why="no other ingredient can take the place")
    return Corrupted(changed + rest, len(present), len(swaps), swaps)


def _chosen(
    outgoing: Iterable[str], candidates: list[str], kin: dict[str, frozenset[str]], taken: set[str]
) -> dict[str, str]:
    """Which name comes in for which; `taken` is what no incoming name may have in common with those there."""
    chosen: dict[str, str] = {}
    for old in outgoing:
        new = next((name for name in candidates if taken.isdisjoint(kin[name])), None)
        if new is None:
            break
        chosen[old] = new
        taken |= kin[new]
    return chosen
