"""The metrics of segmentation tasks; their numbers come from `foodbench.metrics.masks`."""

from __future__ import annotations

from foodbench.metrics.aggregate import Metric

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
