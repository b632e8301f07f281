"""Wordings and examples of the paper-size FoodLMM's training: as many as the paper's, and nothing contradictory."""

from __future__ import annotations

import math
import re

import pytest

from baselines.foodlmm.paper import wordings
from baselines.foodlmm.paper.absent_nouns import ABSENT_NOUNS
from baselines.foodlmm.paper.examples import (
    MAX_CHARACTERS,
    Example,
    Turn,
    nutrition_tokens,
    rounds_that_fit,
    segment_tokens,
    without_tokens,
)
from foodbench.core.errors import DataCorrupt
from foodbench.metrics import masks
from tests.baselines.paper_data import FOOD_NAMES, PHOTO, fields


@pytest.mark.parametrize(
    ("kind", "count", "placeholders"),
    [
        ("DISH_QUESTIONS", 10, set()),
        ("INGREDIENT_QUESTIONS", 8, set()),
        ("RECIPE_QUESTIONS", 11, set()),
        ("CALORIE_QUESTIONS", 16, set()),
        ("CALORIE_ANSWERS_ONE", 11, {"lines", "total"}),
        ("CALORIE_ANSWERS_SEVERAL", 11, {"lines", "total"}),
        ("NAMED_CALORIE_QUESTIONS", 8, {"names"}),
        ("BREAKDOWN_QUESTIONS", 10, set()),
        ("BREAKDOWN_ANSWERS_ONE", 11, {"blocks", "total"}),
        ("BREAKDOWN_ANSWERS_SEVERAL", 11, {"blocks", "total"}),
        ("NAMED_NUTRITION_QUESTIONS", 10, {"names"}),
        ("TOTAL_QUESTIONS", 1, set()),
        ("RICHEST_QUESTIONS", 10, set()),
        ("RICHEST_ANSWERS", 11, {"macro"}),
        ("RANKING_QUESTIONS", 9, set()),
        ("RANKING_ANSWERS", 10, {"first", "second", "third"}),
        ("INGREDIENT_LINES", 2, {"name", "mass", "cal"}),
        ("EVERYTHING_QUESTIONS", 10, set()),
        ("MASK_ANSWERS", 3, {"masks"}),
    ],
)
def test_wordings_are_as_many_as_the_papers_and_hold_what_is_filled_in(
    kind: str, count: int, placeholders: set[str]
) -> None:
    sentences = getattr(wordings, kind)
    assert len(sentences) == len({sentence.lower() for sentence in sentences}) == count
    for sentence in sentences:
        assert fields(sentence) == placeholders


def test_refer_questions_are_nine_of_which_two_have_a_verb_and_two_ask_whether() -> None:
    questions = wordings.REFER_QUESTIONS
    assert len(set(questions)) == 9
    assert all("names" in fields(question) for question in questions)
    assert sum("verb" in fields(question) for question in questions) == 2
    conditional = [question for question in questions if question.startswith("{Verb} there ")]
    assert len(conditional) == 2
    assert all("If so" in question for question in conditional)


def test_blocks_name_all_five_quantities() -> None:
    assert fields(wordings.TOTAL_BLOCK) == {"mass", "cal", "fat", "carb", "pro"}
    assert fields(wordings.INGREDIENT_BLOCK) == {"name", "mass", "cal", "fat", "carb", "pro"}


def test_absent_nouns_are_no_food_no_tableware_and_not_repeated() -> None:
    assert len(ABSENT_NOUNS) == len(set(ABSENT_NOUNS)) > 250
    assert all(noun == noun.strip().lower() != "" for noun in ABSENT_NOUNS)
    on_tables = "plate bowl fork knife spoon cup glass bottle mug tray table chair napkin salt oil cream vinegar hand"
    words = {word for noun in ABSENT_NOUNS for word in re.findall(r"[a-z]+", noun)}
    food = {word for name in FOOD_NAMES for word in re.findall(r"[a-z]{3,}", name.lower())}
    assert not words & set(on_tables.split())
    # Words of class names that are no food by themselves.
    assert words & food <= {"hot", "ice", "stick", "and"}
    assert not set(ABSENT_NOUNS) & {name.lower() for name in FOOD_NAMES}


def example_of(answer: str, **changes: object) -> Example:
    parts = {"image": PHOTO, "turns": (Turn("What?", answer),), "masks": (), "values": (), "source": "foodseg103"}
    return Example(**{**parts, "record": "00000007", **changes})  # type: ignore[arg-type]


MASK = masks.empty((4, 6))


@pytest.mark.parametrize(
    ("answer", "changes", "says"),
    [
        ("It is [SEG1].", {}, r"1 \[SEG\] tokens and 0 masks"),
        ("Nothing.", {"masks": (MASK,)}, r"0 \[SEG\] tokens and 1 masks"),
        ("[MASS1] and [CAL_TOTAL]", {"values": (1.0,)}, "2 nutrition tokens and 1 values"),
        ("[MASS1]", {"values": (math.nan,)}, "not a finite number"),
        ("It is [SEG21].", {"masks": (MASK,)}, r"\[SEG21\]"),
        ("It weighs [MASS].", {"values": (1.0,)}, r"\[MASS\]"),
        ("", {}, "empty question or answer in turn 1"),
        ("[SEG1] [SEG2]", {"masks": (MASK, masks.empty((6, 4)))}, "different sizes"),
        ("Yes.", {"turns": (Turn("Is [SEG1] there?", "Yes."),)}, r"\[SEG1\] in the question"),
        ("Yes.", {"turns": ()}, "no turns"),
    ],
)
def test_a_contradictory_example_is_refused_by_name(answer: str, changes: dict[str, object], says: str) -> None:
    with pytest.raises(DataCorrupt, match=says) as caught:
        example_of(answer, **changes)
    assert "foodseg103, record 00000007" in caught.value.message


def test_tokens_and_targets_that_agree_are_accepted() -> None:
    made = example_of("[SEG] and [SEG20]: [PRO20] g, [CAL_TOTAL] kcal", masks=(MASK, MASK), values=(1.0, 2.0))
    assert segment_tokens(made.turns[0].answer) == ["[SEG]", "[SEG20]"]
    assert nutrition_tokens(made.turns[0].answer) == ["[PRO20]", "[CAL_TOTAL]"]


def test_tokens_in_foreign_text_are_made_harmless() -> None:
    assert without_tokens("Mix [SEG1] with [salt], [CAL_TOTAL].") == "Mix (SEG1) with [salt], (CAL_TOTAL)."


def test_rounds_that_fit() -> None:
    half = "x" * (MAX_CHARACTERS // 2)
    assert rounds_that_fit([("", half), ("", half), ("", "x")]) == 2
    assert rounds_that_fit([("", half * 3), ("", "x")]) == 1
