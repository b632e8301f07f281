"""The metrics of queries for masks of named ingredients; `foodbench.tasks.pointing` counts what they are made of.

`.ingredient` counts names, `.query` whole queries (all or nothing). FoodLMM's Table VII prints accuracy per query for
one name and for one-to-zero, and, as its figures only fit that, per ingredient for three and five names.
"""

from __future__ import annotations

from foodbench.metrics.aggregate import Metric


def _share(metric_id: str, value: str, over: str, description: str, *, higher_is_better: bool = True) -> Metric:
    return Metric(
        id=metric_id,
        kind="share",
        value=value,
        over=over,
        unit="%",
        scale=100.0,
        bounds=(0.0, 1.0),
        higher_is_better=higher_is_better,
        description=description,
    )


GENERALIZED_IOU_BY_MASK = Metric(
    id="giou.mask",
    kind="ratio",
    value="iou_sum",
    over="present",
    bounds=(0.0, 1.0),
    description="Mean over masks, of all samples together, of intersection over union (LISA's averaging).",
)
ANSWERED_INGREDIENT = _share(
    "answered.ingredient", "answered", "present", "Share of the names that are in the picture that got a mask."
)
ANSWERED_QUERY = _share(
    "answered.query",
    "answered_query",
    "present_query",
    "Share of queries in which every name that is there got a mask.",
)
REFUSED_INGREDIENT = _share(
    "refused.ingredient", "refused", "absent", "Share of the names that are not in the picture that got no mask."
)
REFUSED_QUERY = _share(
    "refusal_accuracy.query",
    "refused_query",
    "absent_query",
    "Share of the queries for absent things only that got no mask at all (FoodLMM's one-to-zero accuracy).",
)
RIGHT_QUERY = Metric(
    id="accuracy.query",
    kind="proportion",
    value="right",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of queries in which every name that is there got a mask and no other did.",
)
HALLUCINATED_MASKS = _share(
    "hallucinated",
    "hallucinated",
    "named",
    "Share of the classes given a mask (and of masks that name no class) that are not in the picture.",
    higher_is_better=False,
)
STRAY_MASKS = _share(
    "stray",
    "strays",
    "drawn",
    "Share of the things drawn (each class, and each mask that names none) that the question is not about.",
    higher_is_better=False,
)
