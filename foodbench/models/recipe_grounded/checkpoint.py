"""Checkpoints of predictors and writers: a Qwen2.5-VL or LLaVA folder, and beside it how it is asked.

`recipe_part.json` says how pictures are scaled, which system turn there is, and how long an answer may be. A released
model has no such file; then the picture is left as it is, and the model's own processor decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write_json
from foodbench.models.pretrained import read_image_text_model, refuse_gaps
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder
from foodbench.models.settings_file import CheckpointSettings
from foodbench.models.weight_files import weight_files

KITCHEN = Path(__file__).parent / "kitchen"
"""The small checkpoints that the package carries, trained on rendered plates (`baselines/recipe_grounded`)."""
KITCHEN_PARTS = ("actions", "ingredients", "writer", "judge")
"""Their folders in it."""
SETTINGS_FILE = "recipe_part.json"
ARCHITECTURES = ("qwen2_5_vl", "llava")


class PartSettings(CheckpointSettings):
    """How a checkpoint is asked.

    Attributes:
        grid: side of the square that pictures are squashed to.
        longest: pictures whose longer side has more pixels are made smaller.
        system: the system's turn; None: what the chat template does without.
        max_new_tokens: limit of an answer, where a task allows more.
    """

    settings_file = SETTINGS_FILE

    grid: Annotated[int, Field(gt=0)] | None = None
    longest: Annotated[int, Field(gt=0)] | None = None
    system: str | None = None
    max_new_tokens: Annotated[int, Field(gt=0)] = 512

    @model_validator(mode="after")
    def _one_size(self) -> PartSettings:
        if self.grid is not None and self.longest is not None:
            raise ValueError("give grid or longest, not both")
        return self

    def write(self, folder: Path) -> None:
        """Write the settings into a checkpoint folder."""
        atomic_write_json(folder / SETTINGS_FILE, self.model_dump())

    def scaled(self, picture: Any) -> Any:
        """A PIL picture as the model is shown it."""
        from PIL import Image

        if self.grid is not None:
            from foodbench.models.qwen_seg.grid import squash

            return squash(picture, self.grid)
        picture = picture if picture.mode == "RGB" else picture.convert("RGB")
        longer = max(picture.size)
        if self.longest is None or longer <= self.longest:
            return picture
        size = tuple(max(1, round(side * self.longest / longer)) for side in picture.size)
        return picture.resize(size, Image.Resampling.BICUBIC)


def kitchen_part(name: str) -> Path:
    """The folder of one of the package's own parts.

    Raises:
        CheckpointError: the package was installed without it.
    """
    folder = KITCHEN / name
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"The package carries no checkpoint '{name}' for recipes.",
            hint="Train it: python baselines/recipe_grounded/reproduce.py --out runs/recipes",
        )
    return folder


def load_part_model(name: str | Path, dtype: Any = None, device: Any = None) -> tuple[Any, Any]:
    """Model and processor of a checkpoint, ready to answer.

    Args:
        name: a folder, or a repository of the Hub.
        dtype: a torch dtype; float32 by default.
        device: a torch device; the CPU by default.

    Raises:
        CheckpointError: anything about the files is wrong, or it is another kind of model.
    """
    import torch

    folder = checkpoint_folder(name)
    weight_files(folder)
    hint = "The checkpoint is damaged, incomplete, or not a Qwen2.5-VL or LLaVA; copy it anew."
    model, processor, report = read_image_text_model(folder, hint, dtype or torch.float32)
    if model.config.model_type not in ARCHITECTURES:
        raise CheckpointError(f"{folder} holds a {model.config.model_type}.", hint=f"Known: {', '.join(ARCHITECTURES)}")
    refuse_gaps(folder, report, hint)
    processor.tokenizer.padding_side = "left"
    return (model if device is None else model.to(device)).eval(), processor


__all__ = [
    "ARCHITECTURES",
    "KITCHEN",
    "KITCHEN_PARTS",
    "PartSettings",
    "kitchen_part",
    "load_part_model",
]
