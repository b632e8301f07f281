"""What a training run of the paper-size model is told: read from YAML, checked, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from baselines.common.sections import Positive, Rate, Section
from baselines.common.yaml_file import load_recipe
from baselines.foodlmm.paper.examples import Architecture
from foodbench.core.errors import UsageError

Share = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LossWeights(Section):
    """The effective weights: of a micro-batch's loss in the released code, all factors multiplied.

    Attributes:
        text: of the cross entropy.
        bce, dice: of the two mask losses.
        nutrition: of the sum over heads of |e| + `squared` * e^2.
        squared: see `nutrition`; the paper names 0.1 and 1e-4, which are `nutrition` and `nutrition * squared`.
    """

    text: Weight = 1.0
    bce: Weight = 2.0
    dice: Weight = 0.5
    nutrition: Weight = 0.1
    squared: Weight = 0.001


class LoraSettings(Section):
    """Low-rank adapters on the language model's query and value projections."""

    rank: Positive = 8
    alpha: Positive = 16
    dropout: Share = 0.05


class ModelSettings(Section):
    """What is trained, and in which precision.

    Attributes:
        start_from: converted checkpoint folder, of a FoodLMM or a LISA; `--start-from` goes first.
        architecture: what comes out. `foodlmm`: a LISA to start from gets FoodLMM's tokens and heads, as in stage 1.
            `lisa`: a LISA stays one, with the one token `[SEG]` and no nutrition; `data.mixture` must be one for it.
        train_embeddings: train the word embeddings and the output layer as a whole, as the released code does.
        gradient_checkpointing: compute the language model's activations twice, keep them once.
        precision: `bf16` holds frozen weights in bfloat16 and computes in it; trained weights, their updates, the
            losses and the nutrition heads are float32 in either case.
        lora: the adapters.
    """

    start_from: Path | None = None
    architecture: Architecture = "foodlmm"
    train_embeddings: bool = True
    gradient_checkpointing: bool = True
    precision: Literal["bf16", "fp32"] = "bf16"
    lora: LoraSettings = LoraSettings()


class OptimiserSettings(Section):
    """AdamW with linear warm-up from 0 and linear decay to 0.

    Attributes:
        learning_rate: at the end of the warm-up.
        betas, weight_decay: of AdamW.
        warmup: steps.
        decay_steps: the step at which the rate reaches 0; not before `steps`, which may stop earlier.
        steps: optimiser steps of the run.
        clip: norm that gradients are cut to.
        micro_batch: examples that a device takes at a time. The losses are means within it, as published.
        batch: examples per step over all devices; what the devices do not take at once is accumulated.
    """

    learning_rate: Rate = 3e-4
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: Weight = 0.0
    warmup: Positive = 100
    decay_steps: Positive
    steps: Positive
    clip: Rate = 1.0
    micro_batch: Positive
    batch: Positive

    @model_validator(mode="after")
    def _consistent(self) -> OptimiserSettings:
        if self.steps > self.decay_steps:
            raise ValueError(f"steps ({self.steps}) goes beyond decay_steps ({self.decay_steps})")
        if self.warmup >= self.decay_steps:
            raise ValueError(f"warmup ({self.warmup}) leaves no step for the decay until {self.decay_steps}")
        if self.batch % self.micro_batch:
            raise ValueError(f"batch ({self.batch}) is no multiple of micro_batch ({self.micro_batch})")
        return self

    def accumulation(self, devices: int) -> int:
        """Micro-batches per device and step.

        Raises:
            UsageError: the batch cannot be shared out evenly.
        """
        if self.batch % (self.micro_batch * devices):
            raise UsageError(
                f"{devices} devices with micro-batches of {self.micro_batch} cannot share a batch of {self.batch}.",
                hint="Change optimiser.batch or optimiser.micro_batch, or use another number of devices.",
            )
        return self.batch // (self.micro_batch * devices)


class TrainSettings(Section):
    """A whole run.

    Attributes:
        seed: of new weights and dropout, and, unless `data` says otherwise, of the data's order.
        log_every: steps whose means make one row of the log.
        save_every: steps between resumable states; a multiple of `log_every`, so that no row is torn apart.
        publish_at: steps whose checkpoint is published besides the last one's.
        published_dtype: of the published weights.
        workers: processes that read and prepare examples; 0 does it between steps.
        model, optimiser, losses: see there.
        data: the mixture, as `baselines.foodlmm.paper.mixtures` reads it.
    """

    seed: int = 0
    log_every: Positive = 10
    save_every: Positive = 500
    publish_at: tuple[Positive, ...] = ()
    published_dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    workers: Annotated[int, Field(ge=0)] = 4
    model: ModelSettings = ModelSettings()
    optimiser: OptimiserSettings
    losses: LossWeights = LossWeights()
    data: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> TrainSettings:
        if self.save_every % self.log_every:
            raise ValueError(f"save_every ({self.save_every}) must be a multiple of log_every ({self.log_every})")
        late = [step for step in self.publish_at if step > self.optimiser.steps]
        if late:
            raise ValueError(f"publish_at names step {late[0]}, but the run has {self.optimiser.steps}")
        return self


def load_settings(path: Path) -> TrainSettings:
    """Read a recipe of the paper's size; raises as `load_recipe`."""
    return load_recipe(path, TrainSettings, hint="See baselines/foodlmm/paper/settings.py.")


def learning_rate(settings: OptimiserSettings, step: int) -> float:
    """Rate of one step, counted from 0."""
    if step < settings.warmup:
        return settings.learning_rate * step / settings.warmup
    left = (settings.decay_steps - step) / (settings.decay_steps - settings.warmup)
    return settings.learning_rate * max(0.0, left)
