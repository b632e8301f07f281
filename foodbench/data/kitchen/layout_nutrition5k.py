"""The kitchen as Nutrition5k: dish tables of two cafes, overhead pictures with depth, and the irregular records.

The irregular records are those of the real dataset, one of each, too few to teach a model anything wrong. In the
training split: a `deprecated` ingredient, an ingredient without name, a dish of one ingredient, a dish of more than a
kilogram (its row, not its picture). In the test split: an empty plate of 0 kcal. Some dishes of both rgb splits have no
overhead picture, only a stub of a side video. Dishes of cafe2 have zero totals and are in no split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.depth import depth_pictures
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.plate import Plate
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import Job, KitchenSettings, Layout, TreeWriter, png_bytes

DATASET = "nutrition5k"
PICTURE_SIZE = (480, 640)
_UNSEEN_SIZE = (96, 128)

PLATE_ONLY_ID, DEPRECATED_ID, DRESSING_ID = 21, 22, 23
_DRESSING_GRAMS = 9.0
_DRESSING_PER_GRAM = (0.88, 0.0, 0.17, 0.005)
_OUTLIER_GRAMS = 1250.0
_NEEDS_FOOD = frozenset({"deprecated", "no name", "outlier"})

# Ingredient group of a dish row: id, name, grams, kcal, fat, carb, protein.
Group = tuple[int, str, float, float, float, float, float]

# An access unit delimiter, the smallest thing that an H.264 byte stream may begin with.
_VIDEO_STUB = b"\x00\x00\x00\x01\x09\x10" + b"synthetic stub, no picture\n"

_README = """dish_ids_all.txt: all dishes. dish_ids_cafe1.txt, dish_ids_cafe2.txt: by cafe.
splits/rgb_*: dishes with side video or overhead picture. splits/depth_*: those with an overhead picture.
Synthetic: rendered by foodbench, nothing here is of the Nutrition5k dataset.
"""


def _unseen_count(count: int) -> int:
    """Dishes of an rgb split without overhead picture, beside `count` with one."""
    return max(1, count // 12)


def _jobs(settings: KitchenSettings) -> list[Job]:
    plans: list[tuple[str, str, int, tuple[int, int], frozenset[str]]] = []
    irregular = {"train": ("deprecated", "no name", "single", "outlier"), "test": ("plate only",)}
    for split in ("train", "test"):
        count, extra = settings.count(split), _unseen_count(settings.count(split))
        for index in range(count + extra):
            options = {"overhead"} if index < count else {"side"}
            # Spread out, and not at the very beginning: whoever looks at the first rows sees ordinary ones.
            for number, oddity in enumerate(irregular[split]):
                if index == (number + 1) * count // (len(irregular[split]) + 1):
                    options.add(oddity)
            plans.append((split, split, index, PICTURE_SIZE if index < count else _UNSEEN_SIZE, frozenset(options)))
    for index in range(max(2, settings.train // 50)):
        plans.append(("none", "val", index, PICTURE_SIZE, frozenset({"overhead", "cafe2"})))
    rng = np.random.default_rng(stable_seed("kitchen", DATASET, "ids", settings.seed))
    # Ids are times in seconds: unique, and without order by split.
    moments = rng.permutation(len(plans)) * 613 + 1_556_000_000 + rng.integers(0, 613, len(plans))
    return [
        Job(f"dish_{moment:010d}", split, plate_seed(stream, DATASET, index, settings.seed), size, None, options)
        for moment, (split, stream, index, size, options) in zip(moments.tolist(), plans, strict=True)
    ]


def _groups(plate: Plate, options: frozenset[str]) -> list[Group]:
    """The ingredient groups of a dish's row; numbers as the file will hold them."""
    if not plate.portions:
        return [(PLATE_ONLY_ID, "plate only", 1.0, 0.0, 0.0, 0.0, 0.0)]
    grams = sum(portion.nutrition.mass or 0.0 for portion in plate.portions)
    factor = max(1.0, _OUTLIER_GRAMS / grams) if "outlier" in options else 1.0
    groups: list[Group] = []
    for portion in plate.portions:
        food = INGREDIENTS[portion.name]
        amount = round((portion.nutrition.mass or 0.0) * factor, 6)
        values = food.portion(amount)
        groups.append(
            (
                food.number,
                food.name,
                amount,
                values.kcal or 0.0,
                values.fat or 0.0,
                values.carb or 0.0,
                values.protein or 0.0,
            )
        )
    if "deprecated" in options:
        groups[-1] = (DEPRECATED_ID, "deprecated", *groups[-1][2:])
    if "no name" in options:
        kcal, fat, carb, protein = (_DRESSING_GRAMS * value for value in _DRESSING_PER_GRAM)
        groups.append((DRESSING_ID, "", _DRESSING_GRAMS, kcal, fat, carb, protein))
    return groups


def _decimal(value: float) -> str:
    """At most nine decimals, at least one, never an exponent: as in the official parts."""
    text = f"{value:.9f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def dish_row(dish_id: str, groups: Sequence[Group], *, zero_totals: bool) -> str:
    """One line of a dish table: id, totals with six decimals, then seven fields per ingredient."""
    mass, kcal, fat, carb, protein = (sum(float(group[column]) for group in groups) for column in range(2, 7))
    totals = (0.0, mass, 0.0, 0.0, 0.0) if zero_totals else (kcal, mass, fat, carb, protein)
    fields = [dish_id, *(f"{total:.6f}" for total in totals)]
    for number, name, grams, *values in groups:
        fields += [f"ingr_{number:010d}", name, f"{grams:.6f}", *(_decimal(value) for value in values)]
    return ",".join(fields)


def _cook(job: Job, tree: TreeWriter) -> str:
    ingredients: tuple[str, ...] | None = None
    if "plate only" in job.options:
        ingredients = ()
    elif "single" in job.options:
        ingredients = ("steak",)
    # No sensor noise: it would double the size of a PNG.
    plate = job.render(ingredients=ingredients, sensor_noise=False, may_be_empty=not job.options & _NEEDS_FOOD)
    if "overhead" in job.options:
        folder = f"imagery/realsense_overhead/{job.name}"
        depth, coloured = depth_pictures(plate)
        tree.put(f"{folder}/rgb.png", png_bytes(Image.fromarray(plate.image)))
        tree.put(f"{folder}/depth_raw.png", png_bytes(Image.fromarray(depth)))
        tree.put(f"{folder}/depth_color.png", png_bytes(coloured))
    else:
        tree.put(f"imagery/side_angles/{job.name}/camera_A.h264", _VIDEO_STUB)
    return dish_row(job.name, _groups(plate, job.options), zero_totals="cafe2" in job.options)


def _ingredient_table() -> list[str]:
    lines = ["ingr,id,cal/g,fat(g),carb(g),protein(g)"]
    for food in INGREDIENTS.values():
        unit = food.per_gram
        lines.append(f"{food.name},{food.number},{unit.kcal:.3f},{unit.fat:.3f},{unit.carb:.3f},{unit.protein:.3f}")
    lines.append(f"plate only,{PLATE_ONLY_ID},0.000,0.000,0.000,0.000")
    lines.append(f"deprecated,{DEPRECATED_ID},0.000,0.000,0.000,0.000")
    kcal, fat, carb, protein = _DRESSING_PER_GRAM
    lines.append(f"balsamic vinegar,{DRESSING_ID},{kcal:.3f},{fat:.3f},{carb:.3f},{protein:.3f}")
    return lines


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    by_id = sorted(cooked, key=lambda entry: entry[0].name)
    rows: dict[str, list[str]] = {"cafe1": [], "cafe2": []}
    for job, row in by_id:
        rows["cafe2" if "cafe2" in job.options else "cafe1"].append(row)
    counts: dict[str, int] = {}
    for cafe, lines in rows.items():
        tree.put_lines(f"metadata/dish_metadata_{cafe}.csv", lines)
        tree.put_lines(f"dish_ids/dish_ids_{cafe}.txt", [line.partition(",")[0] for line in lines])
        counts[cafe] = len(lines)
    tree.put_lines("dish_ids/dish_ids_all.txt", [job.name for job, _ in by_id])
    table = _ingredient_table()
    tree.put_lines("metadata/ingredients_metadata.csv", table)
    counts["ingredients"] = len(table) - 1
    counts["overhead_images"] = sum("overhead" in job.options for job, _ in cooked)
    for split in ("train", "test"):
        # The order of the cooking, not of the ids: readers must keep a list's own order.
        in_split = [job for job, _ in cooked if job.split == split]
        with_depth = [job for job in in_split if "overhead" in job.options]
        for kind, jobs in (("rgb", in_split), ("depth", with_depth)):
            tree.put_lines(f"dish_ids/splits/{kind}_{split}_ids.txt", [job.name for job in jobs])
            counts[f"{kind}_{split}"] = len(jobs)
    tree.put("dish_ids/README", _README)
    return counts


NUTRITION5K = Layout(DATASET, "nutrition5k_dataset", _jobs, _cook, _finish, empty_plates=True)
