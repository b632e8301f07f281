"""Plates: determinism, exact masks, masses and nutrition, and what is on them."""

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.types import NUTRIENTS
from foodbench.data.kitchen import DISHES, INGREDIENT_NAMES, INGREDIENTS, plate_seed, render
from foodbench.data.kitchen.art import Spot, draw_portion
from foodbench.data.kitchen.canvas import Canvas

DIGEST_SCRIPT = """
import hashlib
from foodbench.data.kitchen import plate_seed, render
digest = hashlib.sha256()
for index in range(6):
    plate = render(plate_seed("train", "digest", index), (96, 120))
    digest.update(plate.image.tobytes() + plate.label.tobytes() + repr((plate.dish, plate.portions)).encode())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def plates():
    return [render(plate_seed("val", "tests", index), 112) for index in range(120)]


def digest_here():
    digest = hashlib.sha256()
    for index in range(6):
        plate = render(plate_seed("train", "digest", index), (96, 120))
        digest.update(plate.image.tobytes() + plate.label.tobytes() + repr((plate.dish, plate.portions)).encode())
    return digest.hexdigest()


def test_same_seed_gives_the_same_bytes_in_another_process_and_without_wide_vector_units():
    narrow = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
    environment = {**os.environ, "PYTHONHASHSEED": "77", "NPY_DISABLE_CPU_FEATURES": narrow}
    # numpy refuses names that it was not built with (another architecture): then only the process differs.
    probe = subprocess.run([sys.executable, "-c", "import numpy"], env=environment, capture_output=True, check=False)
    if probe.returncode:
        environment["NPY_DISABLE_CPU_FEATURES"] = ""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DIGEST_SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == digest_here()


def test_other_seeds_give_other_plates(plates):
    assert len({plate.image.tobytes() for plate in plates}) == len(plates)
    assert len({plate.dish for plate in plates}) == len(DISHES)


def test_int_seed_and_its_sequence_are_the_same_plate_but_longer_sequences_are_not():
    one = render(5, 64)
    assert np.array_equal(one.image, render([5], 64).image)
    assert np.array_equal(one.image, render(np.int64(5), 64).image)
    assert not np.array_equal(one.image, render([5, 0], 64).image)
    assert one.seed == (5,)


def test_mass_is_visible_area_times_density(plates):
    for plate in plates:
        for portion in plate.portions:
            area = plate.mask(portion.name).sum() * plate.cm2_per_pixel
            grams = area * INGREDIENTS[portion.name].grams_per_cm2
            assert portion.nutrition.mass == pytest.approx(grams, rel=1e-12)
            unit = INGREDIENTS[portion.name].per_gram
            assert portion.nutrition.kcal == pytest.approx(grams * unit.kcal, rel=1e-12)
            assert portion.nutrition.fat == pytest.approx(grams * unit.fat, rel=1e-12)


def test_total_is_exactly_the_sum_of_the_portions(plates):
    for plate in plates:
        for name in NUTRIENTS:
            assert getattr(plate.total, name) == sum(getattr(portion.nutrition, name) for portion in plate.portions)


def test_portions_are_the_labels_heaviest_first(plates):
    for plate in plates:
        numbers = {INGREDIENTS[portion.name].number for portion in plate.portions}
        assert set(np.unique(plate.label)) == {0} | numbers
        masses = [portion.nutrition.mass for portion in plate.portions]
        assert masses == sorted(masses, reverse=True)


def test_every_ingredient_is_seen_and_required_ones_are_there(plates):
    for plate in plates:
        names = {portion.name for portion in plate.portions}
        dish = DISHES[plate.dish]
        assert set(dish.required) <= names <= set(dish.required) | set(dish.optional)
        assert all(plate.mask(name).mean() >= 0.008 for name in names)


@pytest.mark.parametrize("size", [(96, 192), (160, 96), (120, 160)])
def test_other_aspect_ratios_are_not_stretched_and_show_every_ingredient(size):
    for seed in range(8):
        plate = render(seed, size)
        assert plate.image.shape == (*size, 3)
        assert plate.image.dtype == plate.label.dtype == np.uint8
        rows, columns = np.nonzero(plate.label)
        short = min(size)
        assert abs(rows.mean() - size[0] / 2) < short / 3
        assert abs(columns.mean() - size[1] / 2) < short / 3
        # All food lies in the central square: the rest is table.
        assert np.ptp(rows) < short
        assert np.ptp(columns) < short
        assert all(plate.mask(portion.name).mean() >= 0.008 for portion in plate.portions)


def test_the_dish_is_the_same_at_every_size():
    assert render(11, 64).dish == render(11, 224).dish == render(11, (96, 128)).dish


def test_a_chosen_dish_and_chosen_ingredients():
    assert render(3, 64, dish="bean chili").dish == "bean chili"
    plate = render(3, 64, ingredients=("corn",))
    assert [portion.name for portion in plate.portions] == ["corn"]
    assert plate.dish == ""


def test_an_empty_plate_weighs_nothing():
    plate = render(3, 64, ingredients=())
    assert plate.portions == ()
    assert plate.total.as_dict() == dict.fromkeys(NUTRIENTS, 0.0)
    assert not plate.label.any()


@pytest.mark.parametrize("name", INGREDIENT_NAMES)
def test_every_ingredient_paints_what_it_labels_and_only_shadows_beside_it(name):
    canvas = Canvas(np.random.default_rng(8), 128, 128)
    before = canvas.pixels.copy()
    draw_portion(canvas, name, Spot(0.1, -0.05, 0.4))
    food = canvas.labels > 0
    assert set(np.unique(canvas.labels)) == {0, INGREDIENTS[name].number}
    assert 0.02 < food.mean() < 0.3
    change = np.abs(canvas.pixels - before).max(axis=0)
    assert (change[food] > 4).mean() > 0.9
    rows, columns = np.nonzero(food)
    far = np.ones_like(food)
    far[max(0, rows.min() - 6) : rows.max() + 7, max(0, columns.min() - 6) : columns.max() + 7] = False
    assert not change[far].any()
    # Beside the food it only gets darker, but for the soft edge of a pixel.
    brighter = (canvas.pixels - before).min(axis=0)[~food] > 1
    assert brighter.mean() < 0.03


def test_sensor_noise_is_all_that_its_switch_changes():
    grainy, clean = render(4, 96), render(4, 96, sensor_noise=False)
    assert np.array_equal(grainy.label, clean.label)
    difference = grainy.image.astype(int) - clean.image
    assert 1 < difference.std() < 3
    assert abs(difference.mean()) < 0.5


def test_refusals():
    with pytest.raises(UnknownName, match="bean chilli"):
        render(0, 64, dish="bean chilli")
    with pytest.raises(UnknownName, match="peas"):
        render(0, 64, ingredients=("peas",))
    with pytest.raises(UsageError, match="five different"):
        render(0, 64, ingredients=("corn", "corn"))
    with pytest.raises(UsageError, match="non-negative"):
        render(-1, 64)
    with pytest.raises(UsageError, match="non-negative"):
        render([], 64)
    with pytest.raises(UsageError, match="pixels a side"):
        render(0, 20)
    with pytest.raises(UnknownName, match="pea"):
        render(0, 64).mask("pea")


def test_energy_agrees_with_the_macronutrients():
    # Atwater: 4 kcal per gram of carbohydrate and protein, 9 of fat. Fibre makes vegetables fall short of it.
    for food in INGREDIENTS.values():
        unit = food.per_gram
        atwater = 4 * unit.carb + 4 * unit.protein + 9 * unit.fat
        assert math.isclose(unit.kcal, atwater, rel_tol=0.20, abs_tol=0.08), food.name
        assert unit.carb + unit.protein + unit.fat < 1
        assert unit.mass == 1
