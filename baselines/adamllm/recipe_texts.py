"""Recipes as captions, and the five families of tasks that rules write from recipes (LLaVA-Chef's kinds).

Source: which families there are, what each is given and what it answers follow LLaVA-Chef (CIKM 2024) as AdaMLLM's
baseline uses them; every prompt and sentence is this project's own. Each draw is a function of the seed and the
recipe's id.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from baselines.adamllm.records import RecipeText
from foodbench.core.hashing import stable_seed

CaptionStyle = Literal["plain", "wrapped"]

_INTRODUCTIONS = (
    "This is {title}.",
    "The picture shows {title}.",
    "What you see here is {title}.",
    "On the table: {title}.",
    "A helping of {title}.",
    "Somebody has made {title}.",
    "Freshly cooked: {title}.",
    "Today's dish is {title}.",
    "Here we have {title}.",
    "You are looking at {title}.",
)
_INGREDIENT_HEADINGS = ("Ingredients:", "It is made of:", "What goes in:", "You need:", "Take:")
_STEP_HEADINGS = ("Steps:", "How it is made:", "Method:", "To cook it:", "What to do:")
_MARKS: tuple[Callable[[int], str], ...] = (
    lambda number: f"{number}.",
    lambda number: f"{number})",
    lambda number: f"({number})",
    lambda number: f"[{number}]",
    lambda number: f"{chr(96 + (number - 1) % 26 + 1)})",
    lambda number: f"({chr(64 + (number - 1) % 26 + 1)})",
    lambda _number: "-",
    lambda _number: "*",
    lambda _number: "+",
)
_NAMELESS = ("food", "dish")


def _numbered(lines: Sequence[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def recipe_caption(recipe: RecipeText, name: str, *, style: CaptionStyle = "wrapped", seed: int = 0) -> str:
    """A recipe as the caption of its picture.

    Args:
        recipe: title, ingredients, steps.
        name: the recipe's id.
        style: `plain`: always title, ingredients, steps, in lines. `wrapped`: a sentence around the title, list marks,
            the two lists in either order, in lines or in one: the variety of the released captions, of which the order
            makes part of any score against such a caption a matter of luck.
        seed: of the draws.
    """
    if style == "plain":
        ingredients = "\n".join(recipe.ingredients)
        return f"Title: {recipe.title}\nIngredients:\n{ingredients}\nSteps:\n{_numbered(recipe.steps)}"
    rng = random.Random(stable_seed("caption", seed, name))
    introduction = rng.choice(_INTRODUCTIONS).replace("{title}", recipe.title)
    blocks = [
        _listed(rng, rng.choice(_INGREDIENT_HEADINGS), recipe.ingredients),
        _listed(rng, rng.choice(_STEP_HEADINGS), recipe.steps),
    ]
    rng.shuffle(blocks)
    return "\n".join([introduction, *blocks])


def _listed(rng: random.Random, heading: str, lines: Sequence[str]) -> str:
    mark, gap = rng.choice(_MARKS), rng.choice(("\n", " "))
    return gap.join([heading, *(f"{mark(number)} {line}" for number, line in enumerate(lines, start=1))])


RECIPE_QUESTIONS = (
    "What is this {name} called, what is in it and how is it made?",
    "Give me the full recipe of this {name}: title, ingredients and steps.",
    "I would like to cook this {name}. Write down its name, its ingredients and what to do.",
    "Name this {name} and tell me how to make it, ingredients first.",
    "Write the recipe that belongs to this picture of a {name}.",
    "Which {name} is this, and what is its recipe?",
)
"""Ask for title, ingredients and steps: captions of the released food data are answers to such questions."""

DESCRIBE_QUESTIONS = (
    "Describe this picture.",
    "What does this picture show?",
    "Tell me what can be seen here.",
    "Write a caption for this picture.",
    "Give an account of this picture.",
    "What is in front of the camera?",
    "Put this picture into words.",
    "Explain what the picture contains.",
    "Say in detail what you see.",
    "Summarise what this picture tells.",
)
"""Ask for a caption of any picture."""

_INSTRUCTION_PROMPTS = (
    "How do I prepare this {name} from these ingredients: {ingredients}?",
    "I have {ingredients}. What are the steps to this {name}?",
    "Write cooking instructions for this {name}. Ingredients: {ingredients}.",
    "With {ingredients} at hand, how is this {name} cooked?",
    "Give the steps for this {name}, which is made of {ingredients}.",
)
_PICTURE_INSTRUCTION_PROMPTS = (
    "How is this dish cooked?",
    "Write down the steps that lead to this dish.",
    "What do I have to do to get this on my plate?",
    "Give cooking instructions for what is shown.",
    "In which steps was this food prepared?",
)
_TITLE_PROMPTS = (
    "What is this dish called?",
    "Find a title for this dish.",
    "Name what is on the plate.",
    "Under which name would this stand in a cookbook?",
    "Which dish is this?",
)
_TITLE_HINTS = (" It has {ingredients}.", " Some of what is in it: {ingredients}.", " I know of {ingredients}.")
_INGREDIENT_PROMPTS = (
    "What is this dish made of?",
    "List the ingredients of this dish.",
    "Which ingredients do I need for this?",
    "Write a shopping list for this dish.",
    "What went into this food?",
)


@dataclass(frozen=True, slots=True)
class RuleTask:
    """A task that a rule wrote.

    Attributes:
        family: one of `FAMILIES`.
        question: what is asked.
        response: what is learnt.
    """

    family: str
    question: str
    response: str


def _joined(ingredients: Sequence[str]) -> str:
    return ", ".join(ingredients)


def _some(rng: random.Random, ingredients: Sequence[str]) -> list[str]:
    """At least half of the ingredients and never all, in their order: all of them would give the recipe away."""
    count = len(ingredients)
    if count < 2:
        return []
    chosen = sorted(rng.sample(range(count), rng.randrange((count + 1) // 2, count)))
    return [ingredients[place] for place in chosen]


def _instructions_of_ingredients(recipe: RecipeText, rng: random.Random) -> tuple[str, str]:
    called = recipe.title if rng.random() < 0.5 else rng.choice(_NAMELESS)
    prompt = rng.choice(_INSTRUCTION_PROMPTS)
    asked = prompt.replace("{name}", called).replace("{ingredients}", _joined(recipe.ingredients))
    return asked, f"instructions:\n{_numbered(recipe.steps)}"


def _instructions_of_picture(recipe: RecipeText, rng: random.Random) -> tuple[str, str]:
    return rng.choice(_PICTURE_INSTRUCTION_PROMPTS), f"instructions:\n{_numbered(recipe.steps)}"


def _title(recipe: RecipeText, rng: random.Random) -> tuple[str, str]:
    asked = rng.choice(_TITLE_PROMPTS)
    told = _some(rng, recipe.ingredients) if rng.random() < 0.5 else []
    if told:
        asked += rng.choice(_TITLE_HINTS).replace("{ingredients}", _joined(told))
    return asked, f"title: {recipe.title}"


def _ingredients(recipe: RecipeText, rng: random.Random) -> tuple[str, str]:
    return rng.choice(_INGREDIENT_PROMPTS), "ingredients:\n" + "\n".join(recipe.ingredients)


def _recipe(recipe: RecipeText, rng: random.Random) -> tuple[str, str]:
    called = recipe.title if rng.random() < 0.5 else rng.choice(_NAMELESS)
    lines = "\n".join(recipe.ingredients)
    told = f"title: {recipe.title}\ningredients:\n{lines}\ninstructions:\n{_numbered(recipe.steps)}"
    return rng.choice(RECIPE_QUESTIONS).replace("{name}", called), told


FAMILIES: dict[str, Callable[[RecipeText, random.Random], tuple[str, str]]] = {
    "instructions_from_ingredients": _instructions_of_ingredients,
    "instructions_from_picture": _instructions_of_picture,
    "title": _title,
    "ingredients": _ingredients,
    "recipe": _recipe,
}
"""The five families by name; drawn with equal chances."""


def rule_task(recipe: RecipeText, name: str, *, seed: int = 0) -> RuleTask | None:
    """A task about a recipe's picture; None for a recipe without ingredients or steps.

    Args:
        recipe: title, ingredients, steps.
        name: the recipe's id.
        seed: of the draws.
    """
    if not recipe.ingredients or not recipe.steps:
        return None
    rng = random.Random(stable_seed("rule task", seed, name))
    family = rng.choice(list(FAMILIES))
    asked, answered = FAMILIES[family](recipe, rng)
    return RuleTask(family, asked, answered)


def caption_question(name: str, pool: Literal["describe", "recipe"], *, seed: int = 0) -> str:
    """The question that a picture's caption answers in training."""
    rng = random.Random(stable_seed("caption question", seed, name))
    if pool == "describe":
        return rng.choice(DESCRIBE_QUESTIONS)
    return rng.choice(RECIPE_QUESTIONS).replace("{name}", rng.choice(_NAMELESS))
