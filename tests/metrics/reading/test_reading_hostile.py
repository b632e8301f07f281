"""No text makes a reader fail or take more than linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.metrics.reading.actions import default_lexicon, find_actions
from foodbench.metrics.reading.adamllm import find_ingredients, read_choice
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS, NameFinder
from foodbench.metrics.reading.quantities import find_quantities
from foodbench.metrics.reading.recipe_text import ingredient_phrase, read_recipe

MANY_NAMES = [f"{first}{second} {kind}" for first in "abcdefghij" for second in "klmnopqrst" for kind in range(15)]
FINDER = NameFinder(["rice", "spring onion", "onion", *MANY_NAMES])

READERS: dict[str, Callable[[str], object]] = {
    "names": FINDER.find,
    "actions": find_actions,
    "quantities": find_quantities,
    "recipe": read_recipe,
    "phrase": ingredient_phrase,
    "substrings": lambda text: find_ingredients(text, ["rice", "ice", "r"]),
    "choice": lambda text: read_choice(text, ["rice", "ice"], 0),
}

PIECES = (
    "1", "1,", "1/", "½", "1-", "1 ", "-", ",", ".", " ", "\n", "\x00", "\u202e", "\u200b", "́", "(", "[", "{", '{"a":',
    '["', "<b>", "**", "#", "```",
    "1. A", "Steps:", ". Steps:", "title:\n", "salt and ", "stir, ", "let the ", "oz.",
    "e.g.", "pre-", "no ", "spring ", "rice or ", "x", "é", "日", "n't ",
    "between 1 and ", "1e9", "🍚", "\ud800", "and ",
)  # fmt: skip


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_megabyte_of_anything_costs_no_more_than_its_share(reader: Callable[[str], object]) -> None:
    for piece in PIECES:
        costs = []
        for length in (100_000, 1_000_000):
            text = (piece * length)[:length]
            began = time.process_time()
            reader(text)
            costs.append(time.process_time() - began)
        assert costs[1] < 20 * costs[0] + 1, repr(piece)  # a search that backtracks would take hundreds of times


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@settings(max_examples=150, deadline=None)
@given(text=st.text() | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_text_is_read(reader: Callable[[str], object], text: str) -> None:
    assert reader(text) == reader(text)


@settings(max_examples=30, deadline=None)
@given(st.text(), st.text())
def test_what_is_beyond_the_limit_does_not_count(text: str, rest: str) -> None:
    padded = text.ljust(MAX_ANSWER_CHARS)[:MAX_ANSWER_CHARS]
    for reader in READERS.values():
        assert reader(padded) == reader(padded + " rice 12 g. Stir. " + rest)


@settings(deadline=None)
@given(st.lists(st.sampled_from((*PIECES, "boil ", "Rice ", "and mix. ")), max_size=40).map("".join))
def test_readings_are_sound(text: str) -> None:
    found = FINDER.find(text)
    assert len(set(found.names)) == len(found.names)
    assert not set(found.names) & set(found.denied)
    for occurrence in FINDER.occurrences(text):
        assert 0 <= occurrence.start < occurrence.end <= len(text)
    end = 0
    for quantity in find_quantities(text):
        assert end <= quantity.start < quantity.end <= len(text)
        assert quantity.low <= quantity.high < float("inf")
        end = quantity.end
    actions = find_actions(text)
    assert len(set(actions)) == len(actions)
    assert set(actions) <= {verb.lemma for verb in default_lexicon().verbs}
