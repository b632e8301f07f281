"""Optimisers and learning rates."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.foodlmm.muon import BatchedMuon
from baselines.foodlmm.settings import StageSettings

_VISION = ("model.vision_tower.", "sam.")
_NOT_MATRICES = ("embed", "tokens")


def learning_rate(settings: StageSettings, step: int) -> float:
    """Rate of one step, counted from 0: linear warm-up, then linear decay to `final_share`."""
    warm = min(1.0, (step + 1) / settings.warmup)
    decay = max(settings.final_share, 1 - step / settings.steps)
    return settings.learning_rate * warm * decay


def _wants_muon(name: str, parameter: nn.Parameter) -> bool:
    """Weight matrices inside transformer blocks and small networks; not embeddings, heads or convolutions."""
    inside = "layers." in name or "multi_modal_projector" in name or "mlp" in name
    return (
        inside and parameter.ndim == 2 and min(parameter.shape) > 1 and not any(word in name for word in _NOT_MATRICES)
    )


class Optimizers:
    """Muon for weight matrices, AdamW for everything else, driven as one."""

    def __init__(self, model: nn.Module, scaffold: nn.Module, settings: StageSettings) -> None:
        self._settings = settings
        muon: dict[bool, list[nn.Parameter]] = {False: [], True: []}
        adam: dict[bool, list[nn.Parameter]] = {False: list(scaffold.parameters()), True: []}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                (muon if _wants_muon(name, parameter) else adam)[name.startswith(_VISION)].append(parameter)
        self.parameters = [parameter for group in (muon, adam) for part in group.values() for parameter in part]
        self._all = [
            torch.optim.AdamW(_groups(adam), lr=0.0, betas=(0.9, 0.98), weight_decay=0.01),
            BatchedMuon(_groups(muon), lr=0.0),
        ]

    def forget(self) -> None:
        """Drop the gradients."""
        for optimizer in self._all:
            optimizer.zero_grad()

    def update(self, step: int) -> None:
        """One update at the rate of that step, gradients clipped to norm 1."""
        rate = learning_rate(self._settings, step)
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group["lr"] = rate * (self._settings.vision_share if group["vision"] else 1.0)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer in self._all:
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """State of both optimisers."""
        return [optimizer.state_dict() for optimizer in self._all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Restore `state_dict`."""
        for optimizer, state in zip(self._all, states, strict=True):
            optimizer.load_state_dict(state)


def _groups(by_vision: dict[bool, list[nn.Parameter]]) -> list[dict[str, Any]]:
    return [{"params": parameters, "vision": vision} for vision, parameters in by_vision.items() if parameters]
