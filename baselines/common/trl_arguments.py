"""Sections of recipes in the terms of TRL's configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from peft import LoraConfig

from baselines.common.training_settings import (
    LoraSettings,
    ModelSettings,
    OptimiserSettings,
    PolicySettings,
    RolloutSettings,
)
from foodbench.core.errors import UsageError


class RunSettings(Protocol):
    """What all settings of runs say."""

    @property
    def device(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def log_every(self) -> int: ...

    @property
    def save_every(self) -> int: ...


class TrlSettings(RunSettings, Protocol):
    """What those say besides that train with TRL's own optimisers."""

    @property
    def model(self) -> ModelSettings: ...

    @property
    def lora(self) -> LoraSettings | None: ...

    @property
    def micro_batch(self) -> int | None: ...


def training(
    settings: RunSettings, optimiser: OptimiserSettings, model: ModelSettings, state: Path, processes: int
) -> dict[str, Any]:
    """Arguments that all of TRL's trainers take.

    Args:
        settings: of the run.
        optimiser: how weights are moved.
        model: how it computes.
        state: folder for what can be gone on from.
        processes: how many train together.
    """
    on_cpu = settings.device == "cpu"
    return {
        "output_dir": str(state),
        "seed": settings.seed,
        "use_cpu": on_cpu,
        "bf16": model.bf16 and not on_cpu,
        "gradient_checkpointing": model.gradient_checkpointing,
        "ddp_backend": "gloo" if on_cpu and processes > 1 else None,
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


__all__ = [
    "adapters",
    "example_batches",
    "objective",
    "rollout_batches",
    "training",
    "vllm",
]
