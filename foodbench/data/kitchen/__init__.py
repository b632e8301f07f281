"""The synthetic kitchen: rendered plates of food with exact masks, masses and nutrition, in the official layouts."""

from foodbench.data.kitchen.difficulty import PRESETS, STANDARD, Difficulty, parse_difficulty
from foodbench.data.kitchen.dishes import DISHES, Dish
from foodbench.data.kitchen.editions import DATASETS, FOLDERS, ensure, make
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS, Ingredient
from foodbench.data.kitchen.plate import Plate, Portion, render
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.sheet import contact_sheet
from foodbench.data.kitchen.tree import KitchenSettings

__all__ = [
    "DATASETS",
    "DISHES",
    "FOLDERS",
    "INGREDIENTS",
    "INGREDIENT_NAMES",
    "PRESETS",
    "STANDARD",
    "Difficulty",
    "Dish",
    "Ingredient",
    "KitchenSettings",
    "Plate",
    "Portion",
    "contact_sheet",
    "ensure",
    "make",
    "parse_difficulty",
    "plate_seed",
    "render",
]
