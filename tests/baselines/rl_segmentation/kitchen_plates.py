"""A few rendered plates and a tiny recipe, for tests of the kitchen model."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from baselines.foodlmm.plates import Plates, load_plates
from baselines.rl_segmentation.kitchen_model.places import Places, find_places
from baselines.rl_segmentation.kitchen_model.settings import SftSettings

GRID = 56


def settings(**changes: Any) -> SftSettings:
    """A recipe of a few steps for a model of a few thousand weights."""
    stage = {"steps": 3, "plates": 4, "learning_rate": 0.003, "warmup": 2}
    plain = {
        "seed": 3,
        "threads": 1,
        "log_every": 1,
        "save_every": 1,
        "measure_every": 100,
        "data": {
            "train_plates": 6,
            "val_plates": 2,
            "monitor_plates": 2,
            "sizes": [{"size": [96, 96], "share": 1.0}, {"size": [96, 144], "share": 1.0}],
            "side": 64,
        },
        "shape": {
            "vocab_size": 500,
            "grid": GRID,
            "patch": 14,
            "merge": 2,
            "vision_hidden": 16,
            "vision_layers": 2,
            "vision_heads": 2,
            "vision_inner": 24,
            "text_hidden": 32,
            "text_layers": 2,
            "text_heads": 2,
            "text_pairs": 1,
            "text_inner": 32,
        },
        "seeing": stage,
        "answering": {
            **stage,
            "questions": 2,
            "families": {"reasoning": 1.0, "refer_one": 1.0, "refer_several": 1.0, "absent": 1.0, "everything": 1.0},
        },
    }
    return SftSettings.model_validate(plain | changes)


@lru_cache(maxsize=1)
def plates() -> Plates:
    """The recipe's training plates, in two sizes."""
    data = settings().data
    with TemporaryDirectory() as folder:
        return load_plates(data, data.side, Path(folder), split="train", count=data.train_plates, workers=1)


@lru_cache(maxsize=1)
def places() -> Places:
    """Where everything is on them."""
    return find_places(plates(), GRID, settings().shape.cells)
