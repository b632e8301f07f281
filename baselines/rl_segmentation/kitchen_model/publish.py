"""The checkpoint folder that a run publishes, and the picture of its course."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from baselines.common import publishing
from baselines.common.curves import draw_measurements, panels_in_a_row
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT

MAX_NEW_TOKENS = 256
_STAGES = ("seeing", "answering")
_SHOWN = ("format", "named", "all.iou", "references_1.iou", "references_2.iou", "references_3.iou", "absent.refused")


def save_checkpoint(model: Any, processor: Any, folder: Path, grid: int) -> None:
    """Write a plain Qwen2.5-VL folder with weights in half precision, and how it is to be asked."""
    asking = QwenSegSettings(SHORT_PROMPT, grid, "colour", MAX_NEW_TOKENS)
    publishing.save_checkpoint(copy.deepcopy(model), processor, asking, folder, torch.float16)


def draw_curve(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Losses of each stage and the measurements on validation plates, as a PNG."""
    with panels_in_a_row(path, len(_STAGES) + 1) as axes:
        for axis, stage in zip(axes, _STAGES, strict=False):
            records = [record for record in log if record["stage"] == stage and "losses" in record]
            for name in records[-1]["losses"] if records else ():
                axis.plot([one["step"] for one in records], [one["losses"][name] for one in records], label=name)
            axis.set(title=f"{stage}: training losses", xlabel="step", yscale="log")
            axis.legend(fontsize=8)
        draw_measurements(axes[-1], log, _SHOWN)
        axes[-1].set(title="answering: validation plates", xlabel="step", ylim=(0, 1.02))
        axes[-1].legend(fontsize=8)
