"""Muon for weight matrices and AdamW for everything else, driven as one at a rate that warms up and decays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import nn

from baselines.foodlmm.muon import BatchedMuon

Group = dict[str, Any]
"""Parameters (`params`), and what tells them from those of the other groups."""


class Stage(Protocol):
    """The schedule of a stage of training: steps, the peak of the rate, steps of warm-up, and its share at the end."""

    @property
    def steps(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def warmup(self) -> int: ...

    @property
    def final_share(self) -> float: ...


def learning_rate(stage: Stage, step: int) -> float:
    """Rate of one step, counted from 0: linear warm-up, then linear decay to `final_share`."""
    warm = min(1.0, (step + 1) / stage.warmup)
    decay = max(stage.final_share, 1 - step / stage.steps)
    return stage.learning_rate * warm * decay


def groups_by(mark: str, parameters: Mapping[Any, list[nn.Parameter]]) -> list[Group]:
    """Groups that differ by a mark; those without parameters are left out.

    Args:
        mark: its name.
        parameters: by its values.
    """
    return [{"params": found, mark: value} for value, found in parameters.items() if found]


class MuonAndAdam(ABC):
    """Both optimisers.

    Args:
        muon, adam: their groups.
        stage: whose rate is used.
    """

    def __init__(self, muon: list[Group], adam: list[Group], stage: Stage) -> None:
        self._stage = stage
        self.parameters: list[nn.Parameter] = [one for group in (*muon, *adam) for one in group["params"]]
        self._all = [
            torch.optim.AdamW(adam, lr=0.0, betas=(0.9, 0.98), weight_decay=0.01),
            BatchedMuon(muon, lr=0.0),
        ]

    @abstractmethod
    def share(self, group: Group) -> float:
        """Of the learning rate, what a group gets."""

    def forget(self) -> None:
        """Drop the gradients."""
        for optimizer in self._all:
            optimizer.zero_grad()

    def update(self, step: int) -> None:
        """One update at the rate of that step, gradients clipped to norm 1."""
        rate = learning_rate(self._stage, step)
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group["lr"] = rate * self.share(group)
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


__all__ = ["Group", "MuonAndAdam", "groups_by", "learning_rate"]
