"""What users set for models that run here: checkpoint, device, dtype, batch size."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from foodbench.core.errors import UsageError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SHORT_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def chosen_checkpoint(checkpoint: str | Path | None, pretrained: str | Path | None) -> str | Path | None:
    """The checkpoint under either name of the setting; None if there is none.

    Raises:
        UsageError: it is given under both.
    """
    if checkpoint is not None and pretrained is not None:
        raise UsageError("checkpoint and pretrained are the same setting.", hint="Give one of them.")
    return checkpoint or pretrained


def chosen_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one.

    Raises:
        UsageError: there is no such device.
    """
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        # Under torchrun each process takes a GPU of its own.
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"Unknown device '{name}'.", hint="Use auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"The device '{name}' is not available here.", hint="Use --model-args device=cpu, or auto.")
    return device


def chosen_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype of that name; `auto` is float32 on a CPU and bfloat16 elsewhere.

    Raises:
        UsageError: there is no such dtype.
    """
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    name = _SHORT_DTYPES.get(name, name)
    if name not in _DTYPES:
        raise UsageError(f"Unknown dtype '{name}'.", hint=f"Use auto, {', '.join(_DTYPES)}.")
    return _DTYPES[name]


def chosen_batch_size(given: int | str, first: int) -> int:
    """The batch size to begin with: `first` for `auto`.

    Raises:
        UsageError: it is not a positive number.
    """
    if given == "auto":
        return first
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise UsageError(f"The batch size {given} is not positive.", hint="Use auto, 1 or more.")
    return given
