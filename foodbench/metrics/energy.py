"""Whether stated nutrition agrees with itself: energy against macronutrients, parts against the total, empty plates.

The Atwater general factors give 4 kcal per gram of carbohydrate, 4 of protein and 9 of fat (A. L. Merrill and B. K.
Watt, "Energy value of foods: basis and derivation", USDA Agriculture Handbook 74). Real dishes differ from them, by
fibre, alcohol and the tables' own factors, so a gap of a few percent is no error; Nutrition5k's references have one
too, and what the oracle earns here is the figure to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, inf

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import NUTRIENTS
from foodbench.metrics.aggregate import Metric

ATWATER: dict[str, float] = {"fat": 9.0, "carb": 4.0, "protein": 4.0}
"""kcal per gram."""

TOLERANCE = 0.2
"""Gap up to which stated energy and macronutrients are called consistent."""

CONSISTENT = Metric(
    id="atwater_consistent",
    kind="share",
    value="atwater_consistent",
    over="atwater_checkable",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of the answers that state energy and all macronutrients in which 4 carb + 4 protein + 9 fat is "
    "within 20 % of the stated energy.",
)
ATWATER_GAP = Metric(
    id="atwater_gap",
    kind="ratio",
    value="atwater_gap",
    over="atwater_checkable",
    unit="%",
    scale=100.0,
    higher_is_better=False,
    bounds=(0.0, 1.0),
    description="Mean of |4 carb + 4 protein + 9 fat - kcal| / kcal, each at most 1, over the answers that state all "
    "four.",
)
EMPTY_PLATE = Metric(
    id="kcal_on_empty_plate",
    kind="ratio",
    value="kcal_on_empty_plate",
    over="empty_plate_answered",
    unit="kcal",
    higher_is_better=False,
    bounds=(0.0, inf),
    description="Mean energy stated for plates that have none, over those for which it was stated: saying nothing is "
    "no zero. Does not exist where there are none; how often totals are stated is a metric of its own.",
)


_ABSURD = 1e15
"""Amounts from here on are refused, so that no sum or product of them can overflow."""


def _amount(stated: float) -> float:
    if not abs(stated) < _ABSURD:  # NaN fails every comparison
        raise AnswerInvalid("A stated amount is not finite or absurdly large.")
    return float(stated)


def relative_gap(value: float, reference: float) -> float:
    """|value - reference| / |reference|; where the reference is 0: 0 if the value is 0 too, otherwise 1.

    So that something in place of nothing is as wrong as nothing in place of something, and no gap is infinite.

    Raises:
        AnswerInvalid: either is not finite or absurdly large.
    """
    value, reference = _amount(value), _amount(reference)
    if reference == 0:
        return float(value != 0)
    return min(abs(value - reference) / abs(reference), _ABSURD)


def atwater_kcal(stated: Mapping[str, float]) -> float | None:
    """Energy in kcal of the stated fat, carbohydrate and protein in grams; None if one of them is not stated.

    Raises:
        AnswerInvalid: a value is not finite or absurdly large.
    """
    if any(name not in stated for name in ATWATER):
        return None
    return fsum(factor * _amount(stated[name]) for name, factor in ATWATER.items())


def atwater_gap(stated: Mapping[str, float]) -> float | None:
    """|4 carb + 4 protein + 9 fat - kcal| / kcal; None if one of the four is not stated.

    Where the stated energy is 0: 0 if the macronutrients have none either, otherwise 1.

    Raises:
        AnswerInvalid: a value is not finite or absurdly large.
    """
    energy = atwater_kcal(stated)
    return None if energy is None or "kcal" not in stated else relative_gap(energy, stated["kcal"])


def parts_gaps(parts: Sequence[Mapping[str, float]], total: Mapping[str, float]) -> dict[str, float]:
    """How far the parts' sum is from the stated total, by nutrient, as `relative_gap`.

    Only nutrients that the total and every part state; none without parts.

    Args:
        parts: kcal and grams by nutrient of each ingredient.
        total: kcal and grams by nutrient of the plate.

    Raises:
        AnswerInvalid: a value is not finite or absurdly large.
    """
    if not parts:
        return {}
    common = [name for name in NUTRIENTS if name in total and all(name in part for part in parts)]
    return {name: relative_gap(fsum(_amount(part[name]) for part in parts), total[name]) for name in common}


def sample_values(stated: Mapping[str, float], true: Mapping[str, float]) -> dict[str, float]:
    """One dish's values for `CONSISTENT`, `ATWATER_GAP` and `EMPTY_PLATE`.

    A gap above 1 counts as 1, so that one answer does not rule the mean.

    Args:
        stated: kcal and grams by nutrient, as the answer states them; possibly incomplete.
        true: kcal and grams by nutrient; a plate without energy is an empty one.

    Raises:
        AnswerInvalid: a stated value is not finite or absurdly large.
    """
    gap = atwater_gap(stated)
    answered = true.get("kcal") == 0 and "kcal" in stated
    return {
        "atwater_checkable": float(gap is not None),
        "atwater_gap": 0.0 if gap is None else min(gap, 1.0),
        "atwater_consistent": float(gap is not None and gap <= TOLERANCE),
        "empty_plate_answered": float(answered),
        "kcal_on_empty_plate": abs(_amount(stated["kcal"])) if answered else 0.0,
    }
