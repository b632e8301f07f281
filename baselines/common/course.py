"""What a run tells and keeps of its course: bar, log, samples of completions."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from trl.data_utils import is_conversational

from baselines.common.run_folder import LOG
from baselines.common.trl_rewards import completion_text
from baselines.foodlmm.progress import Reporter
from foodbench.core.files import AppendLog, atomic_write, read_json_lines

COMPLETIONS = "completions.jsonl"
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


__all__ = ["COMPLETIONS", "Logging", "Samples", "cut_log"]
