"""Two stages of supervised training, resumable at any saved step with the same result as without the interruption."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from baselines.common.muon_and_adam import learning_rate
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.progress import Reporter
from baselines.rl_segmentation.kitchen_model.batches import BatchSource, Half, Scene
from baselines.rl_segmentation.kitchen_model.building import build_model, build_processor, number_ids
from baselines.rl_segmentation.kitchen_model.encoding import Encoder
from baselines.rl_segmentation.kitchen_model.forward import BoxHead, Probe, Reader, Sight
from baselines.rl_segmentation.kitchen_model.losses import answer_loss, box_loss, seeing_losses
from baselines.rl_segmentation.kitchen_model.measuring import Examiner
from baselines.rl_segmentation.kitchen_model.places import Places
from baselines.rl_segmentation.kitchen_model.schedule import Optimizers
from baselines.rl_segmentation.kitchen_model.settings import AnswerSettings, SftSettings, StageSettings
from foodbench.core.errors import CheckpointError, FoodbenchError
from foodbench.core.files import AppendLog, atomic_write, read_json_lines
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES

STAGES = ("seeing", "answering")
_SEEING_PARTS = ("visual.", "embed_tokens", "language_model.layers.0.")
"""Of the model, what the first stage trains."""


class Trainer:
    """Trains one model in a folder that holds its state (`state.pt`) and its log (`log.jsonl`).

    Every batch is a pure function of the settings, the plates and the step, and nothing else is random after the
    weights are drawn: on a CPU the same settings give the same weights, bit for bit, with and without interruptions.

    Args:
        settings: the recipe.
        plates: what to learn from.
        places: where everything is on them.
        folder: for state and log.
        reporter: told of progress.
        examiner: measures from time to time.
        publish: called with the trainer and a step of `settings.publish_at`.
    """

    def __init__(
        self,
        settings: SftSettings,
        plates: Plates,
        places: Places,
        folder: Path,
        reporter: Reporter,
        examiner: Examiner | None = None,
        publish: Callable[[Trainer, int], None] = lambda _trainer, _step: None,
    ) -> None:
        torch.set_num_threads(settings.threads)
        self._settings, self._reporter, self._examiner, self._publish = settings, reporter, examiner, publish
        self._state_path, self._log_path = folder / "state.pt", folder / "log.jsonl"
        shape = settings.shape
        self.processor = build_processor(shape, settings.seed)
        self.model = build_model(shape, self.processor.tokenizer, settings.seed).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed + 1)
            self.helpers = nn.ModuleDict(
                {"probe": Probe(shape.text_hidden, len(INGREDIENT_NAMES)), "boxes": BoxHead(shape.text_hidden)}
            )
        self._sight = Sight(self.model, self.processor.image_processor, shape.grid)
        encoder = Encoder(self.processor, shape.grid, settings.answering.template_weight)
        self._reader = Reader(self.model, encoder.head, shape.cells)
        self._source = BatchSource(plates, places, encoder, settings.seed)
        self._numbers = number_ids(self.processor.tokenizer, shape.grid)
        tokenizer = self.processor.tokenizer
        self._names = [torch.tensor(tokenizer(f" {name}")["input_ids"]) for name in INGREDIENT_NAMES]

    def run(self, stop_after: int | None = None) -> None:
        """Train from the saved state, if any, to the end.

        Args:
            stop_after: stop after that many steps of this call (an interruption, for tests).

        Raises:
            CheckpointError: the saved state belongs to another recipe or is damaged.
            StorageFull: state or log cannot be written.
        """
        stage, first, optimizer_state = self._resume()
        if stage == STAGES[0] and not first and 0 in self._settings.publish_at:
            self._publish(self, 0)
        self._trim_log(stage, first)
        budget = stop_after
        with AppendLog(self._log_path) as log:
            for name in STAGES[STAGES.index(stage) :]:
                settings = getattr(self._settings, name)
                optimizers = self._optimizers(name)
                if optimizer_state is not None:
                    optimizers.load_state_dict(optimizer_state)
                last = settings.steps if budget is None else min(settings.steps, first + budget)
                self._run_stage(name, optimizers, range(first, last), log)
                if budget is not None:
                    budget -= last - first
                    if not budget:
                        return
                first, optimizer_state = 0, None

    def _optimizers(self, stage: str) -> Optimizers:
        settings: StageSettings = getattr(self._settings, stage)
        named = list(self.model.named_parameters())
        if isinstance(settings, AnswerSettings):
            return Optimizers(named, self.helpers.parameters(), settings, settings.vision_share)
        return Optimizers(
            [(name, parameter) for name, parameter in named if any(part in name for part in _SEEING_PARTS)],
            self.helpers["probe"].parameters(),
            settings,
        )

    def _run_stage(self, name: str, optimizers: Optimizers, steps: range, log: AppendLog) -> None:
        settings: StageSettings = getattr(self._settings, name)
        window: list[dict[str, float]] = []
        self._reporter.start(name, settings.steps, steps.start)
        began, paused = time.monotonic(), 0.0
        for step in steps:
            optimizers.forget()
            losses = self._losses(name, step)
            torch.stack(list(losses.values())).sum().backward()
            optimizers.update(step)
            window.append({key: value.item() for key, value in losses.items()})
            done = step + 1
            last = done == settings.steps
            if done % self._settings.log_every == 0 or last:
                rate = (done - steps.start) / (time.monotonic() - began - paused)
                record = {"stage": name, "step": done, "rate": learning_rate(settings, step), "losses": _means(window)}
                log.append({**record, "steps_per_second": round(rate, 3)})
                window = []
            self._reporter.advance(note=" ".join(f"{key} {value.item():.3f}" for key, value in losses.items()))
            pause = time.monotonic()
            if name == STAGES[1]:
                self._look_up(done, last, log)
            if done % self._settings.save_every == 0 or last:
                self._save(name, done, optimizers)
            paused += time.monotonic() - pause

    def _look_up(self, done: int, last: bool, log: AppendLog) -> None:
        """Measure and publish when it is time."""
        if self._examiner and done % self._settings.measure_every == 0 and not last:
            measured = self._examiner.measure(self.model, self.processor)
            log.append({"stage": STAGES[1], "step": done, "val": measured})
            self._reporter.say(f"step {done}: {json.dumps(measured)}")
        if done in self._settings.publish_at:
            self._publish(self, done)

    def _losses(self, stage: str, step: int) -> dict[str, torch.Tensor]:
        if stage == STAGES[0]:
            return self._seeing(self._source.seeing(self._settings.seeing, step), only=True)
        settings = self._settings.answering
        done = step / settings.steps
        spread = settings.spread + (settings.final_spread - settings.spread) * done
        help_left = max(0.0, 1 - done / settings.helped_until)
        halves = [self._answering(half, spread, help_left) for half in self._source.answering(settings, step)]
        return {name: sum((half[name] for half in halves), torch.zeros(())) / len(halves) for name in halves[0]}

    def _seeing(self, scene: Scene, *, only: bool = False) -> dict[str, torch.Tensor]:
        embeddings = self.model.get_input_embeddings()
        names = torch.stack([embeddings(ids).mean(0) for ids in self._names])
        looked = self._reader.look(self._sight(scene.pixels), only=only)
        return seeing_losses(self.helpers["probe"], looked, names, scene)

    def _answering(self, half: Half, spread: float, help_left: float) -> dict[str, torch.Tensor]:
        """Losses of some plates' rows; those of the helpers by what is left of their weight."""
        settings = self._settings.answering
        seeing = self._seeing(half.scene)
        states = self._reader.read(half.rows.ids, settings.questions)
        vocabulary = self.model.get_input_embeddings().weight
        boxes = box_loss(self.helpers["boxes"], states, half.rows)
        return {
            "words": answer_loss(states, vocabulary, self._numbers, half.rows, spread),
            "boxes": help_left * settings.box_weight * boxes,
            "seeing": help_left * settings.seeing_weight * torch.stack(list(seeing.values())).sum(),
        }

    def _save(self, stage: str, step: int, optimizers: Optimizers) -> None:
        buffer = io.BytesIO()
        torch.save(
            {
                "settings": self._settings.model_dump_json(),
                "stage": stage,
                "step": step,
                "model": self.model.state_dict(),
                "helpers": self.helpers.state_dict(),
                "optimizers": optimizers.state_dict(),
                "torch_rng": torch.get_rng_state(),
            },
            buffer,
        )
        atomic_write(self._state_path, buffer.getvalue())

    def _resume(self) -> tuple[str, int, list[dict[str, Any]] | None]:
        """Stage, next step and optimiser state; weights are loaded."""
        if not self._state_path.exists():
            return STAGES[0], 0, None
        try:
            state = torch.load(self._state_path, map_location="cpu", weights_only=True)
            if json.loads(state["settings"]) != json.loads(self._settings.model_dump_json()):
                raise CheckpointError(
                    f"{self._state_path} belongs to another recipe.",
                    hint="Choose another --out, or delete that folder.",
                )
            self.model.load_state_dict(state["model"])
            self.helpers.load_state_dict(state["helpers"])
            torch.set_rng_state(state["torch_rng"])
        except FoodbenchError:
            raise
        except Exception as error:  # torch.load raises almost anything on damaged bytes
            raise CheckpointError(
                f"{self._state_path} cannot be read: {type(error).__name__}.", hint="Delete it to start anew."
            ) from error
        stage, step = state["stage"], int(state["step"])
        self._reporter.say(f"resumed after {stage} step {step}")
        if stage == STAGES[0] and step >= self._settings.seeing.steps:
            return STAGES[1], 0, None
        return stage, step, state["optimizers"]

    def _trim_log(self, stage: str, first: int) -> None:
        """Drop records of steps after the saved state: they will be made again."""
        if not self._log_path.exists():
            return
        now = (STAGES.index(stage), first)
        kept = [
            record
            for record in read_json_lines(self._log_path)
            if (STAGES.index(record["stage"]), record["step"]) <= now
        ]
        atomic_write(self._log_path, "".join(json.dumps(record) + "\n" for record in kept))


def _means(window: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([losses[name] for losses in window])), 5) for name in window[0]}
