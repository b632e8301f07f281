"""What an answer earns: equations 3 to 8 of the RL paper, as pure functions of a text and the right references.

The paper leaves several things open, and the code that it follows (VisionReasoner's) settles some of them otherwise
than its text reads. Each is a switch of `RewardSettings`; the defaults are the readings that are argued for in
`baselines/rl_segmentation/README.md`. The most that can be earned is 7: 1 for the order of reasoning and answer, 2 for
the shape of the answer's items, 1 for not repeating oneself, 3 for pointing at the right places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import linear_sum_assignment

from foodbench.models.qwen_seg.grid import threshold
from foodbench.models.qwen_seg.references import MAX_REFERENCES, ParsedAnswer, Reference, is_strict, parse_answer

MAXIMUM = 7.0
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_FAR = 1e6
"""Coordinates beyond are as wrong as this one; keeps areas finite."""
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RewardSettings(BaseModel):
    """Thresholds and the readings of what the paper leaves open.

    Attributes:
        iou: a box counts for equation 4 if its IoU is greater.
        box_l1: a box counts for equation 5 if its distance is smaller; in the paper's grid of 840, scaled to others.
        point_l2: a point counts for equation 6 if its distance is smaller; in the paper's grid.
        l1: the distance of boxes is the mean of the four differences (VisionReasoner's code) or their sum (the letter
            of equation 5).
        matching: `joint`: one assignment, which maximises the three indicators together; `separate`: one for boxes and
            one for points, as M and M' can be read.
        pixels: boxes are areas of pixels, corners inclusive (the code), or of the plane.
        tags: `full`: the text is a reasoning block and an answer block (the code, which accepts more tags inside);
            `once`: besides, each tag occurs once.
        numbers: whether the values of an item must be finite numbers for the answer's format, too; the code looks at
            their count only.
        repeats: where repeated sentences are looked for: the reasoning (the paper), or the whole text (the code).
            Without a reasoning block it is the whole text.
        most_repeats: D_dup: so many repetitions earn nothing.
        denominator: K of max(N, K) counts all items, or only those that are read (at most 120; the code).
        malformed: an item that is no reference costs the whole answer its places (the code), or only itself.
        absent: where nothing is to be pointed at (the paper has no such questions), an empty list earns everything
            (`refusal`), or no answer earns anything for its places and an empty list nothing for its shape (`zero`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    iou: Annotated[float, Field(ge=0, lt=1)] = 0.5
    box_l1: _Positive = 10.0
    point_l2: _Positive = 30.0
    l1: Literal["mean", "sum"] = "mean"
    matching: Literal["joint", "separate"] = "joint"
    pixels: Literal["inclusive", "plane"] = "inclusive"
    tags: Literal["full", "once"] = "full"
    numbers: bool = False
    repeats: Literal["reasoning", "text"] = "reasoning"
    most_repeats: Annotated[int, Field(ge=1)] = 2
    denominator: Literal["all", "read"] = "all"
    malformed: Literal["answer", "item"] = "answer"
    absent: Literal["refusal", "zero"] = "refusal"


DEFAULTS = RewardSettings()


@dataclass(frozen=True, slots=True)
class Rewards:
    """What one answer earned.

    Attributes:
        thinking_format: 0 or 1.
        answer_format: 0 to 2, equation 3.
        non_repeat: 0 or 1.
        box_iou: 0 to 1, equation 4.
        box_l1: 0 to 1, equation 5.
        point_l2: 0 to 1, equation 6.
    """

    thinking_format: float = 0.0
    answer_format: float = 0.0
    non_repeat: float = 0.0
    box_iou: float = 0.0
    box_l1: float = 0.0
    point_l2: float = 0.0

    @property
    def segmentation(self) -> float:
        """Equation 7: 0 to 3."""
        return self.box_iou + self.box_l1 + self.point_l2

    @property
    def total(self) -> float:
        """Equation 8: 0 to 7."""
        return self.thinking_format + self.answer_format + self.non_repeat + self.segmentation


def score(text: str, truth: Sequence[Reference], grid: int, settings: RewardSettings = DEFAULTS) -> Rewards:
    """All rewards of an answer. Never raises, whatever the text.

    Args:
        text: what the model wrote.
        truth: the right references, in grid coordinates.
        grid: side of the square that coordinates are in.
        settings: thresholds and readings.
    """
    answer = parse_answer(text)
    box_iou, box_l1, point_l2 = segmentation(answer, truth, grid, settings)
    return Rewards(
        thinking_format(text, settings),
        answer_format(answer, settings, nothing_due=not truth),
        non_repeat(text, answer.think, settings),
        box_iou,
        box_l1,
        point_l2,
    )


def thinking_format(text: str, settings: RewardSettings = DEFAULTS) -> float:
    """1 if the text is a reasoning block and an answer block, and nothing else."""
    once = settings.tags == "full" or all(text.count(tag) == 1 for tag in _TAGS)
    return float(once and is_strict(text))


def answer_format(answer: ParsedAnswer, settings: RewardSettings = DEFAULTS, *, nothing_due: bool = False) -> float:
    """Equation 3: over all items, the mean of having a box of four values and a point of two.

    Without items it is 0, but for an empty list where nothing is due.

    Args:
        answer: what was read.
        settings: `numbers`, `absent`.
        nothing_due: nothing is to be pointed at.
    """
    if not answer.items:
        refused = answer.items is not None and nothing_due and settings.absent == "refusal"
        return 2.0 if refused else 0.0
    earned = sum(
        _has_values(item, "bbox_2d", 4, settings.numbers) + _has_values(item, "point_2d", 2, settings.numbers)
        for item in answer.items
    )
    return earned / len(answer.items)


def _has_values(item: Any, key: str, count: int, numbers: bool) -> bool:
    values = item.get(key) if isinstance(item, dict) else None
    if not isinstance(values, list) or len(values) != count:
        return False
    return not numbers or all(map(_is_finite, values))


def _is_finite(value: Any) -> bool:
    # Integers of JSON have any length; one that no float can hold is no coordinate.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < 1e300 if isinstance(value, int) else math.isfinite(value)


def non_repeat(text: str, think: str | None, settings: RewardSettings = DEFAULTS) -> float:
    """1 if fewer than `most_repeats` sentences (between full stops) are repetitions of earlier ones.

    Args:
        text: the whole text.
        think: its reasoning, None if it has none.
        settings: `repeats`, `most_repeats`.
    """
    looked_at = think if settings.repeats == "reasoning" and think is not None else text
    sentences = [part.strip() for part in looked_at.split(".")]
    sentences = [sentence for sentence in sentences if sentence]
    return float(len(sentences) - len(set(sentences)) < settings.most_repeats)


def segmentation(
    answer: ParsedAnswer, truth: Sequence[Reference], grid: int, settings: RewardSettings = DEFAULTS
) -> tuple[float, float, float]:
    """Equations 4, 5 and 6: what boxes earn by overlap, by distance, and what points earn; each 0 to 1."""
    if answer.items is None:
        return 0.0, 0.0, 0.0
    if not truth:
        earned = float(not answer.items and settings.absent == "refusal")
        return earned, earned, earned
    if not answer.references or (answer.refused and settings.malformed == "answer"):
        return 0.0, 0.0, 0.0
    written, due = len(answer.items), len(truth)
    if settings.denominator == "read":
        written, due = min(written, MAX_REFERENCES), min(due, MAX_REFERENCES)
        truth = truth[:due]
    found = indicators(answer.references, truth, grid, settings)
    if settings.matching == "joint":
        matched = [_best_pairs(found.sum(axis=0))] * 3
    else:
        boxes, points = _best_pairs(found[0] + found[1]), _best_pairs(found[2])
        matched = [boxes, boxes, points]
    earned_by_term = [found[term][pairs].sum() / max(written, due) for term, pairs in enumerate(matched)]
    return float(earned_by_term[0]), float(earned_by_term[1]), float(earned_by_term[2])


def _best_pairs(gains: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns of the one-to-one assignment that gains most."""
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return rows, columns


def indicators(
    predicted: Sequence[Reference], truth: Sequence[Reference], grid: int, settings: RewardSettings = DEFAULTS
) -> NDArray[np.float64]:
    """For each pair of references whether it counts for equation 4, 5 and 6.

    Args:
        predicted: K references.
        truth: N references.
        grid: side of the square that both are in.
        settings: thresholds, `l1`, `pixels`.

    Returns:
        (3, K, N) of zeros and ones.
    """
    boxes, true_boxes = _array([one.box for one in predicted]), _array([one.box for one in truth])
    points, true_points = _array([one.point for one in predicted]), _array([one.point for one in truth])
    differences = np.abs(boxes[:, None] - true_boxes[None])
    distance = differences.mean(axis=2) if settings.l1 == "mean" else differences.sum(axis=2)
    away = np.hypot(*np.moveaxis(points[:, None] - true_points[None], 2, 0))
    inside = _every((points >= boxes[:, :2]) & (points <= boxes[:, 2:]))
    return np.stack(
        [
            box_iou(boxes, true_boxes, settings.pixels == "inclusive") > settings.iou,
            distance < threshold(settings.box_l1, grid),
            (away < threshold(settings.point_l2, grid)) & inside[:, None],
        ]
    ).astype(np.float64)


def box_iou(boxes: NDArray[np.float64], others: NDArray[np.float64], inclusive: bool) -> NDArray[np.float64]:
    """IoU of each box (K, 4) with each other one (N, 4). A box whose corners are in the wrong order has none."""
    extra = 1.0 if inclusive else 0.0
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    intersection = np.clip(high - low + extra, 0, None).prod(axis=2)
    union = _areas(boxes, extra)[:, None] + _areas(others, extra)[None] - intersection
    proper = (_in_order(boxes)[:, None] & _in_order(others)[None]) & (union > 0)
    return np.divide(intersection, union, out=np.zeros_like(union), where=proper)


def _areas(boxes: NDArray[np.float64], extra: float) -> NDArray[np.float64]:
    return np.clip(boxes[:, 2:] - boxes[:, :2] + extra, 0, None).prod(axis=1)


def _in_order(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    return _every(boxes[:, 2:] >= boxes[:, :2])


def _every(holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether it holds in every column, by row."""
    return np.logical_and.reduce(holds, axis=1)


def _array(values: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.clip(np.asarray(values, dtype=np.float64), -_FAR, _FAR)


__all__ = [
    "DEFAULTS",
    "MAXIMUM",
    "RewardSettings",
    "Rewards",
    "answer_format",
    "box_iou",
    "indicators",
    "non_repeat",
    "score",
    "segmentation",
    "thinking_format",
]
