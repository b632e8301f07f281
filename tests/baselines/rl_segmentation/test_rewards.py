"""Equations 3 to 8 of the RL paper: worked by hand, against a search over all assignments, and whatever is written."""

from __future__ import annotations

import itertools
import json
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.rl_segmentation.rewards import (
    DEFAULTS,
    MAXIMUM,
    Rewards,
    RewardSettings,
    box_iou,
    indicators,
    score,
    segmentation,
)
from foodbench.models.qwen_seg.references import Reference, format_answer, parse_answer

GRID = 840
BREAD = Reference((100, 100, 299, 299), (200, 200))
SALAD = Reference((400, 500, 599, 799), (500, 650))
TRUTH = (BREAD, SALAD)


def said(*references: Reference, think: str = "There it is.") -> str:
    return format_answer(think, references)


def moved(
    reference: Reference, box: tuple[int, int, int, int] = (0, 0, 0, 0), point: tuple[int, int] = (0, 0)
) -> Reference:
    (a, b, c, d), (x, y) = reference.box, reference.point
    return Reference((a + box[0], b + box[1], c + box[2], d + box[3]), (x + point[0], y + point[1]))


def changed(**values: Any) -> RewardSettings:
    return RewardSettings.model_validate(DEFAULTS.model_dump() | values)


GOLDEN = [
    # text, truth, (thinking, shape, repeats, IoU, L1, L2)
    ("", TRUTH, (0, 0, 1, 0, 0, 0)),
    ("[]", TRUTH, (0, 0, 1, 0, 0, 0)),
    ("<think>a</think><answer>[]</answer>", TRUTH, (1, 0, 1, 0, 0, 0)),
    (said(BREAD, SALAD), TRUTH, (1, 2, 1, 1, 1, 1)),
    (said(SALAD, BREAD), TRUTH, (1, 2, 1, 1, 1, 1)),
    (said(BREAD), TRUTH, (1, 2, 1, 0.5, 0.5, 0.5)),
    (said(BREAD, SALAD) + "\n", TRUTH, (0, 2, 1, 1, 1, 1)),
    ("<think>a</think> \n <answer>[]</answer>", TRUTH, (1, 0, 1, 0, 0, 0)),
    # three boxes for two things: everything over three
    (said(BREAD, SALAD, moved(BREAD, (500, 0, 500, 0), (500, 0))), TRUTH, (1, 2, 1, 2 / 3, 2 / 3, 2 / 3)),
    # 200 x 200 and 100 x 200 of it: IoU exactly 0.5, which is not more than 0.5; mean of (0, 0, 100, 0) is 25
    (said(moved(BREAD, (0, 0, -100, 0), (-50, 0)), SALAD), TRUTH, (1, 2, 1, 0.5, 0.5, 0.5)),
    # one column more: 101 / 200
    (said(moved(BREAD, (0, 0, -99, 0), (0, 0)), SALAD), TRUTH, (1, 2, 1, 1, 0.5, 1)),
    # the mean of the differences is 9.75, then 10; the point is 29, then 30 away
    (said(moved(BREAD, (10, 10, 10, 9), (29, 0)), SALAD), TRUTH, (1, 2, 1, 1, 1, 1)),
    (said(moved(BREAD, (10, 10, 10, 10), (30, 0)), SALAD), TRUTH, (1, 2, 1, 1, 0.5, 0.5)),
    # near the true point, but outside of its own box
    (said(Reference((150, 100, 299, 299), (149, 201)), SALAD), (Reference((100, 100, 299, 299), (150, 200)), SALAD),
     (1, 2, 1, 1, 0.5, 0.5)),
    # a flipped box overlaps nothing, and no point is in it
    (said(Reference((299, 299, 100, 100), (200, 200))), (BREAD,), (1, 2, 1, 0, 0, 0)),
    # one item without a point: half of its shape, and no places for the whole answer
    ('<think>a</think><answer>[{"bbox_2d": [100, 100, 299, 299]}, {"bbox_2d": [400, 500, 599, 799], '
     '"point_2d": [500, 650]}]</answer>', TRUTH, (1, 1.5, 1, 0, 0, 0)),
    # the shape counts values and does not look at them
    ('<think>a</think><answer>[{"bbox_2d": ["a", null, {}, []], "point_2d": [true, NaN]}]</answer>', TRUTH,
     (1, 2, 1, 0, 0, 0)),
    ('<think>a</think><answer>{"bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2]}</answer>', TRUTH, (1, 0, 1, 0, 0, 0)),
    # sentences: one repetition is allowed, two are not; those of the answer do not count
    (said(BREAD, think="No. No. Yes."), (BREAD,), (1, 2, 1, 1, 1, 1)),
    (said(BREAD, think="No. No. No."), (BREAD,), (1, 2, 0, 1, 1, 1)),
    ("So. So. So.", (BREAD,), (0, 0, 0, 0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "truth", "expected"), GOLDEN)
def test_worked_by_hand(text: str, truth: tuple[Reference, ...], expected: tuple[float, ...]) -> None:
    found = score(text, truth, GRID)
    assert [
        found.thinking_format,
        found.answer_format,
        found.non_repeat,
        found.box_iou,
        found.box_l1,
        found.point_l2,
    ] == pytest.approx(list(expected))
    assert found.total == pytest.approx(sum(expected))


SWITCHES = [
    # the sum of the differences is 39 and not below 10
    ({"l1": "sum"}, said(moved(BREAD, (10, 10, 10, 9))), (BREAD,), (1, 0, 1)),
    # one box fits by overlap, the other by distance: of two boxes for one thing the better one is taken
    ({"pixels": "plane"}, said(Reference((0, 0, 9, 0), (0, 0))), (Reference((0, 0, 9, 0), (0, 0)),), (0, 1, 1)),
    ({"pixels": "inclusive"}, said(Reference((0, 0, 9, 0), (0, 0))), (Reference((0, 0, 9, 0), (0, 0)),), (1, 1, 1)),
    ({"denominator": "all"}, said(*[BREAD] * 200), (BREAD,), (1 / 200,) * 3),
    ({"denominator": "read"}, said(*[BREAD] * 200), (BREAD,), (1 / 120,) * 3),
    ({"malformed": "item"}, said(BREAD).replace("]</answer>", ', {"bbox_2d": [1]}]</answer>'), (BREAD,), (0.5,) * 3),
    ({"malformed": "answer"}, said(BREAD).replace("]</answer>", ', {"bbox_2d": [1]}]</answer>'), (BREAD,), (0,) * 3),
    ({"absent": "refusal"}, said(), (), (1, 1, 1)),
    ({"absent": "zero"}, said(), (), (0, 0, 0)),
    ({"absent": "refusal"}, said(BREAD), (), (0, 0, 0)),
    ({"absent": "refusal"}, "<think>a</think><answer>[</answer>", (), (0, 0, 0)),
    ({"iou": 0.99}, said(moved(BREAD, (1, 0, 0, 0))), (BREAD,), (1, 1, 1)),
    ({"iou": 0.996}, said(moved(BREAD, (1, 0, 0, 0))), (BREAD,), (0, 1, 1)),
    ({"point_l2": 3.0}, said(moved(BREAD, (0, 0, 0, 0), (3, 0))), (BREAD,), (1, 1, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("switches", "text", "truth", "expected"), SWITCHES)
def test_readings_of_the_places(
    switches: dict[str, Any], text: str, truth: tuple[Reference, ...], expected: tuple[float, ...]
) -> None:
    assert segmentation(parse_answer(text), truth, GRID, changed(**switches)) == pytest.approx(expected)


def test_boxes_and_points_matched_apart() -> None:
    """The first box is right and its point is the second thing's; the second item is the other way round."""
    crossed = said(Reference(BREAD.box, (250, 250)), Reference((60, 60, 340, 340), BREAD.point))
    together = segmentation(parse_answer(crossed), (BREAD,), GRID)
    apart = segmentation(parse_answer(crossed), (BREAD,), GRID, changed(matching="separate"))
    assert together == (0.5, 0.5, 0.0)
    assert apart == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("switches", "text", "name", "expected"),
    [
        ({"tags": "once"}, "<think>a<think>b</think><answer>[]</answer>", "thinking_format", 0),
        ({"tags": "full"}, "<think>a<think>b</think><answer>[]</answer>", "thinking_format", 1),
        ({"tags": "once"}, "<think>a</think><answer>[]</answer>", "thinking_format", 1),
        ({"numbers": True}, '<answer>[{"bbox_2d": [1, 2, 3, "4"], "point_2d": [1, 2]}]</answer>', "answer_format", 1),
        (
            {"numbers": True},
            '<answer>[{"bbox_2d": [1, 2, 3, NaN], "point_2d": [1, true]}]</answer>',
            "answer_format",
            0,
        ),
        ({"numbers": True}, f'<answer>[{{"bbox_2d": [1, 2, 3, {10**400}]}}]</answer>', "answer_format", 0),
        ({"numbers": True}, '<answer>[{"bbox_2d": [1, 2, 3, 4.5], "point_2d": [1, 2]}]</answer>', "answer_format", 2),
        ({"repeats": "text"}, "<think>a</think>b. b. b. b.", "non_repeat", 0),
        ({"repeats": "reasoning"}, "<think>a</think>b. b. b. b.", "non_repeat", 1),
        ({"most_repeats": 1}, "<think>a. a</think>", "non_repeat", 0),
        ({"most_repeats": 3}, "<think>a. a. a</think>", "non_repeat", 1),
        ({"absent": "zero"}, "<answer>[]</answer>", "answer_format", 0),
    ],
)
def test_readings_of_the_form(switches: dict[str, Any], text: str, name: str, expected: float) -> None:
    assert getattr(score(text, (BREAD,), GRID, changed(**switches)), name) == expected


def test_nothing_to_point_at_is_said_by_an_empty_list() -> None:
    assert score(said(), (), GRID).total == MAXIMUM
    assert score(said(), (), GRID, changed(absent="zero")).total == 2
    assert score("<think>a</think>", (), GRID).total == 1


def test_thresholds_are_those_of_the_paper_s_grid() -> None:
    """10 and 30 of 840 are 1 and 3 of 84."""
    small = Reference((10, 10, 39, 39), (20, 20))
    assert segmentation(parse_answer(said(moved(small, (1, 1, 1, 0), (2, 2)))), (small,), 84) == (1, 1, 1)
    assert segmentation(parse_answer(said(moved(small, (1, 1, 1, 1), (3, 0)))), (small,), 84) == (1, 0, 0)


@pytest.mark.parametrize("values", [{"iou": 1.5}, {"box_l1": 0}, {"l1": "median"}, {"eta": 0.5}, {"box_l1": math.inf}])
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        RewardSettings.model_validate(values)


# Against a search over all assignments


def by_search(found: np.ndarray, written: int, due: int) -> float:
    """The most that any one-to-one assignment of the first indices to the second ones earns."""
    gains = found.sum(axis=0)
    if gains.shape[0] > gains.shape[1]:
        gains = gains.T
    best = max(
        sum(gains[row, column] for row, column in enumerate(columns))
        for columns in itertools.permutations(range(gains.shape[1]), gains.shape[0])
    )
    return best / max(written, due)


coordinate = st.integers(0, 60)
reference = st.builds(
    lambda left, top, width, height, x, y: Reference((left, top, left + width, top + height), (left + x, top + y)),
    coordinate,
    coordinate,
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(-5, 40),
    st.integers(-5, 40),
)
references = st.lists(reference, min_size=1, max_size=5)
any_settings = st.builds(
    lambda l1, pixels, matching, malformed: changed(l1=l1, pixels=pixels, matching=matching, malformed=malformed),
    st.sampled_from(["mean", "sum"]),
    st.sampled_from(["inclusive", "plane"]),
    st.sampled_from(["joint", "separate"]),
    st.sampled_from(["answer", "item"]),
)


@given(references, references)
def test_the_matching_is_the_best_there_is(predicted: list[Reference], truth: list[Reference]) -> None:
    found = indicators(predicted, truth, GRID)
    earned = sum(segmentation(parse_answer(said(*predicted)), truth, GRID))
    assert earned == pytest.approx(by_search(found, len(predicted), len(truth)))


@given(references, references, any_settings, st.randoms())
def test_order_does_not_matter(
    predicted: list[Reference], truth: list[Reference], chosen: RewardSettings, random: Any
) -> None:
    """The total of the best matching is unique, though which of several best ones is taken is not."""
    before = score(said(*predicted), truth, GRID, chosen).total
    shuffled, turned = list(predicted), list(truth)
    random.shuffle(shuffled)
    random.shuffle(turned)
    assert score(said(*shuffled), turned, GRID, chosen).total == pytest.approx(before)


@given(references, references, any_settings)
def test_nothing_earns_more_than_seven(
    predicted: list[Reference], truth: list[Reference], chosen: RewardSettings
) -> None:
    assert 0 <= score(said(*predicted), truth, GRID, chosen).total <= MAXIMUM
    assert score(said(*truth), truth, GRID, chosen).segmentation <= 3 + 1e-9


@given(references, references, reference)
def test_a_wrong_box_more_never_pays(predicted: list[Reference], truth: list[Reference], more: Reference) -> None:
    far = moved(more, (500, 500, 500, 500), (500, 500))
    assert not indicators([far], truth, GRID).any()
    assert score(said(*predicted, far), truth, GRID).total <= score(said(*predicted), truth, GRID).total + 1e-9


@given(references, st.integers(2, 200))
def test_the_same_again_never_pays(truth: list[Reference], times: int) -> None:
    once, again = score(said(truth[0]), truth[:1], GRID), score(said(*[truth[0]] * times), truth[:1], GRID)
    assert again.total < once.total


def test_two_hundred_copies_earn_less_than_the_answer() -> None:
    assert score(said(*[BREAD] * 200), (BREAD,), GRID).total == pytest.approx(4 + 3 / 200)
    assert score(said(BREAD), (BREAD,), GRID).total == MAXIMUM


# Whatever is written

jsonlike = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["bbox_2d", "point_2d", "label", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.text()
    | st.builds(
        lambda think, items: f"<think>{think}</think><answer>{json.dumps(items)}</answer>", st.text(), jsonlike
    ),
    any_settings,
)
@settings(max_examples=200)
def test_no_text_raises(text: str, chosen: RewardSettings) -> None:
    found = score(text, TRUTH, GRID, chosen)
    assert 0 <= found.total <= MAXIMUM


HOSTILE = {
    "a megabyte of brackets": "<answer>" + "[" * 1_000_000 + "</answer>",
    "a megabyte of tags": "<think>" * 150_000,
    "a megabyte of sentences": "<think>" + "a." * 500_000 + "</think><answer>[]</answer>",
    "many items": said(*[BREAD] * 30_000),
    "huge numbers": said().replace("[]", f'[{{"bbox_2d": [{10**300}, 0, {10**308}, 1e999], "point_2d": [1, 2]}}]'),
    "far boxes": said().replace("[]", '[{"bbox_2d": [-1e308, -1e308, 1e308, 1e308], "point_2d": [1e308, 1e308]}]'),
    "surrogates": "<think>\ud800</think><answer>[]</answer>",
    "nested": "<think><answer>[]</answer></think><answer>[[[]]]</answer>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_scored_in_no_time(name: str) -> None:
    began = time.process_time()
    with np.errstate(all="raise"):
        found = score(HOSTILE[name], TRUTH, GRID)
    assert found.segmentation == pytest.approx(0, abs=1e-3)
    assert time.process_time() - began < 10


def test_overlap_with_a_flipped_or_empty_box_is_nothing() -> None:
    boxes = np.array([[10, 10, 5, 20], [10, 10, 20, 5], [0, 0, 10, 10]], float)
    assert box_iou(boxes, boxes, inclusive=True)[:, :2].max() == 0
    assert box_iou(boxes, boxes, inclusive=True)[2, 2] == 1
    assert box_iou(np.array([[3.0, 3, 3, 3]]), np.array([[3.0, 3, 3, 3]]), inclusive=False)[0, 0] == 0


def test_rewards_add_up() -> None:
    assert Rewards(1, 2, 1, 1, 1, 1).total == MAXIMUM
    assert Rewards(1, 2, 1, 0.5, 0.25, 0.125).segmentation == 0.875
