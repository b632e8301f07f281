"""Finding names and numbers in free text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.types import NUTRIENTS
from foodbench.metrics.reading.names import find_names, normalise
from foodbench.tasks.nutrition5k.reading import read_nutrition
from foodbench.tasks.text import without_reasoning

CAKES = ("cake", "chocolate_cake", "chocolate_mousse", "creme_brulee", "apple_pie")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is chocolate cake.", ["chocolate_cake"]),
        ("CHOCOLATE_CAKE", ["chocolate_cake"]),
        ("A cake, then a chocolate mousse", ["cake", "chocolate_mousse"]),
        ("Crème brûlée!", ["creme_brulee"]),
        ("pancake", []),
        ("apple  \n pie", ["apple_pie"]),
        ("apple-pie", ["apple_pie"]),
        ("", []),
        ("chocolate cake cake", ["chocolate_cake", "cake"]),
        ("cake cake cake", ["cake"]),
        ("chocolate cake chocolate cake", ["chocolate_cake"]),
    ],
)
def test_find_names(text: str, found: list[str]) -> None:
    assert find_names(text, CAKES) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cake", "cake"),
        ("<think>pie? no</think> cake", "cake"),
        ("<think>pie?</think>It is <think>hm</think>cake", "It is cake"),
        ("pie, no...</think>cake", "cake"),
        ("cake <think>or pie", "cake"),
        ("<think>for ever", ""),
        ("<analysis>pie</analysis><think>pie</think>cake", "cake"),
        ("</think></think>cake", "cake"),
        ("a < b </ think>", "a < b </ think>"),
    ],
)
def test_reasoning_is_left_out(text: str, said: str) -> None:
    assert without_reasoning(text) == said


@given(st.lists(st.sampled_from(["<think>", "</think>", "<analysis>", "</analysis>", "x", " "]), max_size=30))
def test_no_reasoning_tag_survives(parts: list[str]) -> None:
    said = without_reasoning("".join(parts))
    assert "think>" not in said
    assert "analysis>" not in said


@given(st.text())
def test_normal_form_is_stable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert set(once) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")


@given(st.text(), st.lists(st.text(max_size=8), max_size=5))
def test_find_names_returns_given_names_once(text: str, names: list[str]) -> None:
    found = find_names(text, names)
    assert set(found) <= set(names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Calories: 320 kcal, mass: 250 g, fat: 12 g, carbohydrate: 30 g, protein: 20 g",
            {"kcal": 320, "mass": 250, "fat": 12, "carb": 30, "protein": 20},
        ),
        (
            '{"calories": 320.5, "mass": 250, "fat": 12, "carbohydrate": 30, "protein": 20}',
            {"kcal": 320.5, "mass": 250, "fat": 12, "carb": 30, "protein": 20},
        ),
        ("about 1,050 kcal with 12 g of fat", {"kcal": 1050, "fat": 12}),
        ("12 g fat and 30 g protein", {"fat": 12, "protein": 30}),
        ("12 g of fat and 30 g of protein", {"fat": 12, "protein": 30}),
        ("Energy 1340 kJ (320 kcal)", {"kcal": 320}),
        ("**Calories:** ~320\n**Fat:** 12", {"kcal": 320, "fat": 12}),
        ("| fat (g) | 12 |", {"fat": 12}),
        ("1.050,5 is not English; 12 g protein", {"protein": 12}),
        (
            "520 kcal\n350 g mass\n20 g fat\n45 g carbohydrate\n30 g protein",
            {"kcal": 520, "mass": 350, "fat": 20, "carb": 45, "protein": 30},
        ),
        ("- 520 kcal\n- 20 g fat\n- 45 g carbs\n- 350 g mass", {"kcal": 520, "fat": 20, "carb": 45, "mass": 350}),
        ("Mass (g): 350\nCalories (kcal): 520", {"mass": 350, "kcal": 520}),
        ("Protein: 30\nCalories: 520", {"protein": 30, "kcal": 520}),
        ("fat: 20%\nprotein: 200 ml", {}),
        ("1 050 kcal", {}),
        ("12,5 g of fat", {"fat": 12.5}),
        ("10000000000 kcal", {}),
        ('{"calories": 5.2e2}', {"kcal": 520}),
        ("Calories (1 serving): 520", {"kcal": 520}),
        ("Saturated fat: 5 g\nTotal fat: 20 g", {"fat": 20}),
        ("Calories: 500-600 kcal", {}),
        ("fat 12 g protein 30 g", {"fat": 12, "protein": 30}),
        ("carbohydrate 45 g (sugar 10 g)", {"carb": 45}),
        ("Chicken: 200 kcal\nRice: 300 kcal\nTotal: 500 kcal", {"kcal": 500}),
        ("520 calories, 350 grams total mass, 20g fat", {"kcal": 520, "mass": 350, "fat": 20}),
        ("The total energy is approximately 99.5 kcal.", {"kcal": 99.5}),
        ("Weight 310.2 g, calories 450.0 kcal, fat .5 g", {"mass": 310.2, "kcal": 450, "fat": 0.5}),
        ("fat free", {}),
        ("I cannot tell.", {}),
        ("calories: 99999999 kcal", {}),
        ("", {}),
    ],
)
def test_read_nutrition(text: str, expected: dict[str, float]) -> None:
    assert read_nutrition(text).as_dict() == expected


@given(st.text())
def test_read_nutrition_takes_anything(text: str) -> None:
    values = read_nutrition(text).as_dict()
    assert set(values) <= set(NUTRIENTS)
    assert all(0 <= value <= 1e6 for value in values.values())


@pytest.mark.parametrize("text", ["1" * 10**6, "1," * 10**6, "fat " * 10**6, "calories " + " " * 10**6, "\x00" * 10**6])
def test_hostile_length_is_read_in_linear_time(text: str) -> None:
    began = time.process_time()
    read_nutrition(text)
    find_names(text, CAKES)
    assert time.process_time() - began < 30  # a backtracking search would take hours, not seconds
