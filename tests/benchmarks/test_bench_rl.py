"""Reinforcement learning at kitchen size: a rollout with its updates, and what is spent beside generating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baselines.rl_segmentation.data import to_rows
from baselines.rl_segmentation.dynamic_sampling import KeepRule
from baselines.rl_segmentation.rewards import score
from baselines.rl_segmentation.sampling_settings import SamplingSettings
from baselines.rl_segmentation.sharing import share_pictures
from baselines.rl_segmentation.trainers import RewardTrainer
from foodbench.models.qwen_seg.checkpoint import load_model
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT
from foodbench.models.qwen_seg.references import Reference, format_answer
from tests.baselines.rl_segmentation.random_model import build
from tests.baselines.rl_segmentation.training_helpers import arguments, logged, questions

SIDE = 98
UPDATES, PROMPTS, COMPLETIONS = 4, 16, 8
MOST_WASTE = 0.05
"""Of the time for a rollout that choosing groups may take, beside generating and scoring."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.58 million parameters, as the kitchen model had at first."""
    return build(tmp_path_factory.mktemp("kitchen-size"), side=SIDE)


def picky(completions: list[Any], **_columns: Any) -> list[float]:
    """Whether an answer has many letters: about half of the groups differ."""
    return [float(sum(character.isalpha() for character in one[0]["content"]) > 70) for one in completions]


def dapo(checkpoint: Path, folder: Path, rollouts: int) -> RewardTrainer:
    model, processor = load_model(checkpoint)
    share_pictures(model)
    return RewardTrainer(
        model=model,
        processing_class=processor,
        args=arguments(
            folder,
            per_device_train_batch_size=PROMPTS * COMPLETIONS // UPDATES,
            steps_per_generation=UPDATES,
            num_generations=COMPLETIONS,
            max_completion_length=72,
            max_steps=rollouts * UPDATES,
            learning_rate=1e-6,
        ),
        train_dataset=to_rows(questions(64, SIDE), SHORT_PROMPT, SIDE),
        reward_funcs=[picky],
        keep_rule=KeepRule(SamplingSettings(rounds=3), (True,), 0),
    )


def test_a_rollout_and_its_four_updates(benchmark: Any, checkpoint: Path, tmp_path: Path) -> None:
    """128 completions, up to three rounds; a hundred updates are 25 of these."""
    runs: list[RewardTrainer] = []

    def fresh() -> tuple[tuple[RewardTrainer], dict[str, Any]]:
        runs.append(dapo(checkpoint, tmp_path / str(len(runs)), rollouts=1))
        return (runs[-1],), {}

    benchmark.pedantic(lambda run: run.train(), setup=fresh, rounds=2, iterations=1, warmup_rounds=1)
    if benchmark.stats is not None:  # it is with --benchmark-disable
        benchmark.extra_info["seconds of a hundred updates"] = 25 * benchmark.stats.stats.min


def test_choosing_groups_takes_no_time_beside_generating(benchmark: Any, checkpoint: Path, tmp_path: Path) -> None:
    run = dapo(checkpoint, tmp_path, rollouts=3)
    benchmark.pedantic(run.train, rounds=1, iterations=1)
    assert max(logged(run, "dynamic_sampling/rounds")) > 1
    spent = {name: sum(logged(run, f"dynamic_sampling/{name}_seconds")) for name in ("generate", "reward", "other")}
    share = spent["other"] / sum(spent.values())
    benchmark.extra_info["share of a rollout spent on choosing"] = share
    assert share < MOST_WASTE


@pytest.mark.parametrize("count", [1, 3, 120])
def test_scoring_a_rollout(benchmark: Any, count: int) -> None:
    """128 answers with so many references each, three of which are right."""
    truth = [Reference((place, 10, place + 30, 60), (place + 10, 30)) for place in (0, 300, 600)]
    given = [Reference((place, 12, place + 29, 61), (place + 9, 31)) for place in range(0, 5 * count, 5)]
    text = format_answer("There they are.", given)
    benchmark(lambda: [score(text, truth, 840) for _ in range(PROMPTS * COMPLETIONS)])
