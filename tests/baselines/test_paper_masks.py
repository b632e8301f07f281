"""Training examples with masks, and dialogues: every token has its mask or value."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from baselines.foodlmm.paper import wordings
from baselines.foodlmm.paper.absent_nouns import ABSENT_NOUNS
from baselines.foodlmm.paper.examples import (
    MAX_SEGMENTS,
    segment_tokens,
)
from baselines.foodlmm.paper.families import fooddialogues, foodreasonseg
from baselines.foodlmm.paper.families.segmentation import (
    PUBLISHED,
    Vocabulary,
    draw_names,
    refer_answer,
    refer_question,
    segmentation_example,
    uecfoodpix_pool,
)
from foodbench.core.errors import DataCorrupt
from foodbench.data.fooddialogues import FoodDialogues
from foodbench.data.foodreasonseg import FoodReasonSeg
from foodbench.data.kitchen import FOLDERS
from foodbench.data.records import (
    DialogueRecord,
    ReasoningRecord,
    Segment,
)
from foodbench.data.records import Turn as RecordTurn
from foodbench.data.uecfoodpix import UecFoodPix
from foodbench.metrics import masks
from tests.baselines.paper_data import FOOD_NAMES, PHOTO, binomial_bounds, pair_of, rng

VOCABULARY = Vocabulary("foodseg103", {number: f"food {number}" for number in range(1, 103)})
MANY = Vocabulary("foodseg103", {number: f"f{number}" for number in range(1, 103)})


def test_masks_are_those_of_the_names_in_their_order(tmp_path: Path) -> None:
    ids = np.zeros((20, 30), np.uint8)
    ids[:5], ids[5:9, :9], ids[12:, 20:], ids[9], ids[10] = 66, 24, 84, 103, 255
    record = pair_of(tmp_path, ids)
    lengths = set()
    for seed in range(300):
        made = segmentation_example(record, rng(seed), MANY, PUBLISHED)
        answer = made.turns[0].answer
        named = re.findall(r"f(\d+)(?: is masked)? as \[SEG(\d+)\]", answer)
        assert [int(number) for _, number in named] == list(range(1, len(made.masks) + 1))
        for (class_id, _), mask in zip(named, made.masks, strict=True):
            assert mask.label == f"f{class_id}"
            assert int(class_id) in (66, 24, 84)
            np.testing.assert_array_equal(masks.decode(mask), ids == int(class_id))
        lengths.add(len(made.masks))
    assert lengths == {0, 1, 2, 3}


def test_more_than_twenty_classes_are_cut_to_the_largest(tmp_path: Path) -> None:
    ids = np.repeat(np.repeat(np.arange(1, 26).reshape(5, 5), 4, axis=0), 4, axis=1)
    ids[0, :4] = 0  # class 1 is the smallest of the 25
    made = segmentation_example(pair_of(tmp_path, ids), rng(), MANY, replace(PUBLISHED, everything=1.0))
    assert len(made.masks) == MAX_SEGMENTS
    assert [mask.label for mask in made.masks] == [f"f{number}" for number in range(2, 22)]
    for seed in range(60):
        assert len(segmentation_example(pair_of(tmp_path, ids), rng(seed), MANY, PUBLISHED).masks) <= MAX_SEGMENTS


def test_a_photo_without_named_class_gets_a_refusal(tmp_path: Path) -> None:
    ids = np.full((8, 8), 103)
    ids[0], ids[1] = 0, 255
    for seed in range(30):
        made = segmentation_example(pair_of(tmp_path, ids), rng(seed), VOCABULARY, PUBLISHED)
        assert made.masks == ()
        assert re.fullmatch(r"The .+ (is|are) not found in this picture\.", made.turns[0].answer)


def test_shares_of_questions_and_of_absent_things() -> None:
    present = {"rice": 66, "egg": 24, "pork": 47}
    vocabulary = Vocabulary("foodseg103", dict(enumerate(FOOD_NAMES[:102], start=1)))
    draws, foods, zero, strangers = 20_000, 0, 0, 0
    absents: Counter[int] = Counter()
    shown_counts: Counter[int] = Counter()
    generator = rng(5)
    for _ in range(draws):
        shown, absent = draw_names(present, vocabulary, PUBLISHED, generator)
        assert shown or absent
        assert not set(absent) & set(present)
        assert len(set(absent)) == len(absent)
        shown_counts[len(shown)] += 1
        absents[len(absent)] += 1
        zero += not shown
        strangers += len(absent)
        foods += sum(name not in ABSENT_NOUNS for name in absent)
    for count in (1, 2, 3):
        low, high = binomial_bounds(draws, 0.9 / 3 + 0.1 / 4)
        assert low <= shown_counts[count] <= high
    low, high = binomial_bounds(draws, 0.1 / 4)
    assert low <= zero <= high
    # In the branch with something present: 0.8 without absent things; one-to-zero always has some.
    for count, chance in ((1, 0.075 * 0.1 + 0.025 * 0.5), (2, 0.075 * 0.05 + 0.025 * 0.25), (3, 0.01)):
        low, high = binomial_bounds(draws, chance)
        assert low <= absents[count] <= high, (count, absents)
    low, high = binomial_bounds(strangers, 1 / 3)
    assert low <= foods <= high


def test_absent_classes_share_no_word_with_present_ones() -> None:
    vocabulary = Vocabulary("uecfoodpix", {1: "rice", 2: "fried rice", 3: "beef curry", 4: "cutlet curry", 5: "toast"})
    rules = replace(PUBLISHED, absent_branch=1.0, absent=(0.0, 1.0), absent_food=1.0)
    drawn = {
        name for seed in range(80) for name in draw_names({"rice": 1, "beef curry": 3}, vocabulary, rules, rng(seed))[1]
    }
    assert drawn == {"toast"}


def test_the_sentences_of_a_question_and_its_answer() -> None:
    assert refer_question("Where {verb} the {names}?", ["tomatoes"]) == "Where are the tomatoes?"
    assert refer_question("{Verb} there {names}?", ["rice"]) == "Is there rice?"
    assert refer_question("Where {verb} the {names}?", ["rice", "egg", "corn"]) == "Where are the rice, egg and corn?"
    assert (
        refer_answer("Sure, the {masks}.", ["red beans", "egg", "corn"], ["piano"])
        == "Sure, the red beans are masked as [SEG1], egg as [SEG2] and corn as [SEG3]. "
        "The piano is not found in this picture."
    )
    assert refer_answer("The {masks}.", [], ["car", "kite", "axe"]) == (
        "The car, kite and axe are not found in this picture."
    )


def test_uec_never_asks_for_everything(small_kitchen: Path) -> None:
    pool = uecfoodpix_pool(UecFoodPix(small_kitchen / FOLDERS["uecfoodpix"]))
    for seed in range(150):
        made = pool.example(seed % len(pool), rng(seed))
        assert made.turns[0].question not in wordings.EVERYTHING_QUESTIONS
        assert made.source == "uecfoodpix"


def test_a_mask_that_does_not_fit_its_photo_is_refused(tmp_path: Path) -> None:
    record = pair_of(tmp_path, np.ones((8, 6)))
    Image.new("RGB", (9, 9)).save(record.image.path)
    with pytest.raises(DataCorrupt, match=r"00000048\.png does not fit"):
        segmentation_example(record, rng(), VOCABULARY, PUBLISHED)


def test_reasoning_dialogues_are_one_example_with_the_masks_of_their_classes(small_kitchen: Path) -> None:
    reader = FoodReasonSeg(small_kitchen / FOLDERS["foodreasonseg"])
    pool = foodreasonseg.reasoning_pool(reader)
    assert len(pool) + pool.skipped == len(reader.records("train"))
    assert not any(record.unresolved for record in pool.records)
    for position, record in enumerate(pool.records):
        made = pool.example(position, rng())
        assert len(made.turns) == len(record.turns)
        assert "{" not in "".join(turn.answer for turn in made.turns)
        for turn in made.turns:
            tokens = segment_tokens(turn.answer)
            assert tokens == [f"[SEG{number}]" for number in range(1, len(tokens) + 1)]
        ids = record.pair.checked_mask()
        targets = [class_id for turn in record.targets for class_id in turn]
        for class_id, mask in zip(targets, made.masks, strict=True):
            np.testing.assert_array_equal(masks.decode(mask), ids == class_id)


def test_unusable_reasoning_dialogues(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, np.full((8, 8), 66))
    turn = RecordTurn("Where?", "Rice [SEG1].")
    good = ReasoningRecord("00000048", pair, (turn,), ((Segment("Rice", 66),),), "train")
    assert foodreasonseg.usable(good)
    assert not foodreasonseg.usable(replace(good, segments=((Segment("Basmati", None),),)))
    many = RecordTurn("Where?", " ".join(f"Rice [SEG{number}]" for number in range(1, 22)))
    assert not foodreasonseg.usable(replace(good, turns=(many,), segments=((Segment("Rice", 66),) * 21,)))
    with pytest.raises(DataCorrupt, match=r"foodreasonseg, record 00000048: .*1 \[SEG\] tokens and 2 masks"):
        foodreasonseg.reasoning_example(replace(good, segments=((Segment("Rice", 66),) * 2,)), rng())


def test_a_class_that_is_not_in_the_photo_has_an_empty_mask(tmp_path: Path) -> None:
    turns = (RecordTurn("Where?", "Rice [SEG1]."), RecordTurn("And?", "Egg [SEG1]."))
    segments = ((Segment("Rice", 66),), (Segment("Egg", 24),))
    record = ReasoningRecord("00000048", pair_of(tmp_path, np.full((8, 8), 66)), turns, segments, "train")
    made = foodreasonseg.reasoning_example(record, rng())
    assert [masks.area(mask) for mask in made.masks] == [64, 0]


@pytest.mark.parametrize(
    ("answer", "text", "values"),
    [
        ("It weighs 12.3 grams [MASS].", "It weighs [MASS1].", (12.3,)),
        ("25.3[PRO] grams and 7 g [PRO], 180.0[CAL] kcal", "[PRO1] grams and [PRO2], [CAL1] kcal", (25.3, 7.0, 180.0)),
        ("In total 410 kcal [TOTAL_CAL] or 1,200.5[CAL_TOTAL]", "In total [CAL_TOTAL] or [CAL_TOTAL]", (410.0, 1200.5)),
        ("{Rice} has 5 grams[FAT3] of 100 grams.", "Rice has [FAT1] of 100 grams.", (5.0,)),
        ("Plain words.", "Plain words.", ()),
    ],
)
def test_tagged_numbers_become_tokens(answer: str, text: str, values: tuple[float, ...]) -> None:
    assert fooddialogues.numbered_answer(answer) == (text, values)


def test_nutrition_dialogues_have_the_values_that_the_reader_finds(small_kitchen: Path) -> None:
    reader = FoodDialogues(small_kitchen / FOLDERS["fooddialogues"])
    pool = fooddialogues.dialogue_pool(reader)
    assert len(pool) + pool.skipped == len(reader.records("train"))
    assert len(pool) >= 0.9 * len(reader.records("train"))
    for position, dialogue in enumerate(pool.records):
        made = pool.example(position, rng())
        tagged = [value for values in dialogue.record.tagged for _, value in values]
        assert list(made.values) == tagged
        assert len(made.turns) == len(dialogue.record.turns)
        for turn in made.turns:
            for kind in ("MASS", "CAL", "FAT", "CARB", "PRO"):
                numbers = [int(number) for number in re.findall(rf"\[{kind}(\d+)\]", turn.answer)]
                assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    "answer",
    ["About [CAL] kcal and 3 g [FAT].", "", " ".join("1 g [FAT]" for _ in range(21))],
    ids=["a tag without number", "empty", "too many"],
)
def test_unusable_nutrition_dialogues(tmp_path: Path, answer: str) -> None:
    folder = tmp_path / "n5k"
    (folder / "images" / "dish_1561662216").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "images" / "dish_1561662216" / "rgb.png")

    def entry(name: str, text: str) -> dict[str, object]:
        conversation = [{"form": "question", "value": "How much?"}, {"form": "answer", "value": text}]
        return {"id": name, "dish_id": "dish_1561662216", "conversations": conversation}

    for split in ("train", "test"):
        entries = [entry("good", "It has 3 g [FAT]."), entry("bad", answer)]
        (folder / f"FoodDialogues_{split}.json").write_text(json.dumps(entries))
    pool = fooddialogues.dialogue_pool(FoodDialogues(folder))
    assert [dialogue.record.dialogue_id for dialogue in pool.records] == ["good"]
    assert pool.skipped == 1


def test_a_dialogue_that_contradicts_itself_is_refused_by_name() -> None:
    record = DialogueRecord(
        "17", "dish_1561662216", PHOTO, (RecordTurn("How much?", "x"),), ((("fat", 3.0),),), "train", "overhead"
    )
    with pytest.raises(DataCorrupt, match="fooddialogues, record 17"):
        fooddialogues.dialogue_example(fooddialogues.TaggedDialogue(record, ("About [FAT1] g.",)), rng())
