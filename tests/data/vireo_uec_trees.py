"""Small copies of VIREO Food-172 and UEC-FoodPix Complete, written by hand in the official layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from dataset_trees import save_photo, write_text
from PIL import Image

LABELS = "SplitAndIngreLabel"
# Image id -> positions of its ingredients. Not in the order of the lists.
ROWS: Mapping[str, Sequence[int]] = {
    "172/9_9": (0, 352),
    "1/4_41": (1,),
    "2/7_3": (1, 2, 300),
    "1/10_2": (352,),
    "2/1_1": (0,),
}
VIREO_LISTS = {"train": ["1/4_41", "2/7_3"], "val": ["2/1_1"], "test": ["172/9_9", "1/10_2"]}
DISHES = [f"Dish {number}" for number in range(1, 173)]
INGREDIENTS = [f"ingredient {number}" for number in range(1, 354)]

UEC_LISTS = {"train": ["1", "10873", "7"], "test": ["23", "5"]}
UEC_NAMES = (
    (Path(__file__).resolve().parents[2] / "foodbench" / "data" / "resources" / "uecfoodpix.txt")
    .read_text()
    .splitlines()
)


def row(image_id: str, positions: Sequence[int], count: int = 353, no: str = "-1") -> str:
    """One line of IngreLabel.txt, without newline."""
    return " ".join([f"/{image_id}.jpg", *("1" if index in positions else no for index in range(count))])


def write_vireo(root: Path) -> Path:
    """172 dishes and 353 ingredients, but five photos; one is CMYK and one grey."""
    labels = root / LABELS
    write_text(labels / "FoodList.txt", "".join(f"{name};\n" for name in DISHES))
    write_text(labels / "IngredientList.txt", "\n".join(INGREDIENTS))
    write_text(labels / "IngreLabel.txt", "".join(f"{row(one, found)}\n" for one, found in ROWS.items()))
    for split, name in {"train": "TR", "val": "VAL", "test": "TE"}.items():
        write_text(labels / f"{name}.txt", "\n".join(f"/{one}.jpg" for one in VIREO_LISTS[split]))
    for one in ROWS:
        mode = {"172/9_9": "CMYK", "1/10_2": "L"}.get(one, "RGB")
        save_photo(root / "ready_chinese_food" / f"{one}.jpg", mode=mode)
    return root


def save_red_mask(path: Path, values: np.ndarray, mode: str = "RGB") -> None:
    """A colour mask with these class ids in its red channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((*values.shape, len(mode)), np.uint8)
    pixels[:, :, 0] = values
    pixels[:, :, 3:] = 255
    Image.fromarray(pixels).save(path)


def uec_inner(root: Path) -> Path:
    return root / "data" / "UECFoodPIXCOMPLETE"


def write_uec(root: Path) -> Path:
    """The official classes, five pairs."""
    data = root / "data"
    lines = ["id\tname", *(f"{number}\t{name}" for number, name in enumerate(UEC_NAMES) if number)]
    write_text(data / "category.txt", "\n".join(lines) + "\n")
    write_text(data / "train9000.txt", "\n".join(UEC_LISTS["train"]))
    write_text(data / "test1000.txt", "\n".join(UEC_LISTS["test"]) + "\n")
    for split, ids in UEC_LISTS.items():
        for index, one in enumerate(ids):
            save_photo(uec_inner(root) / split / "img" / f"{one}.jpg")
            mask = np.zeros((8, 12), np.uint8)
            mask[2:5, 3:9] = (36, 102, 101)[index]
            save_red_mask(uec_inner(root) / split / "mask" / f"{one}.png", mask, ("RGBA", "RGB")[index % 2])
    return root
