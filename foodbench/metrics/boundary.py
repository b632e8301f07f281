"""Boundary IoU: intersection over union of two masks' boundaries, which large masks cannot win by their inside.

A mask's boundary is its pixels within `width` of a pixel outside it, where distance counts king's moves and all that
is outside the picture counts as outside the mask. Boundary IoU of two masks is the IoU of their boundaries.

Source: B. Cheng, R. Girshick, P. Dollar, A. Berg, A. Kirillov, "Boundary IoU: Improving Object-Centric Image
Segmentation Evaluation", CVPR 2021, equation 3; the width (2 % of the picture's diagonal, rounded half to even, at
least one pixel), the square neighbourhood and the border of the picture as in `mask_to_boundary` of
bowenc0221/boundary-iou-api, which erodes by a 3 x 3 square `width` times. Counts are the same integers.
"""

from __future__ import annotations

from math import hypot

import numpy as np
import numpy.typing as npt

from foodbench.core.types import Mask
from foodbench.metrics import masks
from foodbench.metrics.inputs import MetricInputError

BoolArray = npt.NDArray[np.bool_]

DILATION_RATIO = 0.02
"""Of the picture's diagonal, as the paper's authors use it for COCO; 0.005 in their Cityscapes figures."""


def boundary_width(size: tuple[int, int], ratio: float = DILATION_RATIO) -> int:
    """Width of the boundary in pixels, at least 1, for a picture of (height, width).

    Raises:
        MetricInputError: the ratio is not positive and below 1.
    """
    if not 0 < ratio < 1:
        raise MetricInputError(f"A boundary's width is a share of the diagonal between 0 and 1, not {ratio}.")
    return max(1, round(ratio * hypot(*size)))


def _all_of_window(mask: BoolArray, length: int) -> BoolArray:
    """For each start along the first axis, whether the `length` rows from there are all set; the window doubles."""
    covered = 1
    while covered < length:
        step = min(covered, length - covered)
        mask = mask[:-step] & mask[step:]
        covered += step
    return mask


def boundary(mask: BoolArray, width: int) -> BoolArray:
    """The pixels of a mask that are within `width` king's moves of a pixel outside it.

    Args:
        mask: shape (height, width), boolean; all beyond it counts as outside.
        width: in pixels, at least 1.

    Returns:
        the same shape.

    Raises:
        MetricInputError: a width below 1.
    """
    if width < 1:
        raise MetricInputError(f"A boundary is at least one pixel wide, not {width}.")
    window = 2 * width + 1
    rim = mask.copy()
    if min(mask.shape) >= window:
        inside = _all_of_window(_all_of_window(mask, window).T, window).T
        rim[width:-width, width:-width] &= ~inside
    return rim


def intersection_union(pred: Mask, true: Mask, ratio: float = DILATION_RATIO) -> tuple[int, int]:
    """Pixels in both masks' boundaries and pixels in either, exactly.

    Only the part of the picture that holds both masks is looked at: what lies around them is outside of both.

    Args:
        pred: one mask.
        true: the other, of the same size.
        ratio: the boundary's width as a share of the picture's diagonal.

    Returns:
        (intersection, union). Both are 0 for two empty masks.

    Raises:
        AnswerInvalid: either is malformed, or the sizes differ.
        MetricInputError: the ratio is not between 0 and 1.
    """
    width = boundary_width(true.size, ratio)
    masks.validate(pred, true.size)
    # The neighbourhood is a square, so that the picture may as well lie on its side.
    first, second = masks.decode_columns(pred), masks.decode_columns(true)
    either = first | second
    rows = _span(np.logical_or.reduce(either, axis=1))
    window = (rows, _span(np.logical_or.reduce(either[rows], axis=0)))
    pred_rim, true_rim = boundary(first[window], width), boundary(second[window], width)
    both = int(np.count_nonzero(pred_rim & true_rim))
    return both, int(np.count_nonzero(pred_rim)) + int(np.count_nonzero(true_rim)) - both


def _span(occupied: BoolArray) -> slice:
    """From the first to the last that is set; empty if none is."""
    places = np.flatnonzero(occupied)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0)


def sample_values(pred: Mask, true: Mask) -> dict[str, float]:
    """One sample's value for `segmentation.BOUNDARY_IOU`, with the counts it is made of.

    Raises:
        AnswerInvalid: as `intersection_union`.
    """
    both, either = intersection_union(pred, true)
    return {
        "boundary_intersection": float(both),
        "boundary_union": float(either),
        "boundary_iou": masks.iou(both, either),
    }
