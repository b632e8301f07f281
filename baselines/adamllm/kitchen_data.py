"""Kitchen pictures as the pipeline's inputs: captions of recipes, and seed examples with their tasks.

Captions are of the kitchen's Recipe1M training recipes, whose photos and texts are what a user of the real dataset has.
Seed examples are of plates of a stream of their own: no benchmark asks about them, and no caption is of them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.adamllm.intake import Rejected
from baselines.adamllm.kitchen_meals import Meal, meal_of_plate, meal_of_recipe
from baselines.adamllm.kitchen_tasks import FAMILIES, draw_task, is_right
from baselines.adamllm.recipe_texts import CaptionStyle, recipe_caption
from baselines.adamllm.records import Pair, RecipeText, SeedExample, Triplet, defuse
from foodbench.core.files import atomic_write
from foodbench.core.hashing import stable_seed
from foodbench.data.images import ImageFile
from foodbench.data.kitchen.plate import render
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import jpeg_bytes
from foodbench.data.records import RecipeRecord
from foodbench.stats.intervals import wilson

SEED_STREAM = "adamllm-seed"
_TASKS_PER_PLATE = 2


def recipe_pairs(
    records: Sequence[RecipeRecord], *, style: CaptionStyle = "wrapped", seed: int = 0
) -> tuple[list[Pair], list[Rejected]]:
    """Recipes with photos as image-caption pairs: of the kitchen or of the real Recipe1M.

    Kitchen recipes keep their true amounts as facts, by which synthetic tasks can be checked.

    Args:
        records: e.g. the training split of `foodbench.data.recipe1m.Recipe1M`.
        style: of the captions.
        seed: of their wordings.
    """
    pairs: list[Pair] = []
    rejected: list[Rejected] = []
    for record in records:
        lines = tuple(filter(None, map(defuse, record.ingredients)))
        steps = tuple(filter(None, map(defuse, record.steps)))
        title = defuse(record.title)
        if not title or not (lines or steps):
            rejected.append(Rejected(record.recipe_id, "empty_caption", "no title, or neither ingredients nor steps"))
            continue
        recipe = RecipeText(title, lines, steps)
        meal = meal_of_recipe(record)
        caption = recipe_caption(recipe, record.recipe_id, style=style, seed=seed)
        facts = {} if meal is None else meal.facts()
        pairs.append(Pair(record.recipe_id, record.image, caption, recipe, facts))
    return pairs, rejected


@dataclass(frozen=True, slots=True)
class SeedPlate:
    """A plate for seed examples: its picture's file and what is on it."""

    plate_id: str
    image: ImageFile
    meal: Meal


def render_seed_plates(
    folder: Path,
    count: int,
    *,
    size: int = 224,
    split: str = "train",
    base_seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[SeedPlate]:
    """Render plates of the seed stream into a folder; what is there already is rendered no second time.

    Args:
        folder: for the pictures, and `plates.json` with what is on them.
        count: how many.
        size: side in pixels.
        split: `train` or `val`.
        base_seed: another one is another kitchen.
        on_progress: told (done, total).

    Raises:
        StorageFull: a file cannot be written.
    """
    plates = []
    for index in range(count):
        name = f"{split}-{base_seed}-{size}-{index:06d}"
        picture, known = folder / f"{name}.jpg", folder / f"{name}.json"
        meal = _kept_meal(known) if picture.is_file() else None
        if meal is None:
            plate = render(plate_seed(split, SEED_STREAM, index, base_seed), size)
            meal = meal_of_plate(plate)
            atomic_write(picture, jpeg_bytes(plate.image), sync=False)
            atomic_write(known, json.dumps(meal.facts()), sync=False)
        plates.append(SeedPlate(name, ImageFile(picture), meal))
        on_progress(index + 1, count)
    return plates


def _kept_meal(path: Path) -> Meal | None:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Meal.from_facts(plain) if isinstance(plain, dict) else None


def seed_examples(plates: Sequence[SeedPlate], *, style: CaptionStyle = "wrapped", seed: int = 0) -> list[SeedExample]:
    """Seed examples about plates, a few for each; every task is a function of the plate's id.

    Args:
        plates: rendered ones.
        style: of the captions.
        seed: of tasks and captions.
    """
    return list(_examples(plates, style, seed))


def _examples(plates: Sequence[SeedPlate], style: CaptionStyle, seed: int) -> Iterator[SeedExample]:
    for plate in plates:
        caption = recipe_caption(plate.meal.recipe(), plate.plate_id, style=style, seed=seed)
        rng = random.Random(stable_seed("seed task", seed, plate.plate_id))
        left = list(FAMILIES)
        for number in range(_TASKS_PER_PLATE):
            family, triplet = draw_task(plate.meal, rng, left)
            left.remove(family)
            yield SeedExample(f"{plate.plate_id}#{number}", family.name, plate.image, caption, triplet)


def true_accuracy(
    triplets: dict[str, Triplet], meals: dict[str, Meal], names: Sequence[str] | None = None
) -> dict[str, Any]:
    """How many precise answers are right, by the kitchen's own knowledge, with Wilson's interval at 95 %.

    Args:
        triplets: by pair id.
        meals: by pair id.
        names: only these, e.g. what the filter has kept; all by default.
    """
    chosen = [name for name in (triplets if names is None else names) if name in meals]
    found = {name: is_right(triplets[name].instruction, triplets[name].precise, meals[name]) for name in chosen}
    checked = [right for right in found.values() if right is not None]
    interval = wilson(sum(checked), len(checked)) if checked else None
    return {
        "tasks": len(chosen),
        "checked": len(checked),
        "right": sum(checked),
        "accuracy": sum(checked) / len(checked) if checked else None,
        "interval": None if interval is None else [interval.low, interval.high],
    }
