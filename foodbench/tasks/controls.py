"""Asking every question of another picture, or of none: a score earned without looking is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from foodbench.core.errors import UsageError
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Sample
from foodbench.data.controls import CONTROLS, ControlImage
from foodbench.tasks.base import TaskData


def controlled(data: TaskData, control: str | None, *, seed: int = 0) -> TaskData:
    """The same questions and references, each with another picture.

    Under `wrong-image` the pictures go round: each cluster gets that of the next one in an order drawn by the seed, so
    that every picture is shown and none to its own question.

    Args:
        data: the loaded task.
        control: `wrong-image`, `blank-image`, or None for the data as they are.
        seed: of the order.

    Raises:
        UsageError: no such control, or there is only one picture.
    """
    if control is None:
        return data
    if control not in CONTROLS:
        raise UsageError(f"There is no control '{control}'.", hint=f"Controls: {', '.join(CONTROLS)}.")
    shown: dict[str, Any] = {}
    if control == "wrong-image":
        shown = _next_pictures(data, seed)
    samples = tuple(_shown(sample, shown.get(sample.cluster)) for sample in data.samples)
    return replace(data, samples=samples, control=control)


def _shown(sample: Sample, picture: Any) -> Sample:
    return replace(sample, image=ControlImage(sample.image, picture))  # type: ignore[arg-type]


def _next_pictures(data: TaskData, seed: int) -> dict[str, Any]:
    pictures = {sample.cluster: sample.image for sample in data.samples}
    if len(pictures) < 2:
        raise UsageError(
            f"{data.task.name} has one picture only: there is no wrong one to show.",
            hint="Use more samples, or --control blank-image.",
        )
    ring = sorted(pictures, key=lambda cluster: (stable_seed("wrong-image", seed, cluster), cluster))
    return {cluster: pictures[follower] for cluster, follower in zip(ring, [*ring[1:], ring[0]], strict=True)}
