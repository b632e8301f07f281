"""Levels and error classes of single answers."""

from __future__ import annotations

import pytest

from foodbench.core.types import Score
from foodbench.site.outcomes import outcome_of, value_of
from foodbench.tasks import TASKS


def score(values: dict[str, float], *, parsed: bool = True, error: str | None = None) -> Score:
    return Score(sample_id="a", cluster="a", parsed=parsed, values=values, detail={}, error=error)


@pytest.mark.parametrize(("correct", "expected"), [(1.0, ("right", "right")), (0.0, ("wrong", "wrong"))])
def test_right_and_wrong(correct: float, expected: tuple[str, str]) -> None:
    task = TASKS.get("food101.dish")
    found = outcome_of(task, task.metrics[0], score({"correct": correct}))
    assert (found.level, found.text) == expected
    assert found.value == 100 * correct


def test_unread_is_its_own_level() -> None:
    task = TASKS.get("food101.dish")
    found = outcome_of(task, task.metrics[0], score({"correct": 0.0}, parsed=False, error="bad envelope"))
    assert (found.level, found.text) == ("unread", "malformed")


@pytest.mark.parametrize(
    ("values", "level", "text"),
    [
        ({"absent": 1, "refused": 1, "present": 0, "answered": 0}, "right", "rightly refused"),
        ({"absent": 2, "refused": 1, "present": 0, "answered": 0}, "wrong", "marked what is not there"),
        ({"absent": 0, "refused": 0, "present": 1, "answered": 0}, "wrong", "nothing marked"),
        ({"absent": 0, "refused": 0, "present": 1, "answered": 1}, "right", "good"),
    ],
)
def test_marks(values: dict[str, float], level: str, text: str) -> None:
    task = TASKS.get("foodseg103.refer1")
    found = outcome_of(task, task.metrics[0], score({"intersection": 90, "union": 100, **values}))
    assert (found.level, found.text) == (level, text)


@pytest.mark.parametrize(("off", "level"), [(5.0, "right"), (20.0, "part"), (80.0, "wrong")])
def test_errors_in_percent(off: float, level: str) -> None:
    task = TASKS.get("nutrition5k.total")
    metric = task.metrics[0]
    assert not metric.higher_is_better
    found = outcome_of(task, metric, score({metric.value: off, str(metric.over): 100.0}))
    assert found.level == level
    assert found.value == pytest.approx(off)


def test_one_sample_is_the_metric_of_one_sample() -> None:
    for name in ("food101.dish", "nutrition5k.total", "foodseg103.refer1"):
        metric = TASKS.get(name).metrics[0]
        values = {metric.value: 1.0, str(metric.over): 2.0}
        assert value_of(metric, values) == pytest.approx(metric.of_samples([values]))


def test_without_values_nothing_is_measured() -> None:
    task = TASKS.get("food101.dish")
    assert outcome_of(task, task.metrics[0], score({})).value is None
    assert outcome_of(None, None, score({})).level == "part"
