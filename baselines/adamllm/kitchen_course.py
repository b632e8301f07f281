"""What the kitchen's models learn from: plates for captions, for seed tasks, and for a general model before both.

The three kinds of plates are of streams of their own, which no benchmark asks about.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from baselines.adamllm.combining import combine
from baselines.adamllm.kitchen_data import SEED_STREAM, SeedPlate, recipe_pairs, render_seed_plates
from baselines.adamllm.kitchen_meals import Meal, meal_of_plate
from baselines.adamllm.kitchen_tasks import FAMILIES, Family, draw_task
from baselines.adamllm.recipe_texts import recipe_caption
from baselines.adamllm.records import Conversation, Message, Pair, SeedExample, Triplet, question_and_answer
from foodbench.core.files import atomic_write
from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.plate import render
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import jpeg_bytes

SEED_KITCHEN, PAIR_KITCHEN, GENERAL_KITCHEN = 0, 1, 2
"""Base seeds of the three kinds of plates."""
GENERAL = ("count", "presence", "compare", "heaviest", "missing", "statement")
"""Families that ask only for what can be seen: no dish, no group, no nutrient, no step."""
_CHUNK = 50


def general_families() -> list[Family]:
    """The families of `GENERAL`."""
    return [family for family in FAMILIES if family.name in GENERAL]


def _render(folder: str, name: str, seed: tuple[int, ...], size: int) -> None:
    """Runs in a worker process; writes what `render_seed_plates` would."""
    plate = render(seed, size)
    atomic_write(Path(folder) / f"{name}.json", json.dumps(meal_of_plate(plate).facts()), sync=False)
    atomic_write(Path(folder) / f"{name}.jpg", jpeg_bytes(plate.image), sync=False)


def plates_of(
    folder: Path,
    count: int,
    kitchen: int,
    *,
    workers: int = 1,
    size: int = 224,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[SeedPlate]:
    """Plates of one kind, rendered by several processes; those that are there already are taken as they are.

    Args:
        folder: for the pictures.
        count: how many.
        kitchen: `SEED_KITCHEN`, `PAIR_KITCHEN` or `GENERAL_KITCHEN`.
        workers: processes.
        size: side in pixels.
        on_progress: told (done, total).

    Raises:
        StorageFull: a picture cannot be written.
    """
    names = {index: f"train-{kitchen}-{size}-{index:06d}" for index in range(count)}
    missing = [index for index, name in names.items() if not (folder / f"{name}.jpg").is_file()]
    if workers > 1 and len(missing) > _CHUNK:
        folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            seeds = [plate_seed("train", SEED_STREAM, index, kitchen) for index in missing]
            texts = [names[index] for index in missing]
            folders, sizes = [str(folder)] * len(missing), [size] * len(missing)
            for done, _ in enumerate(pool.map(_render, folders, texts, seeds, sizes, chunksize=_CHUNK), start=1):
                on_progress(count - len(missing) + done, count)
        return render_seed_plates(folder, count, size=size, base_seed=kitchen)
    return render_seed_plates(folder, count, size=size, base_seed=kitchen, on_progress=on_progress)


def plate_pairs(plates: Sequence[SeedPlate], *, seed: int = 0) -> list[Pair]:
    """Plates as image-caption pairs, like those of recipes (`kitchen_data.recipe_pairs`)."""
    return [
        Pair(
            plate.plate_id,
            plate.image,
            recipe_caption(plate.meal.recipe(), plate.plate_id, seed=seed),
            plate.meal.recipe(),
            plate.meal.facts(),
        )
        for plate in plates
    ]


def domain_pairs(plates: Sequence[SeedPlate], *, seed: int = 0) -> list[Pair]:
    """All pairs of the kitchen: Recipe1M's training recipes, and further plates."""
    from foodbench.data.recipe1m import Recipe1M
    from foodbench.data.roots import resolve

    reader = Recipe1M(resolve("recipe1m", "kitchen").root)
    recipes, _ = recipe_pairs(reader.records("train"), seed=seed)
    return [*recipes, *plate_pairs(plates, seed=seed)]


def meals_of(pairs: Sequence[Pair]) -> dict[str, Meal]:
    """What is truly on the pictures of pairs, where that is known."""
    found = {pair.pair_id: Meal.from_facts(pair.facts) for pair in pairs}
    return {name: meal for name, meal in found.items() if meal is not None}


def general_conversations(plates: Sequence[SeedPlate], *, seed: int = 0) -> list[Conversation]:
    """Two general tasks about each plate, answered briefly or at length: what a general model is trained on."""
    families, made = general_families(), []
    for plate in plates:
        rng = random.Random(stable_seed("general", seed, plate.plate_id))
        messages: list[Message] = []
        for number in range(2):
            _, triplet = draw_task(plate.meal, rng, families)
            style = rng.choice(("precise", "informative", "combined"))
            exchange = combine(triplet, f"{plate.plate_id}#{number}", responses=style, seed=seed)  # type: ignore[arg-type]
            messages += question_and_answer(exchange.question, exchange.response)
        made.append(Conversation(plate.plate_id, plate.image, tuple(messages), ("task", "task")))
    return made


def general_triplets(examples: Sequence[SeedExample]) -> tuple[list[Pair], dict[str, Triplet]]:
    """The seed's general tasks as if they had been synthesised, for the ablation that trains on them."""
    chosen = [one for one in examples if one.task_name in GENERAL]
    pairs = [Pair(one.seed_id, one.image, one.caption) for one in chosen]
    return pairs, {one.seed_id: one.triplet for one in chosen}


__all__ = [
    "GENERAL",
    "GENERAL_KITCHEN",
    "PAIR_KITCHEN",
    "SEED_KITCHEN",
    "domain_pairs",
    "general_conversations",
    "general_triplets",
    "meals_of",
    "plate_pairs",
    "plates_of",
]
