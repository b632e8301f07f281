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
from baselines.recipe_grounded.measuring import Measured, answer_all, measure_answer, summary
from baselines.recipe_grounded.questions import ExamQuestion, StageQuestions
from baselines.recipe_grounded.settings import StageSettings
from foodbench.models.recipe_grounded.checkpoint import PartSettings

_SHOWN = ("format", "f1", "precision", "recall", "recall.tail", "reward", "rouge_l")


@dataclass(frozen=True, slots=True)
class Exam:
    """What is asked, and how answers are scored; see `common.measuring.Exam`."""

    questions: StageQuestions
    settings: StageSettings
    asking: PartSettings

    @property
    def asked(self) -> Sequence[ExamQuestion]:
        """The questions that are asked while training."""
        return self.questions.validation

    def measure(self, model: Any, processor: Any, questions: Sequence[ExamQuestion], batch: int) -> list[Measured]:
        """What each answer is like."""
        texts = answer_all(model, processor, questions, self.asking, batch)
        known = (self.questions.vocabulary, self.questions.ingredients, self.settings.earned)
        return [measure_answer(text, one, *known) for text, one in zip(texts, questions, strict=True)]

    def summary(self, measured: Sequence[Measured]) -> Measured:
        """What they are like together."""
        return summary(measured)

    def told(self, measured: Measured, best: float) -> str:
        """The line that is shown of it."""
        return shown(measured)


def callbacks(settings: StageSettings, out: Path, exam: Exam, processor: Any, reporter: Reporter) -> list[Any]:
    """All of a run's; those that need the trainer get it as their attribute `trainer`."""
    found: list[TrainerCallback] = [Logging(out, reporter)]
    if not settings.supervised:
        found.append(Samples(out, settings.show_every, settings.show))
    if settings.validation is not None and exam.asked:
        found.append(Measuring(out, settings.validation, exam, processor, reporter))
    return found


def shown(measured: Measured) -> str:
    """The measures that matter most, in one line."""
    found = [
        f"{name} {value:.3f}"
        for name, value in measured.items()
        if any(name == one or name.endswith(f".{one}") for one in _SHOWN)
    ]
    return ", ".join(found)


__all__ = ["Exam", "callbacks", "shown"]
