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
from foodbench.core.types import Answer, Nutrition, Request, Sample
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS, select
from foodbench.tasks.base import FoodTask, Reading, spread
from foodbench.tasks.hooks import document_to_sample, sample_to_document
from tests.conftest import REPOSITORY
from tests.tasks.helpers import load

NAMES = tuple(TASKS.names())
GUESSED = {"food101.dish.adamllm"}
"""AdaMLLM's code puts a random class in the place of an answer that names none."""
CEILINGS: dict[str, float] = {}
STRICT = tuple(name for name in TASKS.names() if name.count(".") == 1)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("all", STRICT),
        ("food101*", ("food101.dish", "food101.dish.adamllm")),
        ("*.teacher_forced", tuple(name for name in NAMES if name.endswith("teacher_forced"))),
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


@pytest.mark.parametrize("name", NAMES)
def test_oracle_is_the_ceiling_and_silence_earns_nothing(name: str, kitchen: Path) -> None:
    data = load(name)
    task = data.task
    best = [task.score(sample, task.oracle(sample).to_text(), data.vocabulary) for sample in data.samples]
    worst = [task.score(sample, "", data.vocabulary) for sample in data.samples]
    assert all(score.parsed and score.error is None for score in best)
    if name not in GUESSED:
        assert not any(score.parsed for score in worst)
    perfect, empty = point_values(task.metrics, best), point_values(task.metrics, worst)
    primary = task.metrics[0]
    best_possible = primary.scale if primary.higher_is_better else 0.0
    assert perfect[primary.id] == pytest.approx(CEILINGS.get(name, best_possible), abs=1e-6)
    for metric in task.metrics:
        earned, silent = perfect[metric.id], empty[metric.id]
        if earned is not None and silent is not None:
            sign = 1 if metric.higher_is_better else -1
            assert sign * silent <= sign * earned + 1e-9, metric.id


@pytest.mark.parametrize("name", NAMES)
def test_a_request_does_not_hold_the_reference(name: str, kitchen: Path) -> None:
    data = load(name)
    sample = data.samples[0]
    request = data.task.request(sample)
    assert {field.name for field in fields(Request)} == {
        "task", "sample_id", "image", "question", "slots", "generation",
    }  # fmt: skip
    said = json.dumps([request.question, dict(request.slots), dict(request.generation)])
    secrets = [mask["counts"] for mask in sample.reference.get("masks", ())]
    secrets += [sample.reference[key] for key in ("dish", "text", "kcal") if key in sample.reference]
    if task_lists_its_names(data.task):
        secrets = []  # AdaMLLM's prompt lists all names
    assert not any(json.dumps(secret)[1:-1] in said for secret in secrets)


def task_lists_its_names(task: FoodTask) -> bool:
    return task.name in ("food101.dish.adamllm", "foodseg103.labels.adamllm")


@pytest.mark.parametrize("name", NAMES)
def test_documents_hold_the_whole_sample(name: str, kitchen: Path) -> None:
    for sample in load(name, limit=3).samples:
        assert document_to_sample(sample_to_document(sample, name)) == sample


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
