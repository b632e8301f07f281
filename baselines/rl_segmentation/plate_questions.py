"""Questions about rendered plates that no benchmark asks about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.foodlmm.plates import Plates, load_plates
from baselines.foodlmm.templates import PlateFacts
from baselines.foodlmm.validation import ValidationPlate, render_plates
from baselines.rl_segmentation.data import Questions, RawPicture, TrainingQuestion, ValidationQuestion
from baselines.rl_segmentation.kitchen_model.examples import compose
from baselines.rl_segmentation.kitchen_model.places import plate_labels, plate_picture
from baselines.rl_segmentation.settings import PlatesSource
from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.models.qwen_seg.grid import reference_of_mask
from foodbench.models.qwen_seg.references import Reference


@dataclass(frozen=True, slots=True)
class _Finder:
    """Boxes and points of ingredients in a label image, measured when they are asked for."""

    labels: NDArray[np.uint8]
    grid: int

    def __call__(self, name: str) -> Reference:
        return reference_of_mask(self.labels == INGREDIENTS[name].number, self.grid)


def plate_questions(
    source: PlatesSource,
    grid: int,
    *,
    cache: Path,
    workers: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Questions:
    """One question about each of the training plates in turn, and one about each of the monitored validation plates.

    Raises:
        StorageFull: the rendered plates cannot be kept.
    """
    plates = load_plates(
        source.plates,
        source.plates.side,
        cache,
        split="train",
        count=source.plates.train_plates,
        workers=workers,
        on_progress=on_progress,
    )
    monitored = source.plates.monitor_plates

    def measured(first: int, last: int) -> tuple[ValidationQuestion, ...]:
        rendered = render_plates(source.plates, "val", last)  # they are numbered from 0
        return tuple(_validation(source, rendered[number], number, grid) for number in range(first, last))

    return Questions(
        tuple(_training(source, plates, number, grid) for number in range(source.questions)),
        measured(0, monitored),
        (lambda: measured(monitored, source.plates.val_plates)) if source.plates.val_plates > monitored else None,
    )


def _shown(facts: PlateFacts, labels: NDArray[np.uint8]) -> PlateFacts:
    """The facts less ingredients that are too small to be seen in the picture as the model gets it."""
    visible = tuple(name for name in facts.ingredients if (labels == INGREDIENTS[name].number).any())
    return PlateFacts(facts.dish, visible, tuple(share for share in facts.shares if share.name in visible))


def _training(source: PlatesSource, plates: Plates, number: int, grid: int) -> TrainingQuestion:
    index = number % len(plates)
    labels = plate_labels(plates, index)
    rng = np.random.default_rng(stable_seed("plate question", source.seed, number))
    facts = _shown(plates.facts(index), labels)
    example = compose(facts, _Finder(labels, grid), grid, rng, source.families, source.most_references)
    picture = RawPicture.of(np.asarray(plate_picture(plates, index, grid)))
    return TrainingQuestion(picture, example.question, example.references, example.think)


def _validation(source: PlatesSource, plate: ValidationPlate, number: int, grid: int) -> ValidationQuestion:
    labels = plate.plate.label
    rng = np.random.default_rng(stable_seed("validation question", source.seed, number))
    example = compose(plate.facts, _Finder(labels, grid), grid, rng, source.families, source.most_references)
    numbers = [INGREDIENT_NAMES.index(name) + 1 for name in example.names]
    return ValidationQuestion(
        RawPicture.of(plate.plate.image),
        example.question,
        example.references,
        lambda: np.isin(labels, numbers),
    )


__all__ = ["plate_questions"]
