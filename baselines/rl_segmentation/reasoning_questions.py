"""FoodReasonSeg's training dialogues as questions with composite targets, after the RL paper's section 4.2.

The paper merges the masks of all answers of a dialogue into one target for each of its questions, which its experiments
prefer to the masks of the question's own answer. How a merged mask becomes boxes it does not say: here each answer's
mask has a box of its own (`boxes: masks`); one box for each connected piece, or a single one, can be chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.rl_segmentation.data import Questions, TrainingQuestion, ValidationQuestion
from baselines.rl_segmentation.settings import ReasonSegSource
from foodbench.core.errors import DataMissing
from foodbench.core.hashing import stable_seed
from foodbench.data.records import ReasoningRecord
from foodbench.data.roots import open_dataset, resolve
from foodbench.metrics import masks
from foodbench.models.qwen_seg.grid import clipped, reference_of_mask, reference_to_pixels
from foodbench.models.qwen_seg.references import Reference
from foodbench.models.qwen_seg.segmenters import Segmenter, load_segmenter
from foodbench.tasks.regions import Regions, regions_of

DATASET = "foodreasonseg"
_TOKEN = re.compile(r"\s*\[SEG\d*\]")
_THOUSAND = 1000

BoolMask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question of a dialogue that points at something.

    Attributes:
        record: the dialogue.
        regions: of its photo.
        turn: number of the question in the dialogue.
        own: class ids that its own answer points at.
        composite: those that any answer of the dialogue points at.
    """

    record: ReasoningRecord
    regions: Regions
    turn: int
    own: tuple[int, ...]
    composite: tuple[int, ...]

    @property
    def question(self) -> str:
        return self.record.turns[self.turn].question

    @property
    def answer(self) -> str:
        return _TOKEN.sub("", self.record.turns[self.turn].answer)

    def mask_of(self, class_ids: Sequence[int]) -> BoolMask:
        """Everything that belongs to these classes."""
        return masks.decode(masks.union_of([self.regions.mask(one) for one in class_ids]))


def reasoning_questions(
    source: ReasonSegSource, grid: int, *, on_progress: Callable[[int], None] = lambda _: None
) -> Questions:
    """The training split, less a part of its photos that is kept apart to measure on.

    Raises:
        DataMissing, DataCorrupt: the dataset is not there, or damaged; or nothing of it can be used.
    """
    choice = resolve(DATASET, source.edition, allow_partial=source.allow_partial)
    reader: Any = open_dataset(choice)
    segmenter = load_segmenter(source.filter) if source.filter else None
    left_out = {"objects the segmenter does not draw": 0, "questions without an object": 0}
    training: list[TrainingQuestion] = []
    validation: list[ValidationQuestion] = []
    for asked in _questions(reader, reader.records("train")):
        on_progress(1)
        if _is_apart(asked.record.pair.stem, source.validation):
            if len(validation) < source.most_validation:
                validation.append(_validation(asked, grid))
            continue
        references = _references(asked, source, grid, segmenter, left_out)
        if not references:
            left_out["questions without an object"] += 1
            continue
        training.append(TrainingQuestion(asked.record.pair.image, asked.question, references, asked.answer))
    if not training:
        raise DataMissing(f"No question of {DATASET} can be learnt from.", hint="Is the copy complete?")
    return Questions(tuple(training), tuple(validation), left_out=left_out)


def _questions(reader: Any, records: Sequence[ReasoningRecord]) -> Iterator[_Asked]:
    regions = regions_of(reader, "train", [record.pair for record in records])
    for record in records:
        found = regions.get(record.pair.stem)
        if found is None:  # a pair of a partial copy that cannot be used
            continue
        targets = [tuple(dict.fromkeys(one for one in ids if one in found.counts)) for ids in record.targets]
        composite = tuple(dict.fromkeys(one for ids in targets for one in ids))
        for turn, own in enumerate(targets):
            if own:
                yield _Asked(record, found, turn, own, composite)


def _is_apart(stem: str, share: float) -> bool:
    """By photo, so that no picture is both learnt from and measured on."""
    return stable_seed("rl validation", stem) % _THOUSAND < share * _THOUSAND


def _validation(asked: _Asked, grid: int) -> ValidationQuestion:
    references = tuple(reference_of_mask(asked.mask_of([one]), grid) for one in asked.own)
    return ValidationQuestion(asked.record.pair.image, asked.question, references, lambda: asked.mask_of(asked.own))


def _references(
    asked: _Asked, source: ReasonSegSource, grid: int, segmenter: Segmenter | None, left_out: dict[str, int]
) -> tuple[Reference, ...]:
    class_ids = asked.composite if source.target == "composite" else asked.own
    objects = separate([asked.mask_of([one]) for one in class_ids], source)
    if segmenter is not None:
        picture = asked.record.pair.image.open()
        drawn = [one for one in objects if drawn_iou(segmenter, picture, one) >= source.filter_iou]
        left_out["objects the segmenter does not draw"] += len(objects) - len(drawn)
        objects = drawn
    return tuple(reference_of_mask(one, grid) for one in objects)


def separate(response_masks: Sequence[BoolMask], source: ReasonSegSource) -> list[BoolMask]:
    """The masks that get a box each, from the masks of the answers.

    Args:
        response_masks: (height, width) each; none is empty.
        source: `boxes`, `duplicates`, `least_area`.
    """
    if source.boxes == "one":
        return [np.logical_or.reduce(response_masks)]
    distinct: list[BoolMask] = []
    for mask in response_masks:
        if all(_iou(mask, other) <= source.duplicates for other in distinct):
            distinct.append(mask)
    if source.boxes == "masks":
        return distinct
    return _components(np.logical_or.reduce(distinct), source.least_area)


def _components(mask: BoolMask, least_area: float) -> list[BoolMask]:
    """The connected pieces (corners touch) that are larger than a share of the picture; all of it if none is."""
    from scipy import ndimage

    numbered, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    large = [number for number in range(1, count + 1) if sizes[number] > least_area * mask.size]
    return [numbered == number for number in large] or [mask]


def drawn_iou(segmenter: Segmenter, picture: Any, mask: BoolMask) -> float:
    """How well a segmenter draws a mask from its box and its point; 0 if it fails."""
    side = max(mask.shape)
    reference = clipped(reference_to_pixels(reference_of_mask(mask, side), mask.shape, side), mask.shape)
    if reference is None:
        return 0.0
    try:
        (drawn,) = segmenter.segment(picture, [reference])
    except Exception:  # whatever a user's segmenter raises: the object is then left out, and counted
        return 0.0
    return _iou(drawn, mask)


def _iou(mask: BoolMask, other: BoolMask) -> float:
    union = int((mask | other).sum())
    return int((mask & other).sum()) / union if union else 1.0


__all__ = ["drawn_iou", "reasoning_questions", "separate"]
