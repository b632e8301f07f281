"""The kitchen's FoodReasonSeg and FoodDialogues: answers that are true of their plates, and the files' oddities."""

import csv
import itertools
import json
import re

import numpy as np
import pytest

from foodbench.data.fooddialogues import FoodDialogues
from foodbench.data.foodreasonseg import FoodReasonSeg
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.kitchen import DISHES, INGREDIENTS, make
from foodbench.data.kitchen.dishes import MAX_INGREDIENTS
from foodbench.data.kitchen.meal_talk import FOLLOW_UPS, OPENERS, Meal, Share, Spelling, meal_rounds
from foodbench.data.kitchen.reasoning import MASK_REQUEST, QUESTIONS, Style, askable, reasoning_rounds

DATASETS = ("foodreasonseg", "fooddialogues")
BY_CLASS = {food.foodseg103_id: name for name, food in INGREDIENTS.items()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """As small as kitchens get: whatever the files must hold, they must hold here."""
    return make(tmp_path_factory.mktemp("small"), seed=5, size=64, train=8, test=4, datasets=DATASETS, workers=1)


def all_plates():
    """Every set of ingredients that a dish can be cooked from."""
    for dish in DISHES.values():
        for count in range(4):
            for optional in itertools.combinations(dish.optional, min(count, len(dish.optional))):
                if len(dish.required + optional) <= MAX_INGREDIENTS:
                    yield dish.required + optional


# ------------------------------------------------------------------------------------------------------- foodreasonseg


def turns_of(root, split):
    for entry in json.loads((root / f"FoodReasonSeg_{split}.json").read_text()):
        values = [turn["value"] for turn in entry["conversations"]]
        yield from zip(values[::2], values[1::2], strict=True)


def test_foodreasonseg_is_a_complete_foodseg103_tree_as_well(small):
    root = small["foodreasonseg"]
    pairs = FoodSeg103(root)
    reader = FoodReasonSeg(root)
    for split in ("train", "test"):
        assert {record.pair.stem for record in reader.records(split)} == set(pairs.ids(split))


@pytest.mark.parametrize("split", ["train", "test"])
def test_foodreasonseg_files_hold_every_oddity(small, split):
    root = small["foodreasonseg"]
    entries = json.loads((root / f"FoodReasonSeg_{split}.json").read_text())
    assert {tuple(entry) for entry in entries} == {("dish_id", "conversations")}
    assert [turn["form"] for turn in entries[0]["conversations"]][:2] == ["question", "answer"]
    stems = [entry["dish_id"] for entry in entries]
    assert len(stems) == len(set(stems)) + 1  # one photo has two dialogues, and they are no neighbours
    assert stems[-1] in stems[:-2]
    text = " ".join(answer for _, answer in turns_of(root, split))
    assert "{Chicken} [SEG1]" in text
    assert "{Carrots}" in text
    assert any(MASK_REQUEST not in question for question, _ in turns_of(root, split))
    assert all(MASK_REQUEST in question for question, answer in turns_of(root, split) if "[SEG1]" in answer)
    assert all(question.endswith(MASK_REQUEST) for question, answer in turns_of(root, split) if "[SEG" in answer)
    assert entries[0]["conversations"][0]["value"].startswith("<image>\n")
    reader = FoodReasonSeg(root)
    resolved, total = reader.resolution(split)
    assert 1 <= total - resolved <= 2
    records = reader.records(split)
    assert all(2 <= len(record.turns) <= 4 for record in records)
    assert any(record.dialogue_id.endswith("#2") for record in records)


def test_foodreasonseg_answers_end_with_and_without_marker_and_point_at_several_things(small):
    answers = [answer for split in ("train", "test") for _, answer in turns_of(small["foodreasonseg"], split)]
    assert {answer.endswith("</s>") for answer in answers} == {True, False}
    assert any("[SEG2]" in answer for answer in answers)


def test_foodreasonseg_targets_are_in_their_masks(small):
    reader = FoodReasonSeg(small["foodreasonseg"])
    for split in ("train", "test"):
        for record in reader.records(split):
            present = set(np.unique(record.pair.mask.read()).tolist())
            for targets in record.targets:
                assert set(targets) <= present


NUTRIENTS = {"protein": "protein", "fat": "fat", "carbohydrate": "carb", "heaviest": "kcal"}


@pytest.mark.parametrize("split", ["train", "test"])
def test_foodreasonseg_answers_are_true_of_their_plates(small, split):
    kinds = {wording: question.kind for question in QUESTIONS for wording in question.wordings}
    groups = {
        "vegetable": {"broccoli", "carrot", "tomato", "lettuce", "cucumber", "green beans"},
        "vegetarian": {"fish", "steak", "chicken duck", "shrimp"},
        "low carb": {"rice", "pasta", "corn", "red beans", "french fries"},
    }
    checked = 0
    for record in FoodReasonSeg(small["foodreasonseg"]).records(split):
        plate = {BY_CLASS[value] for value in np.unique(record.pair.mask.read()).tolist() if value in BY_CLASS}
        for turn, segments, targets in zip(record.turns, record.segments, record.targets, strict=True):
            kind = kinds.get(turn.question.removesuffix(f" {MASK_REQUEST}"))
            if kind is None or any(segment.class_id is None for segment in segments):
                continue
            named = [BY_CLASS[target] for target in targets]
            checked += 1
            if kind in NUTRIENTS:
                amounts = {name: getattr(INGREDIENTS[name].per_gram, NUTRIENTS[kind]) for name in plate}
                assert named == [max(amounts, key=amounts.__getitem__)]
            elif kind == "lightest":
                assert named == [min(plate, key=lambda name: INGREDIENTS[name].per_gram.kcal)]
            elif kind in groups:
                assert set(named) == plate & groups[kind]
            assert set(named) <= plate
    assert checked > 3


def test_every_plate_can_be_asked_about():
    plates = list(all_plates())
    assert len(plates) > 80
    for names in plates:
        assert askable(names)
    seen = {kind for names in plates for kind in askable(names)}
    assert seen == {question.kind for question in QUESTIONS}
    assert any(len(pointed) == 2 for names in plates for pointed in askable(names).values())


def test_crowded_and_single_food_plates_have_a_dialogue_as_well():
    rng = np.random.default_rng(4)
    for number in range(300):
        names = [str(name) for name in rng.choice(list(INGREDIENTS), int(rng.integers(1, 9)), replace=False)]
        rounds = reasoning_rounds(names, np.random.default_rng(number), Style())
        assert 2 <= len(rounds) <= 4
        assert "[SEG1]" in rounds[0][1]
    only = reasoning_rounds(["corn"], np.random.default_rng(0), Style())
    assert set(askable(["corn"])) == {"low carb"}
    assert "{Corn} [SEG1]" in only[0][1]
    assert askable(["sauce"]) == {"everything": ("sauce",)}


def test_every_dialogue_has_two_to_four_rounds_and_points_at_something():
    for number, names in enumerate(all_plates()):
        for style in (
            Style(),
            Style(strange=True),
            Style(plural=False, open_question=True),
            Style(open_question=False),
        ):
            rounds = reasoning_rounds(names, np.random.default_rng(number), style)
            assert 2 <= len(rounds) <= 4
            assert "[SEG1]" in rounds[0][1]
            assert len({question for question, _ in rounds}) == len(rounds)
            for question, answer in rounds:
                marks = re.findall(r"\{[A-Z][a-z ]*\} \[SEG([0-9])\]", answer)
                assert marks == [str(index) for index in range(1, len(marks) + 1)]
                assert answer.count("[SEG") == answer.count("{") == len(marks)
                assert question.endswith(MASK_REQUEST) == bool(marks)
                assert "$" not in answer + question
            again = reasoning_rounds(names, np.random.default_rng(number), style)
            assert again == rounds


# ------------------------------------------------------------------------------------------------------- fooddialogues

TAG = r"\[(?:TOTAL_)?(?:MASS|CAL|FAT|CARB|PRO)(?:_TOTAL)?\]"


def meal_rows(root):
    with (root / "dish_metadata_cafe1.csv").open(newline="") as stream:
        return {row[0]: row for row in csv.reader(stream)}


def test_fooddialogues_lists_tables_and_pictures_agree(small):
    root = small["fooddialogues"]
    rows = meal_rows(root)
    listed = {split: json.loads((root / f"{split}_id.json").read_text()) for split in ("train", "test")}
    assert (len(listed["train"]), len(listed["test"])) == (8, 4)
    assert set(listed["train"]) | set(listed["test"]) == set(rows)
    assert not set(listed["train"]) & set(listed["test"])
    assert {folder.name for folder in (root / "images").iterdir()} == set(rows)
    assert (
        (root / "ingredients_metadata.csv").read_text().startswith("ingr,id,cal/g,fat(g),carb(g),protein(g)\nrice,1,")
    )
    with (root / "dish_metadata_cafe2.csv").open(newline="") as stream:
        assert all(float(row[1]) == 0 < float(row[2]) for row in csv.reader(stream))


@pytest.mark.parametrize("split", ["train", "test"])
def test_fooddialogues_files_hold_what_the_real_ones_hold(small, split):
    root = small["fooddialogues"]
    entries = json.loads((root / f"FoodDialogues_{split}.json").read_text())
    assert all(isinstance(entry["id"], str) for entry in entries)
    assert len({entry["id"] for entry in entries}) == len(entries)
    dishes = [entry["dish_id"] for entry in entries]
    assert len(set(dishes)) < len(dishes)
    assert set(dishes) == set(json.loads((root / f"{split}_id.json").read_text()))
    records = FoodDialogues(root).records(split)
    assert {record.view for record in records} == {"overhead", "side"}
    assert all(2 <= len(record.turns) <= 5 for record in records)
    assert {record.image.open().size for record in records} == {(640, 480)}
    side = [record for record in records if record.view == "side"]
    assert all(record.image.path.name == "camera_A_frame_001.jpeg" for record in side)


def test_fooddialogues_tags_are_spelled_in_every_way(small):
    root = small["fooddialogues"]
    text = "".join((root / f"FoodDialogues_{split}.json").read_text() for split in ("train", "test"))
    assert re.search(r"\[TOTAL_[A-Z]+\]", text)
    assert re.search(r"\[[A-Z]+_TOTAL\]", text)
    assert re.search(r"[0-9] (grams|kcal) \[", text)
    assert re.search(r"[0-9]\[[A-Z_]+\] (grams|kcal)", text)
    assert "</s>" in text
    assert "<image>\\n" in text


@pytest.mark.parametrize("split", ["train", "test"])
def test_fooddialogues_tagged_totals_are_those_of_the_table(small, split):
    root = small["fooddialogues"]
    rows = meal_rows(root)
    columns = {"total.kcal": 1, "total.mass": 2, "total.fat": 3, "total.carb": 4, "total.protein": 5}
    checked = 0
    for record in FoodDialogues(root).records(split):
        for turn, values in zip(record.turns, record.tagged, strict=True):
            assert not re.search(TAG, turn.question + turn.answer)
            assert "{" not in turn.question
            for quantity, value in values:
                assert f"{value:.1f}" in turn.answer
                if quantity in columns:
                    assert value == pytest.approx(float(rows[record.dish_id][columns[quantity]]), abs=0.051)
                    checked += 1
    assert checked > 5


def example_meal():
    return Meal((Share("steak", 100.0, 250.0, 15.0, 0.0, 27.0), Share("rice", 200.0, 260.0, 0.6, 56.4, 5.4)))


def test_advice_follows_from_the_numbers():
    meal = example_meal()
    spelling = Spelling(total_first=True, unit_last=False, braces=True)
    told = {}
    for teller in (*OPENERS, *FOLLOW_UPS):
        told[teller.__name__] = {teller(meal, spelling, np.random.default_rng(seed)) for seed in range(20)}
    assert all("The whole" in a or "I estimate" in a for _, a in told["_energy"])
    assert all("510.0 kcal [TOTAL_CAL]" in answer for _, answer in told["_energy"])
    assert all("56.4 grams [TOTAL_CARB]" in a and a.startswith("Rather not") for _, a in told["_low_carb"])
    # 4 x 32.4 of 4 x 32.4 + 4 x 56.4 + 9 x 15.6 kcal are 26 %, 9 x 15.6 of them 28 %.
    assert all(a.startswith("Yes") and "26%" in a and "the steak" in a for _, a in told["_high_protein"])
    assert all(a.startswith("Yes") and "28%" in a for _, a in told["_low_fat"])
    assert {(q.startswith("Can"), a.partition(",")[0]) for q, a in told["_vegetarian"]} == {
        (True, "No"),
        (False, "Yes"),
    }
    assert all("yes" in a for _, a in told["_gluten"])
    assert all("half of the rice" in a and "130.0 kcal [CAL]" in a and "380 kcal" in a for _, a in told["_lighter"])
    assert all("510.0 kcal" in a and "260.0 kcal" in a for _, a in told["_light_enough"])
    fat = {answer for question, answer in told["_richest"] if " fat" in question}
    assert fat == {"The steak, with 15.0 grams [FAT] of the 15.6 grams [TOTAL_FAT] of fat on the plate."}
    assert any("{steak}" in q for q, _ in told["_protein_of_part"])
    assert all("46% from carbohydrate, 28% from fat and 26% from protein" in a for _, a in told["_balance"])


def test_dialogues_about_meals_have_two_to_five_rounds():
    for seed in range(60):
        rounds = meal_rounds(example_meal(), np.random.default_rng(seed))
        assert 2 <= len(rounds) <= 5
        assert len({question for question, _ in rounds}) == len(rounds)
        assert rounds == meal_rounds(example_meal(), np.random.default_rng(seed))
