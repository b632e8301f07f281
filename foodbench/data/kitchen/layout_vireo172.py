"""The kitchen as VIREO Food-172: twelve dishes in numbered folders, a row of twenty ingredient labels per photo."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import JPEG_QUALITY, Job, KitchenSettings, Layout, TreeWriter

DATASET = "vireo172"

_LISTS = {"train": "TR.txt", "val": "VAL.txt", "test": "TE.txt"}
_VAL_SHARE = 4  # one validation photo per this many test photos
_PAGE = 60
# Photos of other colour models, as (split, index). Grey ones only for training: they are harder to tell.
_MODES = {("train", 1): "L", ("train", 2): "CMYK", ("test", 1): "CMYK"}

_README = """VIREO Food-172 layout, synthetic kitchen edition.
Nothing here is of the VIREO Food-172 dataset: every picture was rendered by foodbench.
ready_chinese_food/<class>/<a>_<b>.jpg; the classes, counted from 1, are the dishes of SplitAndIngreLabel/FoodList.txt.
SplitAndIngreLabel/IngreLabel.txt has one number per name of IngredientList.txt: 1 yes, -1 or 0 no.
"""


def photos_of(settings: KitchenSettings) -> dict[str, int]:
    """Photos per split: those of the settings, and a quarter as many as test photos for validation."""
    return {"train": settings.train, "val": max(1, settings.test // _VAL_SHARE), "test": settings.test}


def _jobs(settings: KitchenSettings) -> list[Job]:
    counts = photos_of(settings)
    rng = np.random.default_rng(stable_seed("kitchen", DATASET, "ids", settings.seed))
    # File names are two numbers that say nothing: neither split, nor order.
    numbers = iter(rng.permutation(sum(counts.values())).tolist())
    dishes = list(DISHES)
    jobs = []
    for split, count in counts.items():
        for index in range(count):
            page, place = divmod(next(numbers), _PAGE)
            folder = index % len(dishes)
            mode = _MODES.get((split, index))
            jobs.append(
                Job(
                    name=f"{folder + 1}/{page + 1}_{place}",
                    split=split,
                    seed=plate_seed(split, DATASET, index, settings.seed),
                    size=(settings.size, settings.size),
                    dish=dishes[folder],
                    options=frozenset({mode} if mode else ()),
                )
            )
    return jobs


def _jpeg(image: NDArray[np.uint8], options: frozenset[str]) -> bytes:
    picture = Image.fromarray(image)
    for mode in options:
        picture = picture.convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _cook(job: Job, tree: TreeWriter) -> list[int]:
    plate = job.render()
    tree.put(f"ready_chinese_food/{job.name}.jpg", _jpeg(plate.image, job.options))
    return sorted(INGREDIENTS[portion.name].number for portion in plate.portions)


def _row(job: Job, numbers: Sequence[int], position: int) -> str:
    """A line of IngreLabel.txt. As in the real one, some have a run of blanks; some write 0 for no."""
    no = "0" if position % 5 == 3 else "-1"
    labels = ["1" if number in numbers else no for number in range(1, len(INGREDIENT_NAMES) + 1)]
    gap = "  " if position % 3 == 1 else " "
    return f"/{job.name}.jpg{gap}{' '.join(labels[:4])}{gap}{' '.join(labels[4:])}"


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    # Half of the names end with a semicolon: readers must take it off.
    names = [f"{dish};" if position % 2 == 0 else dish for position, dish in enumerate(DISHES)]
    tree.put_lines("SplitAndIngreLabel/FoodList.txt", names)
    tree.put_lines("SplitAndIngreLabel/IngredientList.txt", INGREDIENT_NAMES)
    shuffled = sorted(cooked, key=lambda item: stable_seed("kitchen", DATASET, "row", item[0].name))
    rows = [_row(job, numbers, position) for position, (job, numbers) in enumerate(shuffled)]
    tree.put_lines("SplitAndIngreLabel/IngreLabel.txt", rows)
    counts = {"classes": len(DISHES), "ingredients": len(INGREDIENT_NAMES), "rows": len(rows), "photos": len(cooked)}
    for split, name in _LISTS.items():
        paths = [f"/{job.name}.jpg" for job, _ in cooked if job.split == split]
        tree.put_lines(f"SplitAndIngreLabel/{name}", paths, final_newline=split != "test")
        counts[split] = len(paths)
    tree.put("README.txt", _README)
    return counts


VIREO172 = Layout(DATASET, "VireoFood172", _jobs, _cook, _finish)
