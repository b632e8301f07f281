"""Reasoning about a meal: pointing at everything, or at nothing, does not pay; the dialogue's words are understood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foodbench.core.types import Answer, Mask, Sample
from foodbench.data.records import Segment, Turn
from foodbench.data.roots import open_dataset
from foodbench.metrics import masks
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS, pointing
from foodbench.tasks.base import TaskData
from foodbench.tasks.regions import regions_of
from tests.tasks.helpers import load


def every_class(data: TaskData) -> dict[str, Answer]:
    """By stem: a mask of each class in the photo, whatever the question."""
    reader: Any = open_dataset(data.choice)
    records = reader.records("test")
    found = regions_of(reader, "test", [record.pair for record in records])
    return {
        stem: Answer("", masks=tuple(regions.mask(one, reader.classes[one]) for one in regions.counts if 0 < one < 103))
        for stem, regions in found.items()
    }


def measured(data: TaskData, answers: dict[str, Answer]) -> dict[str, float | None]:
    scores = [data.task.score(sample, answers[sample.cluster].to_text(), data.vocabulary) for sample in data.samples]
    return point_values(data.task.metrics, scores)


def test_pointing_at_everything_does_not_pay(kitchen: Path) -> None:
    data = load("foodreasonseg.dialogue")
    found = measured(data, every_class(data))
    assert found["answered.ingredient"] == 100.0
    assert found["giou.dialogue"] is not None
    assert found["giou.dialogue"] < 0.6
    assert found["stray"] is not None
    assert found["stray"] > 30


@pytest.mark.parametrize(
    ("label", "right"),
    [("chicken", True), ("the fried chicken", True), ("pieces of duck", True), (None, True), ("broccoli", False)],
)
def test_a_phrase_is_read_as_the_dialogue_and_the_dataset_name_things(
    label: str | None, right: bool, kitchen: Path
) -> None:
    data = load("foodreasonseg.dialogue")
    sample = next(
        each for each in data.samples if [mask["label"] for mask in each.reference["masks"]] == ["chicken duck"]
    )
    true = pointing.reference_masks(sample)[0]
    answer = Answer("", masks=(Mask(true.size, true.counts, label),))
    assert data.task.score(sample, answer.to_text(), data.vocabulary).values["iou"] == float(right)


class Reader:
    """One dialogue about one photo of 8 x 8 pixels: the left half is rice; egg is nowhere."""

    classes = ("background", "rice", "egg")
    not_referable = frozenset({0, 255})
    allow_partial = False

    def fingerprint(self, split: str) -> str:
        return "one dialogue"


def one_dialogue(*segments: tuple[Segment, ...]) -> list[Any]:
    class_map = np.zeros((8, 8), dtype=np.uint8)
    class_map[:, :4] = 1
    pair = SimpleNamespace(
        stem="00000001", split="test", image=None, checked_mask=lambda: class_map, check_sizes=lambda: None
    )
    turns = tuple(
        Turn(f"question {number}", " ".join(f"{one.name} [SEG{place}]" for place, one in enumerate(several, 1)))
        for number, several in enumerate(segments)
    )
    return [SimpleNamespace(dialogue_id="00000001", split="test", pair=pair, turns=turns, segments=segments)]


def built(name: str, records: list[Any]) -> list[Sample]:
    return list(TASKS.get(name).build(Reader(), records))


RICE, EGG, STRANGE = Segment("Rice", 1), Segment("Eggs", 2), Segment("Dragon", None)


def test_a_target_that_is_nowhere_is_left_out_unless_the_text_is_given() -> None:
    records = one_dialogue((EGG,), (RICE, EGG))
    assert [sample.sample_id for sample in built("foodreasonseg.dialogue", records)] == ["00000001/2"]
    assert [sample.sample_id for sample in built("foodreasonseg.single", records)] == ["00000001/2"]
    told = built("foodreasonseg.dialogue.teacher_forced", records)
    assert [sample.reference["dialogue_masks"] for sample in told] == [3, 3]


def test_masks_of_a_given_text_belong_to_its_tokens_in_order() -> None:
    (sample,) = built("foodreasonseg.dialogue.teacher_forced", one_dialogue((STRANGE, RICE)))
    assert sample.slots["forced_answer"] == "Dragon [SEG1] Rice [SEG2]"
    (true,) = pointing.reference_masks(sample)
    nothing = masks.empty(true.size)
    task = TASKS.get("foodreasonseg.dialogue.teacher_forced")

    def iou(*given: Mask) -> float:
        return task.score(sample, Answer("x", masks=given).to_text(), Reader.classes[1:]).values["iou"]

    assert iou(nothing, replace(true, label=None)) == 1.0
    assert iou(replace(true, label=None), nothing) == 0.0, "the first token's name is no class"


def test_the_history_is_the_references_and_has_no_tokens(kitchen: Path) -> None:
    data = load("foodreasonseg.dialogue")
    later = [sample for sample in data.samples if sample.slots["history"]]
    assert later
    for sample in later:
        assert "[SEG" not in sample.question
        assert sample.question.endswith(f"Question: {sample.slots['turn']}")


def test_the_journal_key_knows_the_given_text(kitchen: Path) -> None:
    from foodbench.engine.scoring import question_key

    data = load("foodreasonseg.dialogue.teacher_forced")
    first = data.samples[0]
    other = replace(first, slots={**first.slots, "forced_answer": "It is the egg [SEG1]."})
    assert question_key(data, first, "model") != question_key(data, other, "model")
