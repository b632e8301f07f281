"""The checkpoint folder that a run publishes, with the record of its training, and the picture of its course."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from baselines.foodlmm.publish import versions
from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.models.qwen_seg.checkpoint import (
    QwenSegSettings,
    checkpoint_folder,
    load_model,
    quiet,
    weight_files,
)

_LOADING_OPTIONS = ("backend", "is_local", "local_files_only")
"""How a tokenizer was loaded, which transformers would write down as if it were a property of it."""
_PACKAGES = ("trl", "accelerate", "peft", "datasets")
_PANELS: dict[str, tuple[str, ...]] = {
    "rewards of all completions": (
        "rollout/reward",
        "rollout/thinking_format",
        "rollout/answer_format",
        "rollout/non_repeat",
        "rollout/segmentation",
    ),
    "rewards of what is learnt from": ("reward", "rewards/segmentation/mean", "rewards/box_iou/mean", "reward_std"),
    "policy": ("entropy", "kl", "clip_ratio/low_mean", "clip_ratio/high_mean", "dynamic_sampling/kept"),
    "training": ("loss", "mean_token_accuracy"),
}
_MEASURES = ("giou", "ciou", "box_iou", "format", "count")


def weights_digest(name: str) -> str:
    """SHA-256 of a checkpoint's weight file; of several, a digest of theirs.

    Raises:
        CheckpointError: there are none.
    """
    files = weight_files(checkpoint_folder(name))
    digests = [sha256_file(path) for path in files]
    return digests[0] if len(digests) == 1 else fingerprint(digests)


def trained_model(folder: Path, start: str) -> Any:
    """The model of a state that was kept while training; adapters are merged into the model that training began with.

    Raises:
        CheckpointError: it cannot be loaded.
    """
    if not (folder / "adapter_config.json").is_file():
        return load_model(folder)[0]
    from peft import PeftModel

    model, _ = load_model(start)
    try:
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except Exception as error:  # damaged adapters show as errors of safetensors, torch, json and the file system
        raise CheckpointError(
            f"Cannot load the adapter {folder}: {type(error).__name__}: {error}", hint="Train again with --resume."
        ) from error


def save_checkpoint(
    model: Any, processor: Any, settings: QwenSegSettings, folder: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write a plain Qwen2.5-VL folder, and how it is to be asked. The model's weights become of that type."""
    with quiet():
        model.to(dtype).save_pretrained(folder)
    for name in _LOADING_OPTIONS:
        processor.tokenizer.init_kwargs.pop(name, None)
    processor.save_pretrained(folder)
    settings.write(folder)


def all_versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    return {**versions(), **{name: version(name) for name in _PACKAGES}}


def draw_curve(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Rewards, policy and measurements over the updates, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = {
        title: found
        for title, names in _PANELS.items()
        if (found := {name: _points(log, name) for name in names if _points(log, name)})
    }
    measured = [{"step": record["step"], **record["val"]} for record in log if "val" in record]
    figure, axes = pyplot.subplots(1, len(panels) + 1, figsize=(5 * len(panels) + 5, 4.2), constrained_layout=True)
    axes = [axes] if not panels else list(axes)
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        for name, points in curves.items():
            axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        axis.set(title=title, xlabel="update")
    for name in _MEASURES:
        points = _points(measured, name)
        if points:
            axes[-1].plot(*zip(*points, strict=True), label=name, marker="o", markersize=3)
    axes[-1].set(title="questions kept apart", xlabel="update", ylim=(0, 1.02))
    for axis in axes:
        axis.grid(alpha=0.3)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    atomic_write(path, buffer.getvalue())


def _points(log: Sequence[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    return [(record["step"], record[name]) for record in log if isinstance(record.get(name), (int, float))]


__all__ = ["all_versions", "draw_curve", "save_checkpoint", "trained_model", "weights_digest"]
