"""The kitchen as Food-101: twelve dishes as classes, the six lists, the same number of photos of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import Job, KitchenSettings, Layout, TreeWriter, jpeg_bytes

DATASET = "food101"

_README = """Food-101 layout, synthetic kitchen edition
==========================================

These are not photos. Every picture was rendered by foodbench; the classes are its twelve dishes.

images/<class>/<image id>.jpg
meta/classes.txt, labels.txt   class names and display names, in the same order (which is not the alphabetical one)
meta/train.txt, test.txt       <class>/<image id>, one per line
meta/train.json, test.json     the same by class
"""

_LICENSE = """This folder is synthetic: all pictures were rendered by foodbench, none shows real food.
It contains nothing of the Food-101 dataset, whose own licence agreement does not apply here.
The pictures may be used under the licence of foodbench (Apache-2.0).
"""


def class_name(dish: str) -> str:
    """Folder name of a dish, e.g. `salmon_rice_bowl`."""
    return dish.replace(" ", "_")


def _per_class(count: int) -> int:
    return -(-count // len(DISHES))


def _jobs(settings: KitchenSettings) -> list[Job]:
    counts = {split: _per_class(settings.count(split)) for split in ("train", "test")}
    rng = np.random.default_rng(stable_seed("kitchen", DATASET, "ids", settings.seed))
    total = sum(counts.values()) * len(DISHES)
    # Like the real ones the numbers say nothing: neither class, nor split, nor order.
    numbers = iter(rng.permutation(total) * 7 + 100_000 + rng.integers(0, 7, total))
    jobs = []
    for split, count in counts.items():
        for position, dish in enumerate(DISHES):
            for copy in range(count):
                index = copy * len(DISHES) + position
                jobs.append(
                    Job(
                        name=f"{class_name(dish)}/{next(numbers)}",
                        split=split,
                        seed=plate_seed(split, DATASET, index, settings.seed),
                        size=(settings.size, settings.size),
                        dish=dish,
                        options=frozenset({"grayscale"} if (split, position, copy) == ("train", 1, 0) else ()),
                    )
                )
    return jobs


def _cook(job: Job, tree: TreeWriter) -> None:
    image = job.render().image
    if "grayscale" in job.options:
        # Integer luma (ITU-R BT.601 weights in 1/256), so that it is the same everywhere.
        weighted = image.astype(np.uint32) @ np.array([77, 150, 29], np.uint32)
        image = (weighted >> 8).astype(np.uint8)
    tree.put(f"images/{job.name}.jpg", jpeg_bytes(image))


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    classes = [class_name(dish) for dish in DISHES]
    tree.put_lines("meta/classes.txt", classes)
    tree.put_lines("meta/labels.txt", [dish.capitalize() for dish in DISHES])
    counts = {"classes": len(classes), "images": len(cooked)}
    for split in ("train", "test"):
        ids = {
            name: sorted(job.name for job, _ in cooked if job.split == split and _class_of(job) == name)
            for name in classes
        }
        # As in the official lists: classes in the text file sorted, those of the JSON file in no order that means
        # anything, and no newline at the end of test.txt.
        lines = [image_id for name in sorted(classes) for image_id in ids[name]]
        tree.put_lines(f"meta/{split}.txt", lines, final_newline=split == "train")
        shuffled = sorted(classes, key=lambda name: stable_seed("kitchen", "json order", name))
        tree.put(f"meta/{split}.json", json.dumps({name: ids[name] for name in shuffled}))
        counts[split] = len(lines)
    tree.put("README.txt", _README)
    tree.put("license_agreement.txt", _LICENSE)
    return counts


def _class_of(job: Job) -> str:
    return job.name.partition("/")[0]


FOOD101 = Layout(DATASET, "food-101", _jobs, _cook, _finish)
