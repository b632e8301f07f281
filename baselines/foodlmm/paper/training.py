"""Training on one or many devices, resumable at any saved step with the same result as without the interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.utils.data import DataLoader, Dataset

from baselines.foodlmm.paper.building import PRECISIONS, begin, trainable
from baselines.foodlmm.paper.collating import Batch, Collator
from baselines.foodlmm.paper.examples import Example
from baselines.foodlmm.paper.logbook import Logbook
from baselines.foodlmm.paper.losses import LossModel
from baselines.foodlmm.paper.publishing import draw_curve, publish, whole_state
from baselines.foodlmm.paper.settings import TrainSettings, learning_rate
from baselines.foodlmm.paper.states import load_state, save_state
from baselines.foodlmm.progress import Reporter
from foodbench.core.errors import FoodbenchError

LOSSES = ("text", "bce", "dice", "nutrition", "total")


class TrainingDiverged(FoodbenchError):
    """The loss or its gradient is no finite number any more."""

    code = "training.diverged"


class Mixture(Protocol):
    """An endless sequence of examples."""

    def example_at(self, index: int) -> Example:
        """The example of that number; always the same."""


class _Numbers(Dataset):
    """Numbers of examples: what torch's loader shares out among its workers."""

    def __getitem__(self, index: int) -> int:
        return index


class _Maker:
    """Makes batches of numbers, in a worker. Errors are handed over: raised there, they would lose their hints."""

    def __init__(self, mixture: Mixture, collator: Collator) -> None:
        self._mixture, self._collator = mixture, collator

    def __call__(self, numbers: list[int]) -> Batch | FoodbenchError:
        try:
            return self._collator([self._mixture.example_at(number) for number in numbers])
        except FoodbenchError as error:
            return error


class _Order:
    """Numbers of the examples in each of one process's micro-batches, from a step to the end.

    The same micro-batches make a step whatever the number of devices: only who takes which differs.
    """

    def __init__(self, settings: TrainSettings, first_step: int, process: int, processes: int) -> None:
        self._plan = settings.optimiser
        self._first, self._process, self._processes = first_step, process, processes

    def __iter__(self) -> Iterator[list[int]]:
        size = self._plan.micro_batch
        for step in range(self._first, self._plan.steps):
            for turn in range(self._plan.accumulation(self._processes)):
                start = step * self._plan.batch + (turn * self._processes + self._process) * size
                yield list(range(start, start + size))

    def __len__(self) -> int:
        return (self._plan.steps - self._first) * self._plan.accumulation(self._processes)


def make_accelerator() -> Accelerator:
    """The devices that the launcher has given to this run."""
    # Without the flag, accelerate takes several processes on a machine without devices for single ones. Which precision
    # is computed in is the recipe's business, not the launcher's: LossModel sees to it.
    return Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision="no")


class Trainer:
    """Trains one model in a folder: its state (`state.pt`), its log (`log.csv`, `curve.png`) and its checkpoints.

    Args:
        settings: the recipe, `model.start_from` included.
        mixture: the examples.
        folder: for all that is written.
        reporter: of progress, on the main process.
        accelerator: how the work is spread; as the launcher says by default.

    Raises:
        CheckpointError: the checkpoint to start from cannot be used.
        UsageError: the batch cannot be shared by that many devices.
    """

    def __init__(
        self,
        settings: TrainSettings,
        mixture: Mixture,
        folder: Path,
        reporter: Reporter | None = None,
        accelerator: Accelerator | None = None,
    ) -> None:
        self._settings, self._mixture, self._folder, self._reporter = settings, mixture, folder, reporter
        self.accelerator = accelerator or make_accelerator()
        self._accumulation = settings.optimiser.accumulation(self.accelerator.num_processes)
        foodlmm, self.processor = begin(settings.model, settings.seed)
        self._collator = Collator(self.processor)
        self._config, self._generation = foodlmm.config, foodlmm.generation_config
        self.counts = {
            "all": sum(parameter.numel() for parameter in foodlmm.parameters()),
            "trained": sum(parameter.numel() for parameter in trainable(foodlmm).values()),
        }
        model = LossModel(foodlmm, settings.losses, PRECISIONS[settings.model.precision])
        plan = settings.optimiser
        optimiser = torch.optim.AdamW(
            list(trainable(model).values()), lr=0.0, betas=plan.betas, weight_decay=plan.weight_decay
        )
        self.model, self._optimiser = self.accelerator.prepare(model, optimiser)
        self._parameters = list(trainable(self.model).values())

    def run(self, stop_after: int | None = None) -> None:
        """Train from the saved state, if any, to the end, and publish.

        Args:
            stop_after: stop after that many steps of this call (an interruption, for tests).

        Raises:
            CheckpointError: the saved state belongs to another recipe or is damaged.
            ExampleUnusable: as the examples are collated.
            StorageFull: state, log or checkpoint cannot be written.
            TrainingDiverged: a loss is not finite.
        """
        set_seed(self._settings.seed, device_specific=True)
        recipe = self._settings.model_dump_json()
        state = self._folder / "state.pt"
        first = load_state(state, self.accelerator, self.model, self._inner_optimiser, recipe)
        plan = self._settings.optimiser
        last = plan.steps if stop_after is None else min(plan.steps, first + stop_after)
        batches = self._batches(first)
        self.model.train()
        log = Logbook(self._folder / "log.csv", first) if self.accelerator.is_main_process else None
        if self._reporter:
            self._reporter.start("training", plan.steps, first)
        window = _Window()
        for step in range(first, last):
            means, norm = self._step(step, batches)
            window.add(means, norm)
            done = step + 1
            if done % self._settings.log_every == 0 or done == plan.steps:
                row = self._row(window, done)
                window = _Window()
                if log:
                    log.add(row)
            if self._reporter:
                self._reporter.advance(note=f"total {float(means['total']):.2f}")
            # Before the state: what a kill in between tears is then made again.
            if done in self._settings.publish_at:
                self.publish(done)
            if done % self._settings.save_every == 0 or done == plan.steps:
                save_state(state, self.accelerator, self.model, self._inner_optimiser, recipe, done)
        if last == plan.steps:
            self.publish(last)
        if log:
            draw_curve(log.rows, self._folder / "curve.png")
            log.close()

    def checkpoint(self, step: int) -> Path:
        """Folder of the checkpoint that is published after that many steps."""
        return self._folder / ("checkpoint" if step == self._settings.optimiser.steps else f"checkpoint-{step}")

    def publish(self, step: int) -> None:
        """Write a checkpoint folder of the present weights; every process must call it."""
        state = whole_state(self.model)
        if self.accelerator.is_main_process:
            publish(
                {name.removeprefix("model."): weight for name, weight in state.items()},
                self._config,
                self._generation,
                self.processor,
                self._settings.model.lora,
                self._settings.published_dtype,
                self.checkpoint(step),
            )
        self.accelerator.wait_for_everyone()

    @property
    def _inner_optimiser(self) -> torch.optim.Optimizer:
        return self._optimiser.optimizer

    def _batches(self, first_step: int) -> Iterator[Batch]:
        processes = self.accelerator.num_processes
        loader: DataLoader[Any] = DataLoader(
            _Numbers(),
            batch_sampler=_Order(self._settings, first_step, self.accelerator.process_index, processes),
            collate_fn=_Maker(self._mixture, self._collator),
            num_workers=self._settings.workers,
            # Of its own: the loader would otherwise draw from the generator that dropout uses.
            generator=torch.Generator().manual_seed(0),
        )
        for made in loader:
            if isinstance(made, FoodbenchError):
                raise made
            yield made

    def _step(self, step: int, batches: Iterator[Batch]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """One update; returns the means of its losses on this process, and the gradient's norm."""
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self._settings.optimiser, step)
        self._optimiser.zero_grad()
        means = {name: torch.zeros((), device=self.accelerator.device) for name in LOSSES}
        for turn in range(self._accumulation):
            batch = next(batches).to(self.accelerator.device)
            with self._reducing(turn == self._accumulation - 1):
                losses = self.model(batch)
                self.accelerator.backward(losses["total"] / self._accumulation)
            means = {name: mean + losses[name].detach() / self._accumulation for name, mean in means.items()}
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.optimiser.clip)
        self._optimiser.step()
        return means, norm.full_tensor() if hasattr(norm, "full_tensor") else norm

    def _reducing(self, last: bool) -> AbstractContextManager[Any]:
        """Devices exchange gradients with the last micro-batch of a step only."""
        return nullcontext() if last else self.accelerator.no_sync(self.model)

    def _row(self, window: _Window, done: int) -> dict[str, float]:
        values = torch.stack([torch.stack([step[name] for name in LOSSES]) for step in window.steps]).mean(0)
        shared = self.accelerator.reduce(values, reduction="mean").tolist()
        row: dict[str, float] = {
            "step": done,
            "rate": learning_rate(self._settings.optimiser, done - 1),
            **dict(zip(LOSSES, shared, strict=True)),
            "norm": float(torch.stack(window.norms).mean()),
            "examples_per_second": self._settings.optimiser.batch * len(window.steps) / window.seconds,
        }
        for name in (*LOSSES, "norm"):
            if not math.isfinite(row[name]):
                raise TrainingDiverged(
                    f"At step {done} the mean of '{name}' is {row[name]}.",
                    hint="The last saved state is intact. Lower optimiser.learning_rate, or look at the latest data.",
                )
        return row


class _Window:
    """What the steps since the last row of the log have measured."""

    def __init__(self) -> None:
        self.steps: list[dict[str, torch.Tensor]] = []
        self.norms: list[torch.Tensor] = []
        self._began = time.monotonic()

    def add(self, means: dict[str, torch.Tensor], norm: torch.Tensor) -> None:
        """One step's."""
        self.steps.append(means)
        self.norms.append(norm)

    @property
    def seconds(self) -> float:
        """Since the first step began."""
        return max(1e-9, time.monotonic() - self._began)


__all__ = ["Mixture", "Trainer", "TrainingDiverged", "make_accelerator"]
