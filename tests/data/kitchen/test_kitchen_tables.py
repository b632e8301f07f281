"""Ingredients, dishes and seeds."""

import itertools
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.errors import UsageError
from foodbench.data.kitchen import DISHES, INGREDIENT_NAMES, INGREDIENTS, plate_seed


def test_ingredients_are_numbered_1_to_20_and_named_as_in_foodseg103():
    official = (files("foodbench.data") / "resources" / "foodseg103.txt").read_text(encoding="utf-8").splitlines()
    assert [food.number for food in INGREDIENTS.values()] == list(range(1, 21))
    for name, food in INGREDIENTS.items():
        assert food.name == name == INGREDIENT_NAMES[food.number - 1]
        assert official[food.foodseg103_id] == name


def test_portions_scale_with_grams():
    portion = INGREDIENTS["rice"].portion(200)
    assert portion.as_dict() == pytest.approx({"kcal": 260, "mass": 200, "fat": 0.6, "carb": 56.4, "protein": 5.4})


def test_dishes_can_be_told_apart_by_what_they_must_hold():
    assert len(DISHES) == 12
    required = [frozenset(dish.required) for dish in DISHES.values()]
    assert len(set(required)) == len(required)
    for name, dish in DISHES.items():
        assert dish.name == name
        assert set(dish.required + dish.optional) <= set(INGREDIENTS)
        assert not set(dish.required) & set(dish.optional)
        assert len(dish.required) >= 2


def test_every_ingredient_is_in_some_dish():
    used = set(itertools.chain.from_iterable(dish.required + dish.optional for dish in DISHES.values()))
    assert used == set(INGREDIENTS)


def test_drawn_ingredients_are_at_most_five():
    rng = np.random.default_rng(0)
    for dish in DISHES.values():
        for _ in range(30):
            drawn = dish.draw_ingredients(rng)
            assert drawn[: len(dish.required)] == dish.required
            assert len(set(drawn)) == len(drawn) <= 5


def seed_sequence_words(seed):
    """The 32-bit words that numpy makes of a seed: each integer little end first, as long as it needs to be."""
    words = []
    for part in seed:
        words.append(part & 0xFFFFFFFF)
        while part := part >> 32:
            words.append(part & 0xFFFFFFFF)
    return tuple(words)


def test_streams_of_splits_datasets_and_kitchens_are_disjoint():
    datasets = ["food101", "nutrition5k", "foodseg103", "foodseg10", "pretrain", "a"]
    seeds = [
        plate_seed(split, dataset, index, base)
        for split in ("train", "val", "test")
        for dataset in datasets
        for index in (0, 1, 2, 300, 2**31, 2**32 - 1)
        for base in (0, 1, 7)
    ]
    assert len(set(seeds)) == len(seeds)
    assert len({seed_sequence_words(seed) for seed in seeds}) == len(seeds)
    states = {np.random.default_rng(seed).bit_generator.state["state"]["state"] for seed in seeds}
    assert len(states) == len(seeds)


seed_arguments = st.tuples(
    st.sampled_from(["train", "val", "test"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


@given(seed_arguments, seed_arguments)
def test_distinct_arguments_never_share_the_words_of_a_seed(first, second):
    same = seed_sequence_words(plate_seed(*first)) == seed_sequence_words(plate_seed(*second))
    assert same == (first == second)


@pytest.mark.parametrize(
    "arguments", [("dev", "food101", 0), ("train", "", 0), ("train", "food101", -1), ("train", "food101", 0, 2**32)]
)
def test_bad_seed_arguments_are_refused(arguments):
    with pytest.raises(UsageError):
        plate_seed(*arguments)
