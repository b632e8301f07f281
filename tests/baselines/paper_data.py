"""What the tests of the paper-size training data share."""

from __future__ import annotations

import math
from pathlib import Path
from string import Formatter

import numpy as np
from PIL import Image

from foodbench.data.images import ImageFile
from foodbench.data.layout import resource_lines
from foodbench.data.records import (
    MaskFile,
    SegmentationRecord,
)

PHOTO = ImageFile(Path("photo.png"))
FOOD_NAMES = [*resource_lines("foodseg103.txt")[1:103], *resource_lines("uecfoodpix.txt")[1:]]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def binomial_bounds(draws: int, chance: float) -> tuple[float, float]:
    """Five standard deviations about the expected count: a right draw is outside once in a million tests."""
    spread = 5 * math.sqrt(draws * chance * (1 - chance)) + 1
    return draws * chance - spread, draws * chance + spread


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def pair_of(folder: Path, ids: np.ndarray, stem: str = "00000048") -> SegmentationRecord:
    Image.fromarray(ids.astype(np.uint8)).save(folder / f"{stem}.png")
    Image.new("RGB", ids.shape[::-1]).save(folder / f"{stem}.jpg")
    return SegmentationRecord(
        stem, ImageFile(folder / f"{stem}.jpg"), MaskFile(folder / f"{stem}.png", max_id=103), "train"
    )
