"""Two stages of training, resumable at any saved step with the same result as without the interruption."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors.torch import load_model

from baselines.common.muon_and_adam import learning_rate
from baselines.foodlmm.batches import BatchSource, StageBatch
from baselines.foodlmm.building import REPOSITORY, Scaffold, begin
from baselines.foodlmm.devices import Placement, moved, resolve_device
from baselines.foodlmm.losses import Losses, joint_losses, pretraining_losses
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.progress import Reporter
from baselines.foodlmm.prompting import set_prompts
from baselines.foodlmm.publish import SCAFFOLD
from baselines.foodlmm.schedule import Optimizers
from baselines.foodlmm.settings import JointSettings, StageSettings, TrainSettings
from baselines.foodlmm.throughput import Meter
from baselines.foodlmm.validation import Examiner
from foodbench.core.errors import CheckpointError, FoodbenchError
from foodbench.core.files import AppendLog, atomic_write, read_json_lines
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor

STAGES = ("pretrain", "joint")
_REPORTED_ONLY = "ciou"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run leaves.

    Attributes:
        model: the trained model.
        processor: its processor.
        scaffold: what helped to train it.
        throughput: by stage, as `Meter.record` gives it.
    """

    model: FoodLMMForConditionalGeneration
    processor: FoodLMMProcessor
    scaffold: Scaffold
    throughput: dict[str, dict[str, Any]] = field(default_factory=dict)


class Trainer:
    """Trains one model in a folder that holds its state (`state.pt`) and its log (`log.jsonl`).

    Every batch is a pure function of the settings, the plates and the step, so a state needs no record of how far any
    generator had come. On a CPU the same settings give the same weights, bit for bit, with and without interruptions;
    some sums of a GPU come in no fixed order.

    Args:
        settings: the recipe.
        plates: what to learn from.
        folder: for state and log.
        reporter: told of progress.
        examiner: measures from time to time.
        loaders: processes that make batches ahead of time; they change nothing but the time it takes.

    Raises:
        CheckpointError: the recipe's checkpoint is missing or damaged.
        UsageError: the recipe asks for a device that is not there, or for another size than its checkpoint's.
    """

    def __init__(
        self,
        settings: TrainSettings,
        plates: Plates,
        folder: Path,
        reporter: Reporter,
        examiner: Examiner | None = None,
        loaders: int = 0,
    ) -> None:
        torch.set_num_threads(settings.threads)
        self._settings = settings
        self._plates = plates
        self._stages = [name for name in STAGES if getattr(settings, name) is not None]
        self._state_path = folder / "state.pt"
        self._log_path = folder / "log.jsonl"
        self._reporter = reporter
        self._examiner = examiner
        self._loaders = loaders
        self.placement = Placement(resolve_device(settings.device), settings.precision)
        # Drawn on the CPU in any case, so that every device begins with the same weights.
        self.model, self.processor = begin(settings, plates.nutrition_scale())
        self.scaffold = Scaffold(self.model.config, self.processor)
        self.model.to(self.placement.device)
        self.scaffold.to(self.placement.device)
        self._meters: dict[str, Meter] = {}

    def run(self, stop_after: int | None = None) -> Outcome:
        """Train from the saved state, if any, to the end.

        Args:
            stop_after: stop after that many steps of this call (an interruption, for tests).

        Raises:
            CheckpointError: the saved state belongs to another recipe or is damaged.
            StorageFull: state or log cannot be written.
        """
        first_stage, first_step, optimizer_state = self._resume()
        if not first_step:
            self._take_over_scaffold()
        self._trim_log(first_stage, first_step)
        budget = stop_after
        with AppendLog(self._log_path) as log:
            for stage_name in self._stages[self._stages.index(first_stage) :]:
                stage: StageSettings = getattr(self._settings, stage_name)
                optimizers = Optimizers(self.model, self.scaffold, stage)
                if optimizer_state is not None:
                    optimizers.load_state_dict(optimizer_state)
                last = stage.steps if budget is None else min(stage.steps, first_step + budget)
                self._run_stage(stage_name, stage, optimizers, range(first_step, last), log)
                if budget is not None:
                    budget -= last - first_step
                    if not budget:
                        break
                first_step, optimizer_state = 0, None
        throughput = {name: meter.record(self.placement) for name, meter in self._meters.items()}
        return Outcome(self.model, self.processor, self.scaffold, throughput)

    def _take_over_scaffold(self) -> None:
        """What training began with elsewhere: it lies beside a pretrained checkpoint, and a trained one shows it."""
        if self._settings.start_from is None:
            return
        kept = REPOSITORY / self._settings.start_from / SCAFFOLD
        if kept.is_file():
            load_model(self.scaffold, kept)
        else:
            set_prompts(self.model, self.processor, self.scaffold, self._plates)

    def _run_stage(self, name: str, stage: StageSettings, optimizers: Optimizers, steps: range, log: AppendLog) -> None:
        source = BatchSource(self._plates, self.processor, self.model.roles(), stage, self._settings.seed)
        on_gpu = self.placement.device.type == "cuda"
        batches = source.over(steps, self._loaders, pin=on_gpu)
        meter = self._meters.setdefault(name, Meter())
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(self.placement.device)
        window: list[dict[str, float]] = []
        self._reporter.start(name, stage.steps, steps.start)
        began = time.monotonic()
        for step in steps:
            losses = self._step(step, stage, batches, optimizers, meter)
            window.append(losses)
            done = step + 1
            if done % self._settings.log_every == 0 or done == stage.steps:
                means = _means(window)
                rate = (done - steps.start) / (time.monotonic() - began)
                record = {"stage": name, "step": done, "rate": learning_rate(stage, step), "losses": means}
                log.append({**record, "steps_per_second": round(rate, 3)})
                window = []
            self._reporter.advance(note=_note(losses))
            if self._examiner and name == "joint" and self._time_to_measure(done, stage.steps):
                measured = self._examiner.measure(self.model, self.processor)
                log.append({"stage": name, "step": done, "val": measured})
                self._reporter.say(f"step {done}: {json.dumps(measured)}")
            if done % self._settings.save_every == 0 or done == stage.steps:
                meter.watch_memory(self.placement.device)
                self._save(name, done, optimizers)

    def _step(
        self, step: int, stage: StageSettings, batches: Iterator[StageBatch], optimizers: Optimizers, meter: Meter
    ) -> dict[str, float]:
        """One step; returns its losses."""
        meter.begin()
        batch = next(batches)
        tokens = 0 if batch.turns is None else batch.turns.tokens
        batch = moved(batch, self.placement.device)
        meter.count(lambda: self._backward(batch, stage, optimizers))
        losses = self._backward(batch, stage, optimizers)
        optimizers.update(step)
        # In one transfer, which waits for the device.
        values = torch.stack([value.detach() for value in losses.values()]).tolist()
        meter.end(stage.images, tokens)
        return dict(zip(losses, values, strict=True))

    def _backward(self, batch: StageBatch, stage: StageSettings, optimizers: Optimizers) -> Losses:
        optimizers.forget()
        losses = self._losses(batch, stage)
        torch.stack([value for key, value in losses.items() if key != _REPORTED_ONLY]).sum().backward()
        return losses

    def _losses(self, batch: StageBatch, stage: StageSettings) -> Losses:
        if isinstance(stage, JointSettings) and batch.turns is not None:
            return joint_losses(self.model, self.scaffold, batch.images, batch.turns, stage, self.placement)
        if batch.masks is None:
            raise ValueError("A batch of the first stage has masks.")
        return pretraining_losses(self.model, self.scaffold, batch.images, batch.masks, self.placement)

    def _time_to_measure(self, done: int, steps: int) -> bool:
        return done % self._settings.validate_every == 0 and done < steps

    def _save(self, stage: str, step: int, optimizers: Optimizers) -> None:
        buffer = io.BytesIO()
        torch.save(
            {
                "settings": self._settings.model_dump_json(),
                "stage": stage,
                "step": step,
                "model": self.model.state_dict(),
                "scaffold": self.scaffold.state_dict(),
                "optimizers": optimizers.state_dict(),
                "torch_rng": torch.get_rng_state(),
                "throughput": {name: meter.state() for name, meter in self._meters.items()},
            },
            buffer,
        )
        atomic_write(self._state_path, buffer.getvalue())

    def _resume(self) -> tuple[str, int, list[dict[str, Any]] | None]:
        """Stage, next step and optimiser state; weights are loaded."""
        if not self._state_path.exists():
            return self._stages[0], 0, None
        try:
            # Into the CPU's memory first: the state may come from another device.
            state = torch.load(self._state_path, map_location="cpu", weights_only=True)
            self._check_recipe(state["settings"])
            self.model.load_state_dict(state["model"])
            self.scaffold.load_state_dict(state["scaffold"])
            torch.set_rng_state(state["torch_rng"])
            meters = state.get("throughput", {}).items()
            self._meters = {name: Meter.from_state(kept) for name, kept in meters}
        except FoodbenchError:
            raise
        except Exception as error:  # torch.load raises almost anything on damaged bytes
            raise CheckpointError(
                f"{self._state_path} cannot be read: {type(error).__name__}.", hint="Delete it to start anew."
            ) from error
        stage, step = state["stage"], int(state["step"])
        self._reporter.say(f"resumed after {stage} step {step}")
        if stage != self._stages[-1] and step >= getattr(self._settings, stage).steps:
            return self._stages[-1], 0, None
        return stage, step, state["optimizers"]

    def _check_recipe(self, saved: str) -> None:
        """The state's recipe must be this one, but for the device; what a recipe does not say counts as its default."""
        try:
            theirs = TrainSettings.model_validate_json(saved)
        except ValidationError:
            theirs = None
        if theirs is None or theirs.model_copy(update={"device": self._settings.device}) != self._settings:
            raise CheckpointError(
                f"{self._state_path} belongs to another recipe.",
                hint="Choose another --out, or delete that folder.",
            )

    def _trim_log(self, stage: str, first_step: int) -> None:
        """Drop records of steps after the saved state: they will be made again."""
        if not self._log_path.exists():
            return
        now = (STAGES.index(stage), first_step)
        kept = [r for r in read_json_lines(self._log_path) if (STAGES.index(r["stage"]), r["step"]) <= now]
        atomic_write(self._log_path, "".join(json.dumps(record) + "\n" for record in kept))


def _means(window: list[dict[str, float]]) -> dict[str, float]:
    names = {name: None for losses in window for name in losses}
    return {name: round(float(np.mean([losses[name] for losses in window if name in losses])), 5) for name in names}


def _note(losses: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.2f}" for name, value in losses.items())
