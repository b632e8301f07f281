"""Ranges of ranks, tie groups and suite scores say no more than the tests behind them."""

from __future__ import annotations

import math
import random

import pytest

from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.site.model import Comparison, Figure
from foodbench.site.ranks import between, compare_all, compare_suites, rank_all, suite_error, suite_score

ACCURACY = Metric("accuracy", "proportion", "correct", unit="%", scale=100.0)
ERROR = Metric("error", "mean", "off", unit="g", higher_is_better=False)


def scores(rights: list[float], key: str = "correct") -> list[Score]:
    return [
        Score(sample_id=f"{index:04}", cluster=f"{index:04}", parsed=True, values={key: value}, detail={}, error=None)
        for index, value in enumerate(rights)
    ]


def pair(better: str, worse: str, adjusted: float, value: float = -10.0, error: float = 1.0) -> Comparison:
    return Comparison(better, worse, value, None, None, adjusted, adjusted, error, 100, "t")


def test_ranks_are_ranges_where_nothing_tells_them_apart() -> None:
    ranks = rank_all(["a", "b", "c"], [pair("a", "b", 0.5), pair("b", "c", 0.5), pair("a", "c", 0.01)])
    assert {name: rank.text for name, rank in ranks.items()} == {"a": "1–2", "b": "1–3", "c": "2–3"}
    assert [ranks[name].group for name in "abc"] == [1, 1, 2]


def test_pairs_without_a_test_are_not_told_apart() -> None:
    ranks = rank_all(["a", "b"], [])
    assert ranks["a"].text == ranks["b"].text == "1–2"


def test_clear_differences_give_single_ranks() -> None:
    generator = random.Random(1)
    good = [float(generator.random() < 0.95) for _ in range(300)]
    fair = [float(generator.random() < 0.7) for _ in range(300)]
    same = list(good)
    same[:2] = [1 - value for value in same[:2]]
    values = {"good": 100 * sum(good) / 300, "fair": 100 * sum(fair) / 300, "same": 100 * sum(same) / 300}
    found = compare_all(ACCURACY, {"good": scores(good), "fair": scores(fair), "same": scores(same)}, values)
    order = sorted(values, key=lambda name: -values[name])
    ranks = rank_all(order, found)
    assert ranks["fair"].text == "3"
    assert {ranks["good"].text, ranks["same"].text} == {"1–2"}
    assert all(each.p <= each.adjusted <= 1 for each in found)


def test_lower_is_better() -> None:
    small, large = [float(index % 3) for index in range(60)], [float(index % 3 + 5) for index in range(60)]
    found = compare_all(ERROR, {"a": scores(large, "off"), "b": scores(small, "off")}, {"a": 6.0, "b": 1.0})
    assert [(each.better, each.worse, each.separated) for each in found] == [("b", "a", True)]
    assert found[0].value == pytest.approx(5.0)


def test_other_samples_are_no_pair() -> None:
    first, second = scores([1.0, 0.0, 1.0]), scores([1.0, 0.0])
    assert compare_all(ACCURACY, {"a": first, "b": second}, {"a": 66.7, "b": 50.0}) == ()


def test_identical_systems_are_not_apart() -> None:
    same = scores([1.0, 0.0] * 50)
    (found,) = compare_all(ACCURACY, {"a": same, "b": same}, {"a": 50.0, "b": 50.0})
    assert not found.separated
    assert found.value == 0


@pytest.mark.parametrize(
    ("value", "floor", "ceiling", "higher", "expected"),
    [
        (75.0, 50.0, 100.0, True, 50.0),
        (40.0, 50.0, 100.0, True, -20.0),
        (10.0, 40.0, 0.0, False, 75.0),
        (10.0, None, 0.0, False, None),
        (10.0, 5.0, 5.0, True, None),
        (75.0, 100.0, 98.5, True, None),
        (None, 0.0, 1.0, True, None),
    ],
)
def test_place_between_floor_and_ceiling(
    value: float | None, floor: float | None, ceiling: float, higher: bool, expected: float | None
) -> None:
    found = between(value, floor, ceiling, higher=higher)
    assert found == (None if expected is None else pytest.approx(expected))


def test_errors_of_one_dataset_go_together() -> None:
    assert suite_error([("a", 3.0), ("b", 4.0)]) == pytest.approx(2.5)
    assert suite_error([("a", 3.0), ("a", 4.0)]) == pytest.approx(3.5)
    assert suite_error([("a", 3.0), ("a", 1.0), ("b", 3.0)]) == pytest.approx(math.sqrt(16 + 9) / 3)


def test_suite_score_needs_every_task() -> None:
    known = Figure(0.5, 0.4, 0.6, "", 50.0, 40.0, 60.0)
    assert suite_score([("a", known), ("b", Figure(1.0, None, None, ""))]) is None
    found = suite_score([("a", known), ("b", Figure(1.0, 0.9, 1.0, "", 100.0, 90.0, 100.0))])
    assert found is not None
    assert found.value == pytest.approx(75.0)
    assert found.low is not None
    assert 75 - found.low == pytest.approx(math.hypot(10, 5) / 2, rel=1e-3)


def test_suites_are_compared_by_the_tasks_own_pairs() -> None:
    tasks = [
        ("a", 100.0, {("x", "y"): pair("x", "y", 0.01, -10.0, 2.0)}),
        ("b", -50.0, {("y", "x"): pair("y", "x", 0.5, 1.0, 1.0)}),
    ]
    (found,) = compare_suites({"x": 80.0, "y": 76.0}, tasks)
    assert (found.better, found.worse, found.value) == ("x", "y", -4.0)
    assert found.error == pytest.approx(math.hypot(2, 2) / 2)
    assert found.separated
    assert compare_suites({"x": 80.0, "z": 76.0}, tasks) == ()
