"""The trainer of a stage: TRL's, supervised or with rewards."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig

from baselines.common import trl_arguments
from baselines.recipe_grounded.questions import StageQuestions
from baselines.recipe_grounded.rewards import Scoring, reward_functions
from baselines.recipe_grounded.settings import StageSettings
from baselines.rl_segmentation.dynamic_sampling import KeepRule
from baselines.rl_segmentation.settings import OptimiserSettings
from baselines.rl_segmentation.sharing import share_pictures
from baselines.rl_segmentation.trainers import ExampleTrainer, RewardTrainer
from foodbench.core.errors import UsageError

_VISION_PARTS = (".visual.", ".vision_tower.", ".multi_modal_projector.")
_QWEN = "qwen2_5_vl"


class PlainRewardTrainer(RewardTrainer):
    """For models other than Qwen2.5-VL: passes are TRL's own, since the lean ones know only Qwen's pictures."""

    _get_per_token_logps_and_entropies = GRPOTrainer._get_per_token_logps_and_entropies


@dataclass(frozen=True, slots=True)
class Parts:
    """What a trainer is made of.

    Attributes:
        model, processor: where training begins.
        rows: as `to_dataset` makes them.
        questions: the data of the run.
        state: folder for what can be gone on from.
        processes: how many train together.
        callbacks: told about the course.
    """

    model: Any
    processor: Any
    rows: Dataset
    questions: StageQuestions
    state: Path
    processes: int
    callbacks: list[TrainerCallback]


def settled(settings: StageSettings, rows: int) -> OptimiserSettings:
    """The optimiser's settings with the number of updates; of a stage with rewards it is of whole rollouts."""
    if settings.rollout is None:
        return settings.optimiser.settled(rows, settings.optimiser.batch or 1)
    rollout = settings.rollout
    return settings.optimiser.settled(rows, rollout.prompts / rollout.updates, rollout.updates)


def build_trainer(settings: StageSettings, parts: Parts) -> Trainer:
    """The trainer of a stage.

    Raises:
        UsageError: the batch cannot be divided among the processes.
    """
    for name, parameter in parts.model.named_parameters():
        part = "vision" if any(one in f".{name}" for one in _VISION_PARTS) else "language"
        if part == settings.model.freeze:
            parameter.requires_grad_(False)
    if parts.model.config.model_type == _QWEN:
        share_pictures(parts.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about names of TRL's own that transformers is giving up
        trainer = _supervised(settings, parts) if settings.supervised else _rewarded(settings, parts)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _surroundings(settings: StageSettings, parts: Parts) -> dict[str, Any]:
    around = trl_arguments.Surroundings(
        state=parts.state,
        processes=parts.processes,
        on_cpu=settings.device == "cpu",
        seed=settings.seed,
        log_every=settings.log_every,
        save_every=settings.save_every,
    )
    return trl_arguments.training(settled(settings, len(parts.rows)), settings.model, around)


def _supervised(settings: StageSettings, parts: Parts) -> ExampleTrainer:
    batch = settings.optimiser.batch or 1
    arguments = SFTConfig(
        **_surroundings(settings, parts),
        **trl_arguments.example_batches(batch, settings.micro_batch, parts.processes),
        max_length=settings.max_length,
        completion_only_loss=True,
        remove_unused_columns=False,
    )
    return ExampleTrainer(
        model=parts.model,
        processing_class=parts.processor,
        args=arguments,
        train_dataset=parts.rows,
        peft_config=trl_arguments.adapters(settings.lora),
        callbacks=parts.callbacks,
    )


def _rewarded(settings: StageSettings, parts: Parts) -> RewardTrainer:
    rollout, policy, questions = settings.rollout, settings.policy, parts.questions
    if rollout is None or policy is None:
        raise UsageError(f"{settings.stage} needs the sections rollout and policy.", hint="Complete the recipe.")
    of_actions = settings.stage == "ar_rft"
    known = questions.vocabulary.labels if of_actions else questions.ingredients
    scoring = Scoring(known, questions.vocabulary.tiers if of_actions else {}, settings.earned)
    functions, weights = reward_functions(scoring)
    arguments = GRPOConfig(
        **_surroundings(settings, parts),
        **trl_arguments.rollout_batches(rollout, parts.processes),
        **trl_arguments.objective(policy, rollout),
        **trl_arguments.vllm(rollout),
        reward_weights=weights,
    )
    rule = None if policy.sampling is None else KeepRule(policy.sampling, (True,) * len(functions), 0)
    kind = RewardTrainer if parts.model.config.model_type == _QWEN else PlainRewardTrainer
    return kind(
        model=parts.model,
        processing_class=parts.processor,
        args=arguments,
        train_dataset=parts.rows,
        reward_funcs=list(functions),
        peft_config=trl_arguments.adapters(settings.lora),
        callbacks=parts.callbacks,
        keep_rule=rule,
    )


__all__ = ["Parts", "build_trainer", "settled"]
