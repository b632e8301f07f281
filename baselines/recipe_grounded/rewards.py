"""What a predictor's text earns: equations 4 to 9 of the paper (Liu et al.), and the same as TRL's reward functions.

With the paper's weights (0.1 for F1, 1 for the format, 1 for the words) the word-level reward decides: F1 moves the sum
by 0.1 at most, the words by -2.6 to 4.6 for three labels. A perfect answer earns 1.40 for three frequent actions and
5.60 for three rare ones. Writing an action pays where the chance of being right exceeds 0.2 / (gain + loss + 0.2):
0.571 in the head, 0.2 in the middle, 0.069 in the tail (`break_even`). That is the paper's reward, and it is left so.

Labels are sets: one that is written twice counts once. A label that no list knows is a false one. A right action that
the list lacks counts as rare.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from baselines.common import trl_rewards
from baselines.recipe_grounded.vocabulary import TIERS, Tier
from foodbench.models.recipe_grounded.labels import LabelVocabulary, parse_labels, spelling
from foodbench.models.tagged import matches_pattern

_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]

PARTS = ("f1", "format", "word")
"""Names of the parts, in the order of equation 8 and of the functions."""


class RewardSettings(BaseModel):
    """Weights of equation 8 and amounts of equations 5 and 6; the defaults are the paper's.

    Attributes:
        f1: alpha.
        format: beta.
        word: gamma.
        hit: R_tp by tier.
        miss: R_fn by tier.
        false: R_fp.
        epsilon: of equations 4 and 9.
        strict: the format allows nothing behind the answer (equation 7's pattern has no end mark).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    f1: _Number = 0.1
    format: _Number = 1.0
    word: _Number = 1.0
    hit: dict[Tier, _Number] = {"head": 0.1, "mid": 0.5, "tail": 1.5}
    miss: dict[Tier, _Number] = {"head": 0.05, "mid": 0.3, "tail": 1.2}
    false: _Number = 0.2
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-8
    strict: bool = False

    @field_validator("hit", "miss")
    @classmethod
    def _every_tier(cls, amounts: dict[Tier, float]) -> dict[Tier, float]:
        if set(amounts) != set(TIERS):
            raise ValueError(f"give an amount for each of {', '.join(TIERS)}")
        return amounts


ACTIONS = RewardSettings()
"""Equation 8."""
INGREDIENTS = RewardSettings(f1=1.0, word=0.0)
"""Equation 9 and the format; the paper gives no weights for them, both being 1 is this project's choice."""
ABLATIONS: Mapping[str, RewardSettings] = {
    "full": ACTIONS,
    "without_f1": RewardSettings(f1=0.0),
    "without_word": RewardSettings(word=0.0),
}
"""The rows of Table 3: ours, without the F1 reward, without the word-level reward. All have the format reward."""


@dataclass(frozen=True, slots=True)
class Rewards:
    """What one answer earned, without weights.

    Attributes:
        f1: equation 4 or 9, 0 to 1.
        format: equation 7, 0 or 1.
        word: equation 5.
    """

    f1: float = 0.0
    format: float = 0.0
    word: float = 0.0

    def total(self, settings: RewardSettings) -> float:
        """Equation 8."""
        return settings.f1 * self.f1 + settings.format * self.format + settings.word * self.word


def f1_reward(predicted: Collection[str], true: Collection[str], epsilon: float = 1e-8) -> float:
    """Equations 4 and 9; 0 where one of the sets is empty, and, by their letter, also where both are."""
    named, due = frozenset(predicted), frozenset(true)
    hits = len(named & due)
    precision = hits / len(named) if named else 0.0
    recall = hits / len(due) if due else 0.0
    return 2 * precision * recall / (precision + recall + epsilon)


def word_reward(
    predicted: Collection[str], true: Collection[str], tiers: Mapping[str, Tier], settings: RewardSettings = ACTIONS
) -> float:
    """Equations 5 and 6.

    Args:
        predicted: labels that were written, unknown ones included.
        true: the right labels.
        tiers: of the labels of the list; a right label that is not in it counts as one of the tail.
        settings: the amounts.
    """
    named, due = frozenset(predicted), frozenset(true)
    gained = sum(settings.hit[tiers.get(label, "tail")] for label in sorted(named & due))
    missed = sum(settings.miss[tiers.get(label, "tail")] for label in sorted(due - named))
    return gained - settings.false * len(named - due) - missed


def break_even(tier: Tier, settings: RewardSettings = ACTIONS) -> float:
    """The least chance of being right at which writing a label raises the expected word-level reward."""
    return settings.false / (settings.hit[tier] + settings.miss[tier] + settings.false)


def score(
    text: str,
    true: Collection[str],
    vocabulary: LabelVocabulary | None,
    tiers: Mapping[str, Tier],
    settings: RewardSettings = ACTIONS,
) -> Rewards:
    """All rewards of a text. Never raises, whatever the text.

    Args:
        text: what the model wrote.
        true: the right labels, in the list's names.
        vocabulary: the list; what it does not know is a false label.
        tiers: of its labels.
        settings: amounts.
    """
    parsed = parse_labels(text, vocabulary)
    unlisted = {spelling(label): label for label in true if vocabulary is not None and vocabulary.find(label) is None}
    written = (*parsed.labels, *(unlisted.get(label, label) for label in parsed.unknown))
    return Rewards(
        f1=f1_reward(written, true, settings.epsilon),
        format=float(matches_pattern(text, strict=settings.strict)),
        word=word_reward(written, true, tiers, settings),
    )


def write_solution(labels: Sequence[str]) -> str:
    """Right labels as the column `solution` of training rows has them."""
    return json.dumps(list(labels), ensure_ascii=False)


def read_solution(solution: str) -> tuple[str, ...]:
    """The labels of `write_solution`.

    Raises:
        ValueError: the text is no list of texts.
    """
    plain = json.loads(solution)
    if not isinstance(plain, list) or not all(isinstance(label, str) for label in plain):
        raise ValueError(f"no list of labels: {solution:.80}")
    return tuple(plain)


class Scoring(trl_rewards.Scoring[Rewards]):
    """Scores completions, each once for all the functions that ask for it.

    Args:
        vocabulary: the labels that count.
        tiers: of them; empty for ingredients, which have no word-level reward.
        settings: weights and amounts.
    """

    def __init__(
        self, vocabulary: LabelVocabulary, tiers: Mapping[str, Tier], settings: RewardSettings = ACTIONS
    ) -> None:
        super().__init__(Rewards())
        self.settings = settings
        self._vocabulary, self._tiers = vocabulary, tiers
        self._recall: dict[Tier, tuple[int, int]] = {}

    def begin(self) -> None:
        """Forget which labels were found before."""
        self._recall = dict.fromkeys(TIERS, (0, 0))

    def score(self, text: str, solution: str) -> Rewards:
        """As `score`, beside the labels of a solution."""
        true = read_solution(solution)
        self._count(text, true)
        return score(text, true, self._vocabulary, self._tiers, self.settings)

    def _count(self, text: str, true: Sequence[str]) -> None:
        """Count the right labels of each tier that are found: what the word-level reward is for."""
        found = set(parse_labels(text, self._vocabulary).labels)
        for label in set(true):
            tier = self._tiers.get(label, "tail")
            hits, due = self._recall[tier]
            self._recall[tier] = hits + (label in found), due + 1

    def figures(self) -> dict[str, float]:
        """The recall of each tier."""
        return {f"recall/{tier}": hits / due for tier, (hits, due) in self._recall.items() if due}


def reward_functions(scoring: Scoring) -> tuple[list[trl_rewards.PartReward], list[float]]:
    """The functions of the parts with a weight, and the weights, as `GRPOConfig.reward_weights` takes them."""
    weights = {name: float(getattr(scoring.settings, name)) for name in PARTS}
    used = [name for name in PARTS if weights[name] > 0]
    return trl_rewards.part_rewards(used, scoring), [weights[name] for name in used]


__all__ = [
    "ABLATIONS",
    "ACTIONS",
    "INGREDIENTS",
    "PARTS",
    "RewardSettings",
    "Rewards",
    "Scoring",
    "break_even",
    "f1_reward",
    "read_solution",
    "reward_functions",
    "score",
    "word_reward",
    "write_solution",
]
