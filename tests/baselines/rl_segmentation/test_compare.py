"""The table of the seeds is that of the committed runs, and says what they say."""

from __future__ import annotations

import re

from baselines.common.readme_tables import BEGIN, END
from baselines.rl_segmentation import compare
from foodbench.core.types import Score


def scores(*values: float) -> tuple[Score, ...]:
    return tuple(Score(f"{index}", f"{index}", True, {"iou": value}, None, {}) for index, value in enumerate(values))


def test_readme_has_the_table_of_the_committed_runs() -> None:
    text = compare.README.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == compare.markdown()


def test_no_seed_is_below_its_start() -> None:
    start = compare.read("start")
    for algorithm in compare.ALGORITHMS:
        runs = [compare.read(f"{algorithm}-{seed}") for seed in compare.SEEDS]
        for run in runs:
            assert (compare.difference(start["fresh"], run["fresh"]).value or 0) > 0
        mean = compare.difference(start["fresh"], compare.mean_of(runs)["fresh"])
        assert mean.low is not None
        assert mean.low > 0


def test_the_mean_is_taken_question_by_question() -> None:
    runs = [{kitchen: scores(*values) for kitchen in compare.KITCHENS} for values in ((0.0, 1.0), (0.5, 0.5))]
    assert [one.values["iou"] for one in compare.mean_of(runs)["fresh"]] == [0.25, 0.75]


def test_committed_runs_name_no_path_of_a_machine() -> None:
    for path in compare.RUNS.glob("*/run.json"):
        assert not re.search(r'"/(tmp|work|home|root)\b', path.read_text(encoding="utf-8"))
