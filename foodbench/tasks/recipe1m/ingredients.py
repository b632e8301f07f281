"""`recipe1m.ingredients`: which of the 1,486 ingredient classes of Inverse Cooking are in the dish?

Its code pools true and false positives over the split (`f1.micro`, `iou.micro`), as Table 2 of the paper on grounded
recipe generation does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.data.records import RecipeRecord
from foodbench.tasks.naming import list_ingredients


def _labels(reader: Any, records: Sequence[RecipeRecord]) -> Iterable[tuple[RecipeRecord, Sequence[str]]]:
    for record in records:
        names = reader.classes_of(record)
        if names:
            yield record, names


TASK = list_ingredients(
    "recipe1m",
    "ingredients",
    _labels,
    lambda reader: tuple(reader.ingredient_classes),
    version=1,
    sample_id="recipe_id",
    primary="f1.micro",
)
