"""What tests of the paper-size model's training share: a small model of the released layout, and examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from baselines.foodlmm.paper import building
from baselines.foodlmm.paper.collating import Collator
from baselines.foodlmm.paper.examples import Example, Turn
from baselines.foodlmm.paper.losses import LossModel
from baselines.foodlmm.paper.settings import TrainSettings
from foodbench.metrics.masks import encode
from foodbench.models.foodlmm.convert import convert
from tests.models.released_layout import ReleasedCheckpoint, sam_config, write_released

SIZES = ((40, 52), (75, 31), (33, 33))


@dataclass(frozen=True)
class Noise:
    """A picture of random pixels."""

    seed: int
    size: tuple[int, int]

    @property
    def path(self) -> Path:
        return Path(f"noise-{self.seed}.png")

    def open(self) -> Image.Image:
        pixels = np.random.default_rng(self.seed).integers(256, size=(*self.size, 3), dtype=np.uint8)
        return Image.fromarray(pixels)

    def fingerprint(self) -> str:
        return f"noise:{self.seed}"


def example(
    seed: int, size: tuple[int, int], masks: int, values: tuple[float, ...], *turns: tuple[str, str]
) -> Example:
    """Turns about a picture of noise, with masks of rectangles."""
    drawn = []
    for number in range(masks):
        mask = np.zeros(size, dtype=bool)
        mask[3 + number : size[0] // 2 + 2 * number, 2 : size[1] - 5 - 3 * number] = True
        drawn.append(encode(mask))
    return Example(
        Noise(seed, size), tuple(Turn(*turn) for turn in turns), tuple(drawn), values, "noise", f"number {seed}"
    )


def examples() -> list[Example]:
    """Two turns with masks and values, a mask and a total, words alone."""
    return [
        example(
            1,
            SIZES[0],
            2,
            (31.5, 120.0, 8.25, 410.0),
            ("what is the dish", "the rice is masked as [SEG1], egg as [SEG2]."),
            ("grams of rice", "rice (about [MASS1] grams) [CAL1] kcal, egg [MASS2] grams: [CAL_TOTAL] kcal"),
        ),
        example(2, SIZES[1], 1, (97.0,), ("what is the picture", "[SEG1] the curry is [MASS_TOTAL] grams.")),
        example(3, SIZES[2], 0, (), ("what dish", "the curry")),
    ]


class Menu:
    """A mixture of the three examples."""

    def example_at(self, index: int) -> Example:
        return examples()[(index * 7 + index // 3) % 3]


def converted(root: Path, context: int = 1024, **options: Any) -> tuple[ReleasedCheckpoint, Path]:
    """A small released checkpoint and the folder that it was converted to."""
    released = write_released(root, max_position_embeddings=context, **options)
    convert(released.folder, root / "converted", vision_tower=released.vision, sam=sam_config())
    return released, root / "converted"


def settings(
    start: Path, *, dropout: float = 0.0, model: dict[str, Any] | None = None, **changes: Any
) -> TrainSettings:
    """A small recipe in float32."""
    optimiser = {"micro_batch": 1, "batch": 2, "steps": 4, "decay_steps": 5, "warmup": 1}
    lora = {"rank": 4, "alpha": 12, "dropout": dropout}
    plain: dict[str, Any] = {
        "seed": 3,
        "log_every": 1,
        "save_every": 2,
        "published_dtype": "float32",
        "workers": 0,
        "model": {"start_from": str(start), "precision": "fp32", "lora": lora, **(model or {})},
        **changes,
    }
    return TrainSettings.model_validate({**plain, "optimiser": {**optimiser, **plain.get("optimiser", {})}})


def begun(recipe: TrainSettings) -> tuple[LossModel, Collator]:
    model, processor = building.begin(recipe.model, recipe.seed)
    return LossModel(model, recipe.losses, building.PRECISIONS[recipe.model.precision]).train(), Collator(processor)


def unusable(**changes: Any) -> Any:
    """An example that nobody has checked before."""
    whole = {
        "image": Noise(1, SIZES[0]),
        "turns": (Turn("what", "the rice"),),
        "masks": (),
        "values": (),
        "source": "menu",
        "record": "7",
    }
    return SimpleNamespace(**{**whole, **changes})
