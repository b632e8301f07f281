"""The picture of a stage's course."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baselines.common.curves import curves_of, measurements, panels_in_a_row, points

_PANELS: dict[str, tuple[str, ...]] = {
    "rewards": ("reward", "rewards/f1/mean", "rewards/word/mean", "rewards/format/mean"),
    "recall while training": ("recall/head", "recall/mid", "recall/tail"),
    "policy": ("entropy", "kl", "clip_ratio/low_mean", "clip_ratio/high_mean", "reward_std"),
    "training": ("loss", "mean_token_accuracy"),
}
_MEASURES = ("f1", "precision", "recall", "recall.tail", "format", "rouge_l")


def draw_curve(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Rewards, policy, loss and measurements over the updates, as a PNG."""
    panels, measured = curves_of(log, _PANELS), measurements(log)
    panels["recipes kept apart"] = {
        name: points(measured, name)
        for name in sorted({key for one in measured for key in one})
        if any(name == one or name.endswith(f".{one}") for one in _MEASURES)
    }
    with panels_in_a_row(path, len(panels)) as axes:
        for axis, (title, curves) in zip(axes, panels.items(), strict=True):
            for name, drawn in curves.items():
                axis.plot(*zip(*drawn, strict=True), label=name, linewidth=1.2, marker="o", markersize=2)
            axis.set(title=title, xlabel="update")
            if curves:
                axis.legend(fontsize=7)


__all__ = ["draw_curve"]
