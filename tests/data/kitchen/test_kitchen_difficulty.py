"""Difficulty: the standard stays what it is, every axis does what it says and nothing else."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.errors import DataCorrupt, UnknownName, UsageError
from foodbench.core.types import NUTRIENTS
from foodbench.data.kitchen import (
    DISHES,
    INGREDIENTS,
    PRESETS,
    STANDARD,
    Difficulty,
    KitchenSettings,
    laying,
    make,
    parse_difficulty,
    plate,
    plate_seed,
    render,
)
from foodbench.data.kitchen.canvas import Canvas
from foodbench.data.kitchen.depth import depth_pictures
from foodbench.data.kitchen.editions import LAYOUTS, edition_folder
from foodbench.data.kitchen.scene import Scene, lay_across
from foodbench.data.kitchen.tree import Job
from foodbench.data.manifest import copy_fingerprint, read_marker
from foodbench.data.roots import DatasetChoice, open_dataset
from foodbench.data.verify import verify

# Taken from the renderer as it was before difficulties came in: the shipped checkpoint was trained on such plates.
PINNED_PLATES = {
    (64, 64): "413d9741b14010f87739b19ea52a7019580ee1ae1b6ca08a37dacb2f16fbb5ac",
    (96, 120): "aedd793e40a6c7c8f12cad13fde16f8503833b9334a013bb2920114743c17270",
}
PINNED_TABLES = {
    "food-101/meta/train.txt": "71b79bd7dbd62c68",
    "nutrition5k_dataset/metadata/dish_metadata_cafe1.csv": "60cc4ffdac2c6e08",
    "nutrition5k_dataset/dish_ids/splits/rgb_train_ids.txt": "2d8e9037507712d5",
    "FoodSeg103/ImageSets/test.txt": "8f47ba8a95c725b2",
    "FoodSeg103/test_recipe1m_id.txt": "17f8bb2dcd793edc",
}
TINY = {"seed": 3, "size": 64, "train": 8, "test": 4}
SEEDS = range(40)
HARD_SCRIPT = """
import hashlib
from foodbench.data.kitchen import PRESETS, render
digest = hashlib.sha256()
for seed in range(6):
    for name in ("hard", "easy"):
        plate = render(seed, (96, 120), difficulty=PRESETS[name])
        facts = repr((plate.dish, plate.portions, plate.vessel))
        digest.update(plate.image.tobytes() + plate.label.tobytes() + facts.encode())
print(digest.hexdigest())
"""


def digest_of(plates):
    digest = hashlib.sha256()
    for one in plates:
        digest.update(one.image.tobytes() + one.label.tobytes() + one.dish.encode())
    return digest.hexdigest()


def facts(one):
    return one.dish, one.portions, one.total, one.label.tobytes()


# ------------------------------------------------------------------------------------------------------- the standard


@pytest.mark.parametrize("size", PINNED_PLATES)
def test_standard_plates_are_those_that_they_always_were(size):
    seeds = [plate_seed("test", "pinned", index) for index in range(12)]
    assert digest_of(render(seed, size) for seed in seeds) == PINNED_PLATES[size]
    assert digest_of(render(seed, size, difficulty=PRESETS["standard"]) for seed in seeds) == PINNED_PLATES[size]


def test_standard_trees_are_those_that_they_always_were(tmp_path):
    roots = make(tmp_path, **TINY, datasets=("food101", "nutrition5k", "foodseg103"), workers=1)
    found = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16] for name in PINNED_TABLES}
    assert found == PINNED_TABLES
    for root in roots.values():
        assert "difficulty" not in json.loads((root / ".foodbench-synthetic.json").read_text())
    assert edition_folder(tmp_path) == edition_folder(tmp_path, KitchenSettings(difficulty=Difficulty()))
    assert edition_folder(tmp_path).name == "v1-seed0-224px-300+200"


# ---------------------------------------------------------------------------------------------------------- occlusion


def hidden_share(monkeypatch, difficulty):
    """Mean share of the food that other things hide, measured while it is laid."""
    drawn, shares, last = {}, [], [None]

    def watched(canvas, name, spot):
        if canvas is not last[0]:  # another attempt at the plate, or another plate
            drawn.clear()
            last[0] = canvas
        number = INGREDIENTS[name].number
        before = (canvas.labels == number).copy()
        draw_portion(canvas, name, spot)
        drawn[name] = drawn.get(name, np.zeros_like(before)) | before | (canvas.labels == number)

    draw_portion = laying.draw_portion
    with monkeypatch.context() as patch:
        patch.setattr(laying, "draw_portion", watched)
        for seed in SEEDS:
            one = render(seed, 112, difficulty=difficulty)
            whole = sum(int(mask.sum()) for mask in drawn.values())
            shares.append(1 - int((one.label > 0).sum()) / whole)
    return float(np.mean(shares))


def test_occlusion_hides_more_and_more_of_the_food(monkeypatch):
    shares = [hidden_share(monkeypatch, Difficulty(occlusion=amount)) for amount in (-1.0, 0.0, 0.5, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.06
    assert shares[1] < 0.5 * shares[2]
    assert shares[3] > 0.2


@pytest.mark.parametrize("name", PRESETS)
def test_masks_part_the_picture_exactly_and_give_the_masses(name):
    for seed in SEEDS:
        one = render(seed, 112, difficulty=PRESETS[name])
        masks = [one.mask(portion.name) for portion in one.portions]
        assert np.array_equal(sum((mask.astype(int) for mask in masks), np.zeros((112, 112), int)), one.label > 0)
        for portion, mask in zip(one.portions, masks, strict=True):
            assert mask.mean() >= 0.008
            grams = mask.sum() * one.cm2_per_pixel * INGREDIENTS[portion.name].grams_per_cm2
            assert portion.nutrition.mass == pytest.approx(grams, rel=1e-12)
        for nutrient in NUTRIENTS:
            assert getattr(one.total, nutrient) == sum(getattr(part.nutrition, nutrient) for part in one.portions)


@pytest.mark.parametrize("seed", range(4))
def test_a_utensil_on_the_food_is_background(seed):
    canvas = Canvas(np.random.default_rng(seed), 128, 128)
    canvas.labels[:] = 5
    before = canvas.pixels.copy()
    lay_across(canvas, np.random.default_rng([seed, 1]))
    hidden = canvas.labels == 0
    assert 0.01 < hidden.mean() < 0.2
    assert set(np.unique(canvas.labels)) == {0, 5}
    changed = np.abs(canvas.pixels - before).max(axis=0) > 3
    assert changed[hidden].mean() > 0.85
    # Beside it there is at most its shadow: darker, but for the soft edge of a pixel.
    brighter = (canvas.pixels - before).min(axis=0)[~hidden] > 4
    assert brighter.mean() < 0.02


# -------------------------------------------------------------------------------------------------------- ingredients


def test_the_number_of_ingredients_is_in_its_range():
    for wanted in ((1, 1), (2, 4), (4, 4), (5, 8), (8, 8)):
        counts = []
        for seed in SEEDS:
            one = render(seed, 160, difficulty=Difficulty(ingredients=wanted))
            names = {portion.name for portion in one.portions}
            required = DISHES[one.dish].required
            assert set(required) <= names
            assert len(names) == len(one.portions)
            assert max(len(required), wanted[0]) <= len(names) <= max(len(required), wanted[1])
            counts.append(len(names))
        if wanted == (5, 8):
            assert set(counts) == {5, 6, 7, 8}


def test_more_ingredients_never_make_another_dish_of_it():
    for seed in range(60):
        dish = list(DISHES.values())[seed % len(DISHES)]
        rng = np.random.default_rng(seed)
        chosen = dish.draw_ingredients(rng)
        names = set(laying.fitted(chosen, dish, (8, 8), rng))
        assert len(names) == 8
        own = set(dish.required + dish.optional)
        for other in DISHES.values():
            if set(other.required) <= names:
                assert set(other.required) <= own


# ----------------------------------------------------------------------------------------------------------- lighting


def test_light_spreads_the_brightness_and_changes_nothing_else():
    spreads, casts = {}, {}
    for amount in (-1.0, 0.0, 0.5, 1.0):
        plates = [render(seed, 96, difficulty=Difficulty(lighting=amount)) for seed in SEEDS]
        standard = [render(seed, 96) for seed in SEEDS]
        assert [facts(one) for one in plates] == [facts(one) for one in standard]
        # Against the same plate in even light: the table's and the plate's own colours drop out.
        even = [render(seed, 96, difficulty=Difficulty(lighting=-1.0)) for seed in SEEDS]
        ratios = np.array(
            [one.image.mean((0, 1)) / other.image.mean((0, 1)) for one, other in zip(plates, even, strict=True)]
        )
        spreads[amount] = float(np.log(ratios.mean(1)).std())
        casts[amount] = float(np.log(ratios[:, 0] / ratios[:, 2]).std())
    for spread in (spreads, casts):
        assert list(spread.values()) == sorted(spread.values())
    assert spreads[-1.0] == 0
    assert spreads[1.0] > 5 * spreads[0.0]
    assert casts[1.0] > 4 * casts[0.0]


def test_little_light_is_noisy_only_where_the_sensor_is():
    dark = PRESETS["dark"]
    noises = []
    for seed in SEEDS:
        clean = render(seed, 96, difficulty=dark, sensor_noise=False).image.astype(int)
        difference = render(seed, 96, difficulty=dark).image - clean
        noises.append(difference[(clean > 25) & (clean < 230)].std())
    assert min(noises) > 2.2
    assert max(noises) > 5


# ------------------------------------------------------------------------------------------------- clutter and vessels


@pytest.mark.parametrize("size", [96, (96, 144), (480, 640)])
def test_clutter_changes_the_background_only(size):
    changed = []
    for seed in range(20 if size != (480, 640) else 3):
        plain, cluttered = render(seed, size), render(seed, size, difficulty=PRESETS["cluttered"])
        assert facts(plain) == facts(cluttered)
        background = plain.label == 0
        difference = np.abs(plain.image.astype(int) - cluttered.image).max(axis=2) > 12
        changed.append(difference[background].mean())
        # Food covers what lies about, up to the soft edge of a pixel.
        assert difference[~background].mean() < 0.02
    assert np.mean(changed) > 0.08


def test_without_plate_there_is_none(monkeypatch):
    def refused(*_):
        raise AssertionError("a plate was painted")

    standard = {seed: render(seed, 96) for seed in SEEDS}
    monkeypatch.setattr("foodbench.data.kitchen.canvas.paint_plate", refused)
    vessels, changed = set(), []
    for seed in SEEDS:
        one = render(seed, 96, difficulty=PRESETS["plateless"])
        vessels.add(one.vessel)
        assert facts(one) == facts(standard[seed])
        if one.vessel == "table":
            # Where the plate was, there is the table.
            gone = np.abs(one.image.astype(int) - standard[seed].image).max(axis=2) > 12
            changed.append(gone[one.label == 0].mean())
    assert np.mean(changed) > 0.3
    assert vessels == {"board", "bowl", "table"}
    with pytest.raises(AssertionError, match="a plate"):
        render(0, 96)


def test_the_depth_camera_sees_no_plate_where_there_is_none():
    heights = {}
    for seed in SEEDS:
        one = render(seed, (96, 128), difficulty=Difficulty(plateless=0.8))
        depth, _ = depth_pictures(one)
        heights[one.vessel] = int(depth.max()) - int(depth[one.label == 0].min())
    assert set(heights) == {"plate", "board", "bowl", "table"}
    assert heights["bowl"] > heights["plate"]


def test_an_empty_table_is_no_picture():
    kinds = set()
    for seed in range(60):
        rngs = np.random.default_rng(seed), np.random.default_rng(seed)
        kinds.add(Scene(Difficulty(plateless=1.0), *rngs, food=False).kind)
    assert kinds == {"plate", "board", "bowl"}


# ------------------------------------------------------------------------------------------------------- empty plates


def test_empty_plates_hold_nothing():
    for seed in range(10):
        one = render(seed, 64, difficulty=Difficulty(empty=1.0))
        assert (one.dish, one.portions) == ("", ())
        assert one.total.as_dict() == dict.fromkeys(NUTRIENTS, 0.0)
        assert not one.label.any()
    share = np.mean([not render(seed, 48, difficulty=PRESETS["empty"]).portions for seed in range(200)])
    assert 0.2 < share < 0.4


def test_a_plate_that_is_not_empty_is_the_standard_one():
    plates = [(render(seed, 64, difficulty=PRESETS["empty"]), render(seed, 64)) for seed in range(30)]
    full = [(one, other) for one, other in plates if one.portions]
    assert full
    assert all(np.array_equal(one.image, other.image) for one, other in full)


def test_whoever_asks_for_a_dish_gets_it():
    for seed in range(5):
        assert render(seed, 64, dish="bean chili", difficulty=Difficulty(empty=1.0)).portions
        assert render(seed, 64, ingredients=("corn",), difficulty=Difficulty(empty=1.0)).portions
        job = Job("a", "test", (seed,), (64, 64), difficulty=Difficulty(empty=1.0))
        assert not job.render().portions
        assert job.render(may_be_empty=False).portions


# ----------------------------------------------------------------------------------------------------------- editions


@pytest.fixture(scope="module")
def hard_kitchen(tmp_path_factory):
    out = tmp_path_factory.mktemp("hard")
    make(out, **{**TINY, "train": 24, "test": 12}, difficulty=parse_difficulty("hard,empty=0.3"), workers=1)
    return out


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_a_hard_kitchen_is_whole_and_says_what_it_is(hard_kitchen, dataset):
    root = hard_kitchen / LAYOUTS[dataset].folder
    report = verify(DatasetChoice(dataset, "kitchen", root, False), "decode")
    assert report.ok, report.with_status("failed")
    assert read_marker(root).difficulty == {
        "name": "custom", "occlusion": 0.6, "ingredients": [3, 7], "lighting": 0.6, "clutter": 0.8, "plateless": 0.3,
        "empty": 0.3,
    }  # fmt: skip


def test_each_dataset_writes_empty_plates_in_its_own_way(hard_kitchen):
    def opened(dataset):
        root = hard_kitchen / LAYOUTS[dataset].folder
        return open_dataset(DatasetChoice(dataset, "kitchen", root, False))

    dishes = opened("nutrition5k").records("train")
    empty = [dish for dish in dishes if dish.total.kcal == 0]
    assert 2 <= len(empty) < len(dishes) / 2
    for dish in empty:
        assert [(part.name, part.nutrition.kcal) for part in dish.portions] == [("plate only", 0.0)]
    for dataset in ("foodseg103", "uecfoodpix"):
        records = opened(dataset).records("train")
        blank = [record for record in records if not set(np.unique(record.mask.read())) - {0, 255}]
        assert 2 <= len(blank) < len(records) / 2
    for dataset, layout in LAYOUTS.items():
        assert layout.empty_plates == (dataset in {"nutrition5k", "foodseg103", "uecfoodpix"})


def test_two_difficulties_never_share_a_fingerprint_or_a_folder(tmp_path):
    digests, folders = set(), set()
    for name in ("standard", "dark", "lighting=0.9", "cluttered"):
        settings = KitchenSettings(**TINY, difficulty=parse_difficulty(name))
        folders.add(edition_folder(tmp_path, settings))
        out = tmp_path / name
        for dataset, root in make(
            out, **TINY, difficulty=settings.difficulty, datasets=("food101", "foodseg103"), workers=1
        ).items():
            reader = open_dataset(DatasetChoice(dataset, "kitchen", root, False))
            digests.add(copy_fingerprint(reader, "test"))
            assert (copy_fingerprint(reader, "test") == reader.fingerprint("test")) == (name == "standard")
    assert len(digests) == 8
    assert len(folders) == 4


def test_a_marker_with_a_broken_difficulty_is_refused(tmp_path):
    root = make(tmp_path, **TINY, difficulty=PRESETS["dark"], datasets=("foodseg103",), workers=1)["foodseg103"]
    path = root / ".foodbench-synthetic.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "difficulty": "dark"}))
    with pytest.raises(DataCorrupt, match="wrong type"):
        read_marker(root)


def test_hard_plates_are_the_same_in_another_process_and_without_wide_vector_units():
    environment = {**os.environ, "PYTHONHASHSEED": "77", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}
    probe = subprocess.run([sys.executable, "-c", "import numpy"], env=environment, capture_output=True, check=False)
    if probe.returncode:  # names that this numpy was not built with
        environment["NPY_DISABLE_CPU_FEATURES"] = ""
    runs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", HARD_SCRIPT], env=env, capture_output=True, text=True, check=True
        ).stdout
        for env in (environment, {**os.environ})
    ]
    assert runs[0] == runs[1] != ""


def test_axes_do_not_disturb_each_other():
    """What one axis draws does not depend on what another one does."""
    for seed in range(8):
        board = render(seed, 96, difficulty=Difficulty(plateless=1.0))
        both = render(seed, 96, difficulty=Difficulty(plateless=1.0, clutter=1.0, lighting=1.0))
        assert board.vessel == both.vessel
        assert facts(board) == facts(both)


# ------------------------------------------------------------------------------------------------------- the settings


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_read_by_its_name(name):
    assert parse_difficulty(name) == PRESETS[name]
    assert str(PRESETS[name]) == PRESETS[name].name == PRESETS[name].slug == name


def test_texts_are_read():
    assert parse_difficulty(" occlusion = 0.6 , clutter=.5") == Difficulty(occlusion=0.6, clutter=0.5)
    assert parse_difficulty("hard,empty=0").empty == 0
    assert parse_difficulty("ingredients=4").ingredients == (4, 4)
    assert parse_difficulty("ingredients=3-6").slug == "ingredients3-6"
    assert parse_difficulty("lighting=-0") is not STANDARD
    assert parse_difficulty("lighting=-0").standard


amounts = st.floats(0, 1)


@given(amounts, amounts, amounts, st.none() | st.tuples(st.integers(1, 4), st.integers(4, 8)))
def test_the_text_form_comes_back(occlusion, clutter, empty, ingredients):
    difficulty = Difficulty(occlusion=-occlusion, clutter=clutter, empty=empty, ingredients=ingredients)
    assert parse_difficulty(str(difficulty)) == difficulty
    assert Path(difficulty.slug).name == difficulty.slug


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("hrd", UnknownName, "Did you mean 'hard'"),
        ("", UnknownName, "Presets: easy"),
        ("clutter", UnknownName, "axes"),
        ("cluter=0.5", UnknownName, "Did you mean clutter"),
        ("occlusion=2", UsageError, "-1..1"),
        ("clutter=-0.1", UsageError, "0..1"),
        ("clutter=nan", UsageError, "a number"),
        ("clutter=much", UsageError, "a number"),
        ("ingredients=0-3", UsageError, "1-8"),
        ("ingredients=5-3", UsageError, "5-3"),
        ("ingredients=few", UsageError, "ingredients=3-6"),
        ("clutter=0.1,clutter=0.2", UsageError, "twice"),
        ("clutter=0.1,hard", UsageError, "comes first"),
    ],
)
def test_wrong_texts_are_refused(text, error, words):
    with pytest.raises(error) as caught:
        parse_difficulty(text)
    assert words in str(caught.value)


def test_not_a_number_is_refused_in_code_too():
    with pytest.raises(UsageError, match="lighting"):
        Difficulty(lighting=float("nan"))


def test_five_is_the_limit_for_plates_laid_by_hand():
    with pytest.raises(UsageError, match="five different"):
        render(0, 64, ingredients=tuple(INGREDIENTS)[:6], difficulty=PRESETS["crowded"])
    assert plate.MIN_SHARE == 0.008
