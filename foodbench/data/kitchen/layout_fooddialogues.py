"""The kitchen as FoodDialogues: pictures of dishes, tables as in Nutrition5k, and conversations about nutrition.

One dish in ten has no overhead picture but frames from the side, another has both. Three dishes in five have two
dialogues. A few dishes of cafe2 are in the tables only, with zero totals, as in Nutrition5k.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.layout_nutrition5k import PICTURE_SIZE, Group, dish_row
from foodbench.data.kitchen.meal_talk import Meal, Share, meal_rounds
from foodbench.data.kitchen.plate import Plate
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import Job, KitchenSettings, Layout, TreeWriter, jpeg_bytes, png_bytes

DATASET = "fooddialogues"

_PERIOD = 10
_SIDE_ONLY, _SIDE_TOO = 3, 7  # index modulo the period
_TWO_DIALOGUES = (0, 2, 3)  # index modulo 5
_CAFE2_DISHES = 2
_UNSEEN_SIZE = (96, 128)

_README = """FoodDialogues layout, synthetic kitchen edition.
Nothing here is of the FoodDialogues or Nutrition5k datasets: foodbench rendered every picture and wrote every dialogue.
images/<dish id>/rgb.png is the picture; a few dishes have frames of a side camera instead.
"""


def _jobs(settings: KitchenSettings) -> list[Job]:
    plans: list[tuple[str, str, int, tuple[int, int], frozenset[str]]] = []
    for split in ("train", "test"):
        for index in range(settings.for_dialogues().count(split)):
            options = set() if index % _PERIOD == _SIDE_ONLY else {"overhead"}
            if index % _PERIOD in (_SIDE_ONLY, _SIDE_TOO):
                options.add("side")
            if index % 5 in _TWO_DIALOGUES:
                options.add("two dialogues")
            plans.append((split, split, index, PICTURE_SIZE, frozenset(options)))
    plans += [("none", "val", index, _UNSEEN_SIZE, frozenset({"cafe2"})) for index in range(_CAFE2_DISHES)]
    rng = np.random.default_rng(stable_seed("kitchen", DATASET, "ids", settings.seed))
    # Ids are times in seconds, as in Nutrition5k, and later than those of its kitchen.
    moments = rng.permutation(len(plans)) * 613 + 1_566_000_000 + rng.integers(0, 613, len(plans))
    return [
        Job(f"dish_{moment:010d}", split, plate_seed(stream, DATASET, index, settings.seed), size, None, options)
        for moment, (split, stream, index, size, options) in zip(moments.tolist(), plans, strict=True)
    ]


def _groups(plate: Plate) -> list[Group]:
    """The ingredient groups of the dish's row, heaviest first."""
    groups: list[Group] = []
    for portion in plate.portions:
        food = INGREDIENTS[portion.name]
        amount = round(portion.nutrition.mass or 0.0, 6)
        unit = food.portion(amount)
        values = (unit.kcal or 0.0, unit.fat or 0.0, unit.carb or 0.0, unit.protein or 0.0)
        groups.append((food.number, food.name, amount, *values))
    return groups


def _conversation(meal: Meal, rng: np.random.Generator) -> list[dict[str, str]]:
    end = "</s>" if rng.random() < 0.3 else ""
    turns: list[dict[str, str]] = []
    for number, (question, answer) in enumerate(meal_rounds(meal, rng)):
        turns.append({"form": "question", "value": ("" if number else "<image>\n") + question})
        turns.append({"form": "answer", "value": answer + end})
    return turns


def _cook(job: Job, tree: TreeWriter) -> dict[str, Any]:
    # No sensor noise: it would double the size of a PNG.
    plate = job.render(sensor_noise=False)
    folder = f"images/{job.name}"
    if "overhead" in job.options:
        tree.put(f"{folder}/rgb.png", png_bytes(Image.fromarray(plate.image)))
    if "side" in job.options:
        for camera, picture in (("A", plate.image), ("C", plate.image[:, ::-1])):
            tree.put(f"{folder}/camera_{camera}_frame_001.jpeg", jpeg_bytes(np.ascontiguousarray(picture)))
    groups = _groups(plate)
    meal = Meal(tuple(Share(*group[1:]) for group in groups))
    conversations = []
    if "cafe2" not in job.options:
        for copy in range(2 if "two dialogues" in job.options else 1):
            rng = np.random.default_rng(stable_seed("kitchen", DATASET, "dialogue", copy, *job.seed))
            conversations.append(_conversation(meal, rng))
    row = dish_row(job.name, groups, zero_totals="cafe2" in job.options)
    return {"row": row, "conversations": conversations}


def _ingredient_table() -> list[str]:
    lines = ["ingr,id,cal/g,fat(g),carb(g),protein(g)"]
    for food in INGREDIENTS.values():
        unit = food.per_gram
        lines.append(f"{food.name},{food.number},{unit.kcal:.3f},{unit.fat:.3f},{unit.carb:.3f},{unit.protein:.3f}")
    return lines


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    counts: dict[str, int] = {}
    for cafe in ("cafe1", "cafe2"):
        rows = sorted(facts["row"] for job, facts in cooked if ("cafe2" in job.options) == (cafe == "cafe2"))
        tree.put_lines(f"dish_metadata_{cafe}.csv", rows)
        counts[cafe] = len(rows)
    tree.put_lines("ingredients_metadata.csv", _ingredient_table())
    for split in ("train", "test"):
        dishes = [(job.name, facts["conversations"]) for job, facts in cooked if job.split == split]
        # First dialogues, then second ones, numbered through: a dish's dialogues are not neighbours.
        told = [(name, talks[copy]) for copy in range(2) for name, talks in dishes if len(talks) > copy]
        entries = [
            {"id": str(number), "dish_id": name, "conversations": talk} for number, (name, talk) in enumerate(told)
        ]
        tree.put(f"FoodDialogues_{split}.json", json.dumps(entries))
        tree.put(f"{split}_id.json", json.dumps([name for name, _ in dishes]))
        counts[f"dialogues_{split}"] = len(entries)
        counts[f"dishes_{split}"] = counts[f"pictures_{split}"] = len(dishes)
    tree.put("README.md", _README)
    return counts


FOODDIALOGUES = Layout(DATASET, "FoodDialogues", _jobs, _cook, _finish)
