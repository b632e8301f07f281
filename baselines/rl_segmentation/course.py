"""What a run keeps of its course, and what is asked while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from baselines.common.course import Logging, Samples
from baselines.common.measuring import Measuring
from baselines.foodlmm.progress import Reporter
from baselines.rl_segmentation.data import ValidationQuestion
from baselines.rl_segmentation.evaluate import Measured, measure, summary
from baselines.rl_segmentation.rewards import RewardSettings
from baselines.rl_segmentation.settings import RunSettings
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.segmenters import Segmenter

_SHOWN = ("format", "box_iou", "segmentation", "giou")


@dataclass(frozen=True, slots=True)
class Exam:
    """What is asked, and how answers are drawn and scored; see `common.measuring.Exam`."""

    asked: Sequence[ValidationQuestion]
    checkpoint: QwenSegSettings
    segmenter: Segmenter | None
    rewards: RewardSettings

    def measure(
        self, model: Any, processor: Any, questions: Sequence[ValidationQuestion], batch: int
    ) -> list[Measured]:
        """What each answer is like."""
        return measure(model, processor, questions, self.checkpoint, self.segmenter, rewards=self.rewards, batch=batch)

    def summary(self, measured: Sequence[Measured]) -> Measured:
        """What they are like together."""
        return summary(measured)

    def told(self, measured: Measured, best: float) -> str:
        """The line that is shown of it."""
        shown = ", ".join(f"{name} {measured[name]:.3f}" for name in _SHOWN if name in measured)
        return f"{shown} (best {best:.4f})"


def callbacks(
    settings: RunSettings, out: Path, exam: Exam | None, processor: Any, reporter: Reporter
) -> list[TrainerCallback]:
    """All of a run's; those that need the trainer get it as their attribute `trainer`."""
    found: list[TrainerCallback] = [Logging(out, reporter)]
    if settings.algorithm != "sft":
        found.append(Samples(out, settings.show_every, settings.show))
    if settings.validation is not None and exam is not None and exam.asked:
        found.append(Measuring(out, settings.validation, exam, processor, reporter))
    return found


__all__ = ["Exam", "callbacks"]
