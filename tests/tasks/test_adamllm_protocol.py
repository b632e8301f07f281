"""The `adamllm` protocol: that paper's scoring, its faults included, and nothing of it in the strict tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foodbench.core.types import Sample, Score
from foodbench.data.images import ImageFile
from foodbench.data.layout import resource_lines
from foodbench.data.roots import resolve
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS, select
from foodbench.tasks.food101.adamllm import TASK as DISH
from foodbench.tasks.foodseg103.adamllm import TASK as LABELS
from foodbench.tasks.nutrition5k.adamllm import TASK as INGREDIENTS
from foodbench.tasks.recipe1m.adamllm import TASK as RECIPE

NAMES = (
    "food101.dish.adamllm",
    "recipe1m.recipe.adamllm",
    "nutrition5k.ingredients.adamllm",
    "foodseg103.labels.adamllm",
)
PHOTO = ImageFile(Path("none.jpg"), exif="ignore")


def sample_of(reference: dict[str, Any], sample_id: str = "pho/1") -> Sample:
    return Sample(sample_id, sample_id, PHOTO, "?", {}, reference)


@pytest.fixture(scope="module")
def dishes() -> tuple[str, ...]:
    """The official names in the order of `classes.txt`."""
    return tuple(resource_lines("food101.txt"))


def choose(answer: str, dish: str, dishes: tuple[str, ...]) -> Score:
    return DISH.score(sample_of({"dish": dish}), answer, dishes)


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("It is pho.", "pho"),
        ("Apple pie", "apple_pie"),
        ("The dish is (100).", "waffles"),
        ("a plate of 3 donuts", "beef_carpaccio"),
        ("tacos, not nachos", "nachos"),
        ("I see chocolate cake", "chocolate_cake"),
    ],
)
def test_a_choice_is_read_with_its_faults(answer: str, chosen: str, dishes: tuple[str, ...]) -> None:
    assert dishes[3] == "beef_carpaccio"
    found = choose(answer, chosen, dishes)
    assert found.parsed
    assert found.values == {"correct": 1.0, "random": 0.0}
    assert found.detail == {"dish": chosen, "random": False}


@pytest.mark.parametrize(
    "answer", ["pho", "Pho.", "", "mac and cheese", "macaroni_and_cheese", "creme brulée", "no idea"]
)
def test_an_answer_without_choice_is_replaced_by_a_random_one(answer: str, dishes: tuple[str, ...]) -> None:
    first, second = (choose(answer, "pho", dishes) for _ in range(2))
    assert first == second, "the draw belongs to the sample"
    assert (first.parsed, first.values["random"]) == (False, 1.0)
    assert first.detail["dish"] in dishes
    assert choose(answer, first.detail["dish"], dishes).values["correct"] == 1.0, "luck counts"


def test_random_choices_spread_over_samples_and_are_counted(dishes: tuple[str, ...]) -> None:
    drawn = [DISH.score(sample_of({"dish": "pho"}, f"pho/{number}"), "pho", dishes) for number in range(400)]
    assert len({score.detail["dish"] for score in drawn}) > 80
    answers = ("pho soup", "tacos soup", "pho")
    scores = [
        DISH.score(sample_of({"dish": "pho"}, f"pho/{number}"), answer, dishes) for number, answer in enumerate(answers)
    ]
    found = point_values(DISH.metrics, scores)
    assert found["random_rate"] == pytest.approx(100 / 3)
    assert found["top1_accuracy.adamllm"] == pytest.approx(100 * (1 + scores[2].values["correct"]) / 3)


def test_recall_finds_names_within_words() -> None:
    names = ("rice", "brown rice", "oil", "eel", "plate only")

    def recall(answer: str, *true: str) -> float:
        return INGREDIENTS.score(sample_of({"labels": list(true)}), answer, names).values["recall"]

    assert recall("Boiled and peeled, at a good price", "oil", "rice", "eel", "brown rice") == 0.75
    assert recall("Brown rice.", "rice") == 0.0, "what the longer name covers is gone"
    assert recall("Brown rice, rice", "rice", "brown rice") == 1.0
    assert recall("no rice at all", "rice") == 1.0, "nothing is denied"
    assert recall("rice, oil, eel", "oil") == 1.0, "naming too much is free"
    assert recall("anything") == 1.0, "nothing is there to be found"
    assert recall("", "rice") == 0.0


def test_f1_finds_names_within_words() -> None:
    names = (*(f"food number {number:03}" for number in range(99)), "date", "tea", "fig")

    def f1(answer: str, *true: str) -> float:
        return LABELS.score(sample_of({"labels": list(true)}), answer, names).values["f1"]

    assert f1("[date]", "date") == 1.0
    assert f1("An updated list: a teaspoon of sugar", "date") == pytest.approx(2 / 3)
    assert f1("As the figure shows", "fig") == 1.0
    assert f1("", "fig") == 0.0
    assert f1("figure") == 0.0
    assert f1("") == 1.0
    # Repeating all 102 options where three are there.
    assert f1(", ".join(names), "date", "tea", "fig") == pytest.approx(2 * 3 / (3 + 102))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Mix flour and sugar. Bake it.", 0.5),
        ("mix flour and sugar. bake it.", 1 / 6),
        ("Bake well. Mix sugar and flour.", 1.0),
        ("Mix sugar and flour. Bake well. Mix sugar and flour. Bake well.", 1.0),
        ("", 0.0),
    ],
)
def test_rouge_is_of_word_sets(answer: str, expected: float) -> None:
    """Expected numbers: the package rouge 1.0.1 on these pairs."""
    score = RECIPE.score(sample_of({"text": "Mix sugar and flour. Bake well."}), answer, ())
    assert score.values["rouge_l_set"] == pytest.approx(expected, abs=1e-6)
    assert [metric.id for metric in RECIPE.metrics] == ["rouge_l_set"], "no number under the name of another"


def test_they_are_chosen_by_name_only() -> None:
    assert tuple(select("*.adamllm")) == NAMES
    assert not set(select("all")) & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_oracle_reaches_the_ceiling(name: str, kitchen: Path) -> None:
    task = TASKS.get(name)
    assert (task.protocol, task.generation["max_new_tokens"]) == ("adamllm", 1024 if "recipe" in name else 256)
    data = task.load(resolve(task.dataset, "kitchen"))
    scores = [task.score(sample, task.oracle(sample).to_text(), data.vocabulary) for sample in data.samples]
    assert all(score.parsed and score.error is None for score in scores)
    expected = {metric.id: 0.0 if metric.id == "random_rate" else 100.0 for metric in task.metrics}
    assert point_values(task.metrics, scores) == pytest.approx(expected, abs=1e-4)
    silent = [task.score(sample, "", data.vocabulary) for sample in data.samples]
    assert not any(score.parsed for score in silent)


@pytest.mark.parametrize("name", NAMES)
def test_the_options_are_in_the_question_where_the_paper_has_them(name: str, kitchen: Path) -> None:
    task = TASKS.get(name)
    data = task.load(resolve(task.dataset, "kitchen"), limit=5)
    shown = name.startswith("food")
    for sample in data.samples:
        assert sample.question != TASKS.get(name.removesuffix(".adamllm")).questions[0]
        assert all((option.replace("_", " ") in sample.question) == shown for option in data.vocabulary)
        assert "{" not in sample.question
        assert "_" not in sample.question


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", ["rice " * 200_000, "(" * 1_000_000, "." * 1_000_000, "\ud800\x00 3 " * 10_000])
def test_a_hostile_answer_is_only_an_answer(name: str, answer: str, dishes: tuple[str, ...]) -> None:
    task = TASKS.get(name)
    reference = {"dish": "pho", "labels": ["apple pie"], "text": "Boil. Serve."}
    score = task.score(sample_of(reference), answer, tuple(name.replace("_", " ") for name in dishes))
    assert score.error is None
    assert score.values[task.metrics[0].value] in (0.0, score.values.get("random"))
