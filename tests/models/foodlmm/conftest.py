"""A FoodLMM of a few thousand weights, untrained but otherwise complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.foodlmm.building import build_config, build_model, build_processor
from baselines.foodlmm.plates import Plates, load_plates
from baselines.foodlmm.settings import ModelSettings, TrainSettings
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor

TINY = ModelSettings(
    vocab_size=420,
    max_segments=3,
    image_size=32,
    clip_patch=16,
    clip_hidden=16,
    clip_layers=1,
    text_hidden=32,
    text_layers=2,
    sam_patch=8,
    sam_hidden=16,
    sam_layers=2,
    sam_window=2,
    mask_channels=16,
)
_FAMILIES = {"dish": 1.0, "refer": 2.0, "total": 1.0, "portion": 1.0}
SCALE = [50.0, 80.0, 3.0, 8.0, 5.0, 200.0, 270.0, 9.0, 26.0, 18.0]


@dataclass(frozen=True)
class TinyFoodLMM:
    model: FoodLMMForConditionalGeneration
    processor: FoodLMMProcessor
    folder: Path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyFoodLMM:
    processor = build_processor(TINY, seed=0)
    model = build_model(build_config(TINY, processor, SCALE), seed=0).eval()
    with torch.no_grad():
        # Fresh embeddings are so small that every question would get the same answer.
        for weight in (model.get_input_embeddings().weight, model.lm_head.weight):
            weight.normal_(0, 1, generator=torch.Generator().manual_seed(1))
    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return TinyFoodLMM(model, processor, folder)


def picture(seed: int, width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def tiny_settings(**changes: object) -> TrainSettings:
    plain = {
        "seed": 3,
        "threads": 1,
        "log_every": 1,
        "save_every": 1,
        "data": {
            "train_plates": 6,
            "val_plates": 2,
            "monitor_plates": 2,
            "side": TINY.image_size,
            "sizes": [{"size": (64, 64), "share": 0.5}, {"size": (64, 96), "share": 0.5}],
        },
        "model": TINY.model_dump(),
        "pretrain": {"steps": 3, "images": 2, "learning_rate": 0.001, "warmup": 2},
        "joint": {
            "steps": 4,
            "images": 2,
            "learning_rate": 0.001,
            "warmup": 2,
            "vision_share": 0.5,
            "row_tokens": 120,
            "masks_drawn": 4,
            "families": _FAMILIES,
        },
    }
    return TrainSettings.model_validate(plain | changes)


@pytest.fixture(scope="session")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Plates:
    folder = tmp_path_factory.mktemp("plates")
    return load_plates(tiny_settings().data, TINY.image_size, folder, split="train", count=6, workers=1)
