"""Optimisers with a learning rate for each part of the model: projector, language model, vision tower."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import nn

from baselines.adamllm.hyperparameters import LearningRates
from baselines.adamllm.training_settings import StageSettings
from baselines.foodlmm.muon import BatchedMuon
from foodbench.core.errors import UsageError

Part = Literal["projector", "language", "vision"]
_PROJECTOR = ("multi_modal_projector.", "visual.merger.", "image_newline")
_VISION = ("visual.", "vision_tower.", "vision_model.")


def part_of(name: str) -> Part:
    """Which part a parameter belongs to, by its name; Qwen's merger is its projector."""
    dotted = f".{name}"
    if any(f".{mark}" in dotted for mark in _PROJECTOR):
        return "projector"
    return "vision" if any(f".{mark}" in dotted for mark in _VISION) else "language"


def freeze(model: nn.Module, rates: LearningRates) -> None:
    """Let only the parts learn that have a rate.

    Raises:
        UsageError: the model has no parameter in a part that is to learn.
    """
    found: dict[Part, int] = {"projector": 0, "language": 0, "vision": 0}
    for name, parameter in model.named_parameters():
        part = part_of(name)
        found[part] += 1
        parameter.requires_grad_(getattr(rates, part) is not None)
    absent = [part for part, count in found.items() if not count and getattr(rates, part) is not None]
    if absent:
        raise UsageError(f"The model has no {absent[0]} that could learn.", hint="Is it a vision-language model?")


def _wants_muon(name: str, parameter: nn.Parameter) -> bool:
    """Weight matrices inside blocks; not embeddings, the patches' convolution, biases or norms."""
    return parameter.ndim == 2 and "embed" not in name and "lm_head" not in name


def build_optimizer(named: Iterable[tuple[str, nn.Parameter]], stage: StageSettings) -> torch.optim.Optimizer:
    """The optimiser of a stage; every group's rate is the peak of its part, which a scheduler multiplies.

    Args:
        named: parameters; those that are frozen are left out.
        stage: rates and kind.
    """
    groups: dict[tuple[bool, Part, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        if parameter.requires_grad:
            muon = stage.optimizer == "muon" and _wants_muon(name, parameter)
            groups.setdefault((muon, part_of(name), parameter.ndim >= 2), []).append(parameter)
    plain: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for (muon, part, decays), parameters in groups.items():
        rate = getattr(stage.learning_rates, part)
        plain[muon].append({"params": parameters, "lr": rate, "weight_decay": stage.weight_decay if decays else 0.0})
    found: list[torch.optim.Optimizer] = []
    if plain[False]:
        found.append(torch.optim.AdamW(plain[False], lr=1.0, betas=(0.9, stage.beta2)))
    if plain[True]:
        found.append(BatchedMuon(plain[True], lr=1.0))
    return found[0] if len(found) == 1 else Together(found)


class Together(torch.optim.Optimizer):
    """Several optimisers driven as one; their groups are its own, so that one scheduler serves all."""

    def __init__(self, optimizers: list[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        super().__init__([group for one in optimizers for group in one.param_groups], {})
        self.param_groups = [group for one in optimizers for group in one.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One update by each."""
        for one in self.optimizers:
            one.step()

    def state_dict(self) -> dict[str, Any]:
        """Of each."""
        return {"optimizers": [one.state_dict() for one in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        for one, state in zip(self.optimizers, state_dict["optimizers"], strict=True):
            one.load_state_dict(state)
        self.param_groups = [group for one in self.optimizers for group in one.param_groups]


__all__ = ["Together", "build_optimizer", "freeze", "part_of"]
