"""Reading nutrition in other units and words, and ingredient by ingredient."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.types import NUTRIENTS
from foodbench.metrics.reading.names import NameFinder
from foodbench.tasks.nutrition5k.reading import TOTAL, read_nutrition, read_portions

FOODS = ("rice", "fish", "broccoli", "corn", "red beans", "sauce")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Energy: 2092 kJ\nMass: 0.35 kg", {"kcal": 500, "mass": 350}),
        ("418.4 kJ", {"kcal": 100}),
        ("Energy 1340 kJ / 320 kcal", {"kcal": 320}),
        ("Energy 320 kcal (1340 kJ)", {"kcal": 320}),
        ("protein 500 mg", {"protein": 0.5}),
        ("Weight 12 oz (340 g)", {"mass": 340}),
        ("mass: 1/2 kg", {"mass": 500}),
        ("mass: 1 lb", {"mass": 453.59237}),
        ("The rice: about 82 g, calories 110 kcal, fat 0.2 g", {"mass": 82, "kcal": 110, "fat": 0.2}),
        ("The rice: about 82.5 g, roughly 110.2 kcal.", {"mass": 82.5, "kcal": 110.2}),
        ("It weighs 82 g", {"mass": 82}),
        ("The plate weighs approximately 0.4 kg and has 500 kcal", {"mass": 400, "kcal": 500}),
        ("approx. 82 g", {"mass": 82}),
        ("Sauce: about 20 g\nMass: 500 g", {"mass": 500}),
        ("Fiber: about 5 g", {}),
        ("about 5 g of sugar", {}),
        ("about 5 g of fat", {"fat": 5}),
        ("about 82-90 g", {}),
        ("82 g", {}),
        ("Fat: -12 g", {}),
        ("fat \u221212 g, protein 3 g", {"protein": 3}),
        ("- 12 g fat", {"fat": 12}),
        ("12\u201315 g fat", {}),
        ("between 12 and 15 g of fat and 3 g of protein", {"protein": 3}),
        ('{"fat_g": 12, "mass_g": 300}', {"fat": 12, "mass": 300}),
        ("fat \uff11\uff12\uff47", {"fat": 12}),
        ("fat 1\u00bd g", {"fat": 1.5}),
        ("calories: 1\u202f050 kcal", {"kcal": 1050}),
        ("200 ml mass", {}),
    ],
)
def test_units_and_words(text: str, expected: dict[str, float]) -> None:
    assert read_nutrition(text).as_dict() == pytest.approx(expected)


RICE = {"kcal": 110, "mass": 82, "fat": 0.2, "carb": 23, "protein": 2}
FISH = {"kcal": 200, "mass": 100, "fat": 12, "carb": 0, "protein": 22}
SUM = {"kcal": 310, "mass": 182, "fat": 12.2, "carb": 23, "protein": 24}
RICE_SENTENCE = "The rice: about 82 g, calories 110 kcal, fat 0.2 g, carbohydrate 23 g, protein 2 g."
FISH_SENTENCE = "The fish: about 100 g, calories 200 kcal, fat 12 g, carbohydrate 0 g, protein 22 g."
SUM_SENTENCE = "Weight 182 g, calories 310 kcal, fat 12.2 g, carbohydrate 23 g, protein 24 g."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{RICE_SENTENCE} {FISH_SENTENCE}", {"rice": RICE, "fish": FISH}),
        (f"{RICE_SENTENCE} The corn is not found in this picture.", {"rice": RICE}),
        (SUM_SENTENCE, {TOTAL: SUM}),
        (f"{RICE_SENTENCE} {FISH_SENTENCE} {SUM_SENTENCE}", {"rice": RICE, "fish": FISH, TOTAL: SUM}),
        (f"{RICE_SENTENCE}\nTotal: {SUM_SENTENCE}", {"rice": RICE, TOTAL: SUM}),
        ("The rice: about 82.5 g, roughly 110.2 kcal.", {"rice": {"kcal": 110.2, "mass": 82.5}}),
        (
            "- Rice: 82 g, 110 kcal, 0.2 g fat\n- Fish (grilled): 100 g (200 kcal)\n- Gravy: 20 g, 30 kcal\n"
            "Total: 202 g, 340 kcal",
            {
                "rice": {"kcal": 110, "mass": 82, "fat": 0.2},
                "fish": {"kcal": 200, "mass": 100},
                TOTAL: {"kcal": 340, "mass": 202},
            },
        ),
        (
            "**Rice**\n- Mass: 82 g\n- Calories: 110 kcal\n**Fish**\n- Mass: 0.1 kg\n\nTotal calories: 310",
            {"rice": {"kcal": 110, "mass": 82}, "fish": {"mass": 100}, TOTAL: {"kcal": 310}},
        ),
        (
            "82 g of rice (110 kcal) and 100 g of grilled fish (200 kcal)",
            {"rice": {"kcal": 110, "mass": 82}, "fish": {"kcal": 200, "mass": 100}},
        ),
        ("Rice 82 g, fish 100 g", {"rice": {"mass": 82}, "fish": {"mass": 100}}),
        (
            "1. Rice \u2013 82 g \u2013 110 kcal\n2. Fish \u2013 100 g",
            {"rice": {"mass": 82, "kcal": 110}, "fish": {"mass": 100}},
        ),
        ("| rice | 82 g | 110 kcal |", {"rice": {"mass": 82, "kcal": 110}}),
        (
            "The rice weighs about 82 g and has 110 kcal with 12 g of carbs.",
            {"rice": {"mass": 82, "kcal": 110, "carb": 12}},
        ),
        ("The meal has 450 kcal. Rice: 110 kcal.", {"rice": {"kcal": 110}, TOTAL: {"kcal": 450}}),
        ("rice and fish: 200 g", {}),
        ("Rice: -12 g, fat 12-15 g", {}),
        ("the total mass of the rice: 82 g", {"rice": {"mass": 82}}),
        ("Rice with a little sauce: 82 g", {}),
        ("Rice (with sauce): 82 g", {"rice": {"mass": 82}}),
        ("Rice: 82 g\nRice: 90 g", {"rice": {"mass": 82}}),
        ("Kidney beans: 82 g", {"red beans": {"mass": 82}}),
        ("Rice: 5 g fiber, 3 g protein", {"rice": {"protein": 3}}),
        ("Price: 82 g", {}),
        ("rice" + " " * 500 + ", fish: 82 g", {}),
        ("rice and fish and corn: 82 g", {}),
        ("80 g" + " " * 500 + "of rice", {}),
        ("", {}),
    ],
)
def test_portions(text: str, expected: dict[str, dict[str, float]]) -> None:
    read = {name: values.as_dict() for name, values in read_portions(text, FOODS).items()}
    assert read == {name: pytest.approx(values) for name, values in expected.items()}
    assert list(read) == list(expected)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (
            {"rice": {"mass": 82, "calories": 110}, "gravy": {"mass": 3}, "total": {"mass_g": 182}},
            {"rice": {"mass": 82, "kcal": 110}, TOTAL: {"mass": 182}},
        ),
        (
            [{"name": "rice", "mass": "82 g", "nutrition": {"fat": 1}}, {"mass": 100, "name": "Fish"}],
            {"rice": {"mass": 82, "fat": 1}, "fish": {"mass": 100}},
        ),
        (
            {"ingredients": [{"ingredient": "rice", "calories": 110}], "total_calories": 310, "mass": 200},
            {"rice": {"kcal": 110}, TOTAL: {"kcal": 310, "mass": 200}},
        ),
        ({"rice": 82, "fish": "100 g", "corn": True, "sauce": None}, {"fish": {"mass": 100}}),
        ({"rice": {"mass": -3, "fat": "12-15 g"}}, {}),
        ([], {}),
        ({"name": 3}, {}),
    ],
)
def test_portions_in_json(plain: object, expected: dict[str, dict[str, float]]) -> None:
    for text in (json.dumps(plain), f"```json\n{json.dumps(plain, indent=2)}\n```"):
        read = {name: values.as_dict() for name, values in read_portions(text, FOODS).items()}
        assert read == {name: pytest.approx(values) for name, values in expected.items()}


def test_a_finder_can_be_used_again() -> None:
    finder = NameFinder(FOODS)
    assert read_portions(RICE_SENTENCE, finder) == read_portions(RICE_SENTENCE, FOODS)


@settings(deadline=None)
@given(
    st.text()
    | st.lists(
        st.sampled_from(
            ["rice", " fish", ": ", "82 g", " kcal", "total", "\n", ", ", "(", ")", '{"', '":', "}", "-", "and "]
        )
    ).map("".join)
)
def test_any_text_is_read(text: str) -> None:
    for name, values in read_portions(text, FOODS).items():
        assert name in (*FOODS, TOTAL)
        assert values.as_dict()
        assert set(values.as_dict()) <= set(NUTRIENTS)
        assert all(0 <= value <= 1e6 for value in values.as_dict().values())


@pytest.mark.parametrize(
    "piece", ["rice 1 g ", "rice: 1 g, ", '{"rice":', "[", "total ", "1 g of rice ", "(1 g) ", "and ", "between 1 and "]
)
def test_hostile_length_ends(piece: str) -> None:
    read_portions(piece * 200_000, FOODS)
    read_nutrition(piece * 200_000)


@pytest.mark.parametrize(
    ("first", "piece"),
    [("", "rice "), ("", "rice fish "), ("", "rice, "), ("", "no rice "), ("80 g", "rice "), ("80 g{}", "rice "),
     ("rice{}", "fish ")],
)  # fmt: skip
def test_many_names_on_one_line_cost_their_share(first: str, piece: str) -> None:
    finder = NameFinder(FOODS)
    costs = []
    for length in (2_000, 16_000):  # an answer is cut at 20,000
        text = first.format(" " * (length // 2))
        text += piece * ((length - len(text)) // len(piece))
        trials = []
        for _ in range(3):
            began = time.process_time()
            read_portions(text, finder)
            trials.append(time.process_time() - began)
        costs.append(min(trials))
    assert costs[1] < 24 * costs[0] + 0.02, "eight times the text; comparing all pairs of names would cost 64 times"
