"""`food101.dish.adamllm`: choose the dish from the list of all names, scored as AdaMLLM's code does.

The list of names is part of the question, as in the paper's Table 13 (the wording is this project's own). The reading
has known faults, kept so that the paper's numbers can be set beside one's own (see
`foodbench.metrics.reading.adamllm`): a bare "pho" is never looked up, "a plate of 3 donuts" chooses class number 3 of
`classes.txt`, of several names the last one wins, and an answer that chooses none is replaced by a random class. How
often that happened is `random_rate`, which the paper does not print; by luck each such answer is right with a chance of
1 in 101. The draw is a function of the photo's id, where AdaMLLM's is one of the row's number: equal in expectation,
not draw by draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Sample
from foodbench.data.records import DishRecord
from foodbench.metrics import classification
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.reading.adamllm import ADAMLLM_READING_VERSION, read_choice
from foodbench.tasks.base import Reading
from foodbench.tasks.food101.dish import TASK as STRICT

QUESTION = "Which dish is shown in this picture? Choose one of these: {options}."

ACCURACY = replace(
    classification.TOP1_ACCURACY,
    id="top1_accuracy.adamllm",
    description="Share of samples whose choice, read as AdaMLLM does, is the right class; includes lucky random ones.",
    signature=f"reading:{ADAMLLM_READING_VERSION}",
)
RANDOM_RATE = Metric(
    id="random_rate",
    kind="proportion",
    value="random",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    higher_is_better=False,
    description="Share of answers that chose no class and were replaced by a random one.",
)


def plain_names(classes: Sequence[str]) -> list[str]:
    """Class names with blanks, as they are shown and looked for."""
    return [name.replace("_", " ") for name in classes]


def _build(reader: Any, records: Sequence[DishRecord]) -> Iterable[Sample]:
    question = QUESTION.format(options=", ".join(plain_names(reader.classes)))
    for record in records:
        yield Sample(
            sample_id=record.image_id,
            cluster=record.image_id,
            image=record.image,
            question=question,
            slots={},
            reference={"dish": record.label},
        )


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    choice = read_choice(answer.text, plain_names(vocabulary), stable_seed("adamllm", sample.sample_id))
    dish = vocabulary[choice.index]
    return Reading(
        parsed=not choice.random,
        values={
            "correct": classification.is_correct(dish, sample.reference["dish"]),
            "random": float(choice.random),
        },
        detail={"dish": dish, "random": choice.random},
    )


TASK = replace(
    STRICT,
    name="food101.dish.adamllm",
    version=1,
    protocol="adamllm",
    summary="Choose the dish from the list of all names; AdaMLLM's reading, random where an answer chooses none.",
    questions=(QUESTION,),
    metrics=(ACCURACY, RANDOM_RATE),
    generation={"max_new_tokens": 256, "do_sample": False},
    build=_build,
    read=_read,
    headline=2,
)
