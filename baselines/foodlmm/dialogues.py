"""Conversations about one plate: the families that stage 2 adds to those of `templates`, and LISA's one.

FoodLMM learns reasoning segmentation and nutrition talk from FoodReasonSeg and FoodDialogues, whose kitchen editions
are made by the same generators; training draws its own dialogues about its own plates, so that none of the benchmark's
is seen. As in the released code, a dialogue's tags become numbered tokens, counted from 1 in every answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from baselines.foodlmm.templates import (
    FAMILIES,
    REFER_QUESTIONS,
    Conversation,
    PlateFacts,
    Turn,
    draw_names,
    refer_answer,
    take_one,
)
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.meal_talk import Meal, meal_rounds
from foodbench.data.kitchen.reasoning import Style, ingredient_of, reasoning_rounds
from foodbench.models.foodlmm.tokens import PORTION_HEADS, SEGMENT_TOKEN, portion_token, total_token
from foodbench.tasks import prompts

_MENTION = re.compile(r"\{([^{}]*)\} \[SEG(\d+)\]")
_TAGGED = re.compile(r"([\d.]+)(?: (grams|kcal))? ?\[(TOTAL_)?(MASS|CAL|FAT|CARB|PRO)(_TOTAL)?\](?: (grams|kcal))?")
_STRANGE_SHARE = 1 / 16
"""Of the dialogues, as in the kitchen's FoodReasonSeg."""
_SEVERAL = (*(wording.replace("{ingredients}", "{}") for wording in prompts.REFER_SEVERAL), *REFER_QUESTIONS)
_STEPS_SHARE = 0.4
_STEPS_QUESTIONS = (prompts.INSTRUCTIONS, "How do I cook this dish?", "What are the steps to make this meal?")
_RECIPE_QUESTIONS = (prompts.RECIPE, "Give me the recipe of this dish.", "Write a recipe for the meal in this image.")
_LISA_ANSWERS = (f"It is {SEGMENT_TOKEN}.", f"Here it is: {SEGMENT_TOKEN}.", f"This is {SEGMENT_TOKEN}.")
_COUNTS = (0.2, 0.15, 0.25, 0.15, 0.25)
"""Chances of one to five names."""


def refer_many(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """Where are these one to five things, of which some may not be there?"""
    count = 1 + int(rng.choice(len(_COUNTS), p=_COUNTS))
    absent_chance = float(rng.choice((0.0, 0.35, 0.7, 1.0), p=(0.45, 0.2, 0.1, 0.25)))
    asked = draw_names(facts, rng, count, absent_chance)
    answer, present = refer_answer(facts, asked)
    wordings = REFER_QUESTIONS if len(asked) == 1 else _SEVERAL
    return (Turn(take_one(rng, wordings).format(prompts.enumerate_names(asked)), answer, present),)


def refer_one(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """Where is this one thing, which is there? All that LISA is asked; its answers have one `[SEG]`."""
    name = take_one(rng, facts.ingredients)
    return (Turn(take_one(rng, REFER_QUESTIONS).format(name), take_one(rng, _LISA_ANSWERS), (name,)),)


def breakdown(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """The nutrition of each part, a line for each, and of the whole meal; from the heaviest part to the lightest."""
    names = tuple(share.name for share in facts.shares)
    lines = [_values_line(name.capitalize(), number) for number, name in enumerate(names, start=1)]
    return (Turn(prompts.BREAKDOWN, "\n".join([*lines, _values_line("Total", 0)]), names),)


def _values_line(name: str, number: int) -> str:
    mass, calories, fat, carb, protein = (
        portion_token(head, number) if number else total_token(head) for head in PORTION_HEADS
    )
    return f"{name}: {mass} g, {calories} kcal, fat {fat} g, carbohydrate {carb} g, protein {protein} g"


def cooking(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """How is this made? The whole recipe with the amounts on the plate, or its steps alone."""
    steps = [*(f"{INGREDIENTS[name].step}." for name in facts.ingredients), "Serve warm."]
    if rng.random() < _STEPS_SHARE:
        return (Turn(take_one(rng, _STEPS_QUESTIONS), "\n".join(steps)),)
    # The name first: the tokenizer strips the line feed in front of a special token.
    lines = [f"{name}: {portion_token('mass', place)} g" for place, name in enumerate(facts.ingredients, start=1)]
    text = "\n".join([f"Title: {facts.dish}", "Ingredients:", *lines, "Steps:", *steps])
    return (Turn(take_one(rng, _RECIPE_QUESTIONS), text, facts.ingredients),)


def reasoning(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """A dialogue whose answers point at ingredients."""
    rounds = reasoning_rounds(facts.ingredients, rng, Style(strange=rng.random() < _STRANGE_SHARE))
    return tuple(_pointing_turn(question, answer) for question, answer in rounds)


def reasoning_alone(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """One of its questions without the others."""
    pointing = [turn for turn in reasoning(facts, rng) if turn.numbered]
    return (take_one(rng, pointing),)


def _pointing_turn(question: str, answer: str) -> Turn:
    mentions = [match.group(1) for match in _MENTION.finditer(answer)]
    return Turn(question, re.sub(r"[{}]", "", answer), tuple(ingredient_of(mention) for mention in mentions))


def meal_talk(facts: PlateFacts, rng: np.random.Generator) -> Conversation:
    """A dialogue about the plate's nutrition up to one of its turns.

    The turns before it are told as the benchmark tells them, with numbers in place of tokens, and are not learned.
    """
    rounds = [(re.sub(r"[{}]", "", question), answer) for question, answer in meal_rounds(Meal(facts.shares), rng)]
    last = int(rng.integers(len(rounds)))
    history = tuple((question, _readable(answer)) for question, answer in rounds[:last])
    question, answer = rounds[last]
    told, values = numbered_tokens(answer)
    return (Turn(question, told, values=values, history=history),)


def _readable(answer: str) -> str:
    """An answer without its tags."""
    return re.sub(r" ?\[[A-Z_]+\]", "", answer)


def numbered_tokens(answer: str) -> tuple[str, tuple[float, ...]]:
    """An answer with numbered tokens in place of tagged numbers, and those numbers.

    Tags of portions are counted from 1 for each kind, as FoodLMM's loader does; the unit comes behind the token whether
    it stood before or behind the tag.
    """
    values: list[float] = []
    counts: dict[str, int] = {}

    def token(match: re.Match[str]) -> str:
        number, unit_before, total_before, kind, total_behind, unit_behind = match.groups()
        values.append(float(number))
        unit = unit_before or unit_behind
        if total_before or total_behind:
            written = total_token(kind.lower())
        else:
            counts[kind] = counts.get(kind, 0) + 1
            written = portion_token(kind.lower(), counts[kind])
        return f"{written} {unit}" if unit else written

    return _TAGGED.sub(token, answer), tuple(values)


CONVERSATIONS: dict[str, Callable[[PlateFacts, np.random.Generator], Conversation]] = {
    **FAMILIES,
    "refer_many": refer_many,
    "refer_one": refer_one,
    "breakdown": breakdown,
    "cooking": cooking,
    "reasoning": reasoning,
    "reasoning_alone": reasoning_alone,
    "meal_talk": meal_talk,
}
"""All families by name."""
