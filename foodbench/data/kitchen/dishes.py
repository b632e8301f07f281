"""The twelve dishes of the kitchen: what each must and may hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_INGREDIENTS = 5
"""No plate holds more: each keeps enough room to be seen."""

# Chance of 0, 1, 2 and 3 optional ingredients.
_OPTIONAL_COUNT_CHANCES = (0.30, 0.34, 0.24, 0.12)


@dataclass(frozen=True, slots=True)
class Dish:
    """A dish.

    Attributes:
        name: lower case, words separated by blanks.
        required: ingredients on every plate of it; no other dish has the same ones.
        optional: ingredients that it may have as well.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    def draw_ingredients(self, rng: np.random.Generator) -> tuple[str, ...]:
        """Draw a plate's ingredients: the required ones and none to three optional ones."""
        wanted = int(rng.choice(len(_OPTIONAL_COUNT_CHANCES), p=_OPTIONAL_COUNT_CHANCES))
        count = min(wanted, len(self.optional), MAX_INGREDIENTS - len(self.required))
        order = rng.permutation(len(self.optional))[:count]
        return self.required + tuple(self.optional[index] for index in order)


_ALL = (
    Dish("salmon rice bowl", ("rice", "fish"), ("cucumber", "avocado", "broccoli")),
    Dish("steak and fries", ("steak", "french fries"), ("tomato", "lettuce", "green beans")),
    Dish("curry rice", ("rice", "sauce"), ("carrot", "chicken duck", "green beans")),
    Dish("garden salad", ("lettuce", "tomato", "cucumber"), ("corn", "egg", "avocado")),
    Dish("shrimp pasta", ("pasta", "shrimp"), ("tomato", "green beans", "broccoli")),
    Dish("egg fried rice", ("rice", "egg", "green beans"), ("carrot", "corn", "shrimp")),
    Dish("steak and broccoli", ("steak", "broccoli"), ("rice", "carrot", "white button mushroom")),
    Dish("breakfast plate", ("egg", "red beans", "tomato"), ("white button mushroom", "french fries", "avocado")),
    Dish("tofu stir fry", ("tofu", "broccoli"), ("carrot", "white button mushroom", "corn")),
    Dish("bean chili", ("red beans", "corn"), ("avocado", "tomato", "rice")),
    Dish("mushroom pasta", ("pasta", "white button mushroom"), ("green beans", "chicken duck", "egg")),
    Dish("roast chicken dinner", ("chicken duck", "carrot"), ("green beans", "french fries", "broccoli")),
)

DISHES: dict[str, Dish] = {dish.name: dish for dish in _ALL}
"""All dishes by name."""
