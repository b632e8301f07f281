"""What a run keeps of its course: bar, log, samples of completions, measurements, the weights that are published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback

from baselines.foodlmm.progress import Reporter
from baselines.recipe_grounded.measuring import Measured, answer_all, measure_answer, summary
from baselines.recipe_grounded.questions import ExamQuestion, StageQuestions
from baselines.recipe_grounded.settings import StageSettings, ValidationSettings
from baselines.rl_segmentation.course import LOG, Logging, Samples
from baselines.rl_segmentation.trainers import generating
from foodbench.core.files import AppendLog, atomic_write_json, read_json_lines
from foodbench.models.recipe_grounded.checkpoint import PartSettings

BEST = "best"
MEASURED = "measured.json"
_SHOWN = ("format", "f1", "precision", "recall", "recall.tail", "reward", "rouge_l")


@dataclass(frozen=True, slots=True)
class Exam:
    """What is asked, and how answers are scored."""

    questions: StageQuestions
    settings: StageSettings
    asking: PartSettings

    def measure(self, model: Any, processor: Any, asked: Sequence[ExamQuestion], batch: int) -> list[Measured]:
        """What each answer is like."""
        texts = answer_all(model, processor, asked, self.asking, batch)
        known = (self.questions.vocabulary, self.questions.ingredients, self.settings.earned)
        return [measure_answer(text, one, *known) for text, one in zip(texts, asked, strict=True)]


class Measuring(TrainerCallback):
    """Measures every so many updates, keeps the best weights or the last, and stops when they get no better.

    Args:
        out: folder of the run; the weights go to `best` in it.
        settings: how often, and by which measure.
        exam: what is asked.
        processor: of the model.
        reporter: told the results.
    """

    def __init__(self, out: Path, settings: ValidationSettings, exam: Exam, processor: Any, reporter: Reporter) -> None:
        self._out, self._settings, self._exam = out, settings, exam
        self._processor, self._reporter = processor, reporter
        self._best, self._since = -math.inf, 0
        self.trainer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Measure the beginning, or look up what the interrupted run had found."""
        if state.global_step == 0:
            self._examine(state, control)
            return
        step = state.global_step
        for record in read_json_lines(self._out / LOG):
            if "val" in record and record["step"] <= step:
                self._judge(record["val"])

    def on_step_end(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Measure if it is time."""
        if state.global_step % self._settings.every == 0 or state.global_step == state.max_steps:
            self._examine(state, control)

    def _judge(self, measured: Measured) -> bool:
        """Whether weights are to be kept: they are better than all before, or the last are wanted."""
        if self._settings.metric == "last":
            return True
        value = measured.get(self._settings.metric, -math.inf)
        better = value > self._best
        self._best, self._since = (value, 0) if better else (self._best, self._since + 1)
        return better

    def _examine(self, state: Any, control: Any) -> None:
        measured = self._measure()
        if self._judge(measured):
            self.trainer.save_model(str(self._out / BEST))
            if state.is_world_process_zero:
                atomic_write_json(self._out / BEST / MEASURED, {"step": state.global_step, "val": measured})
        if state.is_world_process_zero:
            with AppendLog(self._out / LOG) as log:
                log.append({"step": state.global_step, "val": measured})
            self._reporter.say(f"update {state.global_step}: {shown(measured)}")
        if self._settings.patience is not None and self._since >= self._settings.patience:
            control.should_training_stop = True

    def _measure(self) -> Measured:
        """On all processes, each with its share of the questions."""
        accelerator, asked = self.trainer.accelerator, self._exam.questions.validation
        # Equally many for each, so that none waits for another in the middle of an answer; surplus ones are dropped.
        count = -(-len(asked) // accelerator.num_processes)
        places = [
            (place * accelerator.num_processes + accelerator.process_index) % len(asked) for place in range(count)
        ]
        with generating(self.trainer) as model:
            own = [asked[place] for place in places]
            found = self._exam.measure(model, self._processor, own, self._settings.batch)
        everything = dict(gather_object(list(zip(places, found, strict=True))))
        return summary([everything[place] for place in sorted(everything)])


def callbacks(settings: StageSettings, out: Path, exam: Exam, processor: Any, reporter: Reporter) -> list[Any]:
    """All of a run's; those that need the trainer get it as their attribute `trainer`."""
    found: list[TrainerCallback] = [Logging(out, reporter)]
    if not settings.supervised:
        found.append(Samples(out, settings.show_every, settings.show))
    if settings.validation is not None and exam.questions.validation:
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


__all__ = ["BEST", "MEASURED", "Exam", "Measuring", "callbacks", "shown"]
