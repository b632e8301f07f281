"""How AdaMLLM's evaluation reads answers: reproduced with its faults, for comparison with its published numbers.

Source: the behaviour of the evaluation code released with AdaMLLM (arXiv 2411.19930), written anew from a description
of it. Three traits to know of:

- Ingredient names are looked for as substrings: "rice" is in "price", "oil" in "boiled", "tea" in "teaspoon".
- A digit between blanks is a choice: "a plate of 3 donuts" picks class 3. A bare "pho" has only five characters with
  its blanks and is never looked up.
- An answer that names no choice is scored at random. `Choice.random` says so. The random stream of the original cannot
  be reproduced from what is published; here the draw is a fixed function of the example's index, so the expected score
  is the same and single draws are not.

foodbench's own tasks do none of this: see `foodbench.metrics.reading.names`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foodbench.metrics.reading.names import MAX_ANSWER_CHARS

ADAMLLM_READING_VERSION = "adamllm-1"

_STRIPPED = ",.!?;:'"
_SHORTEST_LOOKED_UP = 6


def find_ingredients(text: str, names: Iterable[str]) -> list[str]:
    """All names that are substrings of `text`, longest first; what one name covers is deleted before the next.

    Deleting joins what stood around the name, and a name can be found across that seam: so did the original. Of two
    names of one length the first in the list is looked for first. Names are compared in lower case (the original's
    lists are, but for FoodSeg103's "French beans").

    Args:
        text: the answer; only its first `MAX_ANSWER_CHARS` characters count.
        names: the classes; one that is repeated counts once.

    Returns:
        the names in the order in which they were found.
    """
    left = text[:MAX_ANSWER_CHARS].lower()
    found: list[str] = []
    for name in sorted(dict.fromkeys(names), key=len, reverse=True):
        needle = name.lower()
        if needle and needle in left:
            found.append(name)
            left = left.replace(needle, "")
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """The option that an answer was taken to choose.

    Attributes:
        index: its place in the list of options.
        name: its text.
        random: the answer chose none, so this one was drawn.
    """

    index: int
    name: str
    random: bool


def read_choice(text: str, names: Sequence[str], example: int, keys: Sequence[str] | None = None) -> Choice:
    """The option that an answer to a multiple-choice question is taken to choose.

    In this order: a key in brackets, "(3)"; a key between blanks, " 3 "; if the answer with a blank at both ends has
    more than five characters, an option's text as a substring in any case. Of several options the one whose last
    occurrence is furthest to the right wins (the first in the list, if they share it). Otherwise one is drawn.

    Args:
        text: the answer; only its first `MAX_ANSWER_CHARS` characters count.
        names: the texts of the options, e.g. the 101 dishes with blanks in their names.
        example: the example's index; a draw depends on nothing else.
        keys: what an option is called by, e.g. A to D; by default "0", "1", and so on.

    Raises:
        ValueError: there are no options, or not as many keys as options.
    """
    called = [str(index) for index in range(len(names))] if keys is None else list(keys)
    if not names or len(called) != len(names):
        raise ValueError(f"read_choice needs one key for each option, not {len(called)} keys for {len(names)} options.")
    answer = text[:MAX_ANSWER_CHARS]
    for mark in _STRIPPED:  # one after the other, each once: "Pho.," loses both, "Pho,." keeps its comma
        answer = answer.strip(mark)
    answer = f" {answer} "
    searches = [(answer, [f"({key})" for key in called]), (answer, [f" {key} " for key in called])]
    if len(answer) >= _SHORTEST_LOOKED_UP:
        searches.append((answer.lower(), [name.lower() for name in names]))
    for haystack, needles in searches:
        places = [haystack.rfind(needle) for needle in needles]
        last = max(places)
        if last >= 0:
            index = places.index(last)
            return Choice(index, names[index], random=False)
    index = random.Random(example).randrange(len(names))  # noqa: S311 - not for secrets
    return Choice(index, names[index], random=True)
