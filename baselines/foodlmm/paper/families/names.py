"""Conversations about what a dish is and what is in it: VIREO Food-172 and Food-101."""

from __future__ import annotations

from functools import partial

import numpy as np

from baselines.foodlmm.paper.examples import Example, RecordPool, Turn, one_of, shuffled, without_tokens
from baselines.foodlmm.paper.wordings import DISH_QUESTIONS, INGREDIENT_QUESTIONS
from foodbench.data.food101 import Food101
from foodbench.data.records import DishRecord, IngredientsRecord
from foodbench.data.vireo172 import Vireo172


def vireo_example(record: IngredientsRecord, rng: np.random.Generator) -> Example:
    """Two turns in random order: the dish's name, and its ingredients.

    All wordings of the first question are drawn (the released code draws the first three of its ten only).

    Raises:
        DataCorrupt: the record has no name or no ingredient.
    """
    names = ", ".join(record.ingredients)
    stem = "The ingredient is" if len(record.ingredients) == 1 else "The ingredients are"
    turns = [
        Turn(one_of(rng, DISH_QUESTIONS), _dish_answer(record.label)),
        Turn(one_of(rng, INGREDIENT_QUESTIONS), without_tokens(f"{stem} {names}.") if names else ""),
    ]
    return Example(record.image, tuple(shuffled(rng, turns)), (), (), "vireo172", record.image_id)


def food101_example(record: DishRecord, rng: np.random.Generator, labels: dict[str, str]) -> Example:
    """One turn: the dish's name.

    Args:
        record: the photo.
        rng: randomness.
        labels: display name of each class.
    """
    turn = Turn(one_of(rng, DISH_QUESTIONS), _dish_answer(labels[record.label].lower()))
    return Example(record.image, (turn,), (), (), "food101", record.image_id)


def _dish_answer(label: str) -> str:
    return without_tokens(f"It is {label}.") if label.strip() else ""


def vireo_pool(reader: Vireo172) -> RecordPool[IngredientsRecord]:
    """The training photos of VIREO Food-172."""
    return RecordPool(reader.records("train"), vireo_example)


def food101_pool(reader: Food101) -> RecordPool[DishRecord]:
    """The training photos of Food-101."""
    return RecordPool(reader.records("train"), partial(food101_example, labels=dict(reader.labels)))
