"""What tests of the conversion of published checkpoints share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from foodbench.core.errors import CheckpointError
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration
from foodbench.models.foodlmm.convert import convert
from tests.models.released_layout import ReleasedCheckpoint, sam_config


def run(checkpoint: ReleasedCheckpoint, out: Path, **options: Any) -> FoodLMMForConditionalGeneration:
    convert(checkpoint.folder, out, vision_tower=checkpoint.vision, sam=sam_config(), **options)
    return load(out)


def load(folder: Path, **options: Any) -> FoodLMMForConditionalGeneration:
    model, report = FoodLMMForConditionalGeneration.from_pretrained(folder, output_loading_info=True, **options)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return model.eval()


def refused(checkpoint: ReleasedCheckpoint, match: str, *, hint: str = "", vision: Path | None = None) -> None:
    """Conversion must fail with this message, and leave nothing behind."""
    out = checkpoint.folder.parent / "out"
    with pytest.raises(CheckpointError, match=match) as caught:
        convert(checkpoint.folder, out, vision_tower=vision or checkpoint.vision, sam=sam_config())
    assert caught.value.hint
    assert hint in caught.value.hint
    assert not out.exists()
    assert not list(out.parent.glob(".new-*"))


def edit(path: Path, **changes: Any) -> None:
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value != "absent"}))


def state_of(checkpoint: ReleasedCheckpoint) -> dict[str, torch.Tensor]:
    return dict(checkpoint.model.state_dict())


def written(folder: Path) -> dict[str, torch.Tensor]:
    return {name: value for file in folder.glob("*.safetensors") for name, value in load_file(file).items()}
