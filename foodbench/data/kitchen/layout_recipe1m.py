"""The kitchen as Recipe1M: three JSON arrays joined by id, photos in folders named after their own ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import Job, KitchenSettings, Layout, TreeWriter, jpeg_bytes

DATASET = "recipe1m"

_SPLITS = ("train", "val", "test")
_VAL_SHARE = 4  # one validation recipe per this many test recipes

# Irregular recipes that count all the same: position among the training recipes.
_SIX_PHOTOS, _NAMELESS_LINE = 2, 3
_NAMELESS = "(serves two)"
# Irregular recipes besides those that count. Readers leave them out by default.
_NOTHING_DETECTED, _TWENTY_STEPS = "nothing detected", "twenty steps"

_DAMAGED_EVERY = 7
_DAMAGED = ("12 cup", "14 cup", "34 cup")
"""As in the real texts, which lost the slash of 1/2, 1/4 and 3/4."""

_SERVE = "Serve warm."

_README = """Recipe1M layout, synthetic kitchen edition.
Nothing here is of the Recipe1M dataset: every picture was rendered by foodbench, every recipe written by it.
layer1.json has the texts, det_ingrs.json the ingredients that a detector would find, layer2.json the photos.
images/<split>/a/b/c/d/<image id>.jpg, where a..d are the first four digits of the image id.
ingredient_classes.txt lists the ingredient classes; the real dataset has no such file.
"""


def _hex_id(kind: str, seed: int, name: str) -> str:
    return f"{stable_seed('kitchen', DATASET, kind, seed, name) & 0xFF_FFFF_FFFF:010x}"


def recipes_of(settings: KitchenSettings) -> dict[str, int]:
    """Recipes that count, by split: those of the settings, and a quarter as many as test ones for validation."""
    return {"train": settings.train, "val": max(1, settings.test // _VAL_SHARE), "test": settings.test}


def _options(split: str, index: int) -> frozenset[str]:
    options = set()
    if index % _DAMAGED_EVERY == _DAMAGED_EVERY - 1:
        options.add("damaged")
    if (split, index) == ("train", _SIX_PHOTOS):
        options.add("six photos")
    if (split, index) == ("train", _NAMELESS_LINE):
        options.add("nameless line")
    return frozenset(options)


def _jobs(settings: KitchenSettings) -> list[Job]:
    names = list(DISHES)

    def job(split: str, index: int, options: frozenset[str]) -> Job:
        name = _hex_id("recipe", settings.seed, f"{split} {index}")
        seed = plate_seed(split, DATASET, index, settings.seed)
        return Job(name, split, seed, (settings.size, settings.size), names[index % len(names)], options)

    counts = recipes_of(settings)
    jobs = [job(split, index, _options(split, index)) for split in _SPLITS for index in range(counts[split])]
    extras = (_NOTHING_DETECTED, _TWENTY_STEPS)
    return jobs + [job("train", settings.train + place, frozenset({name})) for place, name in enumerate(extras)]


def _image_ids(recipe_id: str, count: int = 1) -> list[str]:
    return [f"{_hex_id('image', place, recipe_id)}.jpg" for place in range(count)]


def _image_path(split: str, image_id: str) -> str:
    return f"images/{split}/{'/'.join(image_id[:4])}/{image_id}"


def _cook(job: Job, tree: TreeWriter) -> dict[str, Any]:
    plate = job.render()
    pictures = [plate.image]
    if "six photos" in job.options:
        turned = np.ascontiguousarray(plate.image.transpose(1, 0, 2))
        pictures += [view for picture in (plate.image, turned) for view in (picture[::-1], picture[:, ::-1])]
        pictures.append(plate.image[::-1, ::-1])
    image_ids = _image_ids(job.name, len(pictures))
    for image_id, picture in zip(image_ids, pictures, strict=True):
        tree.put(_image_path(job.split, image_id), jpeg_bytes(np.ascontiguousarray(picture)))
    portions = sorted(plate.portions, key=lambda portion: INGREDIENTS[portion.name].number)
    grams = {portion.name: max(1, round(portion.nutrition.mass or 0.0)) for portion in portions}
    return {"title": plate.dish, "grams": grams, "image_ids": image_ids}


def _steps(names: Sequence[str]) -> list[str]:
    return [*(f"{INGREDIENTS[name].step}." for name in names), _SERVE]


def _recipe(job: Job, facts: Mapping[str, Any]) -> dict[str, Any]:
    """One recipe with all that the three files say about it."""
    grams = facts["grams"]
    names = list(grams)
    lines = [f"{amount} g {name}" for name, amount in grams.items()]
    steps = _steps(names)
    detected = list(names)
    valid = [_NOTHING_DETECTED not in job.options] * len(names)
    if "damaged" in job.options:
        amount = _DAMAGED[stable_seed("kitchen damage", job.name) % len(_DAMAGED)]
        lines[-1] = f"{amount} {names[-1]}"
    if "nameless line" in job.options:
        lines, detected, valid = [*lines, _NAMELESS], [*detected, ""], [*valid, False]
    if _TWENTY_STEPS in job.options:
        steps = [*steps[:-1], *["Stir."] * (20 - len(steps)), _SERVE]
    return {
        "id": job.name, "split": job.split, "title": facts["title"], "lines": lines, "steps": steps,
        "detected": detected, "valid": valid, "image_ids": facts["image_ids"],
    }  # fmt: skip


def _bare_recipes(settings: KitchenSettings) -> Iterator[dict[str, Any]]:
    """Two recipes without picture: one that layer2 does not know, one whose only photo is not there."""
    names = ["rice", "egg"]
    yield {
        "id": _hex_id("recipe", settings.seed, "without photo"), "split": "test", "title": "plain egg rice",
        "lines": [f"150 g {name}" for name in names], "steps": _steps(names), "detected": names, "valid": [True, True],
        "image_ids": [],
    }  # fmt: skip
    lost = _hex_id("recipe", settings.seed, "lost photo")
    yield {
        "id": lost, "split": "train", "title": "boiled rice", "lines": ["150 g rice"], "steps": _steps(["rice"]),
        "detected": ["rice"], "valid": [True], "image_ids": _image_ids(lost),
    }  # fmt: skip


def _layer1(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ingredients": [{"text": line} for line in recipe["lines"]],
        "url": f"http://kitchen.invalid/recipe/{recipe['id']}",
        "partition": recipe["split"],
        "title": recipe["title"],
        "id": recipe["id"],
        "instructions": [{"text": step} for step in recipe["steps"]],
    }


def _detections(recipe: Mapping[str, Any]) -> dict[str, Any]:
    texts = [{"text": text} for text in recipe["detected"]]
    return {"valid": recipe["valid"], "id": recipe["id"], "ingredients": texts}


def _layer2(recipe: Mapping[str, Any]) -> dict[str, Any]:
    images = [{"id": one, "url": f"http://kitchen.invalid/image/{one}"} for one in recipe["image_ids"]]
    return {"id": recipe["id"], "images": images}


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    recipes = [_recipe(job, facts) for job, facts in cooked] + list(_bare_recipes(settings))
    recipes.sort(key=lambda recipe: recipe["id"])  # the order of the official files
    pictured = [recipe for recipe in recipes if recipe["image_ids"]]
    tree.put("layer1.json", json.dumps([_layer1(recipe) for recipe in recipes]))
    tree.put("det_ingrs.json", json.dumps([_detections(recipe) for recipe in recipes]))
    tree.put("layer2.json", json.dumps([_layer2(recipe) for recipe in pictured]))
    tree.put_lines("ingredient_classes.txt", INGREDIENT_NAMES)
    tree.put("README.txt", _README)
    return {
        "recipes": len(recipes),
        **{split: sum(recipe["split"] == split for recipe in recipes) for split in _SPLITS},
        "with_images": len(pictured),
        "images": sum(len(recipe["image_ids"]) for recipe in pictured),
    }


RECIPE1M = Layout(DATASET, "Recipe1M", _jobs, _cook, _finish)
