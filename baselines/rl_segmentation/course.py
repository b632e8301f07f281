"""What a run tells and keeps of its course: bar, log, samples of completions, measurements, the best weights."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback
from trl.data_utils import is_conversational

from baselines.foodlmm.progress import Reporter
from baselines.rl_segmentation.data import ValidationQuestion
from baselines.rl_segmentation.evaluate import Measured, measure, summary
from baselines.rl_segmentation.rewards import RewardSettings
from baselines.rl_segmentation.settings import RunSettings, ValidationSettings
from baselines.rl_segmentation.trl_rewards import completion_text
from foodbench.core.files import AppendLog, atomic_write, atomic_write_json, read_json_lines
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.segmenters import Segmenter

LOG, COMPLETIONS, BEST = "log.jsonl", "completions.jsonl", "best"
_MEASURED = "measured.json"
_SHOWN = ("reward", "rollout/reward", "loss", "mean_token_accuracy")
_DIGITS = 6


def cut_log(path: Path, step: int) -> None:
    """Take the lines off a log that were written after a step, which will be taken again."""
    if path.is_file():
        kept = [record for record in read_json_lines(path) if record.get("step", 0) <= step]
        atomic_write(path, "".join(json.dumps(record) + "\n" for record in kept))


class Logging(TrainerCallback):
    """Keeps the log and shows how far the run is; only on the first process.

    Args:
        out: folder of the run.
        reporter: bar and lines.
    """

    def __init__(self, out: Path, reporter: Reporter) -> None:
        self._out, self._reporter = out, reporter
        self._note = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Begin the bar where the run goes on."""
        if state.is_world_process_zero:
            for name in (LOG, COMPLETIONS):
                cut_log(self._out / name, state.global_step)
            self._reporter.start("updates", state.max_steps, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Advance the bar."""
        if state.is_world_process_zero:
            self._reporter.advance(1, self._note)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_others: Any) -> None:
        """Append a line with everything that the trainer measured since the last one."""
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        found = {name: _rounded(value) for name, value in logs.items()}
        with AppendLog(self._out / LOG) as log:
            log.append(
                {"step": state.global_step, **{name: value for name, value in found.items() if value is not None}}
            )
        shown = [f"{name} {found[name]:.3f}" for name in _SHOWN if isinstance(found.get(name), float)]
        self._note = ", ".join(shown[:2]) or self._note


class Samples(TrainerCallback):
    """Keeps some completions with what they earned, every so many updates.

    Args:
        out: folder of the run.
        every: updates.
        count: completions of different questions.
    """

    def __init__(self, out: Path, every: int, count: int) -> None:
        self._out, self._every, self._count = out, every, count
        self.trainer: Any = None

    def on_step_end(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Keep a sample of the last rollout."""
        if state.global_step % self._every == 0 or state.global_step == 1:
            records = [{"step": state.global_step, **record} for record in _latest(self.trainer, self._count)]
            if state.is_world_process_zero and records:
                with AppendLog(self._out / COMPLETIONS) as log:
                    log.append(*records)


def _latest(trainer: Any, count: int) -> list[dict[str, Any]]:
    """Completions of different questions out of the last rollout, with what they earned before groups were chosen."""
    names = trainer.reward_func_names
    if trainer.last_rollout:
        groups = trainer.last_rollout
        return [
            {
                "prompt": _prompt_text(group.rows[0]["prompt"]),
                "completion": completion_text(group.completions[0]),
                "rewards": dict(zip(names, map(_rounded, group.rewards[0].tolist()), strict=True)),
                "kept": group.kept,
            }
            for group in groups[:: max(1, len(groups) // count)][:count]
        ]
    kept = trainer._logs
    places = range(0, len(kept["completion"]), max(1, len(kept["completion"]) // count))
    return [
        {
            "prompt": _prompt_text(kept["prompt"][place]),
            "completion": completion_text(kept["completion"][place]),
            "rewards": {name: _rounded(values[place]) for name, values in kept["rewards"].items()},
            "kept": True,
        }
        for place in places[:count]
    ]


@dataclass(frozen=True, slots=True)
class Exam:
    """What is asked, and how answers are drawn and scored."""

    questions: Sequence[ValidationQuestion]
    checkpoint: QwenSegSettings
    segmenter: Segmenter | None
    rewards: RewardSettings
    batch: int


class Measuring(TrainerCallback):
    """Measures every so many updates, keeps the best weights, and stops when they get no better.

    Args:
        out: folder of the run; the best weights go to `best` in it.
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
        metric, step = self._settings.metric, state.global_step
        before = [one for one in read_json_lines(self._out / LOG) if "val" in one and one["step"] <= step]
        for record in before:
            self._judge(record["val"].get(metric, -math.inf))

    def on_step_end(self, args: Any, state: Any, control: Any, **_others: Any) -> None:
        """Measure if it is time."""
        if state.global_step % self._settings.every == 0 or state.global_step == state.max_steps:
            self._examine(state, control)

    def _judge(self, value: float) -> bool:
        """Whether a value is better than all before it."""
        better = value > self._best
        self._best, self._since = (value, 0) if better else (self._best, self._since + 1)
        return better

    def _examine(self, state: Any, control: Any) -> None:
        measured = self._measure()
        value = measured[self._settings.metric]
        if self._judge(value):
            self.trainer.save_model(str(self._out / BEST))
            if state.is_world_process_zero:
                atomic_write_json(self._out / BEST / _MEASURED, {"step": state.global_step, "val": measured})
        if state.is_world_process_zero:
            with AppendLog(self._out / LOG) as log:
                log.append({"step": state.global_step, "val": measured})
            self._reporter.say(f"update {state.global_step}: {_shown(measured)} (best {self._best:.4f})")
        patience = self._settings.patience
        if patience is not None and self._since >= patience:
            control.should_training_stop = True

    def _measure(self) -> Measured:
        """On all processes, each with its share of the questions."""
        from baselines.rl_segmentation.trainers import generating

        accelerator, exam = self.trainer.accelerator, self._exam
        # Equally many for each, so that none waits for another in the middle of an answer; surplus ones are dropped.
        count = -(-len(exam.questions) // accelerator.num_processes)
        numbers = [
            (place * accelerator.num_processes + accelerator.process_index) % len(exam.questions)
            for place in range(count)
        ]
        with generating(self.trainer) as model:
            found = measure(
                model,
                self._processor,
                [exam.questions[number] for number in numbers],
                exam.checkpoint,
                exam.segmenter,
                rewards=exam.rewards,
                batch=exam.batch,
            )
        everything = dict(gather_object(list(zip(numbers, found, strict=True))))
        return summary([everything[number] for number in sorted(everything)])


def best_step(out: Path) -> dict[str, Any] | None:
    """What is known of the best weights: their update and what was measured; None if there are none."""
    path = out / BEST / _MEASURED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def callbacks(
    settings: RunSettings, out: Path, exam: Exam | None, processor: Any, reporter: Reporter
) -> list[TrainerCallback]:
    """All of a run's; those that need the trainer get it as their attribute `trainer`."""
    found: list[TrainerCallback] = [Logging(out, reporter)]
    if settings.algorithm != "sft":
        found.append(Samples(out, settings.show_every, settings.show))
    if settings.validation is not None and exam is not None and exam.questions:
        found.append(Measuring(out, settings.validation, exam, processor, reporter))
    return found


def _shown(measured: Measured) -> str:
    return ", ".join(
        f"{name} {measured[name]:.3f}" for name in ("format", "box_iou", "segmentation", "giou") if name in measured
    )


def _rounded(value: Any) -> Any:
    """A number that JSON has, shortened; None for one that it has not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return round(value, _DIGITS) if math.isfinite(value) else None


def _prompt_text(prompt: Any) -> str:
    """The last turn of a prompt without its pictures."""
    if not is_conversational({"prompt": prompt}):
        return str(prompt)
    content = prompt[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


__all__ = ["BEST", "COMPLETIONS", "LOG", "Exam", "Logging", "Measuring", "Samples", "best_step", "callbacks"]
