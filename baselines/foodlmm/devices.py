"""Where a model is trained, and in which arithmetic."""

from __future__ import annotations

import dataclasses
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from baselines.foodlmm.settings import DEVICE_NAMES, Precision
from foodbench.core.errors import UsageError

Batch = TypeVar("Batch")


def resolve_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one.

    Raises:
        UsageError: no such name, or a GPU is asked for that is not there.
    """
    if not re.fullmatch(DEVICE_NAMES, name):
        raise UsageError(f"Unknown device '{name}'.", hint="Known: auto, cpu, cuda, cuda:1 and so on.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(
            f"The device {name} is asked for, and PyTorch sees {count} GPUs here.",
            hint="Install PyTorch for CUDA on a machine with an NVIDIA GPU, or set device to cpu.",
        )
    return device


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and the arithmetic of matrix products on it.

    Attributes:
        device: where weights and batches are.
        precision: `bf16` multiplies in bfloat16 where that is safe; weights stay float32.
    """

    device: torch.device
    precision: Precision = "fp32"

    @property
    def name(self) -> str:
        """The GPU's name, or `cpu`."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def autocast(self) -> AbstractContextManager[Any]:
        """For the networks' forward passes; losses stay outside."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch with all its tensors on that device."""
    if device.type == "cpu":
        return batch
    return _each_tensor(batch, lambda tensor: tensor.to(device, non_blocking=True))


def pinned(batch: Batch) -> Batch:
    """A batch in memory that a GPU reads from while the next one is made."""
    return _each_tensor(batch, torch.Tensor.pin_memory)


def _each_tensor(value: Any, change: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    fields = {field.name: _each_tensor(getattr(value, field.name), change) for field in dataclasses.fields(value)}
    return dataclasses.replace(value, **fields)


__all__ = ["Placement", "moved", "pinned", "resolve_device"]
