"""Recipes: title, ingredients, steps.

What FoodLMM's training text says is not published; by its authors it follows the vocabulary of Inverse Cooking. So the
ingredients here are those classes, without amounts (which nobody can read off a photo), and the steps are the cook's.
"""

from __future__ import annotations

import numpy as np

from baselines.foodlmm.paper.examples import MAX_CHARACTERS, Example, RecordPool, Turn, one_of, without_tokens
from baselines.foodlmm.paper.wordings import RECIPE_QUESTIONS
from foodbench.data.recipe1m import Recipe1M
from foodbench.data.records import RecipeRecord

SOURCE = "recipe1m"


def recipe_answer(record: RecipeRecord) -> str:
    """The recipe's text; parts that the record does not have are left out, so that it may be empty."""
    title = _one_line(record.title)
    ingredients = [_one_line(name.replace("_", " ")) for name in record.classes] or list(
        map(_one_line, record.ingredients)
    )
    steps = [line for step in record.steps if (line := _one_line(step))]
    parts = [f"Title: {title}"] if title else []
    parts += [f"Ingredients: {', '.join(ingredients)}"] if ingredients else []
    parts += ["Steps:", *steps] if steps else []
    text = "\n".join(parts)
    if len(text) > MAX_CHARACTERS:
        whole = text.rfind("\n", 0, MAX_CHARACTERS + 1)
        # A single line of that length is damaged text, and is cut anywhere.
        text = text[:whole] if whole > 0 else text[:MAX_CHARACTERS]
    return without_tokens(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def recipe_example(record: RecipeRecord, rng: np.random.Generator) -> Example:
    """One turn: the recipe.

    Raises:
        DataCorrupt: the record has no text at all.
    """
    turn = Turn(one_of(rng, RECIPE_QUESTIONS), recipe_answer(record))
    return Example(record.image, (turn,), (), (), SOURCE, record.recipe_id)


def recipe_pool(reader: Recipe1M) -> RecordPool[RecipeRecord]:
    """The training recipes that the reader's filter leaves; each is read from the files when it is drawn."""
    return RecordPool(reader.records("train"), recipe_example)
