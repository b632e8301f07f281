"""DAPO's dynamic sampling on top of TRL's GRPO trainer, which has none.

A group of completions whose rewards are all the same teaches nothing. Such groups are replaced: fresh questions are
drawn and answered until enough groups differ, or the rounds are used up. What then goes on to TRL are Python lists of
tokens and texts, so that padding, pictures, old log-probabilities and vLLM's corrections stay TRL's own.

Only private methods whose signatures a test pins are touched: `_generate`, `_calculate_rewards`,
`_generate_and_score_completions`, `_save_checkpoint`, `_load_optimizer_and_scheduler`. Completions are scored once:
TRL's second call gets the rewards that the groups were chosen by.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather, gather_object
from datasets import IterableDataset
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages

from baselines.rl_segmentation.sampling_settings import SamplingSettings
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.files import atomic_write_json
from foodbench.core.hashing import stable_seed

STATE_FILE = "dynamic_sampling.json"
SPREAD = 1e-6
"""Rewards of a group that are this close are the same."""
_LEAST_RATE = 0.25
"""However few groups are kept, so many times what is missing (its inverse) is drawn at most."""


@dataclass(frozen=True, slots=True)
class KeepRule:
    """Decides about groups by their rewards.

    Attributes:
        settings: the rule and its bounds.
        counted: for each reward function whether it says how good an answer is; a punishment of length does not.
        accuracy: position of the function that says whether an answer is right; None: `accuracy_open` cannot be used.
        maximum: the most that function gives.
    """

    settings: SamplingSettings
    counted: tuple[bool, ...]
    accuracy: int | None = None
    maximum: float = 1.0

    def keeps(self, rewards: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Which groups are kept.

        Args:
            rewards: (groups, completions, functions); NaN where a function does not apply.
            weights: (functions,).

        Returns:
            (groups,) of booleans; a group without completions is not kept.
        """
        if rewards.shape[1] == 0:
            return torch.zeros(rewards.shape[0], dtype=torch.bool)
        counted = torch.tensor(self.counted, device=rewards.device)
        earned = (rewards * weights.to(rewards.device))[..., counted].nansum(dim=2)
        kept = earned.amax(dim=1) - earned.amin(dim=1) > SPREAD
        if self.settings.rule == "accuracy_open" and self.accuracy is not None:
            share = rewards[..., self.accuracy].nan_to_num(0.0).mean(dim=1) / self.maximum
            kept &= (share > self.settings.low) & (share < self.settings.high)
        return kept


@dataclass(frozen=True, slots=True)
class Group:
    """One question's completions, as TRL's generation returns them, and what they earned.

    `rewards` is (completions, functions), `kept` whether they differ; everything else is a list with one entry per
    completion.
    """

    rows: list[dict[str, Any]]
    prompt_ids: list[list[int]]
    completion_ids: list[list[int]]
    completions: list[Any]
    logprobs: list[Any] | None
    images: list[Any] | None
    rewards: torch.Tensor
    kept: bool = True


@dataclass(slots=True)
class _Course:
    """What happened while a batch was filled."""

    groups: int = 0
    kept: int = 0
    rounds: int = 0
    generating: float = 0.0
    scoring: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    @property
    def rate(self) -> float:
        """Share of the groups that were kept."""
        return self.kept / max(1, self.groups)


class DynamicSampling(GRPOTrainer):
    """GRPO trainer that learns from groups whose rewards differ.

    Args:
        keep_rule: which groups these are; None: all of them, as TRL does.
        everything else: as for `trl.GRPOTrainer`.

    Attributes:
        last_rollout: the groups of the last batch on this process, those that it is not learnt from included.

    Raises:
        UsageError: the batch does not hold whole groups on each process, or the dataset cannot be indexed.
    """

    def __init__(self, *args: Any, keep_rule: KeepRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keep_rule = keep_rule
        self.last_rollout: list[Group] = []
        self._draws = 0
        self._order: tuple[int, np.ndarray] | None = None
        self._replayed: list[Group] | None = None
        if keep_rule is not None:
            self._check(keep_rule)

    def _check(self, rule: KeepRule) -> None:
        local = self.args.per_device_train_batch_size * self._whole(self.args.steps_per_generation)
        if local % self._group_size:
            raise UsageError(
                f"Dynamic sampling needs whole groups on each process: {local} completions of a rollout cannot be "
                f"divided into groups of {self.num_generations}.",
                hint="Make per_device x steps per generation a multiple of the completions per question.",
            )
        if isinstance(self.train_dataset, IterableDataset) or not len(self.train_dataset):
            raise UsageError("Dynamic sampling draws questions by number.", hint="Give a dataset that has a length.")
        if self.rollout_func is not None or self.tools or self.environment_factories is not None:
            raise UsageError("Dynamic sampling knows no tools and no rollouts of one's own.", hint="Leave them out.")
        if len(rule.counted) != len(self.reward_funcs):
            raise UsageError(
                f"The rule knows {len(rule.counted)} rewards, the trainer {len(self.reward_funcs)}.",
                hint="Give the rule one entry for each reward function.",
            )
        if rule.settings.rule == "accuracy_open" and rule.accuracy is None:
            raise UsageError("The rule accuracy_open needs to know which reward is the accuracy.", hint="Name it.")

    @staticmethod
    def _whole(setting: int | None) -> int:
        """A number of TRL's configuration, which fills it in if it is left open."""
        return 1 if setting is None else setting

    @property
    def _group_size(self) -> int:
        return self._whole(self.num_generations)

    # The three hooks of TRL

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if self.keep_rule is None or not self.model.training:
            return super()._generate_and_score_completions(inputs)
        self._replayed = self._fill(inputs, self.keep_rule)
        try:
            return super()._generate_and_score_completions([row for group in self._replayed for row in group.rows])
        finally:
            self._replayed = None

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        if self._replayed is None:
            return super()._generate(prompts)
        groups = self._replayed
        has_logprobs, has_images = groups[0].logprobs is not None, groups[0].images is not None
        return (
            [ids for group in groups for ids in group.prompt_ids],
            [ids for group in groups for ids in group.completion_ids],
            None,
            [completion for group in groups for completion in group.completions],
            [values for group in groups for values in group.logprobs or ()] if has_logprobs else None,
            {},
            [images for group in groups for images in group.images or ()] if has_images else None,
            [],
        )

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> torch.Tensor:
        if self._replayed is None:
            return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        return gather(torch.cat([group.rewards for group in self._replayed]))

    # Filling a batch

    def _fill(self, inputs: list[dict[str, Any]], rule: KeepRule) -> list[Group]:
        """As many groups as the inputs are, those that teach something first."""
        due = len(inputs) // self._group_size
        kept: list[Group] = []
        others: list[Group] = []
        course = _Course()
        while True:
            groups = self._answer(inputs, course)
            verdicts = rule.keeps(torch.stack([group.rewards for group in groups]), self.reward_weights).tolist()
            for group, keeps in zip(groups, verdicts, strict=True):
                (kept if keeps else others).append(replace(group, kept=keeps))
            course.rounds, course.groups, course.kept = course.rounds + 1, course.groups + len(groups), len(kept)
            # Every process must generate as often, and as much, as the one that misses most.
            states = gather_object([(len(kept), course.groups)])
            missing = due - min(count for count, _ in states)
            if missing <= 0 or course.rounds >= rule.settings.rounds:
                break
            rate = sum(count for count, _ in states) / sum(count for _, count in states)
            drawn = min(due, math.ceil(missing / max(rate, _LEAST_RATE)))
            inputs = [row for row in self._draw(drawn) for _ in range(self._group_size)]
        self._note(course, due)
        self.last_rollout = [*kept, *others]
        # What fills the batch up has no rewards, and so no advantage: it keeps the shapes and teaches nothing.
        return [*kept, *(replace(group, rewards=torch.full_like(group.rewards, torch.nan)) for group in others)][:due]

    def _answer(self, inputs: list[dict[str, Any]], course: _Course) -> list[Group]:
        prompts = _prompts(inputs)
        began = time.perf_counter()
        prompt_ids, completion_ids, _, completions, logprobs, _, images, _ = super()._generate(prompts)
        generated = time.perf_counter()
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids)
        course.generating += generated - began
        course.scoring += time.perf_counter() - generated
        self._pending_extra_logs.clear()  # TRL logs them beside the completions that it learns from
        self._note_rewards(rewards)
        first = self.accelerator.process_index * len(inputs)
        own = rewards[first : first + len(inputs)]
        return [
            Group(
                inputs[part],
                prompt_ids[part],
                completion_ids[part],
                completions[part],
                None if logprobs is None else logprobs[part],
                None if images is None else images[part],
                own[part],
            )
            for part in _slices(len(inputs), self._group_size)
        ]

    def _draw(self, count: int) -> list[dict[str, Any]]:
        """Fresh questions: the next ones of an order of their own, of which each process takes every n-th."""
        processes, indices = self.accelerator.num_processes, []
        for _ in range(count):
            epoch, place = divmod(self._draws * processes + self.accelerator.process_index, len(self.train_dataset))
            if self._order is None or self._order[0] != epoch:
                rng = np.random.default_rng(stable_seed("dynamic sampling", self.args.seed, epoch))
                self._order = (epoch, rng.permutation(len(self.train_dataset)))
            indices.append(int(self._order[1][place]))
            self._draws += 1
        return [self.train_dataset[index] for index in indices]

    # What is logged

    def _note_rewards(self, rewards: torch.Tensor) -> None:
        """Mean rewards of all that was generated: unlike those of the kept groups, they say how good the model is."""
        metrics = self._metrics["train"]
        for name, values in zip(self.reward_func_names, rewards.T, strict=True):
            metrics[f"rollout/{name}"].append(torch.nanmean(values).item())
        weighted = (rewards * self.reward_weights.to(rewards.device)).nansum(dim=1)
        metrics["rollout/reward"].append(weighted.mean().item())

    def _note(self, course: _Course, due: int) -> None:
        everything = time.perf_counter() - course.began
        metrics = self._metrics["train"]
        states = gather_object([(course.kept, course.groups)])
        noted = {
            "rounds": float(course.rounds),
            "kept": sum(kept for kept, _ in states) / sum(groups for _, groups in states),
            "unfilled": float(sum(max(0, due - kept) for kept, _ in states)),
            "surplus": float(sum(max(0, kept - due) for kept, _ in states)),
            "generate_seconds": course.generating,
            "reward_seconds": course.scoring,
            "other_seconds": everything - course.generating - course.scoring,
        }
        for name, value in noted.items():
            metrics[f"dynamic_sampling/{name}"].append(value)

    # The state

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save and folder.is_dir():
            atomic_write_json(folder / STATE_FILE, {"draws": self._draws})

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and (Path(checkpoint) / STATE_FILE).is_file():
            self._draws = read_draws(Path(checkpoint) / STATE_FILE)


def read_draws(path: Path) -> int:
    """How many questions each process had drawn when a checkpoint was written.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        draws = json.loads(path.read_text(encoding="utf-8"))["draws"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} cannot be read.", hint="Continue from an earlier checkpoint.") from error
    if not isinstance(draws, int) or isinstance(draws, bool) or draws < 0:
        raise CheckpointError(f"{path}: draws is {draws!r:.40}.", hint="Continue from an earlier checkpoint.")
    return draws


def _slices(total: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, total, size))


def _prompts(inputs: Sequence[dict[str, Any]]) -> list[Any]:
    """The chats of rows with their pictures in place, as TRL makes them."""
    if "images" in inputs[0]:
        pictures = [row.get("images") for row in inputs]
    elif "image" in inputs[0]:
        pictures = [None if row.get("image") is None else [row["image"]] for row in inputs]
    else:
        return [row["prompt"] for row in inputs]
    return [
        prepare_multimodal_messages(row["prompt"], images=images) for row, images in zip(inputs, pictures, strict=True)
    ]


__all__ = ["STATE_FILE", "DynamicSampling", "Group", "KeepRule", "SamplingSettings", "read_draws"]
