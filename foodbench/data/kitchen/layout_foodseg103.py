"""The kitchen as FoodSeg103: photos of many sizes, masks with the official class numbers.

The tree is written by functions that take the dataset's name, because FoodReasonSeg is such a tree with plates of its
own (`layout_foodreasonseg`).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.plate import Plate
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import Job, KitchenSettings, Layout, TreeWriter, jpeg_bytes, png_bytes

DATASET = "foodseg103"
IGNORED = 255

# Shapes of photos as (height, width) in units of the shorter side.
_SHAPES = ((1.0, 1.0), (1.0, 4 / 3), (1.0, 1.5), (4 / 3, 1.0), (1.0, 1.25), (1.5, 1.0))
_BORDER_PIXELS = 3

_README = """FoodSeg103 layout, synthetic kitchen edition.
Nothing here is of the FoodSeg103 dataset: every picture and mask was rendered by foodbench.
Class numbers and names (category_id.txt) are the official ones, of which the kitchen cooks twenty.
Images/img_dir/<split>/<8 digits>.jpg and Images/ann_dir/<split>/<8 digits>.png belong together;
a mask's pixel value is the class number, 255 means not annotated.
The recipe ids are made up.
"""


def class_names() -> list[str]:
    """The 104 official class names; the position is the class number."""
    return (files("foodbench.data") / "resources" / "foodseg103.txt").read_text(encoding="utf-8").splitlines()


def tree_jobs(dataset: str, settings: KitchenSettings) -> list[Job]:
    """The plates of a tree in this layout.

    Args:
        dataset: whose plates: each dataset has its own.
        settings: of the edition.
    """
    jobs = []
    for split in ("train", "test"):
        rng = np.random.default_rng(stable_seed("kitchen", dataset, "shapes", split, settings.seed))
        first = 0 if split == "train" else settings.train
        for index in range(settings.count(split)):
            # At most 1/7 above the set size: all sizes then share one set of textures.
            side = settings.size + int(rng.integers(0, settings.size // 7 + 1))
            tall, wide = _SHAPES[int(rng.integers(len(_SHAPES)))]
            options = {"palette"} if index % 3 == 1 else set()
            if index % 12 == 5:
                options.add("ignored border")
            jobs.append(
                Job(
                    name=f"{first + index:08d}",
                    split=split,
                    seed=plate_seed(split, dataset, index, settings.seed),
                    size=(round(side * tall), round(side * wide)),
                    options=frozenset(options),
                )
            )
    return jobs


def _class_ids(label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Kitchen numbers to official class numbers."""
    table = np.zeros(256, np.uint8)
    for food in INGREDIENTS.values():
        table[food.number] = food.foodseg103_id
    return table[label]


def _palette() -> list[int]:
    """Distinct colours for the classes of palette masks; readers must not look at them."""
    rng = np.random.default_rng(103)
    colours = rng.integers(40, 256, (256, 3))
    colours[0] = 0
    return [int(level) for level in colours.ravel()]


def cook_pair(job: Job, tree: TreeWriter) -> Plate:
    """Render a plate, write its photo and its mask, and return it."""
    plate = job.render()
    mask = _class_ids(plate.label)
    if "ignored border" in job.options:
        inner = mask[_BORDER_PIXELS:-_BORDER_PIXELS, _BORDER_PIXELS:-_BORDER_PIXELS].copy()
        mask[:] = IGNORED
        mask[_BORDER_PIXELS:-_BORDER_PIXELS, _BORDER_PIXELS:-_BORDER_PIXELS] = inner
    picture = Image.fromarray(mask)
    if "palette" in job.options:
        picture = picture.convert("L")
        picture.putpalette(_palette())
    tree.put(f"Images/img_dir/{job.split}/{job.name}.jpg", jpeg_bytes(plate.image))
    tree.put(f"Images/ann_dir/{job.split}/{job.name}.png", png_bytes(picture))
    return plate


def finish_tree(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    """Write the lists of a tree in this layout; returns its counts."""
    names = class_names()
    tree.put_lines("category_id.txt", [f"{number}\t{name}" for number, name in enumerate(names)])
    counts = {"classes": len(names)}
    recipes: dict[str, list[str]] = {}
    for split in ("train", "test"):
        stems = [job.name for job, _ in cooked if job.split == split]
        tree.put_lines(f"ImageSets/{split}.txt", [f"{stem}.jpg" for stem in stems])
        recipes[split] = [
            f"{stable_seed('kitchen recipe', settings.seed, stem) & 0xFF_FFFF_FFFF:010x}.jpg" for stem in stems
        ]
        counts[split] = counts[f"photos_{split}"] = counts[f"masks_{split}"] = len(stems)
    tree.put_lines("test_recipe1m_id.txt", recipes["test"])
    tree.put_lines("train_test_recipe1m_id.txt", recipes["train"] + recipes["test"])
    tree.put("Readme.txt", _README)
    return counts


def _jobs(settings: KitchenSettings) -> list[Job]:
    return tree_jobs(DATASET, settings)


def _cook(job: Job, tree: TreeWriter) -> None:
    cook_pair(job, tree)


FOODSEG103 = Layout(DATASET, "FoodSeg103", _jobs, _cook, finish_tree, empty_plates=True)
