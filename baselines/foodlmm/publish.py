"""The checkpoint folder that a run publishes, and the picture of its course."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from torch import nn

from baselines.common.curves import draw_measurements, panels_in_a_row
from baselines.common.publishing import save_processor
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor

SCAFFOLD = "scaffold.safetensors"
"""Beside a checkpoint that is only pretrained: the parts of training that the next stage goes on with."""
_MEASURES = ("dish", "ingredients_f1", "refer1_ciou", "refer3_ciou", "absent1", "total_kcal")


def save_checkpoint(
    model: FoodLMMForConditionalGeneration,
    processor: FoodLMMProcessor,
    folder: Path,
    scaffold: nn.Module | None = None,
) -> None:
    """Write configuration, half-precision weights (safetensors), tokenizer, processor, and the scaffold if given."""
    half = copy.deepcopy(model).to(torch.float16)
    half.save_pretrained(folder)
    save_processor(processor, folder)
    if scaffold is not None:
        save_model(scaffold, str(folder / SCAFFOLD))


def draw_curve(log: list[dict[str, Any]], path: Path) -> None:
    """Losses of each stage and the measurements on validation plates, as a PNG."""
    stages = [stage for stage in ("pretrain", "joint") if any(record["stage"] == stage for record in log)]
    with panels_in_a_row(path, len(stages) + 1) as axes:
        for axis, stage in zip(axes, stages, strict=False):
            records = [record for record in log if record["stage"] == stage and "losses" in record]
            for name in records[-1]["losses"] if records else ():
                points = [(record["step"], record["losses"].get(name)) for record in records]
                points = [(step, value) for step, value in points if value is not None]
                axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
            axis.set(title=f"{stage}: training losses", xlabel="step", yscale="log")
            axis.legend(fontsize=8)
        draw_measurements(axes[-1], log, _MEASURES)
        axes[-1].set(title="joint: validation plates", xlabel="step", ylim=(0, 1.02))
        axes[-1].legend(fontsize=8)
