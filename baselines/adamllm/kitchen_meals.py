"""What is known of a kitchen meal, in a form that captions, tasks and their right answers are written from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baselines.adamllm.records import RecipeText
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.plate import Plate
from foodbench.data.records import RecipeRecord

if TYPE_CHECKING:
    from baselines.foodlmm.templates import PlateFacts  # imports torch

LAST_STEP = "Serve warm"
GROUPS: Mapping[str, str] = {
    **dict.fromkeys(("rice", "pasta", "french fries"), "starches"),
    **dict.fromkeys(("fish", "shrimp"), "seafood"),
    **dict.fromkeys(("steak", "chicken duck"), "meat"),
    **dict.fromkeys(("egg", "tofu", "red beans"), "meatless proteins"),
    **dict.fromkeys(
        ("broccoli", "carrot", "tomato", "lettuce", "cucumber", "green beans", "corn", "white button mushroom"),
        "vegetables",
    ),
    **dict.fromkeys(("sauce", "avocado"), "extras"),
}
"""Every ingredient's group."""
_ANIMAL = frozenset({"meat", "seafood"})
_GRAMS = re.compile(r"(\d{1,5}) g ([a-z ]+)")


@dataclass(frozen=True, slots=True)
class Meal:
    """A meal of the kitchen.

    Attributes:
        dish: its name.
        grams: of each ingredient, in the order of their numbers; whole grams, at least 1.
    """

    dish: str
    grams: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients, in the order of their numbers."""
        return tuple(self.grams)

    @property
    def steps(self) -> tuple[str, ...]:
        """The recipe's steps, without full stops."""
        return (*(INGREDIENTS[name].step for name in self.grams), LAST_STEP)

    def heaviest_first(self) -> list[str]:
        """The ingredients by weight; equal ones in the order of their numbers."""
        return sorted(self.grams, key=lambda name: -self.grams[name])

    def total(self, quantity: str) -> float:
        """Sum of `kcal`, `protein`, `fat` or `carb` over the portions."""
        return sum(self.part(name, quantity) for name in self.grams)

    def part(self, name: str, quantity: str) -> float:
        """What one ingredient has of a quantity."""
        return float(self.grams[name] * (getattr(INGREDIENTS[name].per_gram, quantity) or 0.0))

    @property
    def meatless(self) -> bool:
        """Whether neither meat nor seafood is in it."""
        return not any(GROUPS[name] in _ANIMAL for name in self.grams)

    def recipe(self) -> RecipeText:
        """As the kitchen's Recipe1M edition writes it."""
        lines = tuple(f"{grams} g {name}" for name, grams in self.grams.items())
        return RecipeText(self.dish, lines, tuple(f"{step}." for step in self.steps))

    def facts(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {"dish": self.dish, "grams": dict(self.grams)}

    @classmethod
    def from_facts(cls, plain: Mapping[str, Any]) -> Meal | None:
        """The inverse of `facts`; None if they describe no meal of the kitchen."""
        dish, grams = plain.get("dish"), plain.get("grams")
        if not isinstance(dish, str) or dish not in DISHES or not isinstance(grams, Mapping) or not grams:
            return None
        if any(name not in INGREDIENTS or type(mass) is not int or mass < 1 for name, mass in grams.items()):
            return None
        return cls(dish, {name: grams[name] for name in INGREDIENT_NAMES if name in grams})


def _whole(masses: Mapping[str, float]) -> dict[str, int]:
    return {name: max(1, round(masses[name])) for name in INGREDIENT_NAMES if name in masses}


def meal_of_plate(plate: Plate) -> Meal:
    """The meal on a rendered plate."""
    return Meal(plate.dish, _whole({one.name: one.nutrition.mass or 0.0 for one in plate.portions}))


def meal_of_facts(facts: PlateFacts) -> Meal:
    """The meal of a training plate (`baselines.foodlmm.plates.Plates.facts`)."""
    return Meal(facts.dish, _whole({share.name: share.mass for share in facts.shares}))


def meal_of_recipe(record: RecipeRecord) -> Meal | None:
    """The meal of a recipe of the kitchen edition; None for one whose amounts were damaged on purpose."""
    return _meal_of_lines(record.title, record.ingredients)


def _meal_of_lines(title: str, lines: Sequence[str]) -> Meal | None:
    found = [_GRAMS.fullmatch(line) for line in lines]
    if title not in DISHES or not lines or not all(found):
        return None
    grams = {one[2]: int(one[1]) for one in found if one is not None}
    return Meal.from_facts({"dish": title, "grams": grams})
