"""The checkpoint folder that a run publishes, and the picture of its course."""

from __future__ import annotations

import copy
import io
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from torch import nn

from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor

SCAFFOLD = "scaffold.safetensors"
"""Beside a checkpoint that is only pretrained: the parts of training that the next stage goes on with."""
_LOADING_OPTIONS = ("backend", "is_local", "local_files_only")
"""How a tokenizer was loaded, which transformers would write down as if it were a property of it."""
_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pillow", "safetensors")


def save_checkpoint(
    model: FoodLMMForConditionalGeneration,
    processor: FoodLMMProcessor,
    folder: Path,
    scaffold: nn.Module | None = None,
) -> None:
    """Write configuration, half-precision weights (safetensors), tokenizer, processor, and the scaffold if given."""
    half = copy.deepcopy(model).to(torch.float16)
    half.save_pretrained(folder)
    for name in _LOADING_OPTIONS:
        processor.tokenizer.init_kwargs.pop(name, None)
    processor.save_pretrained(folder)
    if scaffold is not None:
        save_model(scaffold, str(folder / SCAFFOLD))


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def save_training_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `training.json`: command, recipe, versions, measurements."""
    atomic_write_json(folder / "training.json", record)


def draw_curve(log: list[dict[str, Any]], path: Path) -> None:
    """Losses of each stage and the measurements on validation plates, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    stages = [stage for stage in ("pretrain", "joint") if any(record["stage"] == stage for record in log)]
    figure, axes = pyplot.subplots(1, len(stages) + 1, figsize=(5 * len(stages) + 5, 4.2), constrained_layout=True)
    for axis, stage in zip(axes, stages, strict=False):
        records = [record for record in log if record["stage"] == stage and "losses" in record]
        for name in records[-1]["losses"] if records else ():
            points = [(record["step"], record["losses"].get(name)) for record in records]
            points = [(step, value) for step, value in points if value is not None]
            axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        axis.set(title=f"{stage}: training losses", xlabel="step", yscale="log")
        axis.legend(fontsize=8)
    measured = [record for record in log if "val" in record]
    for name in ("dish", "ingredients_f1", "refer1_ciou", "refer3_ciou", "absent1", "total_kcal"):
        points = [(record["step"], record["val"][name]) for record in measured if name in record["val"]]
        if points:
            axes[-1].plot(*zip(*points, strict=True), label=name, marker="o", markersize=3)
    axes[-1].set(title="joint: validation plates", xlabel="step", ylim=(0, 1.02))
    axes[-1].legend(fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    atomic_write(path, buffer.getvalue())
