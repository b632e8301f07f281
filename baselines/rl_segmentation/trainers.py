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
from peft import LoraConfig
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl import GRPOConfig, SFTConfig, SFTTrainer
from trl.distributed import DistributedBackend
from trl.models import unwrap_model_for_generation

from baselines.rl_segmentation.dynamic_sampling import DynamicSampling, KeepRule
from baselines.rl_segmentation.resuming import ExactResume, RoundSampler
from baselines.rl_segmentation.settings import LoraSettings, PolicySettings, RolloutSettings, RunSettings
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
        rows: as `to_rows` makes them.
        grid: side of the square that coordinates are in.
        state: folder for what can be gone on from.
        processes: how many train together.
        callbacks: told about the course.
    """

    model: Any
    processor: Any
    rows: Dataset
    grid: int
    state: Path
    processes: int
    callbacks: list[TrainerCallback]


def build_trainer(settings: RunSettings, parts: Parts) -> Trainer:
    """The trainer of a recipe.

    Raises:
        UsageError: the batch cannot be divided among the processes.
    """
    for name, parameter in parts.model.named_parameters():
        part = "vision" if ".visual." in f".{name}" else "language"
        parameter.requires_grad_(part != settings.model.freeze)
    share_pictures(parts.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about names of TRL's own that transformers is giving up
        trainer = _supervised(settings, parts) if settings.algorithm == "sft" else _rewarded(settings, parts)
    trainer.remove_callback(PrinterCallback)
    optimiser = settings.optimiser
    if optimiser.kind == "sgd":
        options = {"lr": optimiser.learning_rate, "momentum": optimiser.beta1, "weight_decay": optimiser.weight_decay}
        trainer.optimizer_cls_and_kwargs = (torch.optim.SGD, options)
    return trainer


def _rewarded(settings: RunSettings, parts: Parts) -> RewardTrainer:
    rollout, policy = settings.rollout, settings.policy
    if rollout is None or policy is None:
        raise UsageError(f"{settings.algorithm} needs the sections rollout and policy.", hint="Complete the recipe.")
    functions: list[Any] = list(reward_functions(Scoring(parts.grid, settings.rewards)))
    weights = [1.0] * len(PARTS)
    if policy.overlong_weight:
        functions.append(overlong(rollout.max_tokens, max(1, round(rollout.overlong * rollout.max_tokens))))
        weights.append(policy.overlong_weight)
    names = [function.__name__ for function in functions]
    rule = None
    if policy.sampling is not None:
        counted = tuple(name != OVERLONG for name in names)
        rule = KeepRule(policy.sampling, counted, names.index("segmentation"), _MOST_ACCURATE)
    arguments = GRPOConfig(
        **_common(settings, parts),
        **_batches(rollout, parts.processes),
        **_objective(policy, rollout),
        **_vllm(rollout),
        reward_weights=weights,
    )
    return RewardTrainer(
        model=parts.model,
        processing_class=parts.processor,
        args=arguments,
        train_dataset=parts.rows,
        reward_funcs=functions,
        peft_config=_lora(settings.lora),
        callbacks=parts.callbacks,
        keep_rule=rule,
    )


def _supervised(settings: RunSettings, parts: Parts) -> ExampleTrainer:
    batch = settings.optimiser.batch or 1
    if batch % parts.processes:
        raise UsageError(f"A batch of {batch} cannot be divided among {parts.processes} processes.", hint="Change it.")
    own = batch // parts.processes
    micro = min(settings.micro_batch or own, own)
    if own % micro:
        raise UsageError(f"{own} examples cannot be divided into micro-batches of {micro}.", hint="Change one of them.")
    arguments = SFTConfig(
        **_common(settings, parts),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=own // micro,
        max_length=None,
        completion_only_loss=True,
        remove_unused_columns=False,
    )
    return ExampleTrainer(
        model=parts.model,
        processing_class=parts.processor,
        args=arguments,
        train_dataset=parts.rows,
        peft_config=_lora(settings.lora),
        callbacks=parts.callbacks,
    )


def _common(settings: RunSettings, parts: Parts) -> dict[str, Any]:
    optimiser, on_cpu = settings.optimiser, settings.device == "cpu"
    return {
        "output_dir": str(parts.state),
        "seed": settings.seed,
        "use_cpu": on_cpu,
        "bf16": settings.model.bf16 and not on_cpu,
        "gradient_checkpointing": settings.model.gradient_checkpointing,
        "ddp_backend": "gloo" if on_cpu and parts.processes > 1 else None,
        "dataloader_pin_memory": not on_cpu,
        "max_steps": optimiser.steps,
        "learning_rate": optimiser.learning_rate,
        "weight_decay": optimiser.weight_decay,
        "adam_beta1": optimiser.beta1,
        "adam_beta2": optimiser.beta2,
        "warmup_steps": optimiser.warmup,
        "lr_scheduler_type": optimiser.schedule,
        "max_grad_norm": optimiser.max_norm,
        "logging_steps": settings.log_every,
        "save_strategy": "steps",
        "save_steps": settings.save_every,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _batches(rollout: RolloutSettings, processes: int) -> dict[str, Any]:
    """A rollout in TRL's terms: completions per process and pass, passes per update, passes per rollout."""
    update = rollout.prompts * rollout.completions // rollout.updates
    if update % processes or rollout.prompts % processes:
        raise UsageError(
            f"{rollout.prompts} questions, {update} completions in an update, cannot be divided among {processes} "
            "processes.",
            hint="Make rollout.prompts a multiple of the processes.",
        )
    own = update // processes
    micro = min(rollout.micro_batch or own, own)
    if own % micro:
        raise UsageError(
            f"{own} completions per process and update cannot be divided into micro-batches of {micro}.",
            hint="Choose rollout.micro_batch so that it divides them.",
        )
    return {
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": own // micro,
        "steps_per_generation": rollout.updates * (own // micro),
        "num_generations": rollout.completions,
    }


def _objective(policy: PolicySettings, rollout: RolloutSettings) -> dict[str, Any]:
    return {
        "max_completion_length": rollout.max_tokens,
        "temperature": rollout.temperature,
        "top_p": rollout.top_p,
        "loss_type": policy.loss,
        "beta": policy.kl,
        "use_bias_correction_kl": policy.kl_correction,
        "epsilon": policy.clip_low,
        "epsilon_high": policy.clip_high,
        "scale_rewards": policy.scale,
        "mask_truncated_completions": policy.mask_truncated,
        "entropy_coef": policy.entropy,
    }


def _vllm(rollout: RolloutSettings) -> dict[str, Any]:
    settings = rollout.vllm
    if settings is None:
        return {}
    return {
        "use_vllm": True,
        "vllm_mode": settings.mode,
        "vllm_gpu_memory_utilization": settings.memory,
        "vllm_tensor_parallel_size": settings.tensor_parallel,
        "vllm_enable_sleep_mode": settings.sleep,
        "vllm_server_base_url": settings.server,
    }


def _lora(settings: LoraSettings | None) -> LoraConfig | None:
    if settings is None:
        return None
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets if isinstance(settings.targets, str) else list(settings.targets),
        exclude_modules=settings.exclude,
        task_type="CAUSAL_LM",
    )


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


__all__ = ["ExampleTrainer", "Parts", "RewardTrainer", "build_trainer", "generating"]
