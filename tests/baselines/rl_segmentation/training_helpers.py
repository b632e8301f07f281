"""Short runs of the trainers on the random model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from trl import GRPOConfig

from baselines.rl_segmentation.data import RawPicture, TrainingQuestion, to_rows
from baselines.rl_segmentation.dynamic_sampling import KeepRule
from baselines.rl_segmentation.sampling_settings import SamplingSettings
from baselines.rl_segmentation.trainers import RewardTrainer
from foodbench.models.qwen_seg.checkpoint import load_model
from foodbench.models.qwen_seg.references import Reference

SIDE = 28
Reward = Callable[..., list[float]]


def questions(count: int, side: int = SIDE) -> list[TrainingQuestion]:
    rng = np.random.default_rng(3)
    return [
        TrainingQuestion(
            RawPicture.of(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)),
            f"the egg {number}",
            (Reference((1, 2, 20, 21), (10, 11)),),
        )
        for number in range(count)
    ]


def letters(completions: Sequence[Any], **_columns: Any) -> list[float]:
    """A dense reward that any model can earn: the share of letters."""
    return [sum(character.isalpha() for character in one[0]["content"]) / 20 for one in completions]


def arguments(folder: Path, **changes: Any) -> GRPOConfig:
    defaults: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 4,
        "steps_per_generation": 2,
        "num_generations": 4,
        "max_completion_length": 8,
        "max_steps": 4,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "seed": 0,
        "loss_type": "dapo",
        "beta": 0.0,
        "use_bias_correction_kl": False,
        "epsilon_high": 0.28,
    }
    return GRPOConfig(**{**defaults, **changes})


def trainer(
    checkpoint: Path,
    folder: Path,
    rewards: Sequence[Reward] = (letters,),
    *,
    sampling: SamplingSettings | None = None,
    count: int = 12,
    **changes: Any,
) -> RewardTrainer:
    model, processor = load_model(checkpoint)
    rule = None if sampling is None else KeepRule(sampling, (True,) * len(rewards), 0)
    return RewardTrainer(
        model=model,
        processing_class=processor,
        args=arguments(folder, **changes),
        train_dataset=to_rows(questions(count), 'Find "{question}".', SIDE),
        reward_funcs=list(rewards),
        keep_rule=rule,
    )


def logged(run: RewardTrainer, name: str) -> list[float]:
    return [entry[name] for entry in run.state.log_history if entry.get(name) is not None]


def picture(side: int = SIDE) -> Image.Image:
    return Image.new("RGB", (side, side), (200, 100, 50))
