"""Optimisers and learning rates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from baselines.foodlmm.muon import BatchedMuon
from baselines.rl_segmentation.kitchen_model.settings import StageSettings


def learning_rate(settings: StageSettings, step: int) -> float:
    """Rate of one step, counted from 0: linear warm-up, then linear decay to `final_share`."""
    warm = min(1.0, (step + 1) / settings.warmup)
    decay = max(settings.final_share, 1 - step / settings.steps)
    return settings.learning_rate * warm * decay


def _wants_muon(name: str, parameter: nn.Parameter) -> bool:
    """Weight matrices inside blocks; not embeddings, the patches' convolution, biases or norms."""
    return parameter.ndim == 2 and "embed" not in name


class Optimizers:
    """Muon for weight matrices, AdamW for everything else, driven as one.

    Args:
        named: the parameters to train.
        helpers: parameters of auxiliary heads.
        settings: of the stage.
        vision_share: of the learning rate for the vision tower.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        helpers: Iterable[nn.Parameter],
        settings: StageSettings,
        vision_share: float = 1.0,
    ) -> None:
        self._settings = settings
        muon: dict[float, list[nn.Parameter]] = {1.0: []}
        adam: dict[float, list[nn.Parameter]] = {1.0: list(helpers)}
        for name, parameter in named:
            share = vision_share if "visual." in name else 1.0
            (muon if _wants_muon(name, parameter) else adam).setdefault(share, []).append(parameter)
        self.parameters = [parameter for kind in (muon, adam) for group in kind.values() for parameter in group]
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
                group["lr"] = rate * group["share"]
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


def _groups(by_share: dict[float, list[nn.Parameter]]) -> list[dict[str, Any]]:
    return [{"params": parameters, "share": share} for share, parameters in by_share.items() if parameters]
