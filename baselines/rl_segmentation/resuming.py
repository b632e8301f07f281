"""Going on with full fine-tuning from a checkpoint of Qwen2.5-VL.

The trainer of transformers 5.23 writes checkpoints with the names that the Hub's files have (`visual.*`,
`model.layers.*`) and reads them back into a model whose weights are called otherwise (`model.visual.*`,
`model.language_model.*`), without insisting on any: training goes on from the first weights, and only a warning tells.
Adapters (LoRA), FSDP's own checkpoints and DeepSpeed's are read by their own code and are not concerned.

TRL's order of the questions depends on how often the run has gone through them since it was started, so a run that is
gone on with in its second round of the questions would see those of the first again; `RoundSampler` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers import Trainer
from trl.trainer.utils import RepeatSampler

from foodbench.core.errors import CheckpointError
from foodbench.core.hashing import stable_seed

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


class ExactResume(Trainer):
    """A trainer that reads the weights of a checkpoint as `from_pretrained` does, and insists on every one."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        own = self.accelerator.unwrap_model(self.model if model is None else model)
        folder = Path(resume_from_checkpoint)
        plain = any((folder / name).is_file() for name in _WEIGHTS)
        if not plain or isinstance(own, PeftModel) or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        load_weights(own, folder)


def load_weights(model: Any, folder: Path) -> None:
    """Put the weights of a checkpoint into a model of the same shapes.

    Raises:
        CheckpointError: the checkpoint cannot be read, or a weight is missing, of another shape, or of no use.
    """
    hint = "Continue from an earlier checkpoint, or begin anew."
    try:
        saved, report = type(model).from_pretrained(
            folder, dtype=model.dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # damaged files show as errors of safetensors, torch, json and the file system
        raise CheckpointError(f"Cannot load {folder}: {type(error).__name__}: {error}", hint=hint) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointError(f"{folder}: {len(missing)} weights are missing, e.g. {missing[0]}.", hint=hint)
    try:
        with torch.no_grad():
            model.load_state_dict(saved.state_dict(), strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"{folder} does not fit the model: {str(error)[:200]}", hint=hint) from error
    model.tie_weights()


class RoundSampler(RepeatSampler):
    """TRL's sampler in an order that depends on the seed and on the number of the round through the questions only.

    Args:
        like: the sampler that TRL would take.
        round_number: tells which round begins.
    """

    def __init__(self, like: RepeatSampler, round_number: Callable[[], int]) -> None:
        super().__init__(
            like.data_source, like.mini_repeat_count, like.batch_size, like.repeat_count, like.shuffle, like.seed
        )
        self._round_number = round_number

    def __iter__(self) -> Iterator[int]:
        if self.shuffle:
            self.generator.manual_seed(stable_seed("questions", self.seed or 0, self._round_number()))
        return super().__iter__()


__all__ = ["ExactResume", "RoundSampler", "load_weights"]
