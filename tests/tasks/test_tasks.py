"""What is asked, how answers are read, and that it is the same for everybody."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.hashing import fingerprint
from foodbench.core.types import Answer, Mask, Nutrition, Request, Sample
from foodbench.data.roots import resolve
from foodbench.metrics import masks
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS, prompts, select
from foodbench.tasks.base import Reading, TaskData, spread
from foodbench.tasks.hooks import document_to_sample, sample_to_document
from tests.conftest import REPOSITORY

NAMES = tuple(name for name in TASKS.names() if name != "fooddialogues.chat")
STRICT = tuple(name for name in TASKS.names() if name.count(".") == 1)


def load(name: str, **options: int) -> TaskData:
    task = TASKS.get(name)
    return task.load(resolve(task.dataset, "kitchen"), **options)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("all", NAMES),
        ("food*", ("food101.dish", "foodseg103.refer1")),
        ("nutrition5k.total, food101.dish,food101.dish", ("food101.dish", "nutrition5k.total")),
    ],
)
def test_select(patterns: str, expected: tuple[str, ...]) -> None:
    assert tuple(select(patterns)) == expected


def test_select_refuses_nothing_and_the_unknown() -> None:
    with pytest.raises(UsageError):
        select(" , ")
    with pytest.raises(UnknownName, match="nutrition5k.total"):
        select("food101.dish,nutrition5k.totla")


@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 3))
def test_spread_is_even_ordered_and_without_repetition(total: int, limit: int, seed: int) -> None:
    chosen = list(spread(range(total), limit, seed))
    assert len(chosen) == min(total, limit)
    assert chosen == sorted(set(chosen))
    if limit < total:
        # Between two neighbours there are at most total/limit items, rounded up: no part of the list is left out.
        gaps = np.diff([-1, *chosen, total])
        assert gaps.max() <= total // limit + 2
        assert chosen == list(spread(range(total), limit, seed))


def test_limit_covers_all_classes_of_a_sorted_list(kitchen: Path) -> None:
    dishes = [sample.reference["dish"] for sample in load("food101.dish", limit=12).samples]
    assert len(set(dishes)) == 12, "12 of 24 photos in 12 sorted classes"


def test_limited_questions_are_the_same_questions_under_another_fingerprint(kitchen: Path) -> None:
    whole, part = load("foodseg103.refer1"), load("foodseg103.refer1", limit=8)
    asked = {sample.sample_id: (sample.question, dict(sample.reference)) for sample in whole.samples}
    assert {
        sample.sample_id: (sample.question, dict(sample.reference)) for sample in part.samples
    }.items() <= asked.items()
    assert part.fingerprint != whole.fingerprint
    assert load("foodseg103.refer1").fingerprint == whole.fingerprint


def test_version_and_decoding_change_the_fingerprint(kitchen: Path) -> None:
    data = load("food101.dish")
    for change in ({"version": 2}, {"protocol": "other"}, {"generation": {"max_new_tokens": 33}}):
        assert replace(data, task=replace(data.task, **change)).fingerprint != data.fingerprint


def test_refer_asks_only_for_what_is_there(kitchen: Path) -> None:
    data = load("foodseg103.refer1")
    names = resolve("foodseg103", "kitchen").root.joinpath("category_id.txt").read_text().splitlines()
    ids = dict(reversed(line.split("\t", 1)) for line in names)
    folder = resolve("foodseg103", "kitchen").root / "Images" / "ann_dir" / "test"
    from PIL import Image

    for sample in data.samples:
        with Image.open(folder / f"{sample.sample_id}.png") as image:
            class_map = np.asarray(image)
        class_id = int(ids[sample.slots["ingredient"]])
        assert class_id not in (0, 103, 255)
        true = Mask(tuple(sample.reference["size"]), sample.reference["counts"])
        assert np.array_equal(masks.decode(true), class_map == class_id)
        assert masks.area(true) > 0
        assert sample.question in [wording.format(**sample.slots) for wording in prompts.REFER]


@pytest.mark.parametrize("name", NAMES)
def test_oracle_is_the_ceiling_and_silence_is_wrong(name: str, kitchen: Path) -> None:
    data = load(name)
    task = data.task
    best = [task.score(sample, task.oracle(sample).to_text(), data.vocabulary) for sample in data.samples]
    worst = [task.score(sample, "", data.vocabulary) for sample in data.samples]
    assert all(score.parsed and score.error is None for score in best)
    assert not any(score.parsed for score in worst)
    perfect, empty = point_values(task.metrics, best), point_values(task.metrics, worst)
    expected = {
        "food101.dish": ({"top1_accuracy": 100.0}, {"top1_accuracy": 0.0}),
        "foodseg103.refer1": (
            {"ciou": 1.0, "giou.sample": 1.0, "answered": 100.0},
            {"ciou": 0.0, "giou.sample": 0.0, "answered": 0.0},
        ),
    }
    if name in expected:
        assert (perfect, empty) == expected[name]
    else:
        assert set(perfect.values()) == {0.0}
        # Nothing stated counts as zero predicted: the error is the mean itself.
        assert all(value == pytest.approx(100) for metric, value in empty.items() if metric.startswith("pmae"))


@pytest.mark.parametrize("name", NAMES)
def test_a_request_does_not_hold_the_reference(name: str, kitchen: Path) -> None:
    data = load(name)
    sample = data.samples[0]
    request = data.task.request(sample)
    assert {field.name for field in fields(Request)} == {
        "task", "sample_id", "image", "question", "slots", "generation",
    }  # fmt: skip
    said = json.dumps([request.question, dict(request.slots), dict(request.generation)])
    for value in sample.reference.values():
        if value != request.slots.get("ingredient"):
            assert str(value) not in said


@pytest.mark.parametrize("name", NAMES)
def test_documents_hold_the_whole_sample(name: str, kitchen: Path) -> None:
    for sample in load(name, limit=3).samples:
        assert document_to_sample(sample_to_document(sample, name)) == sample


def test_refer_takes_the_mask_of_the_asked_ingredient(kitchen: Path) -> None:
    data = load("foodseg103.refer1")
    sample = data.samples[0]
    right = data.task.oracle(sample).masks[0]
    other = masks.empty(right.size)
    wrong = Mask(other.size, other.counts, "candy")

    def iou(*found: Mask) -> float:
        return data.task.score(sample, Answer("x", masks=found).to_text(), ()).values["iou"]

    ingredient = sample.slots["ingredient"]
    assert iou(wrong, right) == 1.0
    assert iou(Mask(right.size, right.counts, f"The {ingredient.upper()}!"), wrong) == 1.0
    assert iou(Mask(right.size, right.counts)) == 1.0, "an unlabelled mask stands for the asked ingredient"
    assert iou(wrong) == 0.0, "a mask of something else is no answer"
    empty_other = Mask(other.size, other.counts, f"sweet {ingredient}")
    exact = Mask(right.size, right.counts, ingredient)
    assert iou(empty_other, exact) == 1.0, "the very name comes before a name that holds it"
    thoughtful = Answer("I look.</think> Here.", masks=(right,))
    assert data.task.score(sample, thoughtful.to_text(), ()).values["iou"] == 1.0, "reasoning is cut from text only"
    flipped = Mask((right.size[1] + 1, right.size[0]), right.counts, ingredient)
    score = data.task.score(sample, Answer("x", masks=(flipped,)).to_text(), ())
    assert not score.parsed
    assert score.error is not None
    assert "size" in score.error
    assert score.values["intersection"] == 0
    assert score.values["union"] == masks.area(right)


def test_nutrition_counts_what_is_not_stated_and_refuses_the_absurd(kitchen: Path) -> None:
    data = load("nutrition5k.total")
    sample = next(sample for sample in data.samples if sample.reference["fat"] > 0)
    truth = sample.reference

    def score(**values: float) -> tuple[bool, float]:
        result = data.task.score(sample, Answer("", nutrition=Nutrition(**values)).to_text(), ())
        return result.parsed, result.values["absolute_error.fat"]

    assert score(**truth) == (True, 0.0)
    assert score(**{**truth, "fat": 1e300}) == (False, truth["fat"])
    assert score(**{name: value for name, value in truth.items() if name != "fat"}) == (False, truth["fat"])
    assert score(**{**truth, "fat": -truth["fat"]}) == (True, pytest.approx(2 * truth["fat"]))


def test_an_answer_that_a_reading_stumbles_over_costs_only_itself(kitchen: Path) -> None:
    data = load("food101.dish")
    sample = data.samples[0]

    def stumbling(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
        if answer.text:
            raise ZeroDivisionError("seen in a plug-in")
        return data.task.read(sample, answer, vocabulary)

    score = replace(data.task, read=stumbling).score(sample, "curry rice", data.vocabulary)
    assert (score.parsed, score.values["correct"]) == (False, 0.0)
    assert score.error == "ZeroDivisionError: seen in a plug-in"
    endless = '{"foodbench_answer":1,"text":"","nutrition":{"kcal":1' + "0" * 400 + "}}"
    assert "not a finite number" in str(data.task.score(sample, endless, data.vocabulary).error)


def test_text_that_names_several_dishes_is_not_an_answer(kitchen: Path) -> None:
    data = load("food101.dish")
    sample = data.samples[0]
    right = sample.reference["dish"].replace("_", " ")
    other = next(name for name in data.vocabulary if name != sample.reference["dish"]).replace("_", " ")
    assert data.task.score(sample, f"It is {right}.", data.vocabulary).values == {"correct": 1.0}
    both = data.task.score(sample, f"{right} or {other}", data.vocabulary)
    assert (both.parsed, both.values["correct"]) == (False, 0.0)
    assert data.task.score(sample, other, data.vocabulary).parsed


def test_queries_are_frozen(kitchen: Path) -> None:
    """Every model is asked the same for ever: a new way of choosing or wording queries is a new version of the task."""
    golden = json.loads((REPOSITORY / "tests" / "golden" / "query_manifests.json").read_text())["manifests"]
    assert {data.task.versioned_name: fingerprint(data.manifest()) for data in map(load, NAMES)} == golden
