"""Recipes made wrong on purpose: by how much, in what, and nothing else."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.metrics.reading.actions import find_actions
from foodbench.metrics.reading.names import NameFinder
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.tasks.corruption import CONTROL, CORRUPTIONS, corrupt
from foodbench.tasks.corruption.actions import verb_forms
from foodbench.tasks.corruption.outcome import how_many
from foodbench.tasks.corruption.places import step_spans, step_units

KITCHEN = (
    "rice", "pasta", "fish", "steak", "chicken duck", "shrimp", "egg", "tofu", "broccoli", "carrot", "tomato",
    "lettuce", "cucumber", "green beans", "corn", "red beans", "french fries", "white button mushroom", "sauce",
    "avocado",
)  # fmt: skip
KINDS = (*CORRUPTIONS, CONTROL)
RECIPE = """Title: shrimp rice
Ingredients:
150 g rice
60 g shrimp
2 tomatoes, chopped
Steps:
Rinse the rice and simmer it until tender.
Saute the shrimp over medium heat, stirring, until browned.
Chop the tomatoes and add the chopped tomatoes to the shrimp.
Serve warm."""
STEPS = RECIPE.partition("Steps:\n")[2]


def names(text: str, vocabulary: tuple[str, ...] = KITCHEN) -> set[str]:
    return set(NameFinder(vocabulary).find(text).names)


def actions(text: str) -> set[str]:
    return set(find_actions("\n".join(read_recipe(text).steps)))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.01, 1), (0.25, 1), (0.375, 2), (0.5, 2), (1.0, 4)])
def test_how_many(share: float, expected: int) -> None:
    assert how_many(share, 4) == expected
    assert how_many(share, 0) == 0


def test_ingredients_are_swapped_everywhere_and_nothing_else_is() -> None:
    made = corrupt(RECIPE, "ingredients", 1, KITCHEN, 5)
    swaps = dict(made.swaps)
    assert (made.possible, made.changed, set(swaps)) == (3, 3, {"rice", "shrimp", "tomato"})
    assert names(made.text) == set(swaps.values())
    assert names(made.text).isdisjoint(names(RECIPE))
    assert actions(made.text) == actions(RECIPE)
    title, rice, first = made.text.splitlines()[0], made.text.splitlines()[2], made.text.splitlines()[6]
    assert title == f"Title: {swaps['shrimp']} {swaps['rice']}"
    assert rice == f"150 g {swaps['rice']}"
    assert first == f"Rinse the {swaps['rice']} and simmer it until tender."
    assert made.text.count(swaps["tomato"]) == 3


def test_actions_are_swapped_in_their_forms_and_nothing_else_is() -> None:
    made = corrupt(RECIPE, "actions", 1, KITCHEN, 5)
    swaps = dict(made.swaps)
    assert set(swaps) == {"rinse", "simmer", "saute", "chop", "add", "serve"}
    assert (made.possible, made.changed) == (6, 6)
    assert actions(made.text) == set(swaps.values())
    assert names(made.text) == names(RECIPE)
    assert made.text.partition("Steps:")[0] == RECIPE.partition("Steps:")[0], "title and ingredient list stay"
    assert "over medium heat" in made.text, "a noun is no action"
    third = made.text.splitlines()[8]
    forms = {(form.lemma, form.inflection) for form in verb_forms(third)}
    assert {(swaps["chop"], "base"), (swaps["chop"], "participle"), (swaps["add"], "base")} <= forms
    assert third[0].isupper()


def test_a_verb_that_is_no_instruction_elsewhere_stays() -> None:
    text = "Heat the oil over medium heat. Brown the onions. Add brown rice."
    for seed in range(5):
        made = corrupt(text, "actions", 1, ("brown rice", "onion", "oil"), seed)
        assert "over medium heat" in made.text
        assert "brown rice" in made.text
        assert "Heat" not in made.text


def test_verbs_of_several_words_are_one() -> None:
    assert [(form.lemma, form.inflection) for form in verb_forms("Stir-fry it; stir fried, stirring, stirs.")] == [
        ("stir-fry", "base"), ("stir-fry", "participle"), ("stir", "gerund"), ("stir", "third_person"),
    ]  # fmt: skip


def test_steps_change_places_and_numbers_stay() -> None:
    text = "Directions:\n1. Boil water.\n2. Add pasta.\n3. Drain.\n4. Serve."
    made = corrupt(text, "steps-order", 1, KITCHEN, 1)
    lines = made.text.splitlines()[1:]
    assert [line[:2] for line in lines] == ["1.", "2.", "3.", "4."]
    steps = [line[3:] for line in lines]
    assert sorted(steps) == sorted(["Boil water.", "Add pasta.", "Drain.", "Serve."])
    assert all(now != then for now, then in zip(steps, ["Boil water.", "Add pasta.", "Drain.", "Serve."], strict=True))
    assert (made.possible, made.changed) == (4, 4)


def test_sentences_of_one_line_change_places() -> None:
    made = corrupt("Boil water. Drain it. Serve.", "steps-order", 1, KITCHEN, 0)
    assert Counter(re.findall(r"\w+", made.text)) == Counter(["Boil", "water", "Drain", "it", "Serve"])
    assert made.changed == 3


def test_rewording_is_harmless() -> None:
    for seed in range(10):
        made = corrupt(RECIPE, CONTROL, 1, KITCHEN, seed)
        assert made.text != RECIPE
        before, after = read_recipe(RECIPE), read_recipe(made.text)
        assert (before.title, before.ingredients) == (after.title, after.ingredients)
        assert (actions(made.text), names(made.text)) == (actions(RECIPE), names(RECIPE))
    assert "- 150 g rice" in made.text
    assert "1. First, rinse the rice" in made.text
    assert "4. Finally, serve warm." in made.text


def test_markers_that_are_there_become_others() -> None:
    text = "Ingredients:\n- rice\n- egg\nSteps:\n1. Boil the rice.\n2. Fry the egg."
    made = corrupt(text, CONTROL, 0.1, KITCHEN, 0)
    assert "* rice\n* egg\n" in made.text
    assert "\n(1) " in made.text
    assert "\n(2) " in made.text


def test_a_name_inside_another_is_not_touched() -> None:
    vocabulary = ("rice", "rice vinegar", "beef", "corn", "scallion", "green onion", "spring onion", "leek")
    for seed in range(12):
        made = corrupt("Mix the rice vinegar with beef.", "ingredients", 1, vocabulary, seed)
        assert "rice" not in dict(made.swaps).values(), "it would share a word with what is there"
        assert "vinegar" not in made.text
        onion = corrupt("Slice the scallion.", "ingredients", 1, vocabulary, seed)
        assert dict(onion.swaps)["scallion"] not in ("green onion", "spring onion"), "another word for the same food"


def test_what_is_right_by_the_reference_does_not_come_in() -> None:
    right = frozenset(KITCHEN) - {"tofu", "rice"}
    for seed in range(5):
        assert corrupt("Boil the rice.", "ingredients", 1, KITCHEN, seed, right=right).swaps == (("rice", "tofu"),)


def test_what_is_denied_is_not_counted() -> None:
    made = corrupt("Boil the rice without egg.", "ingredients", 1, KITCHEN, 0)
    assert made.possible == 1
    assert "without egg" in made.text
    assert "egg" not in dict(made.swaps).values()


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("ingredients", "Stir and serve.", "names no ingredient of the list"),
        ("ingredients", "", "names no ingredient of the list"),
        ("actions", "A lovely plate.", "asks for no action of the lexicon"),
        ("steps-order", "Serve.", "has fewer than two steps"),
        ("steps-order", "Stir.\nStir.\nStir.", "its steps are alike"),
        (CONTROL, "", "has no steps"),
    ],
)
def test_what_cannot_be_changed_says_why(kind: str, text: str, why: str) -> None:
    made = corrupt(text, kind, 1, KITCHEN, 0)
    assert (made.text, made.changed, made.why) == (text, 0, why)


def test_nothing_is_left_to_come_in() -> None:
    made = corrupt("Boil rice and egg.", "ingredients", 1, ("rice", "egg"), 0)
    assert (made.changed, made.why) == (0, "no other ingredient can take the place")


def test_an_answer_in_json_stays_json() -> None:
    import json

    text = json.dumps({"title": "rice", "ingredients": ["1 egg"], "instructions": ["Boil the rice.", "Fry the egg."]})
    for kind in KINDS:
        made = corrupt(text, kind, 1, KITCHEN, 3)
        assert made.text != text, kind
        assert set(json.loads(made.text)) == {"title", "ingredients", "instructions"}


def test_steps_are_found_behind_abbreviations_and_titles() -> None:
    text = "Title: Toast\nIngredients:\n1 slice bread\nSteps:\nAdd 2 tbsp. oil to a **hot** pan.\nToast"
    found = [text[span.start : span.end] for span in step_spans(text)]
    assert found[-1] == "Toast"
    assert step_spans(text)[-1].start > text.index("Steps")
    assert len(step_units(text)) == 2


@pytest.mark.parametrize(("kind", "share"), [("flavour", 0.5), ("actions", -0.1), ("actions", 1.5)])
def test_wrong_arguments(kind: str, share: float) -> None:
    with pytest.raises(ValueError):
        corrupt(RECIPE, kind, share, KITCHEN, 0)


WORDS = st.sampled_from(
    [*KITCHEN, "Boil", "chop", "Serve", "stirring", "the", "and", "until", ".", ",", "\n", "1.", "-",
     "Ingredients:", "Steps:", "tomatoes", "no", "{", '"', "\u202e", "é", "(", "**", "2 tbsp."]
)  # fmt: skip
TEXTS = st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=200))


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, kind=st.sampled_from(KINDS), seed=st.integers(0, 5), share=st.floats(0, 1))
def test_for_any_text(text: str, kind: str, seed: int, share: float) -> None:
    made = corrupt(text, kind, share, KITCHEN, seed)
    assert made == corrupt(text, kind, share, KITCHEN, seed), "seeded"
    unchanged = corrupt(text, kind, 0, KITCHEN, seed)
    assert (unchanged.text, unchanged.changed, unchanged.why) == (text, 0, "")
    assert unchanged.possible == made.possible
    assert 0 <= made.changed <= made.possible
    assert (made.changed > 0) <= (made.text != text)
    present = names(text)
    for old, new in made.swaps if kind == "ingredients" else ():
        assert old in present
        assert new not in present
    assert len(set(dict(made.swaps).values())) == len(made.swaps)
    if kind == "steps-order":
        assert Counter(made.text) == Counter(text)
    if kind == CONTROL:
        assert names(made.text) == present
        assert actions(made.text) == actions(text)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), kind=st.sampled_from(("ingredients", "actions")))
def test_a_larger_share_is_the_smaller_one_and_more(seed: int, kind: str) -> None:
    made = [set(corrupt(RECIPE, kind, share, KITCHEN, seed).swaps) for share in (0.25, 0.5, 1)]
    assert made[0] < made[1] < made[2] or made[0] <= made[1] <= made[2]
    assert len(made[2]) > len(made[0])


HOSTILE = [
    "stir " * 200_000,
    "Boil the rice.\n" * 70_000,
    " ".join(verb for verb in ("boil", "fry", "chop", "mix", "bake", "roast") for _ in range(3_000)),
    "{" * 50_000,
    '{"steps": "' + "\\n" * 20_000,
    "Steps:\n" + "\n".join(f"{index}. Add {index} tbsp. of **rice**." for index in range(2_000)),
    "\x00\u202e\ud7ff" * 5_000,
    "rice" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_answers_are_left_or_changed_and_never_fail(kind: str, text: str) -> None:
    made = corrupt(text, kind, 1, KITCHEN, 0)
    assert made.text[20_500:][-100:] == text[-100:][-len(made.text[20_500:][-100:]) :] or len(text) < 25_000
    assert made.changed <= made.possible
