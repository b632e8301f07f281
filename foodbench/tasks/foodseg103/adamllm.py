"""`foodseg103.labels.adamllm`: which of the listed foods are in the photo, scored as AdaMLLM's code does.

All 102 names are in the question, which asks for a list in brackets, as in the paper's Table 13 (the wording is this
project's own). Names are looked for as substrings, longest first, anywhere in the answer: "date" is in "updated",
"tea" in "teaspoon". F1 is taken per photo and averaged; an answer that repeats all options gets about 6 for three right
names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.records import SegmentationRecord
from foodbench.metrics import labels
from foodbench.metrics.reading.adamllm import ADAMLLM_READING_VERSION, find_ingredients
from foodbench.tasks.base import Reading
from foodbench.tasks.foodseg103.labels import TASK as STRICT
from foodbench.tasks.foodseg103.labels import present_labels

QUESTION = (
    "Which foods are in this picture? They can be: {options}. "
    "Answer with the names of those that are there as a list in brackets, for example [{example}]."
)
_EXAMPLE_LENGTH = 3

F1 = replace(
    next(metric for metric in labels.label_metrics() if metric.id == "f1.sample"),
    signature=f"reading:{ADAMLLM_READING_VERSION}",
)


def _build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
    options = STRICT.vocabulary(reader)
    question = QUESTION.format(options=", ".join(options), example=", ".join(options[:_EXAMPLE_LENGTH]))
    for record, names in present_labels(reader, records):
        yield Sample(
            sample_id=record.stem,
            cluster=record.stem,
            image=record.image,
            question=question,
            slots={},
            reference={"labels": sorted(names)},
        )


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    found = find_ingredients(answer.text, vocabulary)
    f1 = labels.sample_values(found, sample.reference["labels"], len(vocabulary))[F1.value]
    return Reading(parsed=bool(found), values={F1.value: f1}, detail={"named": found})


TASK = replace(
    STRICT,
    name="foodseg103.labels.adamllm",
    version=1,
    protocol="adamllm",
    summary="Choose the foods in the picture from the list of all names; AdaMLLM's F1 by substrings.",
    questions=(QUESTION,),
    metrics=(F1,),
    generation={"max_new_tokens": 256, "do_sample": False},
    build=_build,
    read=_read,
    oracle=lambda sample: Answer(text=f"[{', '.join(sample.reference['labels'])}]"),
    headline=1,
)
