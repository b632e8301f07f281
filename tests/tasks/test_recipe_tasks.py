"""The recipe tasks: what of an answer counts for which number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foodbench.adapters.baselines import Blind, Oracle, RandomDraw, Usual
from foodbench.core.types import Sample, Score
from foodbench.data.images import ImageFile
from foodbench.data.records import RecipeRecord
from foodbench.data.roots import resolve
from foodbench.metrics.reading.actions import ACTIONS_VERSION, find_actions
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS, prompts
from foodbench.tasks.base import FoodTask
from foodbench.tasks.recipe1m.instructions import ACTIONS, INSTRUCTIONS
from foodbench.tasks.recipe1m.recipe import TASK as RECIPE
from foodbench.tasks.recipe1m.texts import listed_classes, recipe_text

NAMES = ("recipe1m.recipe", "recipe1m.instructions", "recipe1m.actions")
VOCABULARY = ("butter", "egg", "flour", "half_-_and_-_half", "olive_oil", "onion", "rice", "tomato")
PHOTO = ImageFile(Path("none.jpg"), exif="ignore")

RECIPE_TRUTH = {
    "text": "Title: Boiled Egg\nIngredients:\n1 egg\nSteps:\nBoil the egg.",
    "title": "Boiled Egg",
    "classes": ["egg"],
}


def sample_of(reference: dict[str, Any], sample_id: str = "000018c8a5") -> Sample:
    return Sample(sample_id, sample_id, PHOTO, "?", {}, reference)


def score(task: FoodTask, reference: dict[str, Any], answer: str) -> Score:
    return task.score(sample_of(reference), answer, VOCABULARY if task is not ACTIONS else ACTIONS.vocabulary(None))


def test_the_true_recipe_is_one_item_on_a_line() -> None:
    record = RecipeRecord(
        recipe_id="000018c8a5",
        title=" Fried\n rice ",
        ingredients=("14 cup  rice", "1 egg,\nbeaten"),
        steps=("Fry the\trice.", "Serve."),
        detected=("rice", "egg"),
        classes=("egg", "rice"),
        image=PHOTO,
        image_ids=("3e233001e2.jpg",),
        split="test",
    )
    assert recipe_text(record) == (
        "Title: Fried rice\nIngredients:\n14 cup rice\n1 egg, beaten\nSteps:\nFry the rice.\nServe."
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2 large eggs, beaten", ["egg"]),
        ("1 cup long-grain brown rice", ["rice"]),
        ("1/2 cup half-and-half", ["half_-_and_-_half"]),
        ("3 Tbsp. extra virgin olive oil", ["olive_oil"]),
        ("1 (14 oz.) can tomatoes", ["tomato"]),
        ("rice cooked in stock", ["rice"]),
        ("1 cup unobtainium", []),
        ("salt to taste", []),
        ("", []),
    ],
)
def test_an_ingredient_line_has_the_class_of_its_food(line: str, expected: list[str]) -> None:
    assert listed_classes([line], VOCABULARY) == expected


def test_a_recipe_is_compared_whole_and_by_sections() -> None:
    answer = "# Boiled egg!\n\n## Ingredients\n- 2 eggs\n- 1 cup rice\n\n## Steps\n1. Boil the eggs.\n2. Peel."
    found = score(RECIPE, RECIPE_TRUTH, answer)
    assert found.parsed
    assert found.detail == {"title": "Boiled egg!", "listed": ["egg", "rice"], "steps": 2}
    values = found.values
    assert (values["title.exact"], values["title.rouge_l"]) == (1.0, 1.0)
    assert values["ingredients_listed.f1"] == pytest.approx(2 / 3), "one of two is right, none is missing"
    # boiled egg ingredients 1 steps boil the: 7 of the answer's 15 words and of the truth's 10.
    assert values["rouge_l"] == pytest.approx(2 * 7 / (15 + 10))


def test_a_recipe_without_headers_is_running_text_only() -> None:
    values = score(RECIPE, RECIPE_TRUTH, "Boil the egg.").values
    # All 3 words are among the 10 of "title boiled egg ingredients 1 egg steps boil the egg".
    assert values["rouge_l"] == pytest.approx(2 * 3 / (3 + 10))
    assert (values["title.exact"], values["title.rouge_l"], values["ingredients_listed.f1"]) == (0.0, 0.0, 0.0)


def test_a_title_in_another_script_is_not_any_title() -> None:
    truth = {**RECIPE_TRUTH, "title": "麻婆豆腐"}
    for title, exact in (("麻婆豆腐", 1.0), ("宫保鸡丁", 0.0), ("", 0.0)):
        assert score(RECIPE, truth, f"Title: {title}\nIngredients: egg").values["title.exact"] == exact


def test_instructions_look_at_the_steps_only() -> None:
    truth = {"text": "Boil the rice.\nFry the egg.", "classes": ["egg", "rice", "tomato"]}
    plain = score(INSTRUCTIONS, truth, "Boil the rice. Fry the egg.")
    decorated = score(
        INSTRUCTIONS,
        truth,
        "Title: Tomato bowl. Ingredients: tomato, onion, butter. Steps: Boil the rice. Fry the egg.",
    )
    assert plain.values == decorated.values
    assert plain.values["rouge_l"] == 1.0
    assert plain.detail == {"steps": 2, "mentioned": ["rice", "egg"]}
    assert plain.values["ingredients_mentioned.f1"] == pytest.approx(4 / 5), "a right answer that skips the tomato"
    list_only = score(INSTRUCTIONS, truth, "Ingredients: rice, egg")
    assert (list_only.parsed, list_only.values["rouge_l"]) == (False, 0.0)
    assert list_only.values["ingredients_mentioned.f1"] == 0.0


def test_what_the_steps_deny_is_not_mentioned() -> None:
    truth = {"text": "Boil the rice.", "classes": ["rice"]}
    assert score(INSTRUCTIONS, truth, "Boil the rice without butter.").detail["mentioned"] == ["rice"]


def test_actions_are_sets_read_alike_from_answer_and_recipe() -> None:
    steps = "Chop the onions and fry them in olive oil. Serve at once."
    truth = {"text": steps, "actions": find_actions(steps)}
    assert truth["actions"] == ["chop", "fry", "serve"]
    half = score(
        ACTIONS, truth, "Ingredients:\n- 2 chopped onions\n\nSteps:\n1. Fry the onions, fry them well.\n2. Serve"
    )
    assert half.detail == {"actions": ["fry", "serve"]}
    assert half.values["f1"] == pytest.approx(0.8)
    assert half.values["iou"] == pytest.approx(2 / 3)
    assert (half.values["precision"], half.values["recall"]) == (1.0, pytest.approx(2 / 3))


def test_no_actions_where_none_are_told_is_right() -> None:
    nothing = {"text": "Thirty minutes at most.", "actions": find_actions("Thirty minutes at most.")}
    assert nothing["actions"] == []
    for truth, answer, f1 in (
        (nothing, "A matter of minutes.", 1.0),
        (nothing, "Chop the onion.", 0.0),
        ({"text": "Chop.", "actions": ["chop"]}, "A matter of minutes.", 0.0),
    ):
        assert score(ACTIONS, truth, answer).values["f1"] == f1


def test_action_figures_are_means_over_recipes_and_pooled() -> None:
    truths = ({"text": "Boil.", "actions": ["boil"]}, {"text": "", "actions": ["bake", "fry", "mix"]})
    answers = ("Boil the egg.", "Bake the egg. Chop the egg. Serve the egg.")
    scores = [
        ACTIONS.score(sample_of(truth, f"{number:010x}"), answer, ACTIONS.vocabulary(None))
        for number, (truth, answer) in enumerate(zip(truths, answers, strict=True))
    ]
    found = point_values(ACTIONS.metrics, scores)
    # Per recipe: F1 1 and 1/3, IoU 1 and 1/5. Pooled: 2 right, 2 wrong, 2 missed.
    assert found["f1.sample"] == pytest.approx(100 * (1 + 1 / 3) / 2)
    assert found["iou.sample"] == pytest.approx(60.0)
    assert found["f1.micro"] == pytest.approx(50.0)
    assert found["iou.micro"] == pytest.approx(100 / 3)
    assert ACTIONS.metrics[0].id == "f1.sample"
    assert all(metric.signature == f"lexicon:{ACTIONS_VERSION}" for metric in ACTIONS.metrics)


def test_another_extractor_makes_another_fingerprint(kitchen: Path) -> None:
    data = ACTIONS.load(resolve("recipe1m", "kitchen"), limit=3)
    assert all(sample.reference["actions"] for sample in data.samples)
    changed = [replace(one, reference={**one.reference, "actions": ["fold"]}) for one in data.samples]
    assert replace(data, samples=tuple(changed)).fingerprint != data.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_oracle_is_the_ceiling_and_silence_the_bottom(name: str, kitchen: Path) -> None:
    data = TASKS.get(name).load(resolve("recipe1m", "kitchen"))
    best = [data.task.score(one, data.task.oracle(one).to_text(), data.vocabulary) for one in data.samples]
    worst = [data.task.score(one, "", data.vocabulary) for one in data.samples]
    assert len(data.samples) == 24
    assert all(one.parsed and one.error is None for one in best)
    assert not any(one.parsed or one.error for one in worst)
    ceiling, bottom = point_values(data.task.metrics, best), point_values(data.task.metrics, worst)
    for metric, value in ceiling.items():
        assert value is not None
        if metric.startswith("ingredients_mentioned."):
            # "Simmer the curry sauce": a step may call an ingredient by another name.
            assert 90 < value <= 100
        else:
            assert value == pytest.approx(100, abs=1e-4), metric
    assert {value for metric, value in bottom.items() if not metric.endswith("precision.micro")} == {0.0}
    assert {value for metric, value in bottom.items() if metric.endswith("precision.micro")} == {None}


@pytest.mark.parametrize("name", NAMES)
def test_texts_of_other_dishes_are_the_floor(name: str, kitchen: Path) -> None:
    task, choice = TASKS.get(name), resolve("recipe1m", "kitchen")
    data = task.load(choice)
    assert {f"baseline:{kind.name}" for kind in (Blind, RandomDraw, Usual)} == set(task.floors)
    found = []
    for baseline in (RandomDraw(), Blind(), Usual(), Oracle()):
        baseline.prepare(task, choice)
        answers = baseline.answer([task.request(sample) for sample in data.samples])
        scores = [
            task.score(sample, answer.to_text(), data.vocabulary)
            for sample, answer in zip(data.samples, answers, strict=True)
        ]
        value = point_values(task.metrics, scores)[task.metrics[0].id]
        assert value is not None
        found.append(value)
    assert 0 < min(found[:3]) <= max(found[:3]) < found[3] - 20


@pytest.mark.parametrize("name", NAMES)
def test_the_question_does_not_hold_the_answer(name: str, kitchen: Path) -> None:
    data = TASKS.get(name).load(resolve("recipe1m", "kitchen"))
    assert {(sample.question, len(sample.slots)) for sample in data.samples} == {
        (prompts.RECIPE if name == "recipe1m.recipe" else prompts.INSTRUCTIONS, 0)
    }
    assert all(word in prompts.RECIPE for word in ("title", "ingredients", "steps"))


@pytest.mark.parametrize("task", [RECIPE, INSTRUCTIONS, ACTIONS], ids=NAMES)
@pytest.mark.parametrize(
    "answer",
    [
        "a " * 500_000,
        "Ingredients: " + "," * 1_000_000,
        "Ingredients:\n" + "1 egg\n" * 170_000,
        "Steps:\n" * 140_000,
        "Steps:\n" + "1. Chop and fry and " * 50_000,
        '{"ingredients": [' * 60_000,
        "(" * 1_000_000,
        "½" * 1_000_000,
        "\ud800\x00" * 10_000,
    ],
    ids=["words", "commas", "lines", "headers", "verbs", "json", "brackets", "fractions", "surrogates"],
)
def test_a_hostile_answer_is_only_a_wrong_one(task: FoodTask, answer: str) -> None:
    truth = {**RECIPE_TRUTH, "text": "Boil the egg.", "actions": ["boil"]}
    found = score(task, truth, answer)
    assert found.error is None
    assert found.values[task.metrics[0].value] < 0.5
