"""Questions and answers about one plate, in the families of FoodLMM's training data.

Source: the families, the answer forms and the plural rule follow FoodLMM (TMM 2025) and its released code; the wordings
are this project's own, with the benchmark's strict prompts among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.meal_talk import Share
from foodbench.models.foodlmm.tokens import PORTION_HEADS, portion_token, total_token
from foodbench.tasks import prompts

DISH_QUESTIONS = (
    prompts.DISH,
    "What dish is this?",
    "Can you name this dish?",
    "Which dish does the picture show?",
    "What is this meal called?",
)
INGREDIENT_QUESTIONS = (
    "What ingredients are in this dish?",
    "List the ingredients you can see in this image.",
    "Which ingredients are visible in this picture?",
    "What is this meal made of?",
    "Name all the ingredients of this dish.",
)
REFER_QUESTIONS = (
    *(wording.replace("{ingredient}", "{}") for wording in prompts.REFER),
    "Segment the {}.",
    "Show me the {} in this photo.",
    "Could you outline the {} on this plate?",
    "I want the mask of the {}.",
)
EVERYTHING_QUESTIONS = (
    "Segment all the ingredients in this image.",
    "Mark every ingredient in this picture with a segmentation mask.",
    "Can you segment everything that can be eaten in this photo?",
    "Find each ingredient on this plate and output its segmentation mask.",
)
TOTAL_QUESTIONS = (
    prompts.TOTAL_NUTRITION,
    "What is the nutrition of this dish?",
    "How many calories and how much fat, carbohydrate and protein does this meal have in total?",
    "Estimate the mass, the calories and the macronutrients of this meal.",
    "Give me the total nutrition of the plate.",
)
PORTION_QUESTIONS = (
    "What is the nutrition of the {}?",
    "Estimate the nutrition of the {} in this image.",
    "How much fat, carbohydrate and protein is in the {}?",
    "Give me the mass, calories and macronutrients of the {} in this dish.",
)
CALORIE_QUESTIONS = (
    "How many calories are in the {}?",
    "Estimate the calories of the {} in this image.",
    "How much does the {} weigh and how many calories does it have?",
)
RECIPE_QUESTIONS = (
    "How do I cook this dish?",
    "Give me the recipe of this dish.",
    "Write a recipe for the meal in this image.",
)

_NOUNS = (
    "candy,egg tart,chocolate,biscuit,popcorn,pudding,ice cream,cheese butter,cake,wine,milkshake,coffee,juice,milk,"
    "tea,almond,cashew,dried cranberries,soy,walnut,peanut,date,apricot,banana,strawberry,cherry,blueberry,raspberry,"
    "mango,olives,peach,lemon,pear,fig,pineapple,grape,kiwi,melon,orange,watermelon,pork,lamb,crab,shellfish,soup,"
    "bread,hamburg,pizza,hanamaki baozi,wonton dumplings,eggplant,potato,garlic,cauliflower,kelp,seaweed,spring onion,"
    "rape,ginger,okra,pumpkin,white radish,asparagus,bamboo shoots,celery stick,cilantro mint,snow peas,cabbage,"
    "bean sprouts,onion,pepper,king oyster mushroom,shiitake,enoki mushroom,oyster mushroom,sausage,bacon,ham,yogurt,"
    "pancake,waffle,donut,muffin,honey,jam,raisins,chestnut,coconut,papaya,plum,radish,spinach,kale,leek,zucchini,"
    "artichoke,turnip,lobster,octopus,oyster,tuna,sardine,turkey,meatball,salami,lasagna,taco,burrito,sushi,kebab,"
    "falafel,hummus,chips,pretzel,croissant,bagel,cereal,oatmeal,fork,knife,spoon,chopsticks,glass,bottle,cup,napkin,"
    "phone,pen,book,cat,dog,flower,keys,hat,shoe,clock,lamp,chair,car,tree,hand,person,coin,toy,candle,bird"
)
OTHER_NOUNS = tuple(_NOUNS.split(","))
"""Things that are on no plate of the kitchen: foods (FoodSeg103's other classes among them) and everyday objects."""


@dataclass(frozen=True, slots=True)
class PlateFacts:
    """What the templates need to know of a plate.

    Attributes:
        dish: its name.
        ingredients: names of what can be seen, in the order of their numbers.
        shares: their amounts, heaviest first; empty where nobody asks for them.
    """

    dish: str
    ingredients: tuple[str, ...]
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer.

    Attributes:
        question: without prompt format.
        answer: with special tokens.
        numbered: the ingredient that the tokens of number 1, 2, ... stand for.
        values: what the nutrition tokens stand for in order of mention, where that is not the whole portion.
        history: earlier questions and answers that are told and not learned.
    """

    question: str
    answer: str
    numbered: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    history: tuple[tuple[str, str], ...] = ()


Conversation = tuple[Turn, ...]
"""Turns that follow on each other."""
Family = Callable[[PlateFacts, np.random.Generator], Conversation]
"""From a plate and randomness to a conversation about it."""
T = TypeVar("T")


def take_one(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options at random."""
    return options[int(rng.integers(len(options)))]


def _some_of(rng: np.random.Generator, options: Sequence[str], count: int) -> list[str]:
    return [options[index] for index in rng.permutation(len(options))[:count]]


def refusal_sentence(name: str) -> str:
    """The answer about something that is not there."""
    return f"The {name} {'are' if prompts.is_plural(name) else 'is'} not found in this picture."


def totals_sentence() -> str:
    """The block of the five totals."""
    mass, calories, fat, carb, protein = (total_token(head) for head in PORTION_HEADS)
    return f"Weight {mass} g, calories {calories} kcal, fat {fat} g, carbohydrate {carb} g, protein {protein} g."


def portion_sentence(name: str, number: int) -> str:
    """One ingredient's mass, calories and macronutrients."""
    mass, calories, fat, carb, protein = (portion_token(head, number) for head in PORTION_HEADS)
    return (
        f"The {name}: about {mass} g, calories {calories} kcal, fat {fat} g, carbohydrate {carb} g, "
        f"protein {protein} g."
    )


def calories_sentence(name: str, number: int) -> str:
    """One ingredient's mass and calories."""
    return f"The {name}: about {portion_token('mass', number)} g, roughly {portion_token('cal', number)} kcal."


def recipe_text(facts: PlateFacts) -> str:
    """Title, ingredients and steps."""
    steps = " ".join(f"{INGREDIENTS[name].step}." for name in facts.ingredients)
    return f"Title: {facts.dish}. Ingredients: {', '.join(facts.ingredients)}. Steps: {steps} Serve warm."


def draw_names(facts: PlateFacts, rng: np.random.Generator, count: int, absent_chance: float) -> list[str]:
    """Draw what to ask for, in random order.

    Args:
        facts: the plate.
        rng: randomness.
        count: how many names (fewer if too few are on the plate).
        absent_chance: of each name, to be something that is not on the plate. A quarter of those are things that are
            never on a plate, so that the model refuses what it has no picture of.
    """
    missing = int(rng.binomial(count, absent_chance))
    present = _some_of(rng, facts.ingredients, count - missing)
    strangers = int(rng.binomial(missing, 0.25))
    elsewhere = [name for name in INGREDIENT_NAMES if name not in facts.ingredients]
    names = present + _some_of(rng, elsewhere, missing - strangers) + _some_of(rng, OTHER_NOUNS, strangers)
    return [names[index] for index in rng.permutation(len(names))]


def dish_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """What dish is this?"""
    return Turn(take_one(rng, DISH_QUESTIONS), f"It is {facts.dish}.")


def ingredients_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """Which ingredients are there?"""
    return Turn(take_one(rng, INGREDIENT_QUESTIONS), f"The ingredients are {', '.join(facts.ingredients)}.")


def refer_answer(facts: PlateFacts, asked: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The answer to a request for masks, and the ingredients that its numbers stand for.

    What is there comes first, in the order of the question; then one refusal for each thing that is not.
    """
    present = tuple(name for name in asked if name in facts.ingredients)
    sentences = [prompts.masks_sentence(present)] if present else []
    sentences += [refusal_sentence(name) for name in asked if name not in facts.ingredients]
    return " ".join(sentences), present


def refer_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """Where is this (and that)? Absent things come in questions of every length.

    If they came in single-name questions only, the model would learn that every name of a longer question is there.
    """
    count = int(rng.choice((1, 2, 3), p=(0.55, 0.2, 0.25)))
    absent_chance = float(rng.choice((0.0, 0.5, 1.0), p=(0.5, 0.25, 0.25)))
    asked = draw_names(facts, rng, count, absent_chance)
    answer, present = refer_answer(facts, asked)
    return Turn(take_one(rng, REFER_QUESTIONS).format(prompts.enumerate_names(asked)), answer, present)


def everything_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """Where is each thing on the plate?"""
    return Turn(take_one(rng, EVERYTHING_QUESTIONS), prompts.masks_sentence(facts.ingredients), facts.ingredients)


def total_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """What is in the whole meal?"""
    return Turn(take_one(rng, TOTAL_QUESTIONS), totals_sentence())


def _portions_turn(
    facts: PlateFacts,
    rng: np.random.Generator,
    questions: Sequence[str],
    sentence: Callable[[str, int], str],
) -> Turn:
    asked = draw_names(facts, rng, int(rng.choice((1, 2, 3), p=(0.6, 0.3, 0.1))), 0.1)
    present = tuple(name for name in asked if name in facts.ingredients)
    sentences = [sentence(name, number) for number, name in enumerate(present, start=1)]
    sentences += [refusal_sentence(name) for name in asked if name not in facts.ingredients]
    return Turn(take_one(rng, questions).format(prompts.enumerate_names(asked)), " ".join(sentences), present)


def portion_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """What is in this ingredient?"""
    return _portions_turn(facts, rng, PORTION_QUESTIONS, portion_sentence)


def calories_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """How many calories has this ingredient?"""
    return _portions_turn(facts, rng, CALORIE_QUESTIONS, calories_sentence)


def recipe_turn(facts: PlateFacts, rng: np.random.Generator) -> Turn:
    """How is this made?"""
    return Turn(take_one(rng, RECIPE_QUESTIONS), recipe_text(facts))


def _alone(turn: Callable[[PlateFacts, np.random.Generator], Turn]) -> Family:
    return lambda facts, rng: (turn(facts, rng),)


FAMILIES: dict[str, Family] = {
    "dish": _alone(dish_turn),
    "ingredients": _alone(ingredients_turn),
    "refer": _alone(refer_turn),
    "everything": _alone(everything_turn),
    "total": _alone(total_turn),
    "portion": _alone(portion_turn),
    "calories": _alone(calories_turn),
    "recipe": _alone(recipe_turn),
}
"""The families of stage 1 by name; the recipe's file gives each its weight."""
