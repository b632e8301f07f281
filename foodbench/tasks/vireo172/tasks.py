"""VIREO Food-172: name the dish, list its ingredients.

FoodLMM's Table VII gives an ingredient IoU of 56.94 and an F1 of 68.97, which cannot be pooled counts (then F1 would be
2 IoU / (1 + IoU) = 72.56): it compares with `iou.sample` and `f1.sample`. ARCH-D (ACM Multimedia 2016) reports micro
and macro F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.data.records import IngredientsRecord
from foodbench.tasks.naming import list_ingredients, name_dish


def _labels(_reader: Any, records: Sequence[IngredientsRecord]) -> Iterable[tuple[IngredientsRecord, Sequence[str]]]:
    for record in records:
        yield record, record.ingredients


DISH = name_dish("vireo172", version=1)
INGREDIENTS = list_ingredients(
    "vireo172",
    "ingredients",
    _labels,
    lambda reader: tuple(reader.ingredients),
    version=1,
    sample_id="image_id",
)
