"""`foodseg103.refer1`: segment one named ingredient that is in the picture.

One query per test image that has a class to ask for (background, `other ingredients` and ignore pixels are none, as in
FoodLMM section V). Which of the present classes and which wording is a pure function of the image's stem and the
task's version, so that every model is asked the same and a partial copy asks the same of what it has.

The reference is the whole class region. An answer without a mask counts as an empty mask: intersection 0, union the
reference's area. FoodLMM's released evaluator feeds the right answer's text to the model and reads masks from its
positions; here the model has to answer by itself (`generative`), so the two do not compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.errors import AnswerInvalid
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Mask, Sample
from foodbench.data.records import SegmentationRecord
from foodbench.metrics import segmentation
from foodbench.metrics.aggregate import Metric
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.hooks import TaskHooks
from foodbench.tasks.text import find_names, normalise

NAME = "foodseg103.refer1"
VERSION = 1
NOT_REFERABLE = frozenset({0, 103, 255})
"""Background, `other ingredients`, ignore."""


def _build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
    import numpy as np

    from foodbench.metrics import masks

    for record in records:
        class_map = record.checked_mask()
        present = [class_id for class_id in np.unique(class_map).tolist() if class_id not in NOT_REFERABLE]
        if not present:
            continue
        class_id = present[stable_seed(NAME, VERSION, "class", record.stem) % len(present)]
        wording = prompts.REFER[stable_seed(NAME, VERSION, "wording", record.stem) % len(prompts.REFER)]
        ingredient = reader.classes[class_id]
        mask = masks.encode(class_map == class_id)
        yield Sample(
            sample_id=record.stem,
            cluster=record.stem,
            image=record.image,
            question=wording.format(ingredient=ingredient),
            slots={"ingredient": ingredient},
            reference={"ingredient": ingredient, "size": list(mask.size), "counts": mask.counts},
        )


def _referred_mask(answer: Answer, ingredient: str) -> int | None:
    """Position of the mask that answers for `ingredient`: by label if one fits, else the first unlabelled one."""
    labels = [(index, mask.label) for index, mask in enumerate(answer.masks) if mask.label is not None]
    wanted = normalise(ingredient)
    # The very name first: "onion" is also a word of "spring onion".
    for index, label in labels:
        if normalise(label) == wanted:
            return index
    for index, label in labels:
        if find_names(label, [ingredient]):
            return index
    return next((index for index, mask in enumerate(answer.masks) if mask.label is None), None)


def _read(sample: Sample, answer: Answer, _vocabulary: tuple[str, ...]) -> Reading:
    from foodbench.metrics import masks

    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    true = Mask(size=size, counts=sample.reference["counts"])
    index = _referred_mask(answer, sample.reference["ingredient"])
    predicted = None if index is None else answer.masks[index]
    error = None
    if predicted is not None:
        try:
            masks.validate(predicted, size)
        except AnswerInvalid as invalid:
            predicted, error = None, invalid.message
    intersection, union = masks.intersection_union(predicted or masks.empty(size), true)
    detail: dict[str, Any] = {"mask": None if predicted is None else index, "masks": len(answer.masks)}
    return Reading(
        parsed=error is None and (predicted is not None or bool(answer.text.strip())),
        values={
            "intersection": float(intersection),
            "union": float(union),
            "iou": masks.iou(intersection, union),
            "answered": float(predicted is not None),
        },
        detail=detail,
        error=error,
    )


def _oracle(sample: Sample) -> Answer:
    reference = sample.reference
    size = (int(reference["size"][0]), int(reference["size"][1]))
    return Answer(text="", masks=(Mask(size=size, counts=reference["counts"], label=reference["ingredient"]),))


TASK = FoodTask(
    name=NAME,
    version=VERSION,
    dataset="foodseg103",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Segment one named ingredient that is in the picture.",
    questions=prompts.REFER,
    answer_kind="mask",
    metrics=(
        segmentation.CUMULATIVE_IOU,
        segmentation.GENERALIZED_IOU,
        Metric(
            id="answered",
            kind="proportion",
            value="answered",
            unit="%",
            scale=100.0,
            bounds=(0.0, 1.0),
            description="Share of queries answered with a mask.",
        ),
    ),
    generation={"max_new_tokens": 64, "do_sample": False},
    floors=("baseline:mean", "baseline:blind"),
    build=_build,
    vocabulary=lambda _reader: (),
    read=_read,
    oracle=_oracle,
)

HOOKS = TaskHooks(TASK)
process_docs = HOOKS.process_docs
doc_to_visual = HOOKS.doc_to_visual
doc_to_text = HOOKS.doc_to_text
doc_to_target = HOOKS.doc_to_target
process_results = HOOKS.process_results
