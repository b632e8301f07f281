"""Semantic confidence scoring and rectification: which of the labels that a judge has rated are kept.

Equations 10 and 11 of the paper on semantically grounded recipe generation (Liu et al.), as pure functions. The letter
of the equations decides, also where it surprises:

* Above the mean means above it: where all confidences are equal, or there is one label, none is kept.
* A label that only the judge names can come in through the fallback alone: the intersection needs both lists.
* The fallback takes the loudest labels of both lists, and may leave out one of a small intersection.

What the equations leave open: confidences are clamped to [0, 1]; a label that a list names twice has the higher of its
confidences there; labels are the same if they differ by case, accents or punctuation only; of equal confidences the one
named first counts, the initial list before the judge's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from foodbench.core.errors import UsageError
from foodbench.models.recipe_grounded.labels import spelling

DEFAULT_N = 3
"""The paper's n of equation 11."""

Reason = Literal["intersection", "nothing", "nothing initial", "nothing rectified", "all equal", "few in common"]
"""Why labels are what they are: the intersection was large enough; or what made it too small."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A label with the judge's confidence in it, 0 to 1."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Rectified:
    """What is left of the labels.

    Attributes:
        labels: the intersection in the order of the initial list, or the loudest labels, loudest first.
        fallback: the labels are the n loudest.
        reason: see `Reason`.
    """

    labels: tuple[str, ...]
    fallback: bool
    reason: Reason


def rectify(initial: Sequence[Scored], rectified: Sequence[Scored], n: int = DEFAULT_N) -> Rectified:
    """Equations 10 and 11.

    Args:
        initial: S_init, the predicted labels as the judge rates them.
        rectified: S_rect, the labels that the judge would give.
        n: the least size of the intersection, and the size of the fallback; 0 takes any intersection.

    Raises:
        UsageError: n is negative.
    """
    if n < 0:
        raise UsageError(f"n={n} is negative.", hint="The paper's n is 3.")
    before, after = _unique(initial), _unique(rectified)
    kept_before, kept_after = _above_mean(before), _above_mean(after)
    common = [key for key in kept_before if key in kept_after]
    if len(common) >= n:
        return Rectified(tuple(before[key].label for key in common), fallback=False, reason="intersection")
    loudest = sorted(_unique((*initial, *rectified)).values(), key=lambda scored: -scored.confidence)  # stable
    labels = tuple(scored.label for scored in loudest[:n])
    return Rectified(labels, fallback=True, reason=_reason(before, after, kept_before, kept_after))


def clamp(confidence: float) -> float:
    """A confidence brought into [0, 1]; what is no number counts as none."""
    return 0.0 if math.isnan(confidence) else min(1.0, max(0.0, float(confidence)))


def _unique(scored: Iterable[Scored]) -> dict[str, Scored]:
    """Each label once, where it first stands, under its first name, with its highest confidence."""
    found: dict[str, Scored] = {}
    for one in scored:
        key, confidence = spelling(one.label), clamp(one.confidence)
        known = found.get(key)
        if known is None:
            found[key] = Scored(one.label, confidence)
        elif confidence > known.confidence:
            found[key] = Scored(known.label, confidence)
    return found


def _above_mean(scored: dict[str, Scored]) -> dict[str, None]:
    """The labels above the mean, exactly: a mean rounded down would keep every label of equal ones."""
    total = sum((Fraction(one.confidence) for one in scored.values()), Fraction(0))
    return dict.fromkeys(key for key, one in scored.items() if Fraction(one.confidence) * len(scored) > total)


def _reason(
    before: dict[str, Scored], after: dict[str, Scored], kept_before: dict[str, None], kept_after: dict[str, None]
) -> Reason:
    if not before or not after:
        return "nothing" if not before and not after else "nothing initial" if not before else "nothing rectified"
    return "few in common" if kept_before and kept_after else "all equal"


__all__ = ["DEFAULT_N", "Reason", "Rectified", "Scored", "clamp", "rectify"]
