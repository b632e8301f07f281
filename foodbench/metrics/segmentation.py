"""The metrics of masks and class maps; what they are made of comes from `masks`, `boundary` and `semantic` beside this.

A sample may have several masks. Three averages of their IoU are in use, and they differ:

* `giou.sample`: the mean over samples of the mean over a sample's masks (FoodLMM's evaluate/ref_seg.py). In its
  FoodReasonSeg figures a sample is a dialogue; here it is a turn, and `giou.dialogue` is the mean over dialogues.
* `giou.mask` (`foodbench.metrics.queries`): the mean over all masks of all samples (LISA's `validate`, which weighs a
  sample by its number of masks).
* `ciou`: all pixels together.

An empty mask where none is due counts as 1. `pair_values` makes the per-sample values; a task adds a turn's share of
its dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError, require_some

CUMULATIVE_IOU = Metric(
    id="ciou",
    kind="ratio",
    value="intersection",
    over="union",
    bounds=(0.0, 1.0),
    when_zero=1.0,
    description="Intersection over union of all masks' pixels together; large masks weigh more.",
)
GENERALIZED_IOU = Metric(
    id="giou.sample",
    kind="mean",
    value="iou",
    bounds=(0.0, 1.0),
    description="Mean over samples of intersection over union; an empty mask where none is due counts as 1.",
)
GENERALIZED_IOU_BY_DIALOGUE = Metric(
    id="giou.dialogue",
    kind="ratio",
    value="iou_share",
    over="turn_share",
    bounds=(0.0, 1.0),
    description="Mean over dialogues of the mean over a dialogue's masks of IoU (FoodLMM's evaluator); a sample is one "
    "turn and carries its masks' share of its dialogue.",
)
GENERALIZED_IOU_OF_ANSWERED = Metric(
    id="giou.answered",
    kind="ratio",
    value="iou",
    over="answered",
    bounds=(0.0, 1.0),
    description="Mean IoU of the samples that got a mask; leaving samples out raises it.",
)
BOUNDARY_IOU = Metric(
    id="boundary_iou",
    kind="mean",
    value="boundary_iou",
    bounds=(0.0, 1.0),
    description="Mean over samples of the IoU of the masks' rims (2 % of the diagonal wide); 1 where both are empty.",
)


def _of_classes(metric_id: str, function: str, keys: tuple[str, ...], description: str) -> Metric:
    return Metric(
        id=metric_id,
        kind="of_sums",
        function=f"foodbench.metrics.semantic:{function}",
        keys=keys,
        bounds=(0.0, 1.0),
        description=f"{description} Pixels are added up over all samples first (mmsegmentation).",
    )


SEMANTIC: tuple[Metric, ...] = (
    _of_classes(
        "miou.with_background",
        "mean_iou",
        ("i/", "u/"),
        "Mean IoU over the classes that occur in a reference or an answer, background included.",
    ),
    _of_classes(
        "miou.foreground",
        "mean_foreground_iou",
        ("i/", "u/"),
        "Mean IoU over the classes other than background that occur in a reference or an answer.",
    ),
    _of_classes(
        "macc",
        "mean_accuracy",
        ("i/", "n/"),
        "Mean over the classes that occur in a reference, background included, of the share of their pixels found.",
    ),
    Metric(
        id="aacc",
        kind="ratio",
        value="correct",
        over="labelled",
        bounds=(0.0, 1.0),
        description="Share of all pixels, background included, whose class is right.",
    ),
)


def pair_values(pairs: Sequence[tuple[int, int]]) -> dict[str, float]:
    """One sample's values for `ciou`, `giou.sample`, `giou.dialogue` and `giou.mask`.

    Args:
        pairs: intersection and union in pixels of each mask that is due; a mask that was not given has the
            intersection 0 and the true mask's area as union.

    Returns:
        `intersection` and `union`: sums over the masks; `iou`: their mean IoU; `iou_sum` and `present`: the sum of
        their IoUs, and their number.

    Raises:
        MetricInputError: no masks (whose mean does not exist), or not 0 <= intersection <= union.
    """
    require_some("'pairs'", len(pairs))
    for both, either in pairs:
        if not 0 <= both <= either:
            raise MetricInputError(f"Not an intersection and its union: {both}, {either}.")
    ious = [both / either if either else 1.0 for both, either in pairs]
    return {
        "intersection": float(sum(both for both, _ in pairs)),
        "union": float(sum(either for _, either in pairs)),
        "iou": fsum(ious) / len(ious),
        "iou_sum": fsum(ious),
        "present": float(len(ious)),
    }
