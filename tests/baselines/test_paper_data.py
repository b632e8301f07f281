"""Mixtures of the paper-size FoodLMM's training: shares, determinism, and the whole kitchen."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest

from baselines.foodlmm.paper import wordings
from baselines.foodlmm.paper.examples import (
    Example,
    RecordPool,
    Turn,
)
from baselines.foodlmm.paper.families.segmentation import (
    PUBLISHED,
    Vocabulary,
    segmentation_example,
)
from baselines.foodlmm.paper.mixtures import (
    MIXTURES,
    ExampleStream,
    mixture_named,
    open_stream,
    stream_from_settings,
    with_floor,
)
from foodbench.core.errors import DataMissing, UnknownName, UsageError
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.kitchen import FOLDERS
from foodbench.data.records import (
    MaskFile,
)
from tests.baselines.paper_data import PHOTO, binomial_bounds

EXPECTED_RATES = {
    "stage1.table_vi": {"foodseg103": 15, "uecfoodpix": 10, "recipe1m": 37.5, "nutrition5k": 25, "vireo172": 12.5},
    "stage1.released": {"foodseg103": 15, "uecfoodpix": 10, "recipe1m": 37.5, "nutrition5k": 25, "vireo172": 12.5},
    "stage2.table_vi": {
        "foodreasonseg": 27.3,
        "fooddialogues": 40.9,
        "recipe1m": 9.1,
        "nutrition5k": 9.1,
        "vireo172": 4.5,
        "foodseg103": 5.45,
        "uecfoodpix": 3.64,
    },
    "stage2.released": {
        "foodreasonseg": 20.1,
        "fooddialogues": 26.8,
        "recipe1m": 14.4,
        "nutrition5k": 11.0,
        "vireo172": 16.7,
        "foodseg103": 6.6,
        "uecfoodpix": 4.4,
    },
    "finetune_refer": {"foodseg103": 60, "uecfoodpix": 40},
    "finetune_nutrition": {"nutrition5k": 100},
    "finetune_dish": {"food101": 100},
    "finetune_ingredients": {"vireo172": 100},
    "finetune_recipe": {"recipe1m": 100},
    "single_nutrition": {"nutrition5k": 100},
    "single_refer_nutrition": {"nutrition5k": 100},
    "lisa_one_to_one": {"foodseg103": 60, "uecfoodpix": 40},
}
"""In percent, from the paper's tables and from the released settings, worked out by hand."""


def test_mixtures_are_the_published_ones() -> None:
    assert set(MIXTURES) == set(EXPECTED_RATES)
    for name, rates in EXPECTED_RATES.items():
        found = dict(MIXTURES[name].rates)
        assert sum(found.values()) == pytest.approx(1.0)
        assert {dataset: 100 * rate for dataset, rate in found.items()} == pytest.approx(rates, abs=0.06)


def test_the_floor_raises_low_rates_only() -> None:
    assert with_floor({"a": 8, "b": 1, "c": 1.5, "d": 4.5}) == pytest.approx(
        {"a": 8 / 15, "b": 1 / 15 + 0.1, "c": 0.1, "d": 0.3}
    )


class Counting:
    """Records that are only counted."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __len__(self) -> int:
        return 5

    def example(self, position: int, generator: np.random.Generator) -> Example:
        turn = Turn("Which?", f"It is {position}.")
        return Example(PHOTO, (turn,), (), (), self.name, str(position))


def counting_stream(name: str, seed: int = 0) -> ExampleStream:
    mixture = MIXTURES[name]
    return ExampleStream(mixture, {dataset: Counting(dataset) for dataset in mixture.datasets}, seed)


@pytest.mark.parametrize("name", ["stage1.table_vi", "stage2.table_vi", "stage2.released", "finetune_refer"])
def test_datasets_and_records_come_as_often_as_they_should(name: str) -> None:
    stream, draws = counting_stream(name), 6000
    examples = [stream.example_at(index) for index in range(draws)]
    sources = Counter(example.source for example in examples)
    for dataset, rate in stream.mixture.rates:
        low, high = binomial_bounds(draws, rate)
        assert low <= sources[dataset] <= high, dataset
        for position in range(5):
            low, high = binomial_bounds(draws, rate / 5)
            assert low <= sum(one.source == dataset and one.record == str(position) for one in examples) <= high
    assert [stream.dataset_at(index) for index in range(50)] == [one.source for one in examples[:50]]


@pytest.fixture
def kitchen_stream(kitchen: Path) -> ExampleStream:
    return open_stream(MIXTURES["stage2.released"], 11, edition="kitchen")


def test_every_dataset_of_the_kitchen_gives_examples_that_agree(kitchen_stream: ExampleStream) -> None:
    seen: Counter[str] = Counter()
    for index in range(500):
        made = kitchen_stream.example_at(index)  # checks itself
        assert made.source == kitchen_stream.dataset_at(index)
        seen[made.source] += 1
        if made.masks:
            assert made.masks[0].size == made.image.open().size[::-1]
    assert set(seen) == set(kitchen_stream.mixture.datasets)


def test_some_questions_have_no_mask_for_an_answer(kitchen: Path) -> None:
    stream = open_stream(MIXTURES["finetune_refer"], 1, edition="kitchen")
    made = [stream.example_at(index) for index in range(600)]
    refusals = [one for one in made if not one.masks]
    # 0.1 of (number of classes + 1), less what asks for everything: between 4 and 24 of 600 with two to seven classes.
    assert 3 <= len(refusals) <= 30
    assert all("not found in this picture" in one.turns[0].answer for one in refusals)
    assert any(one.masks and "not found in this picture" in one.turns[0].answer for one in made)


def test_examples_depend_on_seed_and_number_only(kitchen: Path, kitchen_stream: ExampleStream) -> None:
    indices = [40, 3, 3, 17, 1_000_000]
    again = open_stream(MIXTURES["stage2.released"], 11, edition="kitchen")
    assert [again.example_at(index) for index in reversed(indices)] == [
        kitchen_stream.example_at(index) for index in indices
    ][::-1]
    other = open_stream(MIXTURES["stage2.released"], 12, edition="kitchen")
    assert [other.example_at(index) for index in range(8)] != [kitchen_stream.example_at(index) for index in range(8)]


def test_a_stream_crosses_process_borders(kitchen_stream: ExampleStream) -> None:
    copied = ForkingPickler.loads(ForkingPickler.dumps(kitchen_stream))  # as spawned workers of a loader get it
    assert [copied.example_at(index) for index in range(12)] == [
        kitchen_stream.example_at(index) for index in range(12)
    ]


def test_neighbouring_numbers_are_independent() -> None:
    stream = counting_stream("stage1.table_vi")
    drawn = [stream.dataset_at(index) for index in range(4000)]
    same = sum(first == second for first, second in pairwise(drawn))
    low, high = binomial_bounds(3999, sum(rate**2 for _, rate in stream.mixture.rates))
    assert low <= same <= high


def test_fine_tuning_for_dishes_uses_display_names(kitchen: Path) -> None:
    stream = open_stream(MIXTURES["finetune_dish"], 0, edition="kitchen")
    answers = {stream.example_at(index).turns[0].answer for index in range(40)}
    assert all(re.fullmatch(r"It is [a-z ]+\.", answer) for answer in answers)


def test_single_tasks_on_nutrition_ask_for_totals_or_for_named_ingredients(kitchen: Path) -> None:
    total = open_stream(MIXTURES["single_nutrition"], 0, edition="kitchen")
    for index in range(20):
        made = total.example_at(index)
        assert made.turns[0].question in wordings.TOTAL_QUESTIONS
        assert len(made.values) == 5
    named = open_stream(MIXTURES["single_refer_nutrition"], 0, edition="kitchen")
    answers = [named.example_at(index).turns[0].answer for index in range(60)]
    assert not any("_TOTAL]" in answer for answer in answers)
    assert 10 < sum("[FAT1]" in answer for answer in answers) < 50


def test_a_broken_record_of_a_stream_is_named(small_kitchen: Path, tmp_path: Path) -> None:
    record = replace(
        FoodSeg103(small_kitchen / FOLDERS["foodseg103"]).records("train")[0],
        mask=MaskFile(tmp_path / "absent.png", max_id=103),
    )
    pool = RecordPool(
        (record,), partial(segmentation_example, vocabulary=Vocabulary("foodseg103", {}), rules=PUBLISHED)
    )
    stream = ExampleStream(replace(MIXTURES["finetune_refer"], rates=(("foodseg103", 1.0),)), {"foodseg103": pool}, 0)
    with pytest.raises(DataMissing, match=r"foodseg103, training record 0: .*absent\.png"):
        stream.example_at(0)


def test_streams_are_refused_without_records_or_names() -> None:
    with pytest.raises(DataMissing, match="finetune_recipe has no usable training records of recipe1m"):
        ExampleStream(MIXTURES["finetune_recipe"], {}, 0)
    with pytest.raises(UnknownName, match="stage3"):
        mixture_named("stage3")
    with pytest.raises(UnknownName, match="mixed"):
        open_stream(MIXTURES["finetune_recipe"], 0, edition="mixed")
    with pytest.raises(DataMissing, match="not registered"):
        open_stream(MIXTURES["finetune_recipe"], 0, edition="real")


def test_settings_choose_a_stream(kitchen: Path) -> None:
    stream = stream_from_settings({"mixture": "finetune_nutrition", "edition": "kitchen", "seed": 4}, 9)
    assert (stream.mixture.name, stream.seed) == ("finetune_nutrition", 4)
    assert stream_from_settings({"mixture": "finetune_nutrition", "edition": "kitchen"}, 9).seed == 9
    for plain, says in (
        ({}, "data.mixture is missing"),
        ({"mixture": "finetune_nutrition", "shuffle": True}, "data.shuffle is no setting"),
        ({"mixture": "finetune_nutrition", "seed": "4"}, "data.seed must be a int"),
    ):
        with pytest.raises(UsageError, match=says):
            stream_from_settings(plain, 0)
