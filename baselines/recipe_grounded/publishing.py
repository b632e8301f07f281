"""The checkpoint folder that a stage publishes, and the picture of its course."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write
from foodbench.models.qwen_seg.checkpoint import quiet
from foodbench.models.recipe_grounded.checkpoint import PartSettings, load_part_model

_LOADING_OPTIONS = ("backend", "is_local", "local_files_only")
"""How a tokenizer was loaded, which transformers would write down as if it were a property of it."""
_PANELS: dict[str, tuple[str, ...]] = {
    "rewards": ("reward", "rewards/f1/mean", "rewards/word/mean", "rewards/format/mean"),
    "recall while training": ("recall/head", "recall/mid", "recall/tail"),
    "policy": ("entropy", "kl", "clip_ratio/low_mean", "clip_ratio/high_mean", "reward_std"),
    "training": ("loss", "mean_token_accuracy"),
}
_MEASURES = ("f1", "precision", "recall", "recall.tail", "format", "rouge_l")


def trained_model(folder: Path, start: str) -> Any:
    """The model of weights that were kept while training; adapters are merged into what training began with.

    Raises:
        CheckpointError: it cannot be loaded.
    """
    if not (folder / "adapter_config.json").is_file():
        return load_part_model(folder)[0]
    from peft import PeftModel

    model, _ = load_part_model(start)
    try:
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except Exception as error:  # damaged adapters show as errors of safetensors, torch, json and the file system
        raise CheckpointError(
            f"Cannot load the adapter {folder}: {type(error).__name__}: {error}", hint="Train again with --resume."
        ) from error


def save_checkpoint(model: Any, processor: Any, settings: PartSettings, folder: Path, dtype: torch.dtype) -> None:
    """Write a plain folder of transformers, and how it is to be asked. The model's weights become of that type."""
    with quiet():
        model.to(dtype).save_pretrained(folder)
    for name in _LOADING_OPTIONS:
        processor.tokenizer.init_kwargs.pop(name, None)
    processor.save_pretrained(folder)
    settings.write(folder)


def draw_curve(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Rewards, policy, loss and measurements over the updates, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = {title: found for title, names in _PANELS.items() if (found := {one: _points(log, one) for one in names})}
    panels = {title: {name: points for name, points in found.items() if points} for title, found in panels.items()}
    panels = {title: found for title, found in panels.items() if found}
    measured = [{"step": record["step"], **record["val"]} for record in log if "val" in record]
    panels["recipes kept apart"] = {
        name: _points(measured, name)
        for name in sorted({key for one in measured for key in one})
        if any(name == one or name.endswith(f".{one}") for one in _MEASURES)
    }
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(5 * len(panels), 4.2), constrained_layout=True, squeeze=False
    )
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for name, points in curves.items():
            axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2, marker="o", markersize=2)
        axis.set(title=title, xlabel="update")
        axis.grid(alpha=0.3)
        if curves:
            axis.legend(fontsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    atomic_write(path, buffer.getvalue())


def _points(log: Sequence[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    return [(record["step"], record[name]) for record in log if isinstance(record.get(name), (int, float))]


__all__ = ["draw_curve", "save_checkpoint", "trained_model"]
