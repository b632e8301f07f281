"""Which samples teach something about rare actions: the paper's filter against frequency bias (its section 3.2).

A sample whose actions all lie in the head is left out. So is one without actions, which teaches none; the two are
counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from baselines.recipe_grounded.vocabulary import ActionVocabulary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filtered(Generic[T]):
    """What a filter left.

    Attributes:
        kept: in their order.
        head_only: how many had actions of the head only.
        without_actions: how many had none.
    """

    kept: tuple[T, ...]
    head_only: int
    without_actions: int

    @property
    def counts(self) -> dict[str, int]:
        """For reports: `seen`, `kept` and what was left out by reason."""
        seen = len(self.kept) + self.head_only + self.without_actions
        return {
            "seen": seen,
            "kept": len(self.kept),
            "head_only": self.head_only,
            "without_actions": self.without_actions,
        }


def teaches(actions: Sequence[str], vocabulary: ActionVocabulary) -> bool:
    """Whether one of the actions is not in the head; an action that the vocabulary lacks is a rare one."""
    return any(vocabulary.tier(action) != "head" for action in actions)


def drop_head_only(
    samples: Iterable[T], actions_of: Callable[[T], Sequence[str]], vocabulary: ActionVocabulary
) -> Filtered[T]:
    """Leave out samples whose actions all lie in the head.

    Args:
        samples: of any kind.
        actions_of: the right actions of a sample.
        vocabulary: says what the head is.
    """
    kept: list[T] = []
    head_only = without = 0
    for sample in samples:
        actions = actions_of(sample)
        if not actions:
            without += 1
        elif teaches(actions, vocabulary):
            kept.append(sample)
        else:
            head_only += 1
    return Filtered(tuple(kept), head_only, without)


__all__ = ["Filtered", "drop_head_only", "teaches"]
