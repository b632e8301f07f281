"""Nutrition of a dish and its ingredients: the seven kinds of questions Q0 to Q6, each as often as the others.

After FoodLMM's released code: ingredients by falling mass, those of more than 1 g and 1 kcal, at most 20 (as many as
there are numbered tokens); dishes with a `deprecated` or unnamed ingredient, or with none that counts, are left out.
The totals are always the dish's. Differences: two portions of one name are one ingredient here, because a question for
the name could not tell them apart; and the picture is the reader's (the released code takes a side frame with
probability 0.3 where there is an overhead picture too).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import dedent

import numpy as np

from baselines.foodlmm.paper.examples import (
    MAX_SEGMENTS,
    Example,
    RecordPool,
    Turn,
    nutrition_tokens,
    one_of,
    shuffled,
    without_tokens,
)
from baselines.foodlmm.paper.wordings import (
    BREAKDOWN_ANSWERS_ONE,
    BREAKDOWN_ANSWERS_SEVERAL,
    BREAKDOWN_QUESTIONS,
    CALORIE_ANSWERS_ONE,
    CALORIE_ANSWERS_SEVERAL,
    CALORIE_QUESTIONS,
    INGREDIENT_BLOCK,
    INGREDIENT_LINES,
    NAMED_CALORIE_QUESTIONS,
    NAMED_NUTRITION_QUESTIONS,
    RANKING_ANSWERS,
    RANKING_QUESTIONS,
    RICHEST_ANSWERS,
    RICHEST_QUESTIONS,
    TOTAL_BLOCK,
    TOTAL_QUESTIONS,
)
from foodbench.core.errors import DataCorrupt
from foodbench.core.types import NUTRIENTS, Nutrition
from foodbench.data.nutrition5k import NOTE_DEPRECATED, NOTE_NAME_RESOLVED, Nutrition5k
from foodbench.data.records import NutritionRecord
from foodbench.models.foodlmm.tokens import HEAD_NUTRIENTS, PORTION_HEADS, portion_token, total_token
from foodbench.tasks import prompts

SOURCE = "nutrition5k"
LEAST_MASS, LEAST_ENERGY = 1.0, 1.0
"""Grams and kcal; an ingredient counts that has more of both."""
DEPRECATED = "deprecated"

_NUTRIENT_OF = {head.upper(): nutrient for head, nutrient in zip(PORTION_HEADS, HEAD_NUTRIENTS, strict=False)}
_MACROS = {"fat": "fat", "carb": "carbohydrate", "protein": "protein"}
_PARTS = re.compile(r"\[([A-Z]+)(?:_TOTAL|([0-9]+))\]")


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What counts of a dish under one name.

    Attributes:
        name: as in the dataset.
        nutrition: kcal and grams of all portions of that name.
    """

    name: str
    nutrition: Nutrition


@dataclass(frozen=True, slots=True)
class Dish:
    """A dish as the questions see it: its ingredients, heaviest first, and its totals."""

    ingredients: tuple[Ingredient, ...]
    total: Nutrition


Ask = Callable[[Dish, np.random.Generator], tuple[Turn, Sequence[Ingredient]]]
"""One kind of question: a turn, and the ingredients that its numbers stand for."""


def usable(record: NutritionRecord) -> bool:
    """Whether a dish is trained on: all its ingredients have names of their own, and one of them counts."""
    unnamed = record.has_note(NOTE_DEPRECATED) or record.has_note(NOTE_NAME_RESOLVED)
    named = all(portion.name not in ("", DEPRECATED) for portion in record.portions)
    return named and not unnamed and record.image is not None and bool(ingredients_of(record))


def ingredients_of(record: NutritionRecord) -> tuple[Ingredient, ...]:
    """What counts of a dish, heaviest first, at most `MAX_SEGMENTS`."""
    sums: dict[str, dict[str, float]] = {}
    for portion in record.portions:
        values = sums.setdefault(portion.name, dict.fromkeys(NUTRIENTS, 0.0))
        for nutrient, value in portion.nutrition.as_dict().items():
            values[nutrient] += value
    counted = [
        Ingredient(name, Nutrition(**values))
        for name, values in sums.items()
        if values["mass"] > LEAST_MASS and values["kcal"] > LEAST_ENERGY
    ]
    counted.sort(key=lambda ingredient: (-(ingredient.nutrition.mass or 0.0), ingredient.name))
    return tuple(counted[:MAX_SEGMENTS])


def _filled(template: str, number: int, **fields: str) -> str:
    """A template with the tokens of ingredient `number`, or with the totals' for 0."""
    tokens = {head: portion_token(head, number) if number else total_token(head) for head in PORTION_HEADS}
    return template.format(**tokens, **fields)


def _title(ingredient: Ingredient) -> str:
    name = without_tokens(ingredient.name)
    return name[:1].upper() + name[1:]


def _lines(ingredients: Sequence[Ingredient], rng: np.random.Generator) -> str:
    wording = one_of(rng, INGREDIENT_LINES)
    return "".join(_filled(wording, number, name=_title(one)) for number, one in enumerate(ingredients, start=1))


def _blocks(ingredients: Sequence[Ingredient]) -> str:
    return "".join(
        _filled(INGREDIENT_BLOCK, number, name=_title(one)) for number, one in enumerate(ingredients, start=1)
    )


def _alone(text: str) -> str:
    """Lines that are a whole answer: not indented against a sentence before them."""
    return dedent(text).strip()


def _names(ingredients: Sequence[Ingredient]) -> str:
    return prompts.enumerate_names([without_tokens(one.name) for one in ingredients])


def _calories(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q0."""
    answers = CALORIE_ANSWERS_ONE if len(dish.ingredients) == 1 else CALORIE_ANSWERS_SEVERAL
    lines = _lines(dish.ingredients, rng)
    answer = one_of(rng, answers).format(lines=lines, total=total_token("cal"))
    return Turn(one_of(rng, CALORIE_QUESTIONS), answer), dish.ingredients


def _some(dish: Dish, rng: np.random.Generator) -> list[Ingredient]:
    return shuffled(rng, dish.ingredients, 1 + int(rng.integers(len(dish.ingredients))))


def _named_calories(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q1: some of the ingredients in random order."""
    asked = _some(dish, rng)
    question = one_of(rng, NAMED_CALORIE_QUESTIONS).format(names=_names(asked))
    return Turn(question, _alone(_lines(asked, rng))), asked


def _breakdown_answer(dish: Dish, rng: np.random.Generator) -> str:
    answers = BREAKDOWN_ANSWERS_ONE if len(dish.ingredients) == 1 else BREAKDOWN_ANSWERS_SEVERAL
    return one_of(rng, answers).format(blocks=_blocks(dish.ingredients), total=_filled(TOTAL_BLOCK, 0))


def _breakdown(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q2."""
    return Turn(one_of(rng, BREAKDOWN_QUESTIONS), _breakdown_answer(dish, rng)), dish.ingredients


def _named_nutrition(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q3: some of the ingredients in random order."""
    asked = _some(dish, rng)
    question = one_of(rng, NAMED_NUTRITION_QUESTIONS).format(names=_names(asked))
    return Turn(question, _alone(_blocks(asked))), asked


def _totals(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q4."""
    return Turn(one_of(rng, TOTAL_QUESTIONS), _alone(_filled(TOTAL_BLOCK, 0))), ()


def _ranked(dish: Dish) -> list[str]:
    """The macronutrients' names by the dish's grams, the most first."""
    return [_MACROS[key] for key in sorted(_MACROS, key=lambda key: -(getattr(dish.total, key) or 0.0))]


def _richest(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q5."""
    conclusion = one_of(rng, RICHEST_ANSWERS).format(macro=_ranked(dish)[0])
    answer = f"{_breakdown_answer(dish, rng)}\n{conclusion}"
    return Turn(one_of(rng, RICHEST_QUESTIONS), answer), dish.ingredients


def _ranking(dish: Dish, rng: np.random.Generator) -> tuple[Turn, Sequence[Ingredient]]:
    """Q6."""
    first, second, third = _ranked(dish)
    conclusion = one_of(rng, RANKING_ANSWERS).format(first=first, second=second, third=third)
    answer = f"{_breakdown_answer(dish, rng)}\n{conclusion}"
    return Turn(one_of(rng, RANKING_QUESTIONS), answer), dish.ingredients


KINDS: tuple[Ask, ...] = (
    _calories,
    _named_calories,
    _breakdown,
    _named_nutrition,
    _totals,
    _richest,
    _ranking,
)
"""Q0 to Q6."""
ALL_KINDS: tuple[int, ...] = tuple(range(len(KINDS)))


def nutrition_example(record: NutritionRecord, rng: np.random.Generator, kind: int | None = None) -> Example:
    """One question about a dish.

    Args:
        record: a usable one.
        rng: randomness.
        kind: 0 to 6; drawn uniformly if it is not given.

    Raises:
        DataCorrupt: no ingredient of the dish counts, it has no picture, or an amount that is asked for is unknown.
    """
    dish = Dish(ingredients_of(record), record.total)
    if record.image is None or not dish.ingredients:
        what = "has no picture" if record.image is None else "has no ingredient of more than 1 g and 1 kcal"
        raise DataCorrupt(f"{SOURCE}, record {record.dish_id}: the dish {what}.", hint="Leave it out of training.")
    turn, numbered = KINDS[int(rng.integers(len(KINDS))) if kind is None else kind](dish, rng)
    values = tuple(_value(token, numbered, record) for token in nutrition_tokens(turn.answer))
    return Example(record.image, (turn,), (), values, SOURCE, record.dish_id)


def _value(token: str, numbered: Sequence[Ingredient], record: NutritionRecord) -> float:
    match = _PARTS.fullmatch(token)
    if match is None:
        raise DataCorrupt(f"{SOURCE}, record {record.dish_id}: {token} has no number.", hint="Give it one.")
    nutrition = numbered[int(match[2]) - 1].nutrition if match[2] else record.total
    value = getattr(nutrition, _NUTRIENT_OF[match[1]])
    if value is None:
        raise DataCorrupt(
            f"{SOURCE}, record {record.dish_id}: the value of {token} is unknown.",
            hint="Restore the dish's row in the metadata files.",
        )
    return float(value)


def example_of_kinds(record: NutritionRecord, rng: np.random.Generator, kinds: Sequence[int]) -> Example:
    """As `nutrition_example`, of one of these kinds at random."""
    return nutrition_example(record, rng, one_of(rng, kinds))


def nutrition_pool(reader: Nutrition5k, kinds: Sequence[int] = ALL_KINDS) -> RecordPool[NutritionRecord]:
    """The training dishes that are usable, asked about by questions of these kinds."""
    records = reader.records("train")
    kept = tuple(record for record in records if usable(record))
    return RecordPool(kept, partial(example_of_kinds, kinds=tuple(kinds)), len(records) - len(kept))
