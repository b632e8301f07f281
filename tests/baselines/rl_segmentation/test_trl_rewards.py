"""The rewards as TRL calls them: each completion scored once, and none of them ends a training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from trl.rewards import get_soft_overlong_punishment

from baselines.common.trl_rewards import completion_text
from baselines.rl_segmentation.rewards import DEFAULTS, Rewards, score
from baselines.rl_segmentation.sampling_settings import SamplingSettings
from baselines.rl_segmentation.trl_rewards import (
    OVERLONG,
    PARTS,
    Scoring,
    overlong,
    read_solution,
    reward_functions,
    write_solution,
)
from foodbench.models.qwen_seg.references import Reference, format_answer
from tests.baselines.rl_segmentation.training_helpers import logged, trainer

EGG = Reference((10, 20, 30, 40), (20, 30))
RICE = Reference((50, 20, 80, 40), (60, 30))


def chat(text: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text}]


def test_solutions_are_read_as_they_were_written() -> None:
    assert write_solution([EGG, RICE]) == (
        '[{"bbox_2d": [10,20,30,40], "point_2d": [20,30]}, {"bbox_2d": [50,20,80,40], "point_2d": [60,30]}]'
    )
    assert read_solution(write_solution([EGG, RICE])) == (EGG, RICE)
    assert read_solution(write_solution([])) == ()


@pytest.mark.parametrize("solution", ["", "{}", "[1]", '[{"bbox_2d": [1, 2, 3, 4]}]'])
def test_a_solution_that_is_none_is_an_error(solution: str) -> None:
    with pytest.raises(ValueError):
        read_solution(solution)


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("plain", "plain"),
        (chat("said"), "said"),
        (chat(None), ""),
        (chat([{"type": "text", "text": "part"}]), '[{"type": "text", "text": "part"}]'),
        ([], "[]"),
        (None, ""),
        ([{"role": "assistant"}], ""),
    ],
)
def test_the_text_of_a_completion(completion: Any, text: str) -> None:
    assert completion_text(completion) == text


def test_each_part_is_a_function_with_its_name() -> None:
    functions = reward_functions(Scoring(840))
    assert [function.__name__ for function in functions] == list(PARTS)
    completions = [chat(format_answer("There.", [EGG])), chat("no")]
    solution = [write_solution([EGG])] * 2
    found = {each.__name__: each(completions=completions, solution=solution, image=[None] * 2) for each in functions}
    assert found == {
        "thinking_format": [1.0, 0.0],
        "answer_format": [2.0, 0.0],
        "non_repeat": [1.0, 1.0],
        "segmentation": [3.0, 0.0],
    }


def test_terms_and_failures_are_told_to_the_log() -> None:
    told: dict[str, list[float]] = {}
    solution = [write_solution([EGG, RICE])] * 2
    completions = [chat(format_answer("a", [EGG])), chat("no")]
    for function in reward_functions(Scoring(840)):
        function(
            completions=completions,
            solution=solution,
            log_metric=lambda name, value: told.setdefault(name, []).append(value),
        )
    assert told == {
        "rewards/failed": [0.0],
        "rewards/box_iou/mean": [0.25],
        "rewards/box_l1/mean": [0.25],
        "rewards/point_l2/mean": [0.25],
    }


class Counting:
    """Scores, and raises for texts with a certain word."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, text: str, *rest: Any) -> Rewards:
        self.calls += 1
        if "bomb" in text:
            raise RuntimeError("no scoring of that")
        return score(text, *rest)


def test_completions_are_scored_once_for_all_parts() -> None:
    scorer = Counting()
    functions = reward_functions(Scoring(840, DEFAULTS, scorer))
    completions, solution = [chat("a"), chat("a"), chat("b")], [write_solution([EGG])] * 3
    for function in functions:
        function(completions=completions, solution=solution)
    assert scorer.calls == 3
    functions[0](completions=list(completions), solution=solution)
    assert scorer.calls == 6


def test_a_scorer_that_raises_earns_nothing_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    scoring = Scoring(840, DEFAULTS, Counting())
    functions = reward_functions(scoring)
    right = format_answer("There.", [EGG])
    completions, solution = [chat(right), chat("a bomb"), chat(right)], [write_solution([EGG])] * 3
    told: dict[str, float] = {}
    with caplog.at_level(logging.WARNING):
        found = [
            function(completions=completions, solution=solution, log_metric=told.__setitem__) for function in functions
        ]
    assert [sum(rewards) for rewards in zip(*found, strict=True)] == [7.0, 0.0, 7.0]
    assert scoring.failed == 1
    assert told["rewards/failed"] == 1.0
    assert "no scoring of that" in caplog.text


def test_a_damaged_row_costs_its_completions_only() -> None:
    scoring = Scoring(840)
    rewards = scoring.all([chat(format_answer("a", [EGG]))] * 2, ["not a list", write_solution([EGG])])
    assert [one.total for one in rewards] == [0.0, 7.0]
    assert scoring.failed == 1


HOSTILE = [
    "",
    "\x00",
    "<think>" * 1000,
    '<answer>[{"bbox_2d": [NaN, Infinity, -Infinity, 1e999], "point_2d": [null, "x"]}]</answer>',
    "<answer>" + "[" * 100_000,
    format_answer("a", [EGG] * 200),
]


def test_a_training_goes_on_through_hostile_completions_and_rewards_that_raise(
    checkpoint: Path, tmp_path: Path
) -> None:
    """The model's own completions are replaced by hostile ones; a part of them cannot be scored at all."""
    scoring = Scoring(28, DEFAULTS, Counting())
    texts = [*HOSTILE, "a bomb", format_answer("ok", [Reference((1, 2, 20, 21), (10, 11))])]
    run = trainer(checkpoint, tmp_path, reward_functions(scoring), sampling=SamplingSettings(rounds=2), max_steps=2)
    decode = run.processing_class.batch_decode

    def hostile(ids: Any, **options: Any) -> list[str]:
        return [texts[place % len(texts)] for place, _ in enumerate(decode(ids, **options))]

    run.processing_class.batch_decode = hostile
    run.train()
    assert run.state.global_step == 2
    assert scoring.failed == 1
    assert sum(logged(run, "rewards/failed")) == 1
    assert logged(run, "dynamic_sampling/kept") == [1.0]


def test_long_answers_are_punished_as_dapo_does_it() -> None:
    punish = overlong(100, 20)
    assert punish.__name__ == OVERLONG
    assert punish(completion_ids=[[0] * length for length in (0, 80, 90, 100, 101)]) == [0.0, 0.0, -0.5, -1.0, -1.0]
    assert get_soft_overlong_punishment(100, 20).__name__ != OVERLONG
