"""Advantages and losses of the paper's equations 9, 10 and 11, worked out apart from TRL in float64."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from foodbench.models.qwen_seg.checkpoint import load_model
from tests.baselines.rl_segmentation.training_helpers import letters, trainer

GROUP, PROMPTS, UPDATES = 4, 3, 2
SMALL = 1e-4
"""TRL divides by the standard deviation of a group plus this."""


def advantages(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equation 9, (groups, completions). The deviation is that of a sample, as in TRL."""
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return centred / (rewards.std(axis=1, ddof=1, keepdims=True) + SMALL)


def clipped_gain(
    new: NDArray[np.float64], old: NDArray[np.float64], advantage: float, low: float, high: float
) -> NDArray[np.float64]:
    """By token: the smaller of the plain and the clipped product of ratio and advantage."""
    ratio = np.exp(new - old)
    return np.minimum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage)


def divergence(new: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """By token: the estimate of the divergence from the reference that is never negative."""
    return np.exp(reference - new) - (reference - new) - 1


def token_logps(checkpoint: Path, weights: dict[str, Any], batch: dict[str, Any]) -> list[NDArray[np.float64]]:
    """For each completion the log-probabilities of its tokens, by a plain forward pass in float64.

    In a model of its own: TRL replaces the forward method of those that it trains.
    """
    double = load_model(checkpoint)[0].double()
    double.load_state_dict(weights)
    prompt, answer = batch["prompt_ids"], batch["completion_ids"]
    with torch.no_grad():
        logits = double(
            input_ids=torch.cat([prompt, answer], 1),
            attention_mask=torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1),
            pixel_values=batch["pixel_values"].double(),
            image_grid_thw=batch["image_grid_thw"],
            mm_token_type_ids=batch["mm_token_type_ids"],
        ).logits
    found = []
    for row in range(len(answer)):
        length = int(batch["completion_mask"][row].sum())
        scores = logits[row, prompt.shape[1] - 1 : prompt.shape[1] - 1 + length].numpy()
        scores = scores - scores.max(axis=1, keepdims=True)
        normal = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        found.append(normal[np.arange(length), answer[row, :length].numpy()])
    return found


class Rollout:
    """One rollout of a trainer whose weights then move, and what TRL makes of it."""

    def __init__(self, checkpoint: Path, folder: Path, **changes: Any) -> None:
        self.run = trainer(
            checkpoint,
            folder,
            count=PROMPTS,
            per_device_train_batch_size=GROUP * PROMPTS // UPDATES,
            steps_per_generation=UPDATES,
            num_generations=GROUP,
            max_completion_length=12,
            **changes,
        )
        self.run.create_optimizer()
        self.run.current_gradient_accumulation_steps = 1
        rows = [self.run.train_dataset[number] for number in range(PROMPTS) for _ in range(GROUP)]
        self.checkpoint = checkpoint
        self.before = copy.deepcopy(self.run.model.state_dict())
        torch.manual_seed(5)
        self.run.model.train()
        self.batch = self.run._generate_and_score_completions(rows)
        self.texts = list(self.run._logs["completion"])
        with torch.no_grad():
            for parameter in self.run.model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))

    def logps(self) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """By the moved weights, and by those that the rollout was made with."""
        now = token_logps(self.checkpoint, self.run.model.state_dict(), self.batch)
        return now, token_logps(self.checkpoint, self.before, self.batch)

    def losses(self) -> list[float]:
        """Of each update's part."""
        size = GROUP * PROMPTS // UPDATES
        grids = self.batch["image_grid_thw"]
        patches = int(grids[0].prod())
        found = []
        for start in range(0, GROUP * PROMPTS, size):
            rows = slice(start, start + size)
            part = {
                name: value[rows] if isinstance(value, (torch.Tensor, list)) and name != "num_items_in_batch" else value
                for name, value in self.batch.items()
            }
            part["pixel_values"] = self.batch["pixel_values"][start * patches : (start + size) * patches]
            with torch.no_grad():
                found.append(float(self.run.compute_loss(self.run.model, part)))
        return found


def test_advantages(checkpoint: Path, tmp_path: Path) -> None:
    rollout = Rollout(checkpoint, tmp_path)
    rewards = np.array(letters(rollout.texts)).reshape(PROMPTS, GROUP)
    assert rewards.std() > 0
    expected = advantages(rewards.astype(np.float32).astype(np.float64)).ravel()
    assert rollout.batch["advantages"].numpy() == pytest.approx(expected, abs=1e-5)


def test_old_probabilities(checkpoint: Path, tmp_path: Path) -> None:
    rollout = Rollout(checkpoint, tmp_path)
    for row, expected in enumerate(rollout.logps()[1]):
        found = rollout.batch["old_per_token_logps"][row, : len(expected)].numpy()
        assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kl", [0.0, 0.5])
def test_grpo(checkpoint: Path, tmp_path: Path, kl: float) -> None:
    """Equation 10: the mean over completions of their mean over tokens, less the divergence."""
    rollout = Rollout(checkpoint, tmp_path, loss_type="grpo", beta=kl, epsilon=0.2, epsilon_high=0.2)
    new, old = rollout.logps()
    gains = [
        (clipped_gain(now, then, float(advantage), 0.2, 0.2) - kl * divergence(now, then)).mean()
        for now, then, advantage in zip(new, old, rollout.batch["advantages"].double(), strict=True)
    ]
    assert np.mean(rollout.losses()) == pytest.approx(-np.mean(gains), abs=1e-5)


def test_grpo_with_a_corrected_divergence(checkpoint: Path, tmp_path: Path) -> None:
    """TRL's own default, which recipes must ask for: the divergence times the ratio."""
    rollout = Rollout(
        checkpoint, tmp_path, loss_type="grpo", beta=0.5, epsilon=0.2, epsilon_high=0.2, use_bias_correction_kl=True
    )
    new, old = rollout.logps()
    gains = [
        (clipped_gain(now, then, float(one), 0.2, 0.2) - 0.5 * divergence(now, then) * np.exp(now - then)).mean()
        for now, then, one in zip(new, old, rollout.batch["advantages"].double(), strict=True)
    ]
    assert np.mean(rollout.losses()) == pytest.approx(-np.mean(gains), abs=1e-5)


def test_dapo(checkpoint: Path, tmp_path: Path) -> None:
    """Equation 11: the mean over all tokens of all completions, with bounds of their own above and below."""
    rollout = Rollout(checkpoint, tmp_path, loss_type="dapo", epsilon=0.2, epsilon_high=0.28)
    new, old = rollout.logps()
    gains = np.concatenate(
        [
            clipped_gain(now, then, float(advantage), 0.2, 0.28)
            for now, then, advantage in zip(new, old, rollout.batch["advantages"].double(), strict=True)
        ]
    )
    ratios = np.exp(np.concatenate(new) - np.concatenate(old))
    assert ((ratios > 1.2) & (ratios < 1.28)).any(), "somewhere the wider bound matters"
    assert (ratios > 1.28).any()
    assert np.mean(rollout.losses()) == pytest.approx(-gains.mean(), abs=1e-5)


def test_the_wider_bound_lets_rare_tokens_grow() -> None:
    """A token 25 % likelier than before, in an answer better than its group's mean, still counts with DAPO."""
    ratio = np.log([1.25])
    assert clipped_gain(ratio, np.zeros(1), 1.0, 0.2, 0.2) == pytest.approx([1.2])
    assert clipped_gain(ratio, np.zeros(1), 1.0, 0.2, 0.28) == pytest.approx([1.25])
    assert clipped_gain(-ratio, np.zeros(1), -1.0, 0.2, 0.28) == pytest.approx([-0.8])
