"""Checkpoints of predictors and writers: a Qwen2.5-VL or LLaVA folder, and beside it how it is asked.

`recipe_part.json` says how pictures are scaled, which system turn there is, and how long an answer may be. A released
model has no such file; then the picture is left as it is, and the model's own processor decides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write_json
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder, quiet, weight_files

KITCHEN = Path(__file__).parent / "kitchen"
"""The small checkpoints that the package carries, trained on rendered plates (`baselines/recipe_grounded`)."""
KITCHEN_PARTS = ("actions", "ingredients", "writer", "judge")
"""Their folders in it."""
SETTINGS_FILE = "recipe_part.json"
ARCHITECTURES = ("qwen2_5_vl", "llava")
_DECISIVE = ("*.json", "*.jinja", "*.txt")
_RECORD = "training.json"


class PartSettings(BaseModel):
    """How a checkpoint is asked.

    Attributes:
        grid: side of the square that pictures are squashed to.
        longest: pictures whose longer side has more pixels are made smaller.
        system: the system's turn; None: what the chat template does without.
        max_new_tokens: limit of an answer, where a task allows more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grid: Annotated[int, Field(gt=0)] | None = None
    longest: Annotated[int, Field(gt=0)] | None = None
    system: str | None = None
    max_new_tokens: Annotated[int, Field(gt=0)] = 512

    @model_validator(mode="after")
    def _one_size(self) -> PartSettings:
        if self.grid is not None and self.longest is not None:
            raise ValueError("give grid or longest, not both")
        return self

    @classmethod
    def read(cls, folder: Path) -> PartSettings:
        """The settings of a checkpoint folder; the defaults if it has no such file.

        Raises:
            CheckpointError: the file is damaged.
        """
        path = folder / SETTINGS_FILE
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError, ValidationError) as error:
            raise CheckpointError(f"{path} cannot be used: {type(error).__name__}.", hint="Copy it anew.") from error

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


def part_identity(name: str | Path, folder: Path) -> str:
    """What a checkpoint's answers depend on: the hash of its files, or a repository's commit.

    Raises:
        CheckpointError: it has no weights that can be used.
    """
    weights = weight_files(folder)
    if not Path(name).is_dir():
        return f"{name}@{folder.name}"  # the Hub's cache has one folder per commit, named by it
    others = [path for pattern in _DECISIVE for path in sorted(folder.glob(pattern)) if path.name != _RECORD]
    return fingerprint({path.name: sha256_file(path) for path in dict.fromkeys([*weights, *others])})


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
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = checkpoint_folder(name)
    weight_files(folder)
    hint = "The checkpoint is damaged, incomplete, or not a Qwen2.5-VL or LLaVA; copy it anew."
    try:
        with quiet():
            model, report = AutoModelForImageTextToText.from_pretrained(
                folder,
                dtype=dtype or torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                output_loading_info=True,
            )
            processor = AutoProcessor.from_pretrained(
                folder, padding_side="left", local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"Cannot load {folder}: {type(error).__name__}: {reason}", hint=hint) from error
    if model.config.model_type not in ARCHITECTURES:
        raise CheckpointError(f"{folder} holds a {model.config.model_type}.", hint=f"Known: {', '.join(ARCHITECTURES)}")
    wrong = [*sorted(report["missing_keys"]), *(key for key, *_ in report["mismatched_keys"])]
    if wrong:
        raise CheckpointError(f"{folder}: {len(wrong)} weights are missing or do not fit, e.g. {wrong[0]}.", hint=hint)
    processor.tokenizer.padding_side = "left"
    return (model if device is None else model.to(device)).eval(), processor


__all__ = [
    "ARCHITECTURES",
    "KITCHEN",
    "KITCHEN_PARTS",
    "PartSettings",
    "kitchen_part",
    "load_part_model",
    "part_identity",
]
