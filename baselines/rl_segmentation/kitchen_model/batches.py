"""Batches as pure functions of the settings, the plates and the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.foodlmm.plates import Plates
from baselines.rl_segmentation.kitchen_model.encoding import Encoder, RowBatch
from baselines.rl_segmentation.kitchen_model.examples import ANY, Example, compose
from baselines.rl_segmentation.kitchen_model.places import Places
from baselines.rl_segmentation.kitchen_model.settings import AnswerSettings, StageSettings

_ORDER, _QUESTIONS = 11, 13


@dataclass(frozen=True, slots=True)
class Scene:
    """Some plates, and where everything is on them.

    Attributes:
        pixels: (plates, grid, grid, 3) uint8.
        shares: (plates, cells, ingredients + 1) of the cells' areas, nothing first; they sum to about 1.
        boxes: (plates, ingredients, 4) shares of the grid; zeros where an ingredient is absent.
    """

    pixels: torch.Tensor
    shares: torch.Tensor
    boxes: torch.Tensor


@dataclass(frozen=True, slots=True)
class Half:
    """Some plates of a step with their rows.

    Attributes:
        scene: the plates.
        rows: those of one plate together.
    """

    scene: Scene
    rows: RowBatch


class BatchSource:
    """Draws plates and questions.

    Args:
        plates: what to ask about.
        places: where everything is on them.
        encoder: makes rows.
        seed: of order and questions.
    """

    def __init__(self, plates: Plates, places: Places, encoder: Encoder, seed: int) -> None:
        self._plates, self._places, self._encoder, self._seed = plates, places, encoder, seed
        self._facts = lru_cache(maxsize=None)(plates.facts)
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, stage: str, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self._seed, _ORDER, len(stage), epoch]).permutation(len(self._plates))

    def chosen(self, stage: str, settings: StageSettings, step: int) -> list[int]:
        """The plates of a step: every plate once in each epoch."""
        begin, count = step * settings.plates, len(self._plates)
        places = range(begin, begin + settings.plates)
        return [int(self._order(stage, place // count)[place % count]) for place in places]

    def seeing(self, settings: StageSettings, step: int) -> Scene:
        """The plates of a step of the first stage."""
        return self._scene(self.chosen("seeing", settings, step))

    def _scene(self, chosen: Sequence[int]) -> Scene:
        places, count = list(chosen), len(chosen)
        shares = self._places.cells[places].astype(np.float32) / 255
        boxes = self._places.boxes[places].astype(np.float32) / self._places.grid
        return Scene(
            torch.from_numpy(self._places.pixels[places]),
            torch.from_numpy(shares.reshape(count, -1, shares.shape[-1])),
            torch.from_numpy(boxes),
        )

    def answering(self, settings: AnswerSettings, step: int) -> list[Half]:
        """The two halves of a step: first the plates that only easy questions are asked about."""
        chosen = self.chosen("answering", settings, step)
        rng = np.random.default_rng([self._seed, _QUESTIONS, step])
        most = 1 if step < settings.single_until * settings.steps else ANY
        middle = len(chosen) // 2
        return [self._half(chosen[:middle], settings, 1, rng), self._half(chosen[middle:], settings, most, rng)]

    def _half(self, chosen: Sequence[int], settings: AnswerSettings, most: int, rng: np.random.Generator) -> Half:
        rows = [
            self._encoder.row(self.example(index, settings, most, rng))
            for index in chosen
            for _ in range(settings.questions)
        ]
        return Half(self._scene(chosen), self._encoder.stack(rows))

    def example(self, index: int, settings: AnswerSettings, most: int, rng: np.random.Generator) -> Example:
        """A question about one of the plates."""

        def reference(name: str) -> Any:
            return self._places.reference(index, name)

        return compose(self._facts(index), reference, self._places.grid, rng, settings.families, most)
