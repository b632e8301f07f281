"""FoodReasonSeg: questions that have to be thought about, answered by pointing at ingredients.

* `dialogue`: every turn that points at something is asked by itself, with the reference's turns before it as history.
  The model writes the answer (FoodLMM's released weights score about 0.25 that way in the RL paper, against 0.71 in
  their own). Pointing at everything does not pay: a mask of anything else counts as one more with an IoU of 0.
* `dialogue.teacher_forced`: FoodLMM's released evaluator: the right answer's text is given, class names and `[SEG]`
  tokens included, and only the masks are the model's. `giou.dialogue` is its gIoU (Table IX), but for an answer that
  points at one class several times: there it counts every `[SEG]`, here a class is one target, its masks joined.
* `single`: the RL paper's form (its data are not published): each question alone with one mask. What it leaves open is
  fixed here: of an answer with several masks their union is the target, questions that point at nothing are left out,
  and an answer without a mask counts as IoU 0 (`giou.answered` leaves it out, as their evaluation of FoodLMM did).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.records import ReasoningRecord, Segment
from foodbench.metrics import queries
from foodbench.metrics.reading.names import find_names, normalise
from foodbench.metrics.segmentation import (
    CUMULATIVE_IOU,
    GENERALIZED_IOU,
    GENERALIZED_IOU_BY_DIALOGUE,
    GENERALIZED_IOU_OF_ANSWERED,
)
from foodbench.tasks import pointing, prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.regions import Regions, regions_of

DATASET = "foodreasonseg"
_SEGMENT = re.compile(r"\s*\[SEG\d*\]")


def _targets(segments: Sequence[Segment]) -> dict[int, str]:
    """The classes that an answer points at, each once in order, with the name that the answer gives it."""
    found: dict[int, str] = {}
    for segment in segments:
        if segment.class_id is not None:
            found.setdefault(segment.class_id, segment.name)
    return found


def _dialogues(
    reader: Any, records: Sequence[ReasoningRecord], *, keep_empty: bool = False
) -> Iterable[tuple[ReasoningRecord, Regions, dict[int, dict[int, str]]]]:
    """Each dialogue with its photo's regions and, for the turns that point at something, what they point at.

    A class that is named but is nowhere in the mask is left out (an empty target would pay for silence), unless they
    are to be kept: FoodLMM's evaluator has them.
    """
    if not records:
        return
    regions = regions_of(reader, records[0].split, [record.pair for record in records])
    for record in records:
        if record.pair.stem not in regions:
            continue
        found = regions[record.pair.stem]
        turns = {
            number: {
                class_id: said
                for class_id, said in _targets(segments).items()
                if keep_empty or class_id in found.counts
            }
            for number, segments in enumerate(record.segments)
        }
        turns = {number: targets for number, targets in turns.items() if targets}
        if turns:
            yield record, found, turns


def _reference(reader: Any, regions: Regions, targets: Mapping[int, str]) -> dict[str, Any]:
    from foodbench.metrics import masks

    nothing = masks.empty(regions.size).counts
    found = [
        {"label": reader.classes[class_id], "said": said, "counts": regions.counts.get(class_id, nothing)}
        for class_id, said in targets.items()
    ]
    return {"size": list(regions.size), "masks": found, "absent": []}


def _sample(record: ReasoningRecord, number: int, question: str, slots: dict[str, Any], reference: Any) -> Sample:
    return Sample(
        sample_id=f"{record.dialogue_id}/{number + 1}",
        cluster=record.pair.stem,
        image=record.pair.image,
        question=question,
        slots=slots,
        reference=reference,
    )


def _dialogue(*, version: int, teacher_forced: bool = False) -> FoodTask:
    def build(reader: Any, records: Sequence[ReasoningRecord]) -> Iterable[Sample]:
        for record, regions, turns in _dialogues(reader, records, keep_empty=teacher_forced):
            total = sum(map(len, turns.values()))
            for number, targets in turns.items():
                history = [[turn.question, turn.answer] for turn in record.turns[:number]]
                turn = record.turns[number]
                told = [(question, _SEGMENT.sub("", answer)) for question, answer in history]
                slots: dict[str, Any] = {"history": history, "turn": turn.question}
                if teacher_forced:
                    slots["forced_answer"] = turn.answer
                reference = _reference(reader, regions, targets)
                reference |= {"dialogue_masks": total, "dialogue_turns": len(turns)}
                if teacher_forced:
                    ids = [segment.class_id for segment in record.segments[number]]
                    reference["tokens"] = [None if one is None else reader.classes[one] for one in ids]
                yield _sample(record, number, prompts.with_history(told, turn.question), slots, reference)

    return FoodTask(
        name=f"{DATASET}.dialogue" + (".teacher_forced" if teacher_forced else ""),
        version=version,
        dataset=DATASET,
        split="test",
        train_split="train",
        protocol="teacher_forced" if teacher_forced else "strict",
        summary="Answer a reasoning question about a meal, in a dialogue, by segmenting what it is about"
        + (" (the right answer's text is given)." if teacher_forced else "."),
        questions=(),
        answer_kind="masks",
        metrics=(
            GENERALIZED_IOU_BY_DIALOGUE,
            queries.ANSWERED_INGREDIENT,
            *(() if teacher_forced else (queries.STRAY_MASKS,)),
            CUMULATIVE_IOU,
            GENERALIZED_IOU,
            queries.GENERALIZED_IOU_BY_MASK,
        ),
        headline=2 if teacher_forced else 3,
        generation={"max_new_tokens": 192, "do_sample": False},
        floors=("baseline:blind", "baseline:mean", "baseline:random"),
        build=build,
        vocabulary=lambda reader: tuple(reader.classes[1:]),
        read=_read_forced if teacher_forced else _read_turn,
        oracle=pointing.oracle,
        selective=True,
    )


def _names(sample: Sample) -> list[str]:
    return [str(mask.label) for mask in pointing.reference_masks(sample)]


def _read_turn(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    """As a query for the targets' names, which the question does not say: by the noun phrase, then in their order.

    A mask for anything else is an answer too, and a wrong one: it counts as one more mask with an IoU of 0.
    """
    said = {normalise(mask["said"]): mask["label"] for mask in sample.reference["masks"]}

    def name_of(label: str | None) -> str | None:
        own = said.get(normalise(label or "")) or next((said[name] for name in find_names(label or "", said)), None)
        return own or pointing.class_of(label, vocabulary)

    answer = replace(answer, masks=tuple(replace(mask, label=name_of(mask.label)) for mask in answer.masks))
    names = _names(sample)
    reading = pointing.read_assigned(sample, answer, names, pointing.assign(answer, names, vocabulary))
    return _with_shares(sample, reading, strays=reading.values["strays"])


def _read_forced(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    """The k-th mask belongs to the k-th `[SEG]` of the given text; nothing more is drawn than it asks for."""
    tokens = sample.reference["tokens"]
    if len(answer.masks) != len(tokens):  # not read at the places of the text: a baseline, or a cut answer
        return _with_shares(sample, _read_turn(sample, answer, vocabulary), strays=0.0)
    places: dict[str, list[int]] = {}
    for index, name in enumerate(tokens):
        if name is not None:
            places.setdefault(name, []).append(index)
    reading = pointing.read_assigned(sample, answer, _names(sample), places)
    return _with_shares(sample, reading, strays=0.0)


def _with_shares(sample: Sample, reading: Reading, *, strays: float) -> Reading:
    """What the turn adds to the mean over dialogues."""
    due = len(sample.reference["masks"])
    mean = reading.values["iou_sum"] / (due + strays)
    return replace(
        reading,
        values={
            **reading.values,
            "iou": mean,
            "iou_share": mean * due / sample.reference["dialogue_masks"],
            "turn_share": 1.0 / sample.reference["dialogue_turns"],
        },
    )


def _single_samples(reader: Any, records: Sequence[ReasoningRecord]) -> Iterable[Sample]:
    from foodbench.metrics import masks

    for record, regions, turns in _dialogues(reader, records):
        for number, targets in turns.items():
            reference = _reference(reader, regions, targets)
            one = Sample("", "", record.pair.image, "", {}, reference)
            union = masks.union_of(pointing.reference_masks(one))
            label = prompts.enumerate_names([mask["label"] for mask in reference["masks"]])
            reference["masks"] = [{"label": label, "counts": union.counts}]
            yield _sample(record, number, record.turns[number].question, {}, reference)


def _read_single(sample: Sample, answer: Answer, _vocabulary: tuple[str, ...]) -> Reading:
    """All masks of the answer together against the one target."""
    from foodbench.metrics import masks

    (true,) = pointing.reference_masks(sample)
    given = [pointing.checked(mask, true.size) for mask in answer.masks]
    error = next((found.error for found in given if found.error), None)
    usable = [found.mask for found in given if found.mask is not None]
    intersection, union = masks.intersection_union(masks.union_of(usable, true.size), true)
    return Reading(
        parsed=error is None and bool(usable),
        values={
            "intersection": float(intersection),
            "union": float(union),
            "iou": masks.iou(intersection, union),
            "answered": float(bool(usable)),
            "answered_query": float(bool(usable)),
            "present_query": 1.0,
        },
        detail={"masks": {str(true.label): [index for index, found in enumerate(given) if found.mask is not None]}},
        error=error,
    )


DIALOGUE = _dialogue(version=1)
DIALOGUE_TEACHER_FORCED = _dialogue(version=1, teacher_forced=True)
SINGLE = FoodTask(
    name=f"{DATASET}.single",
    version=1,
    dataset=DATASET,
    split="test",
    train_split="train",
    protocol="strict",
    summary="Answer one reasoning question about a meal by segmenting what it is about.",
    questions=(),
    answer_kind="masks",
    metrics=(GENERALIZED_IOU, queries.ANSWERED_QUERY, CUMULATIVE_IOU, GENERALIZED_IOU_OF_ANSWERED),
    headline=2,
    generation={"max_new_tokens": 192, "do_sample": False},
    floors=("baseline:blind", "baseline:mean", "baseline:random"),
    build=_single_samples,
    vocabulary=lambda _reader: (),
    read=_read_single,
    oracle=pointing.oracle,
    selective=True,
)
