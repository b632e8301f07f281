"""Differences, changed samples and slices of two runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foodbench.core.errors import UnknownName
from foodbench.runs.comparison import Wanted, compare_runs
from foodbench.runs.differences import find_flips, metric_difference
from foodbench.runs.pairs import TaskPair, paired_tasks
from foodbench.runs.slices import NAMES, slice_pair
from foodbench.tasks import TASKS
from tests.runs.gate_runs import DISH, REFER, VIREO, Line, dish_lines, flipped, refer_lines, sides, write_run

HALF = dish_lines([index % 2 == 0 for index in range(60)])


def pair_of(tmp_path: Path, task: str, old: list[Line], new: list[Line]) -> TaskPair:
    baseline, candidate = write_run(tmp_path / "old", {task: old}), write_run(tmp_path / "new", {task: new})
    (pair,) = paired_tasks(*sides(baseline, candidate))
    assert isinstance(pair, TaskPair)
    return pair


def test_a_proportion(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, DISH, HALF, flipped(HALF, lost=5, won=2))
    found = metric_difference(pair, TASKS.get(DISH).metrics[0])
    assert (found.baseline, found.candidate) == (50.0, pytest.approx(45.0))
    assert found.difference.value == pytest.approx(-5.0)
    assert (found.difference.only_baseline, found.difference.only_candidate) == (5, 2)
    flips = find_flips(pair)
    assert flips is not None
    assert (len(flips.worse), len(flips.better), flips.other) == (5, 2, 0)
    assert all(flip.change == -100 and (flip.baseline, flip.candidate) == (100, 0) for flip in flips.worse)


def test_greatest_changes_come_first_in_the_metrics_direction(tmp_path: Path) -> None:
    old = refer_lines([0.5, 0.5, 0.5, 0.5])
    pair = pair_of(tmp_path, REFER, old, refer_lines([0.4, 0.2, 0.9, 0.5]))
    flips = find_flips(pair)
    assert flips is not None
    assert flips.metric.id == "ciou"
    assert [flip.index for flip in flips.worse] == [1, 0]
    assert [flip.index for flip in flips.better] == [2]


def test_answers_that_earn_the_same_are_counted_apart(tmp_path: Path) -> None:
    new = [replace(HALF[0], answer="a bowl of soup"), *HALF[1:]]
    flips = find_flips(pair_of(tmp_path, DISH, HALF, new))
    assert flips is not None
    assert (flips.worse, flips.better, flips.other) == ((), (), 1)


def error_lines(errors: list[float], true: list[float]) -> list[Line]:
    """Answers to `nutrition5k.total` whose energy is off by so much; all other nutrients are right."""
    task = TASKS.get("nutrition5k.total")
    keys = {key for metric in task.metrics for key in ((metric.value, metric.over) if metric.value else metric.keys)}
    lines = []
    for index, (error, energy) in enumerate(zip(errors, true, strict=True)):
        values = {str(key): 1.0 for key in keys if key}
        values |= {"absolute_error.kcal": error, "true.kcal": energy, "true.mass": 90.0 * (index + 1)}
        lines.append(Line(f"dish_{index}", values, f"off by {error}"))
    return lines


def test_where_lower_is_better_a_larger_error_is_worse(tmp_path: Path) -> None:
    old, new = error_lines([10, 10, 10, 10], [10, 600, 300, 300]), error_lines([15, 310, 4, 10], [10, 600, 300, 300])
    pair = pair_of(tmp_path, "nutrition5k.total", old, new)
    flips = find_flips(pair)
    assert flips is not None
    assert flips.metric.id == "pmae.kcal"
    assert [flip.index for flip in flips.worse] == [1, 0], "300 kcal of 600 weigh more than 5 of 10"
    assert flips.worse[0].change == pytest.approx(-50), "percent points of that dish"
    assert flips.worse[0].weight < flips.worse[1].weight < 0
    assert [flip.index for flip in flips.better] == [2]


# Slices


def never() -> str:
    raise AssertionError("the dataset is not needed for this slice")


def test_mass_bands_from_the_samples_alone(tmp_path: Path) -> None:
    old = error_lines([10.0] * 8, [100.0] * 8)
    pair = pair_of(tmp_path, "nutrition5k.total", old, error_lines([20.0] * 8, [100.0] * 8))
    found = slice_pair(pair, "mass", never)
    assert [(row.label, row.n) for row in found.rows] == [
        ("below 100 g", 1),
        ("100 to 250 g", 1),
        ("250 to 500 g", 3),
        ("500 g and more", 3),
    ]
    assert [row.result.difference.value for row in found.rows] == pytest.approx([10.0] * 4)


def test_dishes_from_the_ids_without_the_dataset(tmp_path: Path) -> None:
    lines = [replace(line, sample_id=f"{'soup' if index < 20 else 'stew'}/{index}") for index, line in enumerate(HALF)]
    pair = pair_of(tmp_path, DISH, lines, flipped(lines, lost=2))
    found = slice_pair(pair, "dish", lambda: "not here")
    assert [(row.label, row.n, row.result.difference.value) for row in found.rows] == [
        ("soup", 20, pytest.approx(-10)),
        ("stew", 40, 0),
    ]
    numbered = [replace(line, sample_id=f"{index % 12 + 1}/{index}") for index, line in enumerate(HALF)]
    pair = pair_of(tmp_path / "vireo", VIREO, numbered, numbered)
    labels = [row.label for row in slice_pair(pair, "dish", lambda: "not here").rows]
    assert labels == [f"class {number}" for number in range(1, 13)]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"dish"}))
def test_what_is_not_available_comes_with_the_reason(tmp_path: Path, name: str) -> None:
    found = slice_pair(pair_of(tmp_path, DISH, HALF, HALF), name, lambda: "the dataset is not here")
    assert found.rows == ()
    assert found.reason


def test_unknown_slice(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Unknown slice 'colour'"):
        slice_pair(pair_of(tmp_path, DISH, HALF, HALF), "colour", never)


# The whole report


def test_report_lists_what_is_not_compared(tmp_path: Path) -> None:
    baseline = write_run(tmp_path / "old", {DISH: HALF, VIREO: HALF})
    candidate = write_run(tmp_path / "new", {DISH: flipped(HALF, lost=3), REFER: refer_lines([0.5])})
    report = compare_runs(*sides(baseline, candidate), Wanted(flips=2))
    (task,) = report.tasks
    assert task.flips is not None
    assert (task.flips.worse, len(task.flips.shown_worse)) == (3, 2)
    assert task.flips.shown_worse[0].baseline_answer == "soup"
    assert task.flips.shown_worse[0].candidate_answer == "soap"
    assert {each.task: each.kind for each in report.not_compared} == {VIREO: "gone", REFER: "new"}
