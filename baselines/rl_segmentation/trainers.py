"""Trainers of TRL as a recipe wants them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl import GRPOConfig, SFTConfig, SFTTrainer

from baselines.common import trl_arguments
from baselines.common.training_settings import OptimiserSettings, PolicySettings, RolloutSettings
from baselines.common.trl_arguments import TrlSettings
from baselines.rl_segmentation.dynamic_sampling import DynamicSampling, KeepRule
from baselines.rl_segmentation.resuming import ExactResume, RoundSampler
from baselines.rl_segmentation.settings import RunSettings
from baselines.rl_segmentation.sharing import LeanPasses, share_pictures
from baselines.rl_segmentation.trl_rewards import OVERLONG, PARTS, Scoring, overlong, reward_functions
from foodbench.core.errors import UsageError

_MOST_ACCURATE = 3.0
"""The most that the reward for segmentation gives."""


class RewardTrainer(ExactResume, DynamicSampling, LeanPasses):
    """TRL's GRPO trainer with dynamic sampling, that goes on exactly where it was."""

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(dataset)
        passes = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        updates = len(sampler) // (passes * (self.args.steps_per_generation or 1) * self.accelerator.num_processes)
        return RoundSampler(sampler, lambda: int(self.state.global_step // max(1, updates)))


class ExampleTrainer(ExactResume, SFTTrainer):
    """TRL's supervised trainer, that goes on exactly where it was."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a trainer is made of.

    Attributes:
        model, processor: where training begins.
        rows: as TRL takes them.
        state: folder for what can be gone on from.
        processes: how many train together.
        callbacks: told about the course.
    """

    model: Any
    processor: Any
    rows: Dataset
    state: Path
    processes: int
    callbacks: list[TrainerCallback]


@dataclass(frozen=True, slots=True)
class Rewarding:
    """How completions are drawn, what they earn, and what is maximised.

    Attributes:
        rollout, policy: of the recipe.
        functions: as TRL calls them.
        weights: of what they give.
        rule: of dynamic sampling; None: all groups are learnt from.
    """

    rollout: RolloutSettings
    policy: PolicySettings
    functions: list[Any]
    weights: list[float]
    rule: KeepRule | None


def example_trainer(
    settings: TrlSettings, optimiser: OptimiserSettings, parts: Parts, max_length: int | None
) -> ExampleTrainer:
    """A trainer that imitates answers.

    Raises:
        UsageError: the batch cannot be divided among the processes.
    """
    with _without_warnings():
        arguments = SFTConfig(
            **trl_arguments.training(settings, optimiser, settings.model, parts.state, parts.processes),
            **trl_arguments.example_batches(optimiser.batch or 1, settings.micro_batch, parts.processes),
            max_length=max_length,
            completion_only_loss=True,
            remove_unused_columns=False,
        )
        trainer = ExampleTrainer(
            model=parts.model,
            processing_class=parts.processor,
            args=arguments,
            train_dataset=parts.rows,
            peft_config=trl_arguments.adapters(settings.lora),
            callbacks=parts.callbacks,
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def reward_trainer(
    settings: TrlSettings,
    optimiser: OptimiserSettings,
    parts: Parts,
    rewarding: Rewarding,
    kind: type[RewardTrainer] = RewardTrainer,
) -> RewardTrainer:
    """A trainer that maximises rewards.

    Raises:
        UsageError: the rollout cannot be divided among the processes.
    """
    rollout = rewarding.rollout
    with _without_warnings():
        arguments = GRPOConfig(
            **trl_arguments.training(settings, optimiser, settings.model, parts.state, parts.processes),
            **trl_arguments.rollout_batches(rollout, parts.processes),
            **trl_arguments.objective(rewarding.policy, rollout),
            **trl_arguments.vllm(rollout),
            reward_weights=rewarding.weights,
        )
        trainer = kind(
            model=parts.model,
            processing_class=parts.processor,
            args=arguments,
            train_dataset=parts.rows,
            reward_funcs=rewarding.functions,
            peft_config=trl_arguments.adapters(settings.lora),
            callbacks=parts.callbacks,
            keep_rule=rewarding.rule,
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


@contextmanager
def _without_warnings() -> Iterator[None]:
    """About names of TRL's own that transformers is giving up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def build_trainer(settings: RunSettings, parts: Parts, grid: int) -> Trainer:
    """The trainer of a recipe.

    Args:
        settings: the recipe.
        parts: what the trainer is made of.
        grid: side of the square that coordinates are in.

    Raises:
        UsageError: the batch cannot be divided among the processes.
    """
    for name, parameter in parts.model.named_parameters():
        part = "vision" if ".visual." in f".{name}" else "language"
        parameter.requires_grad_(part != settings.model.freeze)
    share_pictures(parts.model)
    optimiser = settings.optimiser
    if settings.algorithm == "sft":
        trainer: Trainer = example_trainer(settings, optimiser, parts, max_length=None)
    else:
        trainer = reward_trainer(settings, optimiser, parts, _rewarding(settings, grid))
    if optimiser.kind == "sgd":
        options = {"lr": optimiser.learning_rate, "momentum": optimiser.beta1, "weight_decay": optimiser.weight_decay}
        trainer.optimizer_cls_and_kwargs = (torch.optim.SGD, options)
    return trainer


def _rewarding(settings: RunSettings, grid: int) -> Rewarding:
    rollout, policy = settings.rollout, settings.policy
    if rollout is None or policy is None:
        raise UsageError(f"{settings.algorithm} needs the sections rollout and policy.", hint="Complete the recipe.")
    functions: list[Any] = list(reward_functions(Scoring(grid, settings.rewards)))
    weights = [1.0] * len(PARTS)
    if policy.overlong_weight:
        functions.append(overlong(rollout.max_tokens, max(1, round(rollout.overlong * rollout.max_tokens))))
        weights.append(policy.overlong_weight)
    names = [function.__name__ for function in functions]
    rule = None
    if policy.sampling is not None:
        counted = tuple(name != OVERLONG for name in names)
        rule = KeepRule(policy.sampling, counted, names.index("segmentation"), _MOST_ACCURATE)
    return Rewarding(rollout, policy, functions, weights, rule)


__all__ = [
    "ExampleTrainer",
    "Parts",
    "RewardTrainer",
    "Rewarding",
    "build_trainer",
    "example_trainer",
    "reward_trainer",
]
