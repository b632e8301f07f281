"""What lmms-eval is told about a metric."""

from __future__ import annotations

import math

from foodbench.metrics.energy import EMPTY_PLATE
from foodbench.tasks.hooks import TaskHooks


def test_a_number_that_does_not_exist_is_no_perfect_zero() -> None:
    aggregate = TaskHooks.aggregation(EMPTY_PLATE)
    nothing = {EMPTY_PLATE.value: 0.0, str(EMPTY_PLATE.over): 0.0}
    assert math.isnan(aggregate([nothing]))
    assert aggregate([nothing, {EMPTY_PLATE.value: 0.0, str(EMPTY_PLATE.over): 1.0}]) == 0.0


def test_the_table_of_lmms_eval_prints_it() -> None:
    from lmms_eval.utils import make_table

    number = TaskHooks.aggregation(EMPTY_PLATE)([])
    table = make_table({"results": {"task": {"kcal,none": number}}, "n-shot": {"task": 0}})
    (row,) = (line for line in table.splitlines() if "kcal" in line)
    assert "nan" in row.lower()
    assert "0.0000" not in row
