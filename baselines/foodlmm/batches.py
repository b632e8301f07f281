"""Batches by their step, made here or ahead of time by other processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from baselines.foodlmm.devices import pinned
from baselines.foodlmm.packing import ImageBatch, Packer, TurnBatch, image_batch
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.settings import JointSettings, StageSettings
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.models.foodlmm import FoodLMMProcessor
from foodbench.models.foodlmm.tokens import TokenRole

_MASKS_PER_PLATE = 2
_AHEAD = 2
"""Batches that each process holds ready."""


@dataclass(frozen=True, slots=True)
class StageBatch:
    """One step's share of the data.

    Attributes:
        images: the pictures.
        masks: first stage: (masks, 2) row and ingredient number to draw.
        turns: second stage: questions and answers.
    """

    images: ImageBatch
    masks: torch.Tensor | None = None
    turns: TurnBatch | None = None

    def pin_memory(self) -> StageBatch:
        """As torch's loader wants it."""
        return pinned(self)


class BatchSource(Dataset[StageBatch]):
    """All batches of one stage. Each is a pure function of the recipe, the plates and the step.

    So it does not matter who makes them: with loaders, processes make those of the next steps while the model learns
    from this one's. Processes rather than threads, because packing questions is Python code, and a thread that runs it
    would keep the training thread from launching its kernels.
    """

    def __init__(
        self,
        plates: Plates,
        processor: FoodLMMProcessor,
        roles: dict[int, TokenRole],
        stage: StageSettings,
        seed: int,
    ) -> None:
        self._plates = plates
        self._processor = processor
        self._images = stage.images
        self._packer = Packer(plates, processor, roles, stage) if isinstance(stage, JointSettings) else None
        self._seed = seed

    def __getitem__(self, step: int) -> StageBatch:
        """The batch of a step."""
        rng = np.random.default_rng([self._seed, 0 if self._packer is None else 1, step])
        indices = rng.integers(len(self._plates), size=self._images)
        images = image_batch(self._plates, indices, self._processor, rng)
        if self._packer is not None:
            return StageBatch(images, turns=self._packer.turns(indices, rng))
        masks = []
        for row, index in enumerate(indices.tolist()):
            names = self._plates.facts(index).ingredients
            chosen = rng.permutation(len(names))[:_MASKS_PER_PLATE].tolist()
            masks += [(row, INGREDIENTS[names[place]].number) for place in chosen]
        return StageBatch(images, masks=torch.tensor(masks))

    def over(self, steps: range, loaders: int = 0, *, pin: bool = False) -> Iterator[StageBatch]:
        """The batches of these steps in order.

        Args:
            steps: which.
            loaders: processes that make them ahead of time; 0 makes each when it is asked for.
            pin: put them in memory that a GPU can read from by itself; only with loaders.
        """
        if not loaders or not len(steps):
            return (self[step] for step in steps)
        # Forked processes share the plates, which are large; where there is no fork they are copied.
        start = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        loader: Any = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=loaders,
            prefetch_factor=_AHEAD,
            collate_fn=_as_it_is,
            multiprocessing_context=start,
            pin_memory=pin,
            generator=torch.Generator(),  # else it would draw from the generator whose state is saved
        )
        return iter(loader)


def _as_it_is(batch: StageBatch) -> StageBatch:
    return batch


__all__ = ["BatchSource", "StageBatch"]
