"""Small copies of Recipe1M, written by hand in the official layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_trees import save_photo, write_text

FOODS = """
macaroni cheese celery pimentos mayonnaise vinegar salt dill onion pepper
cucumber oil basil gelatin water watermelon cracker coconut rice egg
""".split()  # noqa: SIM905 - twenty words read better than twenty strings
"""Twenty names of the official list, each a class of its own."""


@dataclass(frozen=True)
class Recipe:
    """What the three files say about one recipe; `images` None: layer2 has no row."""

    recipe_id: str
    split: str = "test"
    title: str = "Worlds Best Mac and Cheese"
    ingredients: Sequence[str] = ("6 ounces penne", "14 cup cheese", "1 egg")
    steps: Sequence[str] = ("Preheat the oven to 350 F.", "Bake it.")
    detected: Sequence[str] = ("macaroni", "cheddar cheese", "eggs")
    valid: Sequence[bool] = (True, True, True)
    images: Sequence[str] | None = ("3e233001e2.jpg",)

    def text_row(self) -> dict[str, Any]:
        return {
            "ingredients": [{"text": line} for line in self.ingredients],
            "url": f"http://example.org/{self.recipe_id}",
            "partition": self.split,
            "title": self.title,
            "id": self.recipe_id,
            "instructions": [{"text": step} for step in self.steps],
        }

    def detection_row(self) -> dict[str, Any]:
        return {
            "valid": list(self.valid),
            "id": self.recipe_id,
            "ingredients": [{"text": text} for text in self.detected],
        }

    def image_row(self) -> dict[str, Any]:
        return {
            "id": self.recipe_id,
            "images": [{"id": one, "url": "http://example.org/i"} for one in self.images or ()],
        }


def with_foods(recipe_id: str, count: int, **fields: Any) -> Recipe:
    """A recipe of that many ingredient classes (more than twenty: some twice)."""
    foods = [FOODS[index % len(FOODS)] for index in range(count)]
    return Recipe(recipe_id, ingredients=foods, detected=foods, valid=[True] * count, **fields)


RECIPES = (
    Recipe("000018c8a5", "test", images=("3e233001e2.jpg", "7f00000001.jpg")),
    Recipe("00003a70b1", "train", title="Yogurt Parfaits", images=("aa00000001.jpg", "aa00000002.jpg")),
    Recipe("0000bbbbbb", "val", images=("bb00000001.jpg",)),
    Recipe("0000cccccc", "train", images=None),
    Recipe("ffffffffff", "train", title="Crème brûlée", images=("cc00000001.jpg",)),
)


def photo(root: Path, split: str, image_id: str) -> Path:
    return root / "images" / split / image_id[0] / image_id[1] / image_id[2] / image_id[3] / image_id


def write_rows(root: Path, recipes: Sequence[Recipe], *, indent: int | None = None) -> None:
    rows = {
        "layer1.json": [recipe.text_row() for recipe in recipes],
        "det_ingrs.json": [recipe.detection_row() for recipe in recipes],
        "layer2.json": [recipe.image_row() for recipe in recipes if recipe.images is not None],
    }
    for name, plain in rows.items():
        write_text(root / name, json.dumps(plain, indent=indent))


def write_copy(root: Path, recipes: Sequence[Recipe] = RECIPES, **layout: Any) -> Path:
    """The three files and all photos."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    write_rows(root, recipes, **layout)
    for recipe in recipes:
        for image_id in recipe.images or ():
            save_photo(photo(root, recipe.split, image_id))
    return root
