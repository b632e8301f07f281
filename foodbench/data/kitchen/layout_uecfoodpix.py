"""The kitchen as UEC-FoodPIX Complete: photos of many sizes, class numbers in the red channel of colour masks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.data.kitchen.seeds import plate_seed
from foodbench.data.kitchen.tree import JPEG_QUALITY, Job, KitchenSettings, Layout, TreeWriter, jpeg_bytes, png_bytes

DATASET = "uecfoodpix"

_LISTS = {"train": "train9000.txt", "test": "test1000.txt"}
_INNER = "data/UECFoodPIXCOMPLETE"
# Shapes of photos as (height, width) in units of the shorter side.
_SHAPES = ((1.0, 4 / 3), (1.0, 1.0), (4 / 3, 1.0), (1.0, 1.5), (1.0, 1.25))
_TURNED_INDEX = 2
_TURNED_SHAPE = (1.0, 4 / 3)
_ORIENTATION_TAG, _TURNED = 0x0112, 6

_README = """UEC-FoodPIX Complete layout, synthetic kitchen edition.
Nothing here is of the UEC-FoodPIX Complete dataset: every picture and mask was rendered by foodbench.
data/UECFoodPIXCOMPLETE/<split>/img/<id>.jpg and data/UECFoodPIXCOMPLETE/<split>/mask/<id>.png belong together;
the red channel of a mask is the class number in data/category.txt, which are the kitchen's own classes.
The lists have the official names whatever their length.
"""


def class_names() -> list[str]:
    """Names of the classes 1 to 22: the kitchen's foods, then `others` and `beverage`, which no plate has."""
    return [*INGREDIENT_NAMES, "others", "beverage"]


def _jobs(settings: KitchenSettings) -> list[Job]:
    numbers = np.random.default_rng(stable_seed("kitchen", DATASET, "ids", settings.seed)).permutation(
        settings.train + settings.test
    )
    jobs = []
    for split in ("train", "test"):
        rng = np.random.default_rng(stable_seed("kitchen", DATASET, "shapes", split, settings.seed))
        first = 0 if split == "train" else settings.train
        for index in range(settings.count(split)):
            # At most 1/7 above the set size: all sizes then share one set of textures.
            side = settings.size + int(rng.integers(0, settings.size // 7 + 1))
            tall, wide = _SHAPES[int(rng.integers(len(_SHAPES)))]
            options = {"alpha"} if index % 2 == 1 else set()
            if index == _TURNED_INDEX:
                tall, wide = _TURNED_SHAPE
                options.add("turned")
            jobs.append(
                Job(
                    name=str(int(numbers[first + index]) + 1),
                    split=split,
                    seed=plate_seed(split, DATASET, index, settings.seed),
                    size=(round(side * tall), round(side * wide)),
                    options=frozenset(options),
                )
            )
    return jobs


def _turned_jpeg(image: NDArray[np.uint8]) -> bytes:
    """A photo whose header asks viewers to turn it; the mask fits the pixels as they are stored."""
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = _TURNED
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, exif=exif)
    return buffer.getvalue()


def _mask(label: NDArray[np.uint8], alpha: bool) -> Image.Image:
    pixels = np.zeros((*label.shape, 4 if alpha else 3), np.uint8)
    pixels[:, :, 0] = label
    pixels[:, :, 3:] = 255
    return Image.fromarray(pixels)


def _cook(job: Job, tree: TreeWriter) -> None:
    plate = job.render()
    encode = _turned_jpeg if "turned" in job.options else jpeg_bytes
    tree.put(f"{_INNER}/{job.split}/img/{job.name}.jpg", encode(plate.image))
    tree.put(f"{_INNER}/{job.split}/mask/{job.name}.png", png_bytes(_mask(plate.label, "alpha" in job.options)))


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    lines = [f"{number}\t{name}" for number, name in enumerate(class_names(), start=1)]
    tree.put_lines("data/category.txt", ["id\tname", *lines])
    counts = {"classes": len(lines)}
    for split, name in _LISTS.items():
        ids = sorted((job.name for job, _ in cooked if job.split == split), key=int)
        tree.put_lines(f"data/{name}", ids, final_newline=split == "train")
        counts[split] = counts[f"photos_{split}"] = counts[f"masks_{split}"] = len(ids)
    tree.put("README.txt", _README)
    return counts


UECFOODPIX = Layout(DATASET, "UECFOODPIXCOMPLETE", _jobs, _cook, _finish, empty_plates=True)
