"""Measuring while training: the weights that are kept, and when to stop."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate.utils import gather_object
from transformers import Trainer, TrainerCallback
from trl.distributed import DistributedBackend
from trl.models import unwrap_model_for_generation

from baselines.common.run_folder import BEST, LOG
from baselines.foodlmm.progress import Reporter
from foodbench.core.files import AppendLog, atomic_write_json, read_json_lines

Measured = dict[str, float]
LAST = "last"
"""The measure of recipes that keep the last weights, whatever is measured."""
_MEASURED = "measured.json"


class MeasuringSettings(Protocol):
    """How often is measured, what decides which weights are kept, when training stops, and questions at once."""

    @property
    def every(self) -> int: ...

    @property
    def metric(self) -> str: ...

    @property
    def patience(self) -> int | None: ...

    @property
    def batch(self) -> int: ...


class Exam(Protocol):
    """What is asked, and how answers are drawn and scored."""

    @property
    def asked(self) -> Sequence[Any]:
        """The questions."""

    def measure(self, model: Any, processor: Any, questions: Sequence[Any], batch: int) -> list[Measured]:
        """What each answer is like."""

    def summary(self, measured: Sequence[Measured]) -> Measured:
        """What they are like together."""

    def told(self, measured: Measured, best: float) -> str:
        """The line that is shown of it."""


@contextmanager
def generating(trainer: Trainer) -> Iterator[Any]:
    """The model that a trainer trains, whole and ready to answer, on all of its processes."""
    backend = DistributedBackend(trainer.accelerator)
    with (
        unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model,
        torch.no_grad(),
        backend.summon_full_params(trainer.model_wrapped, recurse=False),
    ):
        training = model.training
        model.eval()
        try:
            yield model
        finally:
            model.train(training)


class Measuring(TrainerCallback):
    """Measures every so many updates, keeps the best weights or the last, and stops when they get no better.

    Args:
        out: folder of the run; the weights go to `best` in it.
        settings: how often, and by which measure.
        exam: what is asked.
        processor: of the model.
        reporter: told the results.
    """

    def __init__(self, out: Path, settings: MeasuringSettings, exam: Exam, processor: Any, reporter: Reporter) -> None:
        self._out, self._settings, self._exam = out, settings, exam
        self._processor, self._reporter = processor, reporter
        self._best, self._since = -math.inf, 0
        self.trainer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Measure the beginning, or look up what the interrupted run had found."""
        if state.global_step == 0:
            self._examine(state, control)
            return
        for record in read_json_lines(self._out / LOG):
            if "val" in record and record["step"] <= state.global_step:
                self._judge(record["val"])

    def on_step_end(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Measure if it is time."""
        if state.global_step % self._settings.every == 0 or state.global_step == state.max_steps:
            self._examine(state, control)

    def _judge(self, measured: Measured) -> bool:
        """Whether weights are to be kept: they are better than all before, or the last are wanted."""
        if self._settings.metric == LAST:
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
                atomic_write_json(self._out / BEST / _MEASURED, {"step": state.global_step, "val": measured})
        if state.is_world_process_zero:
            with AppendLog(self._out / LOG) as log:
                log.append({"step": state.global_step, "val": measured})
            self._reporter.say(f"update {state.global_step}: {self._exam.told(measured, self._best)}")
        if self._settings.patience is not None and self._since >= self._settings.patience:
            control.should_training_stop = True

    def _measure(self) -> Measured:
        """On all processes, each with its share of the questions."""
        accelerator, asked = self.trainer.accelerator, self._exam.asked
        # Equally many for each, so that none waits for another in the middle of an answer; surplus ones are dropped.
        count = -(-len(asked) // accelerator.num_processes)
        places = [
            (place * accelerator.num_processes + accelerator.process_index) % len(asked) for place in range(count)
        ]
        with generating(self.trainer) as model:
            own = [asked[place] for place in places]
            found = self._exam.measure(model, self._processor, own, self._settings.batch)
        everything = dict(gather_object(list(zip(places, found, strict=True))))
        return self._exam.summary([everything[place] for place in sorted(everything)])


def best_step(out: Path) -> dict[str, Any] | None:
    """What is known of the weights that were kept: their update and what was measured; None if there are none."""
    path = out / BEST / _MEASURED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


__all__ = ["Exam", "Measured", "Measuring", "best_step", "generating"]
