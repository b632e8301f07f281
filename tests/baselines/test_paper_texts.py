"""Training examples of dishes, recipes and nutrition: what they say is what the records hold."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from baselines.foodlmm.paper import wordings
from baselines.foodlmm.paper.examples import (
    MAX_CHARACTERS,
    MAX_SEGMENTS,
)
from baselines.foodlmm.paper.families import names, nutrition5k, recipe1m
from foodbench.core.errors import DataCorrupt
from foodbench.core.types import Nutrition
from foodbench.data.kitchen import FOLDERS
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.data.recipe1m import Recipe1M
from foodbench.data.records import (
    IngredientPortion,
    IngredientsRecord,
    NutritionRecord,
    RecipeRecord,
)
from foodbench.data.vireo172 import Vireo172
from foodbench.metrics.reading.recipe_text import read_recipe
from tests.baselines.paper_data import PHOTO, binomial_bounds, rng


def test_vireo_asks_for_dish_and_ingredients_in_both_orders(small_kitchen: Path) -> None:
    pool = names.vireo_pool(Vireo172(small_kitchen / FOLDERS["vireo172"]))
    record = pool.records[3]
    firsts: Counter[bool] = Counter()
    for seed in range(200):
        made = pool.example(3, rng(seed))
        answers = {turn.answer for turn in made.turns}
        stem = "The ingredient is" if len(record.ingredients) == 1 else "The ingredients are"
        assert answers == {f"It is {record.label}.", f"{stem} {', '.join(record.ingredients)}."}
        assert (made.source, made.record, made.image) == ("vireo172", record.image_id, record.image)
        firsts[made.turns[0].answer.startswith("It is")] += 1
    low, high = binomial_bounds(200, 0.5)
    assert low <= firsts[True] <= high


def test_one_ingredient_is_singular_and_a_nameless_dish_is_refused() -> None:
    record = IngredientsRecord("1/2_3", "Tofu", ("tofu",), PHOTO, "train")
    assert "The ingredient is tofu." in {turn.answer for turn in names.vireo_example(record, rng()).turns}
    with pytest.raises(DataCorrupt, match="vireo172, record 1/2_3"):
        names.vireo_example(replace(record, label=" "), rng())
    with pytest.raises(DataCorrupt, match="vireo172, record 1/2_3"):
        names.vireo_example(replace(record, ingredients=()), rng())


def recipe(**changes: object) -> RecipeRecord:
    parts = {
        "recipe_id": "000018c8a5",
        "title": "Mac  and\ncheese",
        "ingredients": ("14 cup milk",),
        "steps": ("Boil.", " ", "Serve [SEG1]."),
        "detected": (),
        "classes": ("cool_whip", "milk"),
        "image": PHOTO,
        "image_ids": ("1.jpg",),
        "split": "train",
    }
    return RecipeRecord(**{**parts, **changes})  # type: ignore[arg-type]


def test_a_recipe_is_title_ingredient_classes_and_steps() -> None:
    text = recipe1m.recipe_answer(recipe())
    assert text == "Title: Mac and cheese\nIngredients: cool whip, milk\nSteps:\nBoil.\nServe (SEG1)."
    assert read_recipe(text).title == "Mac and cheese"
    assert list(read_recipe(text).steps) == ["Boil.", "Serve (SEG1)."]
    assert recipe1m.recipe_answer(recipe(classes=(), title="")).startswith("Ingredients: 14 cup milk\n")


def test_a_long_recipe_loses_its_last_steps_and_an_empty_one_is_refused() -> None:
    text = recipe1m.recipe_answer(recipe(steps=tuple(f"Step {number} " + "stir " * 60 for number in range(50))))
    assert MAX_CHARACTERS - 400 < len(text) <= MAX_CHARACTERS
    assert text.splitlines()[-1].endswith("stir stir")
    assert len(recipe1m.recipe_answer(recipe(title="x" * 9000))) == MAX_CHARACTERS
    with pytest.raises(DataCorrupt, match="recipe1m, record 000018c8a5"):
        recipe1m.recipe_example(recipe(title="", classes=(), ingredients=(), steps=()), rng())


def test_recipes_of_the_kitchen(small_kitchen: Path) -> None:
    pool = recipe1m.recipe_pool(Recipe1M(small_kitchen / FOLDERS["recipe1m"]))
    record = pool.records[0]
    made = pool.example(0, rng())
    assert made.turns[0].question in wordings.RECIPE_QUESTIONS
    assert record.title in made.turns[0].answer
    assert all(step in made.turns[0].answer for step in record.steps)


def portion(name: str, mass: float, kcal: float) -> IngredientPortion:
    return IngredientPortion(1, name, Nutrition(kcal=kcal, mass=mass, fat=mass / 10, carb=mass / 5, protein=mass / 4))


def dish(*portions: IngredientPortion, notes: tuple[str, ...] = ()) -> NutritionRecord:
    total = Nutrition(kcal=500.0, mass=300.0, fat=30.0, carb=60.0, protein=45.0)
    return NutritionRecord("dish_1561662216", PHOTO, total, portions, "depth_train", "cafe1", notes, "overhead")


def test_ingredients_count_by_mass_and_energy_heaviest_first_and_same_names_are_one() -> None:
    record = dish(
        portion("olive oil", 8.0, 70.0),
        portion("salt", 3.0, 0.0),
        portion("chicken", 90.0, 150.0),
        portion("pepper", 1.0, 3.0),
        portion("chicken", 20.0, 30.0),
        portion("rice", 100.0, 130.0),
    )
    found = nutrition5k.ingredients_of(record)
    assert [(one.name, one.nutrition.mass, one.nutrition.kcal) for one in found] == [
        ("chicken", 110.0, 180.0),
        ("rice", 100.0, 130.0),
        ("olive oil", 8.0, 70.0),
    ]


@pytest.mark.parametrize(
    "record",
    [
        dish(portion("deprecated", 50.0, 90.0), portion("rice", 90.0, 100.0)),
        dish(portion("", 50.0, 90.0)),
        dish(portion("rice", 50.0, 90.0), notes=("name_from_table: 3 -> rice",)),
        dish(portion("salt", 5.0, 0.0)),
    ],
)
def test_dishes_without_proper_ingredients_are_left_out(record: NutritionRecord) -> None:
    assert not nutrition5k.usable(record)


def test_a_dish_without_ingredients_is_refused_by_name() -> None:
    with pytest.raises(DataCorrupt, match=r"nutrition5k, record dish_1561662216: .* more than 1 g"):
        nutrition5k.nutrition_example(dish(portion("salt", 5.0, 0.0)), rng())
    unknown = replace(dish(portion("rice", 50.0, 90.0)), total=Nutrition(kcal=1.0))
    with pytest.raises(DataCorrupt, match=r"dish_1561662216: the value of \[MASS_TOTAL\] is unknown"):
        nutrition5k.nutrition_example(unknown, rng(), kind=4)


def expected_values(answer: str, by_name: dict[str, Nutrition], total: Nutrition) -> list[float]:
    """What the tokens stand for, from the names that the text itself puts before them."""
    fields = {"MASS": "mass", "CAL": "kcal", "FAT": "fat", "CARB": "carb", "PRO": "protein"}
    values, current = [], None
    for line in answer.splitlines():
        heading = re.match(r"\s*(.+?)(?: \(about|:)", line)
        if heading and heading[1].lower() in by_name:
            current = by_name[heading[1].lower()]
        for kind, whole in re.findall(r"\[([A-Z]+)(_TOTAL)?\d*\]", line):
            values.append(getattr(total if whole else current, fields[kind]))
    return values


@pytest.mark.parametrize("kind", range(7))
@pytest.mark.parametrize("count", [1, 4, 20, 27])
def test_every_token_has_the_value_of_the_name_before_it(kind: int, count: int) -> None:
    record = dish(*(portion(f"food {number}", 10.0 + number, 20.0 + number) for number in range(count)))
    by_name = {one.name: one.nutrition for one in record.portions}
    heaviest = sorted(by_name, key=lambda name: -(by_name[name].mass or 0.0))[:MAX_SEGMENTS]
    for seed in range(12):
        made = nutrition5k.nutrition_example(record, rng(seed), kind)
        answer = made.turns[0].answer
        assert list(made.values) == expected_values(answer, by_name, record.total)
        told = [line.strip().split(":")[0].split(" (")[0].lower() for line in answer.splitlines()]
        told = [name for name in told if name in by_name]
        if kind in (1, 3):
            assert 1 <= len(told) <= len(heaviest)
            assert set(told) <= set(heaviest)
            assert all(name in made.turns[0].question for name in told)
        elif kind == 4:
            assert told == []
            assert made.values == (300.0, 500.0, 30.0, 60.0, 45.0)
        else:
            assert told == heaviest
        if kind == 5:
            assert "carbohydrate" in answer.splitlines()[-1]
        if kind == 6:
            last = answer.splitlines()[-1]
            assert last.index("carbohydrate") < last.index("protein") < last.index("fat")


def test_question_kinds_are_equally_likely(small_kitchen: Path) -> None:
    pool = nutrition5k.nutrition_pool(Nutrition5k(small_kitchen / FOLDERS["nutrition5k"]))
    kinds = (
        wordings.CALORIE_QUESTIONS,
        wordings.NAMED_CALORIE_QUESTIONS,
        wordings.BREAKDOWN_QUESTIONS,
        wordings.NAMED_NUTRITION_QUESTIONS,
        wordings.TOTAL_QUESTIONS,
        wordings.RICHEST_QUESTIONS,
        wordings.RANKING_QUESTIONS,
    )
    patterns = [
        re.compile("|".join(re.escape(one).replace(re.escape("{names}"), ".+") for one in kind)) for kind in kinds
    ]
    draws = 2100
    counts: Counter[int] = Counter()
    for seed in range(draws):
        question = pool.example(seed % len(pool), rng(seed)).turns[0].question
        (kind,) = [number for number, pattern in enumerate(patterns) if pattern.fullmatch(question)]
        counts[kind] += 1
    low, high = binomial_bounds(draws, 1 / 7)
    assert all(low <= counts[kind] <= high for kind in range(7)), counts
