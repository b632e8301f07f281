"""Semantic segmentation: the class of every pixel, scored by class over the whole test set.

Per sample, sums by class are kept (`sample_values`); the metrics (`foodbench.metrics.segmentation.SEMANTIC`) are
functions of their sums over the test set, as in mmsegmentation's `IoUMetric` (`intersect_and_union`,
`total_area_to_metrics`), which the FoodSeg103 benchmark uses: intersections and unions are added up over all photos
first, then one IoU per class is taken, and the mean is over the classes that occur in a reference or an answer. Pixels
that the reference marks as ignored (255) count nowhere, not even against an answer that put a class there.

What a model answers is a list of masks, each with a class, in place of a class map. `class_map` paints them in the
order of the answer, a later mask over an earlier one; what no mask covers is background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import fsum

import numpy as np
import numpy.typing as npt

from foodbench.core.types import Mask
from foodbench.metrics import masks
from foodbench.metrics.inputs import MetricInputError

ClassMap = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]

IGNORED = 255
"""Class id of pixels that count nowhere."""
BACKGROUND = "background"
"""Name of class 0 in the keys, whatever the dataset calls it."""

_IDS = 256
_PARTS = ("i", "u", "n")


def class_map(labelled: Iterable[tuple[int, Mask]], size: tuple[int, int]) -> ClassMap:
    """Paint masks of classes over a background of class 0, in their order: a later mask covers an earlier one.

    Args:
        labelled: class id (0 to 255; 255 marks ignored pixels of a reference) and mask.
        size: (height, width), which every mask must have.

    Returns:
        shape (height, width), contiguous by columns.

    Raises:
        AnswerInvalid: a mask is malformed or of another size.
        MetricInputError: a class id that is none.
    """
    height, width = masks.empty(size).size
    painted = np.zeros((width, height), np.uint8)
    for class_id, mask in labelled:
        if not 0 <= class_id < _IDS:
            raise MetricInputError(f"Class ids go from 0 to {_IDS - 1}, not {class_id}.")
        masks.validate(mask, size)
        np.copyto(painted, np.uint8(class_id), where=masks.decode_columns(mask))
    return painted.T


def confusion(predicted: ClassMap, true: ClassMap) -> npt.NDArray[np.int64]:
    """How often each pair of classes meets in a pixel: shape (256, 256), rows by true class, columns by predicted.

    Raises:
        MetricInputError: the maps are not of unsigned 8-bit integers or their shapes differ.
    """
    for name, one in (("predicted", predicted), ("true", true)):
        if one.dtype != np.uint8:
            raise MetricInputError(f"The {name} class map must hold unsigned 8-bit integers, not {one.dtype}.")
    if predicted.shape != true.shape:
        raise MetricInputError(f"The predicted class map has shape {predicted.shape}, the true one {true.shape}.")
    pairs = true.astype(np.uint16)
    pairs <<= 8
    pairs |= predicted
    # Order K: as the pixels lie in memory, which saves a copy; where a pair is does not matter.
    return np.bincount(pairs.ravel(order="K"), minlength=_IDS * _IDS).reshape(_IDS, _IDS)


def sample_values(predicted: ClassMap, true: ClassMap, names: Sequence[str]) -> dict[str, float]:
    """One sample's values for `segmentation.SEMANTIC`, in pixels; of the classes that occur only.

    Args:
        predicted: shape (height, width), uint8 class ids, e.g. from `class_map`.
        true: the same shape; 255 is ignored.
        names: name of each class id; the first is the background, which the keys call `background`.

    Returns:
        `i/<class>`, `u/<class>`, `n/<class>`: intersection, union, and pixels of the reference;
        `correct`, `labelled`: pixels whose class is right, and pixels that count.

    Raises:
        MetricInputError: as `confusion`, or a class id without a name.
    """
    table = confusion(predicted, true)
    table[IGNORED] = 0
    due, given = table.sum(axis=1), table.sum(axis=0)
    right = table.diagonal()
    values = {"correct": float(right.sum()), "labelled": float(due.sum())}
    for class_id in np.flatnonzero(due + given).tolist():
        if class_id >= len(names):
            raise MetricInputError(f"Class id {class_id} has no name among {len(names)}.")
        name = names[class_id] if class_id else BACKGROUND
        both = int(right[class_id])
        values[f"i/{name}"] = float(both)
        values[f"u/{name}"] = float(int(due[class_id]) + int(given[class_id]) - both)
        values[f"n/{name}"] = float(due[class_id])
    return values


@lru_cache(maxsize=16)
def _places(keys: tuple[str, ...]) -> tuple[list[int], list[int], list[int], tuple[str, ...]]:
    """For the keys that count a class: which they are, what they count, their class's number; and the classes."""
    counting = [index for index, key in enumerate(keys) if "/" in key]
    parts = [keys[index].split("/", 1) for index in counting]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for _, name in parts))}
    return counting, [_PARTS.index(part) for part, _ in parts], [numbers[name] for _, name in parts], tuple(numbers)


def _by_class(sums: Mapping[str, float]) -> tuple[FloatArray, tuple[str, ...]]:
    """Intersections, unions and reference pixels, shape (3, classes), with the names of the classes."""
    counting, parts, numbers, names = _places(tuple(sums))
    table = np.zeros((len(_PARTS), len(names)))
    table[parts, numbers] = np.fromiter(sums.values(), np.float64, len(sums))[counting]
    return table, names


def _mean_share(shares: FloatArray, over: FloatArray) -> float | None:
    exists = over > 0
    return fsum(shares[exists] / over[exists]) / int(exists.sum()) if exists.any() else None


def mean_iou(sums: Mapping[str, float]) -> float | None:
    """Mean IoU over the classes that occur in a reference or an answer, the background among them.

    Args:
        sums: sums over samples of `i/<class>` and `u/<class>`.
    """
    (intersections, unions, _), _ = _by_class(sums)
    return _mean_share(intersections, unions)


def mean_foreground_iou(sums: Mapping[str, float]) -> float | None:
    """`mean_iou` without the background's own IoU; its pixels still count against a class that is put there."""
    (intersections, unions, _), names = _by_class(sums)
    unions = np.where([name == BACKGROUND for name in names], 0.0, unions)
    return _mean_share(intersections, unions)


def mean_accuracy(sums: Mapping[str, float]) -> float | None:
    """Mean over the classes that occur in a reference of the share of their pixels that were found.

    Args:
        sums: sums over samples of `i/<class>` and `n/<class>`.
    """
    (intersections, _, due), _ = _by_class(sums)
    return _mean_share(intersections, due)
