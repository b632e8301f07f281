"""What dynamic sampling is told; apart from it, so that recipes are read without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from baselines.common.sections import Section


class SamplingSettings(Section):
    """Which groups are learnt from, and how long fresh ones are drawn.

    Attributes:
        rule: `reward_std`: the rewards for format and accuracy differ; `accuracy_open`: besides, the accuracy is
            neither nearly always right nor nearly always wrong.
        rounds: at most so many generations for one batch, the first included.
        low, high: bounds of the mean accuracy of a group, as a share of its maximum, for `accuracy_open`.
    """

    rule: Literal["reward_std", "accuracy_open"] = "reward_std"
    rounds: Annotated[int, Field(ge=1)] = 3
    low: Annotated[float, Field(ge=0, lt=1)] = 0.01
    high: Annotated[float, Field(gt=0, le=1)] = 0.99
