"""Pieces of small dataset copies, written by hand in the official layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

# Not in sorted order, as the real list is not.
CLASSES = {"apple_pie": "Apple pie", "cheesecake": "Cheesecake", "cheese_plate": "Cheese plate"}
FOOD101_IDS = {
    "train": ["apple_pie/101", "apple_pie/102", "cheesecake/201", "cheesecake/202", "cheese_plate/301"],
    "test": ["apple_pie/103", "cheesecake/203", "cheese_plate/303"],
}

TABLE = (
    "ingr,id,cal/g,fat(g),carb(g),protein(g)\n"
    "cottage cheese,1,0.980,0.043,0.034,0.110\n"
    "tomatoes,32,0.340,0.007,0.068,0.007\n"
    "bean(seed) ,63,1.0,0.1,0.1,0.1\n"
    "plate only,423,0.0,0.0,0.0,0.0\n"
    "deprecated,453,0.52,0.002,0.003,0.14\n"
    "balsamic vinegar,546,0.88,0.0,0.17,0.005"
)
# kcal, mass, fat, carb, protein in the totals; mass, kcal, fat, carb, protein in the parts.
CAFE1 = (
    "dish_1550000001,34.000000,100.000000,0.700000,6.800000,0.700000,"
    "ingr_0000000032,tomatoes,100.000000,34.0,0.7,6.8,0.7\n"
    "dish_1550000002,74.360001,143.000000,0.286000,0.429000,20.020000,"
    "ingr_0000000453,deprecated,143.000000,74.36,0.286,0.429,20.02\n"
    "dish_1557861216,0.000000,1.000000,0.000000,0.000000,0.000000,"
    "ingr_0000000423,plate only,1.000000,0.0,0.0,0.0,0.0\n"
    "dish_1550000004,17.720000,19.000000,0.430000,1.870000,1.145000,"
    "ingr_0000000546,,9.000000,7.92,0.0,1.53,0.045,ingr_0000000001,cottage cheese,10.000000,9.8,0.43,0.34,1.1\n"
    "dish_1550000005,10.000000,510.000000,1.000000,1.000000,1.000000,"
    "ingr_0000000063,bean(seed) ,10.000000,10.0,1.0,1.0,1.0\n"
    "dish_1551567508,9170.000000,7974.000000,10.000000,10.000000,10.000000,"
    "ingr_0000000032,tomatoes,7974.000000,9170.0,10.0,10.0,2.9574e-05\n"
)
CAFE2 = (
    "dish_1572974428,0.000000,30.000000,0.000000,0.000000,0.000000,"
    "ingr_0000000032,tomatoes,10.000000,3.5,0.25,0.5,0.125,ingr_0000000001,cottage cheese,20.000000,19.5,0.75,0.5,2.0\n"
)
LISTS = {
    "rgb_train": ["dish_1550000001", "dish_1550000005"],
    "rgb_test": ["dish_1557861216", "dish_1550000002", "dish_1550000004", "dish_1551567508"],
    "depth_train": ["dish_1550000001"],
    "depth_test": ["dish_1557861216", "dish_1550000002"],
}
OVERHEAD = ["dish_1550000001", "dish_1557861216", "dish_1550000002", "dish_1572974428"]

STEMS = {"train": ["00000000", "00000001"], "test": ["00000048", "00000263"]}
FOODSEG_NAMES = (
    (Path(__file__).resolve().parents[2] / "foodbench" / "data" / "resources" / "foodseg103.txt")
    .read_text()
    .splitlines()
)


def save_photo(path: Path, size: tuple[int, int] = (12, 8), mode: str = "RGB") -> None:
    """A picture with some structure; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size[1], size[0]) * 2 % 256
    Image.fromarray(ramp.astype(np.uint8)).convert(mode).save(path)


def save_mask(path: Path, values: np.ndarray, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette:
        image = Image.fromarray(values, mode="P")
        # Every index gets the colour of another one: whoever converts to grey reads nonsense.
        image.putpalette([channel for index in range(256) for channel in ((index * 7 + 3) % 256, 9, 200)])
    image.save(path)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
