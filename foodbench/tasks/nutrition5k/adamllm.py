"""`nutrition5k.ingredients.adamllm`: recall of the ingredients, scored as AdaMLLM's code does.

Names of the dataset's table are looked for as substrings, longest first: "oil" is in "boiled", "rice" in "licorice".
Recall alone is printed, so naming more than is there costs nothing but tokens. `plate only` and `deprecated` are in the
table and count like ingredients. The dishes are the paper's: the 507 of the overhead test split (Table 12).

`nutrition5k.ingredients` asks the same of the same dishes, with whole words and precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.records import NutritionRecord
from foodbench.metrics import labels
from foodbench.metrics.reading.adamllm import ADAMLLM_READING_VERSION, find_ingredients
from foodbench.tasks.base import Reading
from foodbench.tasks.nutrition5k.ingredients import TASK as STRICT

QUESTION = "Which ingredients went into the dish in this picture?"

RECALL = replace(
    next(metric for metric in labels.label_metrics() if metric.id == "recall.sample"),
    signature=f"reading:{ADAMLLM_READING_VERSION}",
)


def _build(_reader: Any, records: Sequence[NutritionRecord]) -> Iterable[Sample]:
    for record in records:
        if record.image is not None:
            yield Sample(
                sample_id=record.dish_id,
                cluster=record.dish_id,
                image=record.image,
                question=QUESTION,
                slots={},
                reference={"labels": sorted({portion.name for portion in record.portions} - {""})},
            )


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    found = find_ingredients(answer.text, vocabulary)
    recall = labels.sample_values(found, sample.reference["labels"], len(vocabulary))[RECALL.value]
    return Reading(parsed=bool(found), values={RECALL.value: recall}, detail={"named": found})


TASK = replace(
    STRICT,
    name="nutrition5k.ingredients.adamllm",
    version=1,
    protocol="adamllm",
    summary="Name the ingredients of the dish; AdaMLLM's recall by substrings.",
    questions=(QUESTION,),
    metrics=(RECALL,),
    generation={"max_new_tokens": 256, "do_sample": False},
    build=_build,
    vocabulary=lambda reader: tuple(dict.fromkeys(name for name in reader.ingredients.values() if name)),
    read=_read,
    headline=1,
)
