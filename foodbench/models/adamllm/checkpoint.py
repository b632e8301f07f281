"""Checkpoints: a folder in Hugging Face's form, a released one by its name, or the package's own small one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write_json
from foodbench.models.adamllm.families import Family, family_of
from foodbench.models.pretrained import reading, refuse_gaps
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder
from foodbench.models.settings_file import CheckpointSettings
from foodbench.models.weight_files import weight_files

KITCHEN_CHECKPOINT = Path(__file__).parent / "kitchen"
"""The small checkpoint that the package carries, post-trained on rendered plates (`baselines/adamllm`)."""
SETTINGS_FILE = "adamllm.json"
RELEASED: Mapping[str, str] = {
    "food-qwen2-vl-2b": "AdaptLLM/food-Qwen2-VL-2B-Instruct",
    "food-llava-next-8b": "AdaptLLM/food-LLaVA-NeXT-Llama3-8B",
    "food-llama-3.2-11b": "AdaptLLM/food-Llama-3.2-11B-Vision-Instruct",
    "food-qwen2.5-vl-3b": "AdaptLLM/food-Qwen2.5-VL-3B-Instruct",
    "biomed-qwen2-vl-2b": "AdaptLLM/biomed-Qwen2-VL-2B-Instruct",
    "biomed-llava-next-8b": "AdaptLLM/biomed-LLaVA-NeXT-Llama3-8B",
    "biomed-llama-3.2-11b": "AdaptLLM/biomed-Llama-3.2-11B-Vision-Instruct",
}
"""Short names of the released checkpoints. The one of Qwen2.5-VL came after the paper."""
Positive = Annotated[int, Field(gt=0)]


class AskingSettings(CheckpointSettings):
    """How a checkpoint is asked; what is None follows its family (`families.FAMILIES`).

    Attributes:
        grid: side of the square that pictures are squashed to.
        min_pixels, max_pixels: limits within which the processor scales pictures.
        system: words of the system's turn.
        max_new_tokens: limit of an answer, where a task allows more.
    """

    settings_file = SETTINGS_FILE

    grid: Positive | None = None
    min_pixels: Positive | None = None
    max_pixels: Positive | None = None
    system: str | None = None
    max_new_tokens: Positive | None = None

    @model_validator(mode="after")
    def _in_order(self) -> AskingSettings:
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels ({self.min_pixels}) is more than max_pixels ({self.max_pixels})")
        return self

    def write(self, folder: Path) -> None:
        """Write the settings into a checkpoint folder."""
        atomic_write_json(folder / SETTINGS_FILE, self.model_dump(exclude_none=True))

    def scaled(self, picture: Any) -> Any:
        """A PIL picture as the processor gets it."""
        if self.grid is None:
            return picture if picture.mode == "RGB" else picture.convert("RGB")
        from foodbench.models.qwen_seg.grid import squash

        return squash(picture, self.grid)


def checkpoint_of(name: str | Path | None) -> str | Path:
    """What a user's name stands for: a released checkpoint's repository, a folder, or the package's own by default.

    Raises:
        CheckpointError: the package's own is wanted, and it was installed without.
    """
    if name is None:
        if not (KITCHEN_CHECKPOINT / "config.json").is_file():
            raise CheckpointError(
                "The package carries no checkpoint of AdaMLLM.",
                hint="Name one, e.g. adamllm:food-qwen2-vl-2b or a folder; or train the small one: "
                "python baselines/adamllm/pipeline.py --out runs/adamllm",
            )
        return KITCHEN_CHECKPOINT
    return name if Path(name).is_dir() else RELEASED.get(str(name).lower(), name)


def load_model(
    name: str | Path, settings: AskingSettings | None = None, dtype: Any = None, device: Any = None
) -> tuple[Any, Any, Family]:
    """Model, processor and family of a checkpoint, in evaluation mode.

    Args:
        name: a folder, or a repository of the Hub.
        settings: limits of pictures; those of the folder by default.
        dtype: a torch dtype; float32 by default.
        device: a torch device; the CPU by default.

    Raises:
        CheckpointError: anything about the files is wrong, or it is another kind of model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    folder = checkpoint_folder(name)
    weight_files(folder)
    settings = settings or AskingSettings.read(folder)
    hint = "The checkpoint is damaged or incomplete; copy it anew."
    fixed = {"local_files_only": True, "trust_remote_code": False}
    with reading(folder, hint):
        family = family_of(AutoConfig.from_pretrained(folder, **fixed).model_type)
        processor = AutoProcessor.from_pretrained(folder, padding_side="left", **fixed)
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype or torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
            **fixed,
        )
    refuse_gaps(folder, report, hint)
    processor.tokenizer.padding_side = "left"
    limits = pixel_limits(settings, family)
    if limits is not None:
        processor.image_processor.size = type(processor.image_processor.size)(
            shortest_edge=limits[0], longest_edge=limits[1]
        )
    return (model if device is None else model.to(device)).eval(), processor, family


def pixel_limits(settings: AskingSettings, family: Family) -> tuple[int, int] | None:
    """Between how many pixels the processor scales pictures; None where it does something else.

    Pictures that are squashed to a grid are left as they are.
    """
    if family.min_pixels is None or family.max_pixels is None:
        return None
    if settings.grid is not None:
        return settings.grid**2, settings.grid**2
    return settings.min_pixels or family.min_pixels, settings.max_pixels or family.max_pixels


__all__ = [
    "KITCHEN_CHECKPOINT",
    "RELEASED",
    "SETTINGS_FILE",
    "AskingSettings",
    "checkpoint_of",
    "load_model",
    "pixel_limits",
]
