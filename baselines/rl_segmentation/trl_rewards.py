"""The rewards as TRL calls them: one function for each part, so that each part is logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from baselines.rl_segmentation.rewards import DEFAULTS, Rewards, RewardSettings, score
from foodbench.models.qwen_seg.references import Reference, format_answer, parse_answer

PARTS = ("thinking_format", "answer_format", "non_repeat", "segmentation")
"""Names of the paper's four rewards, in the order of the functions; weight 1 each."""
OVERLONG = "overlong"
"""Name of the fifth, which takes away from long answers; it says nothing about whether an answer is right."""
_TERMS = ("box_iou", "box_l1", "point_l2")
_SHOWN = 120
_log = logging.getLogger(__name__)

Scorer = Callable[[str, Sequence[Reference], int, RewardSettings], Rewards]


def write_solution(references: Sequence[Reference]) -> str:
    """References as the column `solution` of training rows has them: the list of an answer, integers."""
    return format_answer("", references).partition("<answer>")[2].removesuffix("</answer>")


def read_solution(solution: str) -> tuple[Reference, ...]:
    """The references of `write_solution`.

    Raises:
        ValueError: the text is no such list.
    """
    answer = parse_answer(f"<answer>{solution}</answer>")
    if answer.items is None or answer.refused:
        raise ValueError(f"no list of references: {solution:.80}")
    return answer.references


def completion_text(completion: Any) -> str:
    """The text of a completion: a plain one, or the content of a chat's last message."""
    if isinstance(completion, list) and completion and isinstance(completion[-1], dict):
        completion = completion[-1].get("content")
    if isinstance(completion, str):
        return completion
    return "" if completion is None else json.dumps(completion, default=str)


class Scoring:
    """Scores completions, each once for all the functions that ask for it.

    Args:
        grid: side of the square that coordinates are in.
        settings: of the rewards.
        scorer: computes them.

    Attributes:
        failed: how many completions could not be scored so far; they earn nothing, and training goes on.
    """

    def __init__(self, grid: int, settings: RewardSettings = DEFAULTS, scorer: Scorer = score) -> None:
        self.failed = 0
        self._grid, self._settings, self._scorer = grid, settings, scorer
        self._batch: tuple[Sequence[Any], Sequence[str]] | None = None
        self._rewards: list[Rewards] = []

    def all(self, completions: Sequence[Any], solution: Sequence[str]) -> list[Rewards]:
        """The rewards of completions, in their order; those of the last batch are remembered."""
        if self._batch is None or self._batch[0] is not completions or self._batch[1] is not solution:
            pairs = zip(completions, solution, strict=True)
            self._rewards = [self._one(completion_text(one), due) for one, due in pairs]
            self._batch = (completions, solution)
        return self._rewards

    def _one(self, text: str, solution: str) -> Rewards:
        try:
            return self._scorer(text, read_solution(solution), self._grid, self._settings)
        except Exception as error:  # whatever a scorer raises: one completion must not end hours of training
            self.failed += 1
            reason = f"{type(error).__name__}: {error}"
            _log.warning("A completion could not be scored and earns nothing (%s): %r", reason, text[:_SHOWN])
            return Rewards()


class PartReward:
    """One part of the rewards, in the form of TRL's reward functions.

    Args:
        name: under which it is logged: one of `PARTS`.
        scoring: shared by the parts.
    """

    def __init__(self, name: str, scoring: Scoring) -> None:
        self.__name__ = name
        self._scoring = scoring

    def __call__(
        self,
        *,
        completions: Sequence[Any],
        solution: Sequence[str],
        log_metric: Callable[[str, float], None] | None = None,
        **_columns: Any,
    ) -> list[float]:
        """One reward per completion."""
        before = self._scoring.failed
        rewards = self._scoring.all(completions, solution)
        if log_metric is not None and self.__name__ == PARTS[0]:  # the part that scores; the others find it done
            log_metric("rewards/failed", float(self._scoring.failed - before))
        if log_metric is not None and self.__name__ == "segmentation" and rewards:
            for term in _TERMS:
                log_metric(f"rewards/{term}/mean", sum(getattr(one, term) for one in rewards) / len(rewards))
        return [getattr(one, self.__name__) for one in rewards]


def reward_functions(scoring: Scoring) -> list[PartReward]:
    """A function for each of `PARTS`."""
    return [PartReward(name, scoring) for name in PARTS]


def overlong(limit: int, cache: int) -> Callable[..., list[float]]:
    """DAPO's soft punishment of long answers (its equation 13), from 0 down to -1.

    An answer may have `limit - cache` tokens; from there to `limit` the punishment grows evenly.

    Args:
        limit: the most tokens that a completion can have.
        cache: the last tokens of them, which are punished.
    """
    from trl.rewards import get_soft_overlong_punishment

    punishment: Any = get_soft_overlong_punishment(limit, cache)
    punishment.__name__ = OVERLONG
    return punishment


__all__ = [
    "OVERLONG",
    "PARTS",
    "PartReward",
    "Scoring",
    "completion_text",
    "overlong",
    "read_solution",
    "reward_functions",
    "write_solution",
]
