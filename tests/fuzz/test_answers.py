"""Whatever a model writes, every task gives it a score: finite, storable, no better than the right answer's."""

from __future__ import annotations

import json
import math
import random
import re
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.types import ENVELOPE_KEY, ENVELOPE_VERSION, Sample, Score
from foodbench.runs.schema import SampleRecord
from foodbench.runs.store import samples_digest
from foodbench.stats.summary import point_values, summarise
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask, TaskData
from tests.fuzz.bestiary import (
    BY_SAMPLE,
    LONG_PIECES,
    MALFORMED,
    SILENT,
    TRICKS,
    Beast,
    filled,
)

NAMES = TASKS.names()
FUZZ = settings(settings.get_profile("fuzz"), max_examples=15)
CAMPAIGN = settings(settings.get_profile("fuzz"), max_examples=1500)

WITHOUT_CEILING = {
    # A true recipe's steps do not mention all its ingredients; who names the whole list has mentioned them.
    "recipe1m.instructions": {"ingredients_mentioned.recall.micro"},
}
"""Metrics that say nothing by themselves, in which an answer may beat the reference."""

HEAVY = frozenset(
    [name for name in BY_SAMPLE if name.startswith("10,000")] + ["masks with long labels", "nested objects"]
)
BESTIARY: Mapping[str, Beast] = {
    **{name: (lambda _sample, _data, text=text: text) for name, text in TRICKS.items()},
    **BY_SAMPLE,
}


def checked(data: TaskData, sample: Sample, raw: str) -> Score:
    """The score of an answer, after making sure that it is one."""
    score = data.task.score(sample, raw, data.vocabulary)
    shown = raw[:200]
    assert (score.sample_id, score.cluster) == (sample.sample_id, sample.cluster)
    assert isinstance(score.parsed, bool)
    assert all(isinstance(number, float) and math.isfinite(number) for number in score.values.values()), shown
    # An exception that the answer caused in a reading is told by its type; what was refused on purpose, by a sentence.
    assert score.error is None or not re.match(r"\w+: ", score.error), (score.error, shown)
    assert not (score.parsed and score.error), shown
    record = SampleRecord(
        sample_id=score.sample_id,
        cluster=score.cluster,
        key="key",
        answer="",
        parsed=score.parsed,
        values=dict(score.values),
        detail=dict(score.detail),
        error=score.error,
    )
    assert len(record.model_dump_json()) < 300_000, shown
    assert samples_digest([record])
    assert point_values(data.task.metrics, [score]).keys() == {metric.id for metric in data.task.metrics}
    return score


def few(data: TaskData) -> Sequence[Sample]:
    """Samples from both ends: queries for absent things come in pairs with those for present ones."""
    return data.samples[0], data.samples[-1]


def beasts_for(task: FoodTask) -> Mapping[str, Beast]:
    """The bestiary; what takes long is for the first task of those that read alike."""
    first = next(name for name in NAMES if TASKS.get(name).read is task.read)
    return {name: beast for name, beast in BESTIARY.items() if task.name == first or name not in HEAVY}


def assert_no_better(task: FoodTask, scores: Sequence[Score], best: Sequence[Score], answer: str) -> None:
    found, ceiling = point_values(task.metrics, scores), point_values(task.metrics, best)
    for metric in task.metrics:
        value, limit = found[metric.id], ceiling[metric.id]
        if value is None or limit is None or metric.id in WITHOUT_CEILING.get(task.name, ()):
            continue
        better = value - limit if metric.higher_is_better else limit - value
        assert better <= 1e-9, f"{answer!r} has {metric.id} {value}, the right answer {limit}"


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_stumbles_a_task_or_beats_the_right_one(name: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]
    samples = few(data)
    best = [checked(data, sample, data.task.oracle(sample).to_text()) for sample in samples]
    assert all(score.parsed for score in best)
    for answer, beast in beasts_for(data.task).items():
        assert_no_better(data.task, [checked(data, sample, beast(sample, data)) for sample in samples], best, answer)


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_never_parsed(name: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]
    for answer, raw in SILENT.items():
        for sample in few(data):
            assert not checked(data, sample, raw).parsed, answer


@pytest.mark.parametrize("name", NAMES)
def test_silence_earns_nothing(name: str, loaded: Mapping[str, TaskData]) -> None:
    """What is not there is not refused by saying nothing: all ways of saying nothing earn the same."""
    data = loaded[name]
    for sample in few(data):
        scores = [data.task.score(sample, raw, data.vocabulary) for raw in SILENT.values()]
        primary = [metric.share(score.values) for score in scores for metric in data.task.metrics[:1]]
        assert all(share == primary[0] for share in primary)


@pytest.mark.parametrize("name", NAMES)
def test_a_malformed_envelope_is_wrong_and_says_why(name: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]
    for answer, raw in MALFORMED.items():
        score = checked(data, data.samples[0], raw)
        assert not score.parsed, answer
        # A faulty mask is no fault of an answer to a task that looks at no masks, if it is well-formed as JSON.
        assert score.error, answer


def _portions() -> list[tuple[str, str]]:
    """(task, piece): every way of reading meets every third piece once, dealt out among the tasks that read so."""
    groups: dict[Any, list[str]] = {}
    for name in NAMES:
        groups.setdefault(TASKS.get(name).read, []).append(name)
    return [
        (names[place % len(names)], piece)
        for number, names in enumerate(groups.values())
        for place, piece in enumerate(LONG_PIECES)
        if (number + place) % 3 == 0
    ]


def _cost(data: TaskData, raw: str) -> float:
    began = time.process_time()
    data.task.score(data.samples[0], raw, data.vocabulary)
    return time.process_time() - began


@pytest.mark.parametrize("name", NAMES)
def test_a_megabyte_costs_no_more_than_its_share(name: str, loaded: Mapping[str, TaskData]) -> None:
    """No wall clock: processor time against that of the same text in 5 KB, of which a megabyte is 200 times as much."""
    data = loaded[name]
    for piece in (piece for task, piece in _portions() if task == name):
        long, short = filled(LONG_PIECES[piece]), filled(LONG_PIECES[piece], 5_000)
        few_thousand = max(_cost(data, short), 0.005)  # below that a clock of processor time measures nothing
        began = time.process_time()
        checked(data, data.samples[0], long)
        spent = time.process_time() - began
        assert spent < 200 * few_thousand, f"{piece}: {spent:.2f} s against {few_thousand:.4f} s"


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_bounded(name: str, loaded: Mapping[str, TaskData]) -> None:
    data, sample = loaded[name], loaded[name].samples[0]
    for answer in ("10,000 masks", "a mask of a gigapixel", "a mask of a megabyte", "a mask of zero runs"):
        raw = BY_SAMPLE[answer](sample, data)
        tracemalloc.start()
        data.task.score(sample, raw, data.vocabulary)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 * 2**20, f"{answer}: {peak / 2**20:.0f} MiB"


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_samples_changes_nothing(name: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]
    beasts = [beast for name, beast in BESTIARY.items() if name not in HEAVY]
    scores = [
        data.task.score(sample, beasts[place % len(beasts)](sample, data), data.vocabulary)
        for place, sample in enumerate(data.samples)
    ]
    values = point_values(data.task.metrics, scores)
    summary = summarise(data.task.metrics[:1], scores)
    for seed in range(3):
        random.Random(seed).shuffle(scores)
        assert point_values(data.task.metrics, scores) == values
        assert summarise(data.task.metrics[:1], scores) == summary


_WORDS = st.sampled_from([*(piece for piece in LONG_PIECES.values()), *TRICKS.values()]).map(lambda text: text[:200])
_NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0])
_SCRAPS = st.none() | st.booleans() | _NUMBERS | st.text(max_size=20)
_JSON = st.recursive(
    _SCRAPS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
_MASK = st.fixed_dictionaries(
    {
        "size": st.sampled_from([[96, 96], [96, 128], [1, 1], [0, 0]]) | _JSON,
        "counts": st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=30) | _JSON,
    },
    optional={"label": st.sampled_from(["rice", "", "no rice"]) | _JSON},
)
_NUTRITION = st.dictionaries(
    st.sampled_from(["kcal", "mass", "fat", "carb", "protein", "salt"]), _NUMBERS | _SCRAPS, max_size=6
)
_ENVELOPE = st.fixed_dictionaries(
    {ENVELOPE_KEY: st.just(ENVELOPE_VERSION)},
    optional={
        "text": st.text(max_size=30) | _WORDS | _JSON,
        "masks": st.lists(_MASK, max_size=3) | _JSON,
        "nutrition": _NUTRITION | _JSON,
    },
).map(json.dumps)
TEXTS = st.text() | st.lists(_WORDS | st.text(max_size=10), max_size=8).map("".join) | _ENVELOPE | _JSON.map(json.dumps)


@pytest.mark.parametrize("name", NAMES)
def test_any_text_is_scored(name: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]

    @FUZZ
    @given(TEXTS)
    def score(raw: str) -> None:
        first = checked(data, data.samples[0], raw)
        assert data.task.score(data.samples[0], raw, data.vocabulary) == first

    score()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_campaign_of_texts(name: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]

    @CAMPAIGN
    @given(TEXTS, st.integers(0, len(data.samples) - 1))
    def score(raw: str, place: int) -> None:
        sample = data.samples[place]
        best = [data.task.score(sample, data.task.oracle(sample).to_text(), data.vocabulary)]
        assert_no_better(data.task, [checked(data, sample, raw)], best, raw)

    score()


@pytest.mark.slow
@pytest.mark.parametrize("piece", LONG_PIECES)
@pytest.mark.parametrize("name", NAMES)
def test_campaign_of_megabytes(name: str, piece: str, loaded: Mapping[str, TaskData]) -> None:
    data = loaded[name]
    for before in ("", "rice ", "{", "<think>", "Steps: "):
        checked(data, data.samples[0], before + filled(LONG_PIECES[piece]))
