"""How fast a stage trains: pictures and tokens per second, model FLOPs, their share of the device's peak, memory."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from baselines.foodlmm.devices import Placement

_PEAKS = (
    (r"NVIDIA A100-(SXM4|PCIE)-\d+GB|NVIDIA A100 80GB PCIe", 312e12),
    (r"NVIDIA H100 80GB HBM3", 989e12),
    (r"NVIDIA H100 PCIe", 756e12),
    (r"NVIDIA H200", 989e12),
    (r"NVIDIA L40S", 362e12),
    (r"NVIDIA GeForce RTX 4090", 165e12),
)
"""Peak of bfloat16 matrix products without sparsity, by the name that the driver gives.

Source: NVIDIA's data sheets of A100, H100, H200 and L40S (where they state twice as much, that is with sparsity), and
the Ada architecture white paper's table of the RTX 4090 (bfloat16 with float32 sums).
"""


def peak_flops(placement: Placement) -> float | None:
    """Peak FLOPs per second of a device, or None where it is not known: other devices, or float32."""
    if placement.precision != "bf16" or placement.device.type != "cuda":
        return None
    return next((peak for pattern, peak in _PEAKS if re.fullmatch(pattern, placement.name)), None)


def peak_memory(device: torch.device) -> int | None:
    """Bytes: most that PyTorch has held on a GPU; on a CPU the process' most resident memory (None on Windows)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@dataclass(slots=True)
class Meter:
    """Counts one stage, over all the calls that it takes.

    The first step of a call is not timed: FLOPs are counted then, and a device is not yet warm.

    Attributes:
        steps: that were timed.
        seconds: that they took, waiting for their data included; logs, measurements and saved states are not.
        images: pictures in them.
        tokens: in them, padding not counted.
        flops: of one step forward and backward, multiplications and additions counted singly; the optimisers' are not
            counted. Rows are filled up to one length, so steps differ little.
        peak_memory: in bytes.
    """

    steps: int = 0
    seconds: float = 0.0
    images: int = 0
    tokens: int = 0
    flops: int | None = None
    peak_memory: int | None = None
    _began: float = field(default=0.0, repr=False)
    _warm: bool = field(default=False, repr=False)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Meter:
        """Restore `state`."""
        return cls(**state)

    def state(self) -> dict[str, Any]:
        """What goes on after an interruption: plain numbers."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name[0] != "_"}

    def count(self, passes: Callable[[], object]) -> None:
        """Count the FLOPs of a forward and backward pass, the first time.

        The pass is for nothing else: gradients come out with other last digits while the counter listens.
        """
        if self.flops is None:
            with FlopCounterMode(display=False) as counter:
                passes()
            self.flops = counter.get_total_flops()

    def begin(self) -> None:
        """A step begins."""
        self._began = time.perf_counter()

    def end(self, images: int, tokens: int) -> None:
        """The step is done, on the device as well."""
        if not self._warm:
            self._warm = True
            return
        self.steps += 1
        self.seconds += time.perf_counter() - self._began
        self.images += images
        self.tokens += tokens

    def watch_memory(self, device: torch.device) -> None:
        """Take note of the memory so far."""
        self.peak_memory = max(filter(None, (self.peak_memory, peak_memory(device))), default=None)

    def record(self, placement: Placement) -> dict[str, Any]:
        """The stage in plain JSON; None is what was not measured or is not known."""
        timed = self.seconds if self.steps else None
        peak = peak_flops(placement)
        per_second = self.flops * self.steps / timed if timed and self.flops is not None else None
        return {
            "device": placement.name,
            "precision": placement.precision,
            "steps_timed": self.steps,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images / timed, 2) if timed else None,
            "tokens_per_second": round(self.tokens / timed, 1) if timed and self.tokens else None,
            "model_flops_per_step": self.flops,
            "model_flops_per_second": round(per_second) if per_second else None,
            "peak_flops_per_second": peak,
            "model_flop_utilisation": round(per_second / peak, 4) if per_second and peak else None,
            "peak_memory_bytes": self.peak_memory,
        }


def describe(stage: str, record: dict[str, Any]) -> str:
    """A record in one line for people."""

    def told(key: str, unit: str, scale: float = 1.0, digits: int = 1) -> str:
        value = record[key]
        return f"{'not known' if value is None else f'{value / scale:,.{digits}f}'} {unit}"

    parts = [
        told("images_per_second", "images/s"),
        *([told("tokens_per_second", "tokens/s", digits=0)] if record["tokens_per_second"] is not None else []),
        told("model_flops_per_step", "TFLOP per step", 1e12, 3),
        told("model_flops_per_second", "TFLOP/s", 1e12, 2),
        told("model_flop_utilisation", "% of peak", 0.01),
        told("peak_memory_bytes", "GiB at most", 2**30, 2),
    ]
    return f"{stage} on {record['device']} in {record['precision']}: {', '.join(parts)}"


__all__ = ["Meter", "describe", "peak_flops", "peak_memory"]
