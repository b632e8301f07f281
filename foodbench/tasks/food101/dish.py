"""`food101.dish`: which of the 101 dishes is it? Top-1 accuracy over the test list.

Protocol `strict`: the model is not shown the class list. The answer is right if it names exactly one class of the
dataset, as whole words, and that class is the reference; an answer that names no class or several is not parsed and
counts as wrong. (FoodLMM Table VII and AdaMLLM Table 12 report top-1 on the same 25,250 test images; AdaMLLM's code
replaces an unparsed answer by a random one, this protocol never does.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.records import DishRecord
from foodbench.metrics import classification
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.hooks import TaskHooks
from foodbench.tasks.text import find_names


def _build(_reader: Any, records: Sequence[DishRecord]) -> Iterable[Sample]:
    for record in records:
        yield Sample(
            sample_id=record.image_id,
            cluster=record.image_id,
            image=record.image,
            question=prompts.DISH,
            slots={},
            reference={"dish": record.label},
        )


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    named = find_names(answer.text, vocabulary)
    read = named[0] if len(named) == 1 else None
    return Reading(
        parsed=read is not None,
        values={"correct": classification.is_correct(read, sample.reference["dish"])},
        detail={"dish": read} if len(named) <= 1 else {"dish": None, "named": named[:10]},
    )


TASK = FoodTask(
    name="food101.dish",
    version=1,
    dataset="food101",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Name the dish (one of the dataset's classes) from a photo.",
    questions=(prompts.DISH,),
    answer_kind="label",
    metrics=(classification.TOP1_ACCURACY,),
    generation={"max_new_tokens": 32, "do_sample": False},
    floors=("baseline:majority",),
    build=_build,
    vocabulary=lambda reader: tuple(reader.classes),
    read=_read,
    oracle=lambda sample: Answer(text=sample.reference["dish"].replace("_", " ")),
)

HOOKS = TaskHooks(TASK)
process_docs = HOOKS.process_docs
doc_to_visual = HOOKS.doc_to_visual
doc_to_text = HOOKS.doc_to_text
doc_to_target = HOOKS.doc_to_target
process_results = HOOKS.process_results
