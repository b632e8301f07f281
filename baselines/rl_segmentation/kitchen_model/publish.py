"""The checkpoint folder that a run publishes, and the picture of its course."""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from foodbench.core.files import atomic_write
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT

MAX_NEW_TOKENS = 256
_LOADING_OPTIONS = ("backend", "is_local", "local_files_only")
"""How a tokenizer was loaded, which transformers would write down as if it were a property of it."""
_STAGES = ("seeing", "answering")
_SHOWN = ("format", "named", "all.iou", "references_1.iou", "references_2.iou", "references_3.iou", "absent.refused")


def save_checkpoint(model: Any, processor: Any, folder: Path, grid: int) -> None:
    """Write a plain Qwen2.5-VL folder with weights in half precision, and how it is to be asked."""
    half = copy.deepcopy(model).to(torch.float16)
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    half.save_pretrained(folder)
    if shown:
        logging.enable_progress_bar()
    for name in _LOADING_OPTIONS:
        processor.tokenizer.init_kwargs.pop(name, None)
    processor.save_pretrained(folder)
    QwenSegSettings(SHORT_PROMPT, grid, "colour", MAX_NEW_TOKENS).write(folder)


def draw_curve(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Losses of each stage and the measurements on validation plates, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.2), constrained_layout=True)
    for axis, stage in zip(axes, _STAGES, strict=False):
        records = [record for record in log if record["stage"] == stage and "losses" in record]
        for name in records[-1]["losses"] if records else ():
            axis.plot([one["step"] for one in records], [one["losses"][name] for one in records], label=name)
        axis.set(title=f"{stage}: training losses", xlabel="step", yscale="log")
        axis.legend(fontsize=8)
    measured = [record for record in log if "val" in record]
    for name in _SHOWN:
        points = [(record["step"], record["val"][name]) for record in measured if name in record["val"]]
        if points:
            axes[-1].plot(*zip(*points, strict=True), label=name, marker="o", markersize=3)
    axes[-1].set(title="answering: validation plates", xlabel="step", ylim=(0, 1.02))
    axes[-1].legend(fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    atomic_write(path, buffer.getvalue())
