"""Naming the dish and listing ingredients, for any dataset with a closed list of names: protocol `strict`.

The model is not shown the list. Names are read as whole words, longest first; what the text denies does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.metrics import classification, labels
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS, NameFinder, find_names
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading

_NOTHING = re.compile(r"\b(?:nothing|none|empty|no (?:food|ingredients?)|not? any)\b", re.IGNORECASE)
"""What an answer says that names nothing because it sees nothing."""

Labels = Callable[[Any, Sequence[Any]], Iterable[tuple[Any, Sequence[str]]]]
"""From the reader and its records to (record, names that are right for it); records to leave out are not in it."""


def name_dish(dataset: str, *, version: int) -> FoodTask:
    """Which of the dataset's dishes is it? Records have `image_id`, `label` and `image`.

    The answer is right if it names exactly one class, and that class is the reference; an answer that names no class
    or several is not parsed and counts as wrong.
    """
    return FoodTask(
        name=f"{dataset}.dish",
        version=version,
        dataset=dataset,
        split="test",
        train_split="train",
        protocol="strict",
        summary="Name the dish (one of the dataset's classes) from a photo.",
        questions=(prompts.DISH,),
        answer_kind="label",
        metrics=(classification.TOP1_ACCURACY,),
        generation={"max_new_tokens": 32, "do_sample": False},
        floors=("baseline:majority",),
        build=_dish_samples,
        vocabulary=lambda reader: tuple(reader.classes),
        read=_read_dish,
        oracle=lambda sample: Answer(text=sample.reference["dish"].replace("_", " ")),
    )


def _dish_samples(_reader: Any, records: Sequence[Any]) -> Iterable[Sample]:
    for record in records:
        yield Sample(
            sample_id=record.image_id,
            cluster=record.image_id,
            image=record.image,
            question=prompts.DISH,
            slots={},
            reference={"dish": record.label},
        )


def _read_dish(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    named = find_names(answer.text, vocabulary)
    read = named[0] if len(named) == 1 else None
    return Reading(
        parsed=read is not None,
        values={"correct": classification.is_correct(read, sample.reference["dish"])},
        detail={"dish": read} if len(named) <= 1 else {"dish": None, "named": named[:10]},
    )


def list_ingredients(
    dataset: str,
    question: str,
    labels_of: Labels,
    vocabulary: Callable[[Any], tuple[str, ...]],
    *,
    version: int,
    sample_id: str,
    primary: str = "f1.sample",
) -> FoodTask:
    """Which ingredients of the dataset's list are in the photo?

    A set of names is read from the text and compared with the reference's. An answer that echoes (nearly) the whole
    list has not answered: it is not parsed and counts as naming nothing.

    Args:
        dataset: its name.
        question: second part of the task's name.
        labels_of: the right names of each record.
        vocabulary: all names that count.
        version: of the task.
        sample_id: the records' field that is unique, e.g. `image_id`.
        primary: id of the metric that comes first: the one that papers on this dataset report.
    """

    def build(reader: Any, records: Sequence[Any]) -> Iterable[Sample]:
        for record, names in labels_of(reader, records):
            yield Sample(
                sample_id=getattr(record, sample_id),
                cluster=getattr(record, sample_id),
                image=record.image,
                question=prompts.INGREDIENTS,
                slots={},
                reference={"labels": sorted(names)},
            )

    return FoodTask(
        name=f"{dataset}.{question}",
        version=version,
        dataset=dataset,
        split="test",
        train_split="train",
        protocol="strict",
        summary="List the ingredients in the picture (names of the dataset's list count).",
        questions=(prompts.INGREDIENTS,),
        answer_kind="labels",
        metrics=_ordered(labels.label_metrics(), primary, "hallucinated"),
        generation={"max_new_tokens": 256, "do_sample": False},
        floors=("baseline:blind", "baseline:usual", "baseline:random"),
        build=build,
        vocabulary=vocabulary,
        read=read_labels,
        oracle=labels_oracle,
        headline=2,
    )


def _ordered(metrics: Sequence[Metric], *first: str) -> tuple[Metric, ...]:
    """The metrics with those of the given ids first."""
    return tuple(sorted(metrics, key=lambda metric: first.index(metric.id) if metric.id in first else len(first)))


def read_labels(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    """Read the names of the vocabulary in an answer and compare them with the reference's set."""
    found = finder(vocabulary).find(answer.text)
    named = () if found.echo else found.names
    parsed = bool(named) or (not found.echo and bool(_NOTHING.search(answer.text[:MAX_ANSWER_CHARS])))
    values = labels.sample_values(named, sample.reference["labels"], len(set(vocabulary)))
    if not parsed:  # silence does not agree with an empty plate
        values |= dict.fromkeys(("f1", "iou", "precision", "recall", "exact"), 0.0)
    return Reading(
        parsed=parsed,
        values=values,
        detail={"named": list(named), **({"echo": True} if found.echo else {})},
    )


def labels_oracle(sample: Sample) -> Answer:
    """The right names, as a list; that there is nothing, where there is."""
    if not sample.reference["labels"]:
        return Answer(text=prompts.NOTHING)
    return Answer(text=", ".join(name.replace("_", " ") for name in sample.reference["labels"]))


@lru_cache(maxsize=8)
def finder(vocabulary: tuple[str, ...]) -> NameFinder:
    """The finder of a list; building one of 1,486 names takes some milliseconds."""
    return NameFinder(vocabulary)
