"""The picture of a run's course."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baselines.common.curves import curves_of, draw_measurements, panels_in_a_row

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


def draw_curve(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Rewards, policy and measurements over the updates, as a PNG."""
    panels = curves_of(log, _PANELS)
    with panels_in_a_row(path, len(panels) + 1) as axes:
        for axis, (title, curves) in zip(axes, panels.items(), strict=False):
            for name, drawn in curves.items():
                axis.plot(*zip(*drawn, strict=True), label=name, linewidth=1.2)
            axis.set(title=title, xlabel="update")
        draw_measurements(axes[-1], log, _MEASURES)
        axes[-1].set(title="questions kept apart", xlabel="update", ylim=(0, 1.02))
        for axis in axes:
            if axis.get_legend_handles_labels()[0]:
                axis.legend(fontsize=7)


__all__ = ["draw_curve"]
