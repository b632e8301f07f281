"""Muon for many small matrices: all matrices of one shape are orthogonalised together.

`torch.optim.Muon` treats one matrix at a time; with the small model's 150 matrices it takes longer than the rest of a
step's backward pass on two cores. Batched, it takes a third of that, with the same updates up to rounding.
Source: Keller Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024 (momentum, the quintic
Newton-Schulz iteration and its coefficients); the step size that matches AdamW's root mean square is from "Muon is
scalable for LLM training" (Moonshot AI, 2025), section 2.2.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """Bring all singular values of each matrix near one.

    Args:
        matrices: (count, rows, columns).

    Returns:
        the same shape, float32. Worked in bfloat16: the iteration forgives it and runs twice as fast.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    current = (matrices.mT if tall else matrices).to(torch.bfloat16)
    current = current / current.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    linear, cubic, quintic = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = current @ current.mT
        current = torch.baddbmm(
            current, torch.baddbmm(gram, gram, gram, beta=cubic, alpha=quintic), current, beta=linear
        )
    return (current.mT if tall else current).float()


class BatchedMuon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay for parameters that are matrices.

    Args:
        params: parameters or groups of them, as for any optimiser.
        lr: learning rate on AdamW's scale.
        momentum: of the gradient's running mean.
        weight_decay: per unit of learning rate.
    """

    def __init__(self, params: Any, lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for shape, parameters in by_shape.items():
                updates = []
                for parameter in parameters:
                    state = self.state[parameter]
                    mean = state.setdefault("momentum", torch.zeros_like(parameter))
                    mean.lerp_(parameter.grad, 1 - group["momentum"])
                    updates.append(parameter.grad.lerp(mean, group["momentum"]))
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                for parameter, update in zip(parameters, orthogonalize(torch.stack(updates)), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)
