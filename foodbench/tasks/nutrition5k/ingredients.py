"""`nutrition5k.ingredients`: which ingredients of the dataset's table are on the plate?

AdaMLLM reports recall on the same 507 dishes (`nutrition5k.ingredients.adamllm`), by which naming everything is free;
here precision, F1 and the share of names that are not there stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.data.records import NutritionRecord
from foodbench.tasks.naming import list_ingredients

NOT_INGREDIENTS = frozenset({"plate only", "deprecated", ""})
"""Names in the table that no picture shows."""


def ingredient_names(record: NutritionRecord) -> tuple[str, ...]:
    """The names of a dish's ingredients, each once, in the order of the file."""
    return tuple(dict.fromkeys(portion.name for portion in record.portions if portion.name not in NOT_INGREDIENTS))


def _labels(_reader: Any, records: Sequence[NutritionRecord]) -> Iterable[tuple[NutritionRecord, Sequence[str]]]:
    for record in records:
        if record.image is not None:
            yield record, ingredient_names(record)


def vocabulary(reader: Any) -> tuple[str, ...]:
    """The names of the dataset's table that count, each once."""
    return tuple(dict.fromkeys(name for name in reader.ingredients.values() if name not in NOT_INGREDIENTS))


TASK = list_ingredients("nutrition5k", "ingredients", _labels, vocabulary, version=1, sample_id="dish_id")
