"""The twenty foods of the kitchen: how heavy they lie on a plate, what they contain, how a recipe treats them.

The names are class names of FoodSeg103, so that one vocabulary serves all tasks. Nutrition is per gram of the cooked
food: rounded public table values (USDA FoodData Central and similar tables, two to three digits). `grams_per_cm2` is
the kitchen's own convention for how thick a food lies; it turns visible area into grams.
"""

from __future__ import annotations

from dataclasses import dataclass

from foodbench.core.types import Nutrition


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One food of the kitchen.

    Attributes:
        name: class name in FoodSeg103.
        number: value in a plate's label map, 1..20 (0 is background).
        foodseg103_id: class id in FoodSeg103's masks, 1..102.
        grams_per_cm2: grams under one visible square centimetre.
        per_gram: nutrition of one gram.
        step: the recipe step that prepares it, without a final full stop.
    """

    name: str
    number: int
    foodseg103_id: int
    grams_per_cm2: float
    per_gram: Nutrition
    step: str

    def portion(self, grams: float) -> Nutrition:
        """Nutrition of that many grams."""
        unit = self.per_gram
        return Nutrition(
            kcal=grams * (unit.kcal or 0.0),
            mass=grams,
            fat=grams * (unit.fat or 0.0),
            carb=grams * (unit.carb or 0.0),
            protein=grams * (unit.protein or 0.0),
        )


# name, FoodSeg103 id, g/cm2, then per gram: kcal, fat, carb, protein; recipe step.
_TABLE: tuple[tuple[str, int, float, float, float, float, float, str], ...] = (
    ("rice", 66, 1.30, 1.30, 0.003, 0.282, 0.027, "Rinse the rice and simmer it until tender"),
    ("pasta", 64, 1.10, 1.58, 0.009, 0.309, 0.058, "Boil the pasta in salted water until al dente"),
    ("fish", 54, 2.20, 2.06, 0.124, 0.000, 0.221, "Sear the fish skin side down"),
    ("steak", 46, 2.40, 2.50, 0.150, 0.000, 0.270, "Grill the steak and let it rest"),
    ("chicken duck", 48, 2.10, 1.90, 0.080, 0.000, 0.280, "Roast the chicken legs until golden"),
    ("shrimp", 56, 1.40, 0.99, 0.003, 0.002, 0.240, "Saute the shrimp until pink"),
    ("egg", 24, 1.20, 1.96, 0.150, 0.008, 0.136, "Fry the egg in a little butter"),
    ("tofu", 68, 1.90, 1.44, 0.087, 0.028, 0.170, "Press the tofu, cube it and pan fry the cubes"),
    ("broccoli", 87, 0.90, 0.35, 0.004, 0.072, 0.024, "Steam the broccoli florets"),
    ("carrot", 84, 1.00, 0.35, 0.002, 0.082, 0.008, "Cut the carrot into coins and glaze them"),
    ("tomato", 73, 1.10, 0.18, 0.002, 0.039, 0.009, "Slice the tomato"),
    ("lettuce", 80, 0.35, 0.15, 0.002, 0.029, 0.014, "Wash the lettuce and tear the leaves"),
    ("cucumber", 82, 0.80, 0.15, 0.001, 0.036, 0.007, "Slice the cucumber"),
    ("green beans", 95, 0.85, 0.35, 0.003, 0.079, 0.019, "Blanch the green beans"),
    ("corn", 59, 1.20, 0.96, 0.015, 0.210, 0.034, "Warm the corn with a knob of butter"),
    ("red beans", 18, 1.35, 1.27, 0.005, 0.228, 0.087, "Simmer the red beans with spices"),
    ("french fries", 3, 0.85, 3.12, 0.150, 0.410, 0.034, "Fry the french fries until crisp"),
    ("white button mushroom", 101, 0.75, 0.28, 0.005, 0.053, 0.022, "Brown the sliced mushrooms in a hot pan"),
    ("sauce", 52, 1.15, 1.10, 0.075, 0.080, 0.025, "Simmer the curry sauce until thick"),
    ("avocado", 28, 1.50, 1.60, 0.147, 0.085, 0.020, "Halve the avocado"),
)

INGREDIENTS: dict[str, Ingredient] = {
    name: Ingredient(name, number, class_id, density, Nutrition(kcal, 1.0, fat, carb, protein), step)
    for number, (name, class_id, density, kcal, fat, carb, protein, step) in enumerate(_TABLE, start=1)
}
"""All ingredients by name, in the order of their numbers 1..20."""

INGREDIENT_NAMES: tuple[str, ...] = tuple(INGREDIENTS)
"""Names in the order of their numbers; `INGREDIENT_NAMES[number - 1]`."""
