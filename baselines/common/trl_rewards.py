"""Rewards as TRL calls them: one function for each part, so that each part is logged."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

Rewards = TypeVar("Rewards")
_SHOWN = 120
_log = logging.getLogger(__name__)


def completion_text(completion: Any) -> str:
    """The text of a completion: a plain one, or the content of a chat's last message."""
    if isinstance(completion, list) and completion and isinstance(completion[-1], dict):
        completion = completion[-1].get("content")
    if isinstance(completion, str):
        return completion
    return "" if completion is None else json.dumps(completion, default=str)


class Scoring(ABC, Generic[Rewards]):
    """Scores completions, each once for all the functions that ask for it.

    Args:
        nothing: what a completion earns that could not be scored.

    Attributes:
        failed: how many those are so far; training goes on.
    """

    def __init__(self, nothing: Rewards) -> None:
        self.failed = 0
        self._nothing = nothing
        self._batch: tuple[Sequence[Any], Sequence[str]] | None = None
        self._rewards: list[Rewards] = []

    @abstractmethod
    def score(self, text: str, solution: str) -> Rewards:
        """What a text earns beside the row's column `solution`; may raise anything."""

    def begin(self) -> None:
        """A batch comes that was not scored yet."""

    @abstractmethod
    def figures(self) -> Mapping[str, float]:
        """What is logged of the last batch besides the parts, by name."""

    def all(self, completions: Sequence[Any], solution: Sequence[str]) -> list[Rewards]:
        """The rewards of completions, in their order; those of the last batch are remembered."""
        if self._batch is None or self._batch[0] is not completions or self._batch[1] is not solution:
            self.begin()
            pairs = zip(completions, solution, strict=True)
            self._rewards = [self._one(completion_text(one), due) for one, due in pairs]
            self._batch = (completions, solution)
        return self._rewards

    def _one(self, text: str, solution: str) -> Rewards:
        try:
            return self.score(text, solution)
        except Exception as error:  # whatever scoring raises: one completion must not end hours of training
            self.failed += 1
            reason = f"{type(error).__name__}: {error}"
            _log.warning("A completion could not be scored and earns nothing (%s): %r", reason, text[:_SHOWN])
            return self._nothing


class PartReward:
    """One part of the rewards, in the form of TRL's reward functions.

    Args:
        name: of an attribute of the rewards, under which it is logged.
        scoring: shared by the parts.
        first: it is called before the others: it scores (they find it done), and logs what there is besides.
    """

    def __init__(self, name: str, scoring: Scoring[Any], *, first: bool) -> None:
        self.__name__ = name
        self._scoring = scoring
        self._first = first

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
        if log_metric is not None and self._first:
            log_metric("rewards/failed", float(self._scoring.failed - before))
            for name, value in self._scoring.figures().items():
                log_metric(name, value)
        return [getattr(one, self.__name__) for one in rewards]


def part_rewards(names: Sequence[str], scoring: Scoring[Any]) -> list[PartReward]:
    """A function for each part, in this order."""
    return [PartReward(name, scoring, first=place == 0) for place, name in enumerate(names)]


__all__ = ["PartReward", "Scoring", "completion_text", "part_rewards"]
