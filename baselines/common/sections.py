"""What the sections of all recipes are made of: kinds of numbers, and a section that takes no unknown keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A part of a recipe: no other keys than its own, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def known_families(families: dict[str, float], known: Collection[str]) -> dict[str, float]:
    """Weights of families of questions, if they are known.

    Raises:
        ValueError: one of them is not, or there are none.
    """
    unknown = sorted(set(families) - set(known))
    if unknown or not families:
        raise ValueError(f"unknown families {unknown}; known: {', '.join(known)}")
    return families


__all__ = ["NotNegative", "Positive", "Rate", "Section", "Share", "known_families"]
