from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from baselines.adamllm.combining import combine
from baselines.adamllm.kitchen_data import recipe_pairs, render_seed_plates, seed_examples, true_accuracy
from baselines.adamllm.kitchen_judge import verdict
from baselines.adamllm.kitchen_meals import GROUPS, Meal, meal_of_facts, meal_of_plate
from baselines.adamllm.kitchen_tasks import FAMILIES, draw_task, family_of, is_right, solve
from baselines.adamllm.records import Triplet
from baselines.adamllm.task_types import ALL_TYPES, guess_task_type
from baselines.foodlmm.templates import PlateFacts
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.meal_talk import Share
from foodbench.data.kitchen.plate import render
from foodbench.data.recipe1m import Recipe1M

CURRY = Meal("curry rice", {"rice": 180, "green beans": 40, "sauce": 120})
STEAK = Meal("steak and fries", {"steak": 150, "tomato": 60, "french fries": 90})


@pytest.mark.parametrize(
    ("instruction", "precise"),
    [
        ("Name this dish.", "curry rice"),
        ("Count the kinds of food on this plate.", "3"),
        ("Do you see green beans on this plate?", "yes"),
        ("Can steak be seen in this picture?", "no"),
        ("Which ingredient weighs the most on this plate?", "rice"),
        ("Is there more green beans or more sauce on this plate by weight?", "sauce"),
        ("Which dish is shown? (a) bean chili (b) curry rice (c) garden salad", "(b) curry rice"),
        ("One of rice, sauce and egg is not in the picture. Which one?", "egg"),
        ("Is this meal free of meat and seafood?", "yes"),
        ("Which group of foods makes up most of this meal?", "starches"),
        ("How is the sauce of this meal prepared?", "Simmer the curry sauce until thick"),
        (
            "This meal is being cooked, and somebody has just done this: Blanch the green beans. Which step is next?",
            "Simmer the curry sauce until thick",
        ),
        # 180 x 1.30 + 40 x 0.35 + 120 x 1.10 = 380 kcal
        ("Does this meal have more than 350 kcal?", "yes"),
        ("Does this meal have more than 400 kcal?", "no"),
        ("Estimate the calories of this meal.", "380 kcal"),
        # 180 x 0.027 = 4.9 g, 40 x 0.019 = 0.8 g, 120 x 0.025 = 3.0 g
        ("Which ingredient gives this meal most of its protein?", "rice"),
        ("Does this statement match the picture: a plate with rice and egg?", "no"),
        ("Does this statement match the picture: a plate with rice and sauce?", "yes"),
    ],
)
def test_right_answers_follow_from_the_facts(instruction: str, precise: str) -> None:
    solved = solve(instruction, CURRY)
    assert solved is not None
    assert solved[1] == precise
    assert is_right(instruction, f" {precise.upper()}. ", CURRY)
    assert is_right(instruction, "a wrong answer", CURRY) is False


@pytest.mark.parametrize(
    ("instruction", "answer", "right"),
    [
        ("Estimate the calories of this meal.", "about 400", True),
        ("Estimate the calories of this meal.", "500 kcal", False),
        ("Estimate the calories of this meal.", "many", False),
        ("Do you see pizza on this plate?", "no", False),  # the kitchen has none: nothing is known of it
        ("Is there more rice or more egg on this plate by weight?", "rice", False),
        ("How is the steak of this meal prepared?", "Grill the steak and let it rest", False),
        ("Does this meal have more than ٣ kcal?", "yes", False),
        ("Describe this meal in your own words.", "lovely", None),
        ("What is the meaning of life?", "42", None),
        ("Do you see " * 10_000, "x", None),
    ],
)
def test_other_peoples_tasks_are_checked(instruction: str, answer: str, right: bool | None) -> None:
    assert is_right(instruction, answer, CURRY) is right


def test_drawn_tasks_are_right_consistent_and_of_their_type() -> None:
    meals = [CURRY, STEAK, Meal("plain", {"rice": 5})]
    rng = random.Random(0)
    drawn: Counter[str] = Counter()
    for number in range(1500):
        meal = meals[number % 2]
        family, triplet = draw_task(meal, rng)
        found = family_of(triplet.instruction)
        assert found is not None
        assert found[0] is family
        expected = (None, "Open") if family.open_ended else (True, "Yes")
        right = is_right(triplet.instruction, triplet.precise, meal)
        assert (right, verdict(triplet.instruction, triplet.informative, triplet.precise)) == expected
        assert guess_task_type(triplet.instruction) == family.task_type
        assert combine(triplet, str(number)).kind == "reasoned"
        drawn[family.name] += 1
    assert set(drawn) == {family.name for family in FAMILIES}
    assert {family.task_type for family in FAMILIES} <= set(ALL_TYPES)


def test_the_judge_turns_down_what_does_not_follow() -> None:
    assert verdict("Name this dish.", "I see rice. It is curry rice.", "bean chili") == "No"
    assert verdict("Name this dish.", "It is bean chili. No, it is curry rice.", "bean chili") == "No"
    assert verdict("Is it raw?", "It is brown. It is not raw.", "no") == "Yes"
    assert verdict("Is it raw?", "It is brown. It is not raw.", "yes") == "No"
    assert verdict("How many?", "I count 12.", "2") == "No"
    assert verdict("How many?", "I count 12.", " ") == "No"
    assert verdict("Describe it.", "It is 12.", "12") == "Open"


def test_every_ingredient_has_a_group() -> None:
    assert set(GROUPS) == set(INGREDIENTS)


def test_a_meal_is_the_same_from_a_plate_and_from_facts() -> None:
    plate = render(3, 96)
    meal = meal_of_plate(plate)
    shares = tuple(Share(one.name, one.nutrition.mass or 0.0, 0, 0, 0, 0) for one in plate.portions)
    assert meal_of_facts(PlateFacts(plate.dish, (), shares)) == meal
    assert Meal.from_facts(meal.facts()) == meal
    assert meal.total("kcal") == pytest.approx(plate.total.kcal, rel=0.05)


@pytest.mark.parametrize(
    "plain",
    [
        {}, {"dish": "curry rice"}, {"dish": "pizza", "grams": {"rice": 1}},
        {"dish": "curry rice", "grams": {"ham": 1}},
        {"dish": "curry rice", "grams": {"rice": 0}}, {"dish": "curry rice", "grams": {"rice": 1.5}},
        {"dish": "curry rice", "grams": {"rice": True}}, {"dish": "curry rice", "grams": []}, {"dish": [], "grams": {}},
    ],
)  # fmt: skip
def test_facts_that_describe_no_meal_are_refused(plain: dict[str, object]) -> None:
    assert Meal.from_facts(plain) is None


def test_recipes_become_pairs_with_their_facts(small_kitchen: Path) -> None:
    records = Recipe1M(small_kitchen / "Recipe1M").records("train")
    pairs, rejected = recipe_pairs(records)
    assert len(pairs) == len(records)
    assert not rejected
    known = [pair for pair in pairs if pair.facts]
    assert 0 < len(pairs) - len(known) < len(pairs) / 3  # amounts damaged on purpose
    for pair in known:
        meal = Meal.from_facts(pair.facts)
        assert meal is not None
        assert pair.recipe is not None
        assert (meal.recipe().ingredients, meal.recipe().steps) == (pair.recipe.ingredients, pair.recipe.steps)
        assert meal.dish in pair.caption


def test_seed_plates_are_rendered_once(tmp_path: Path) -> None:
    plates = render_seed_plates(tmp_path, 3, size=64)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "train-0-64-000001.json").write_text("{")
    again = render_seed_plates(tmp_path, 4, size=64)
    assert again[:3] == plates
    untouched = [path for path in before if "000001" not in path.name]
    assert all(path.stat().st_mtime_ns == before[path] for path in untouched)
    examples = seed_examples(again)
    assert len({one.seed_id for one in examples}) == len(examples) == 8
    assert examples == seed_examples(again)
    assert all(one.image.open().size == (64, 64) for one in examples)


def test_accuracy_before_and_after_a_filter() -> None:
    triplets = {
        "a": Triplet("Name this dish.", "It is curry rice.", "curry rice"),
        "b": Triplet("Name this dish.", "It is curry rice.", "bean chili"),
        "c": Triplet("Describe this meal in your own words.", "Nice.", "nice"),
        "d": Triplet("Name this dish.", "x", "curry rice"),
    }
    meals = dict.fromkeys("abc", CURRY)
    everything = true_accuracy(triplets, meals)
    assert (everything["tasks"], everything["checked"], everything["accuracy"]) == (3, 2, 0.5)
    assert true_accuracy(triplets, meals, ["a"])["accuracy"] == 1
    assert true_accuracy(triplets, meals, [])["accuracy"] is None
