"""The rewards as TRL calls them: one function for each part, so that each part is logged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from baselines.common import trl_rewards as common
from baselines.rl_segmentation.rewards import DEFAULTS, Rewards, RewardSettings, score
from foodbench.models.qwen_seg.references import Reference, format_answer, parse_answer

PARTS = ("thinking_format", "answer_format", "non_repeat", "segmentation")
"""Names of the paper's four rewards, in the order of the functions; weight 1 each."""
OVERLONG = "overlong"
"""Name of the fifth, which takes away from long answers; it says nothing about whether an answer is right."""
_TERMS = ("box_iou", "box_l1", "point_l2")

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


class Scoring(common.Scoring[Rewards]):
    """Scores completions, each once for all the functions that ask for it.

    Args:
        grid: side of the square that coordinates are in.
        settings: of the rewards.
        scorer: computes them.
    """

    def __init__(self, grid: int, settings: RewardSettings = DEFAULTS, scorer: Scorer = score) -> None:
        super().__init__(Rewards())
        self._grid, self._settings, self._scorer = grid, settings, scorer

    def score(self, text: str, solution: str) -> Rewards:
        """As `rewards.score`, beside the references of a solution."""
        return self._scorer(text, read_solution(solution), self._grid, self._settings)

    def figures(self) -> dict[str, float]:
        """The means of the terms of equation 7."""
        rewards = self._rewards
        if not rewards:
            return {}
        return {f"rewards/{term}/mean": sum(getattr(one, term) for one in rewards) / len(rewards) for term in _TERMS}


def reward_functions(scoring: Scoring) -> list[common.PartReward]:
    """A function for each of `PARTS`."""
    return common.part_rewards(PARTS, scoring)


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
    "Scoring",
    "overlong",
    "read_solution",
    "reward_functions",
    "write_solution",
]
