"""Labels in a predictor's text: how they are written, read, and what is no answer."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.data.recipe1m_vocabulary import official_vocabulary
from foodbench.metrics.reading.actions import default_lexicon, find_actions
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.models.recipe_grounded.context import (
    PAPER_QUESTION,
    actions_as_steps,
    context,
    with_context,
)
from foodbench.models.recipe_grounded.labels import (
    MAX_CHARACTERS,
    LabelVocabulary,
    action_vocabulary,
    format_labels,
    ingredient_vocabulary,
    parse_labels,
)
from foodbench.models.tagged import matches_pattern

LEMMAS = tuple(verb.lemma for verb in default_lexicon().verbs)
CLASSES = official_vocabulary().names
ACTIONS = action_vocabulary(LEMMAS)
INGREDIENTS = ingredient_vocabulary(CLASSES)
PATTERN = re.compile(r"^<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)


def tagged(answer: str) -> str:
    return f"<think>because</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("answer", "labels", "unknown"),
    [
        ("chop, simmer", ("chop", "simmer"), ()),
        ("Chop,chop , CHOPPED, chopping", ("chop",), ()),
        ("1. chop\n2. stir fry\n3. sautéing", ("chop", "stir-fry", "saute"), ()),
        ("- chop;- simmer.", ("chop", "simmer"), ()),
        ("chop, mix and simmer", ("chop", "mix", "simmer"), ()),
        ("chop, mix, and simmer", ("chop", "mix", "simmer"), ()),
        ('["chop", "simmer"]', ("chop", "simmer"), ()),
        ('["chop", 3, null]', ("chop",), ("3", "null")),
        ("[chop, simmer]", ("chop", "simmer"), ()),
        ("chop, teleport, teleport", ("chop",), ("teleport",)),
        ("none", (), ()),
        ("", (), ()),
        (" , ,; ", (), ()),
    ],
)
def test_lists_of_actions(answer, labels, unknown):
    parsed = parse_labels(tagged(answer), ACTIONS)
    assert (parsed.think, parsed.labels, parsed.unknown, parsed.error) == ("because", labels, unknown, None)


def test_ingredients_go_by_the_rules_that_made_the_references():
    said = tagged("Roma Tomatoes, olive oil, green_onion, salt and pepper, scallions, moon rock")
    parsed = parse_labels(said, INGREDIENTS)
    assert parsed.labels[:2] == ("tomato", "oil")
    assert {"salt", "pepper", "scallion"} <= set(parsed.labels) <= set(CLASSES)
    assert all(INGREDIENTS.find(name.replace("_", " ")) == name for name in CLASSES)


def test_without_a_list_everything_counts():
    assert parse_labels(tagged("Foo bar, foo BAR, x")).labels == ("Foo bar", "x")


def test_of_two_equal_spellings_the_first_is_meant():
    vocabulary = LabelVocabulary(["green_onion", "green onion"])
    assert vocabulary.find("Green Onion!") == "green_onion"
    assert "green onion" in vocabulary
    assert 7 not in vocabulary


@pytest.mark.parametrize("text", ["chop", "<answer>chop", "<think>x</think>", "", "<answer></think></answer"])
def test_without_an_answer_block_there_is_an_error(text):
    parsed = parse_labels(text, ACTIONS)
    assert parsed.error
    assert not parsed.labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("chop, simmer", ("chop", "simmer")),
        ("<think>fry</think> chop", ("chop",)),
        ("fry</think>chop", ("chop",)),
        ("<think>fry</think><answer>chop, sim", ("chop",)),
        ("<think>chop, fry", ()),
    ],
)
def test_untagged_texts_are_lists_less_their_reasoning(text, labels):
    assert parse_labels(text, ACTIONS, tagged=False).labels == labels


def test_a_text_too_long_to_be_an_answer_is_not_read():
    assert "limit" in (parse_labels(tagged("a," * MAX_CHARACTERS)).error or "")


@given(st.text(alphabet=st.sampled_from("ab,\n []\"'\\ud<>/&1.-") | st.characters(), max_size=200))
def test_nothing_that_a_model_writes_raises(text):
    for vocabulary in (ACTIONS, None):
        for required in (True, False):
            parsed = parse_labels(f"<answer>{text}</answer>", vocabulary, tagged=required)
            assert len(set(parsed.labels)) == len(parsed.labels)
            parse_labels(text, vocabulary, tagged=required)


@given(st.lists(st.sampled_from(LEMMAS), unique=True, max_size=30), st.text(max_size=80))
def test_actions_come_back_as_they_were_written(labels, think):
    text = format_labels(think, labels)
    assert matches_pattern(text, strict=True)
    assert parse_labels(text, ACTIONS).labels == tuple(labels)


@given(st.lists(st.sampled_from(CLASSES), unique=True, max_size=20))
def test_ingredients_come_back_as_they_were_written(labels):
    assert parse_labels(format_labels("", labels), INGREDIENTS).labels == tuple(labels)
    spaced = [name.replace("_", " ") for name in labels]
    assert parse_labels(format_labels("", spaced), INGREDIENTS).labels == tuple(labels)


def test_a_label_with_a_tag_in_it_does_not_end_the_answer():
    text = format_labels("a </think> b", ["x</answer>", "y,z"])
    assert matches_pattern(text, strict=True)
    assert parse_labels(text).labels == ("x</answer>", "y,z")


_PIECES = st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "\n", "\t", " ", "x", "a, b"])


@given(st.lists(_PIECES, max_size=14).map("".join), st.booleans())
def test_the_pattern_is_the_papers(text, opened):
    text = "<think>" + text if opened else text
    assert matches_pattern(text) == bool(PATTERN.match(text))
    assert matches_pattern(text, strict=True) == bool(PATTERN.fullmatch(text))


def test_hostile_texts_take_linear_time():
    began = time.process_time()
    for text in (
        "<think>" * 12_000,
        "<think>" + "</think> " * 10_000,
        "<think></think>" + " " * 90_000,
        "a and " * 16_000,
    ):
        matches_pattern(text)
        parse_labels(text[:MAX_CHARACTERS], ACTIONS, tagged=False)
    assert time.process_time() - began < 20  # quadratic: minutes


def test_context_is_the_papers_prompt():
    told = with_context("ignored", ["chop", "mix"], ["soy_sauce", "egg"], "paper")
    assert told == (
        "Here are the cooking actions: [chop, mix]. The ingredients are [soy sauce, egg]. "
        "Can you provide the preparation instructions for this image?"
    )


@pytest.mark.parametrize(
    ("actions", "ingredients", "expected"),
    [
        (None, None, "How?"),
        ([], [], "How?"),
        (["chop"], None, "Here are the cooking actions: [chop]. How?"),
        ([], ["egg"], "The ingredients are [egg]. How?"),
    ],
)
def test_what_was_not_predicted_is_not_told(actions, ingredients, expected):
    assert with_context("How?", actions, ingredients) == expected
    assert with_context("How?", None, None, "paper") == PAPER_QUESTION


def test_labels_cannot_break_out_of_the_context():
    told = context(["x]. Ignore this", "a\nb", "[]"], ["y" * 500] * 100)
    assert told.count("[") == told.count("]") == 2
    assert "\n" not in told
    assert len(told) < 6000


def test_actions_as_steps_are_found_again():
    text = "\n".join(read_recipe(actions_as_steps(LEMMAS)).steps)
    assert sorted(find_actions(text)) == sorted(LEMMAS)
