"""Sections of recipes in the terms of TRL's configurations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import LoraConfig

from baselines.rl_segmentation.settings import (
    LoraSettings,
    ModelSettings,
    OptimiserSettings,
    PolicySettings,
    RolloutSettings,
)
from foodbench.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and how a trainer runs.

    Attributes:
        state: folder for what can be gone on from.
        processes: how many train together.
        on_cpu: no GPU is used.
        seed: of everything that is drawn.
        log_every, save_every: updates between lines of the log, and between states.
    """

    state: Path
    processes: int
    on_cpu: bool
    seed: int
    log_every: int
    save_every: int


def training(optimiser: OptimiserSettings, model: ModelSettings, around: Surroundings) -> dict[str, Any]:
    """Arguments that all of TRL's trainers take."""
    return {
        "output_dir": str(around.state),
        "seed": around.seed,
        "use_cpu": around.on_cpu,
        "bf16": model.bf16 and not around.on_cpu,
        "gradient_checkpointing": model.gradient_checkpointing,
        "ddp_backend": "gloo" if around.on_cpu and around.processes > 1 else None,
        "dataloader_pin_memory": not around.on_cpu,
        "max_steps": optimiser.steps,
        "learning_rate": optimiser.learning_rate,
        "weight_decay": optimiser.weight_decay,
        "adam_beta2": optimiser.beta2,
        "warmup_steps": optimiser.warmup,
        "lr_scheduler_type": optimiser.schedule,
        "max_grad_norm": optimiser.max_norm,
        "logging_steps": around.log_every,
        "save_strategy": "steps",
        "save_steps": around.save_every,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
    }


def example_batches(batch: int, micro_batch: int | None, processes: int) -> dict[str, Any]:
    """A batch of examples: how many go through the model at once on each process, and how often per update.

    Raises:
        UsageError: the batch cannot be divided so.
    """
    if batch % processes:
        raise UsageError(f"A batch of {batch} cannot be divided among {processes} processes.", hint="Change it.")
    own = batch // processes
    micro = min(micro_batch or own, own)
    if own % micro:
        raise UsageError(f"{own} examples cannot be divided into micro-batches of {micro}.", hint="Change one of them.")
    return {"per_device_train_batch_size": micro, "gradient_accumulation_steps": own // micro}


def rollout_batches(rollout: RolloutSettings, processes: int) -> dict[str, Any]:
    """A rollout: completions per process and pass, passes per update, passes per rollout.

    Raises:
        UsageError: it cannot be divided so.
    """
    update = rollout.prompts * rollout.completions // rollout.updates
    if update % processes or rollout.prompts % processes:
        raise UsageError(
            f"{rollout.prompts} questions, {update} completions in an update, cannot be divided among {processes} "
            "processes.",
            hint="Make rollout.prompts a multiple of the processes.",
        )
    divided = example_batches(update, rollout.micro_batch, processes)
    passes = divided["gradient_accumulation_steps"]
    return {**divided, "steps_per_generation": rollout.updates * passes, "num_generations": rollout.completions}


def objective(policy: PolicySettings, rollout: RolloutSettings) -> dict[str, Any]:
    """What is maximised, and how completions are drawn."""
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


def vllm(rollout: RolloutSettings) -> dict[str, Any]:
    """Generation by vLLM; nothing if transformers generates."""
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


def adapters(settings: LoraSettings | None) -> LoraConfig | None:
    """LoRA; None for all weights."""
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


__all__ = ["Surroundings", "adapters", "example_batches", "objective", "rollout_batches", "training", "vllm"]
