"""How hard a kitchen is: one setting per axis, named presets, and the text form of the command line.

Zero on an axis is the standard kitchen. With the same seed an axis changes only what it names: darker light, things
lying about or a board instead of a plate leave every ingredient where it was, so that two difficulties are compared
plate by plate. All that an axis adds is drawn from random streams of its own.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from foodbench.core.errors import UnknownName, UsageError

MAX_CROWD = 8
"""The most ingredients that any plate can hold."""

CUSTOM = "custom"

_RANGES: Mapping[str, tuple[float, float]] = {
    "occlusion": (-1.0, 1.0),
    "lighting": (-1.0, 1.0),
    "clutter": (0.0, 1.0),
    "plateless": (0.0, 1.0),
    "empty": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What makes a kitchen easier or harder than the standard one.

    Attributes:
        occlusion: -1 all portions side by side; 0 standard; 1 portions crowd together, pieces lie on other food, and on
            some plates a fork, a spoon or chopsticks lie across it. Masks hold what is visible.
        ingredients: fewest and most ingredients of a plate, or None: as the dish has them. What a dish must hold it
            always holds.
        lighting: -1 every picture evenly lit; 0 standard; 1 from gloomy to glaring, warm to cold, with cast shadows
            and the noise of little light.
        clutter: 0 a bare table; 1 cutlery, glass, napkin, an empty second plate and crumbs lie about (background).
        plateless: share of the pictures with the food on a board, in a bowl or on the bare table.
        empty: share of empty plates where a dataset has such pictures: no food, nothing in it, no dish.
    """

    occlusion: float = 0.0
    ingredients: tuple[int, int] | None = None
    lighting: float = 0.0
    clutter: float = 0.0
    plateless: float = 0.0
    empty: float = 0.0

    def __post_init__(self) -> None:
        for axis, (low, high) in _RANGES.items():
            value = getattr(self, axis)
            if not low <= value <= high:  # also refuses NaN
                raise UsageError(f"Difficulty: {axis} must be in {low:g}..{high:g}, not {value:g}.")
            # One form for equal numbers (1 and 1.0, 0.0 and -0.0): names and digests are made of them.
            object.__setattr__(self, axis, float(value) + 0.0)
        if self.ingredients is not None:
            fewest, most = self.ingredients
            if not 1 <= fewest <= most <= MAX_CROWD:
                raise UsageError(
                    f"Difficulty: ingredients must be a range within 1-{MAX_CROWD}, not {fewest}-{most}.",
                    hint="Write e.g. ingredients=3-6.",
                )

    @property
    def name(self) -> str:
        """The preset's name, or `custom`."""
        return next((name for name, preset in PRESETS.items() if preset == self), CUSTOM)

    @property
    def slug(self) -> str:
        """A name for folders that says all of it: the preset's, or e.g. `occlusion0.6+clutter0.5`."""
        return self.name if self.name != CUSTOM else "+".join(axis + text for axis, text in self._texts().items())

    @property
    def standard(self) -> bool:
        """Whether this is the standard kitchen."""
        return self == STANDARD

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form: the name and every axis."""
        axes = {field.name: getattr(self, field.name) for field in fields(self)}
        axes["ingredients"] = None if self.ingredients is None else list(self.ingredients)
        return {"name": self.name, **axes}

    def without_empty(self) -> Difficulty:
        """The same without empty plates."""
        return replace(self, empty=0.0) if self.empty else self

    def __str__(self) -> str:
        """The form that `parse_difficulty` reads."""
        return self.name if self.name != CUSTOM else ",".join(f"{axis}={text}" for axis, text in self._texts().items())

    def _texts(self) -> dict[str, str]:
        """The axes that are not standard, as text."""
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                found[field.name] = f"{value[0]}-{value[1]}" if isinstance(value, tuple) else f"{value!r}"
        return found


STANDARD = Difficulty()

PRESETS: dict[str, Difficulty] = {
    "easy": Difficulty(occlusion=-1.0, ingredients=(1, 3), lighting=-1.0),
    "standard": STANDARD,
    "hard": Difficulty(occlusion=0.6, ingredients=(3, 7), lighting=0.6, clutter=0.8, plateless=0.3, empty=0.05),
    "occlusion": Difficulty(occlusion=0.8),
    "dark": Difficulty(lighting=1.0),
    "cluttered": Difficulty(clutter=1.0),
    "plateless": Difficulty(plateless=1.0),
    "crowded": Difficulty(ingredients=(5, MAX_CROWD)),
    "empty": Difficulty(empty=0.3),
}
"""Named difficulties: three of all axes together, and one per axis."""


def _number(axis: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"Difficulty: {axis} must be a number, not '{text}'.", hint=f"Write e.g. {axis}=0.5.")
    return value


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        return int(first), int(last or first)
    except ValueError as error:
        raise UsageError(
            f"Difficulty: ingredients must be a number or a range, not '{text}'.", hint="Write e.g. ingredients=3-6."
        ) from error


def _preset(name: str) -> Difficulty:
    if name in PRESETS:
        return PRESETS[name]
    axes = [field.name for field in fields(Difficulty)]
    near = difflib.get_close_matches(name, [*PRESETS, *axes], n=1)
    hint = f"Presets: {', '.join(PRESETS)}; or axes: {', '.join(f'{axis}=...' for axis in axes)}."
    raise UnknownName(f"Unknown difficulty '{name}'.", hint=f"Did you mean '{near[0]}'? {hint}" if near else hint)


def parse_difficulty(text: str) -> Difficulty:
    """Read `hard`, `occlusion=0.6,ingredients=3-6`, or a preset with changes: `hard,empty=0`.

    Raises:
        UnknownName: no such preset or axis.
        UsageError: a value that is no number, is out of range, or an axis that is named twice.
    """
    parts = [part.strip() for part in text.split(",")]
    base = STANDARD
    if parts and "=" not in parts[0]:
        base = _preset(parts.pop(0))
    changes: dict[str, Any] = {}
    axes = [field.name for field in fields(Difficulty)]
    for part in parts:
        axis, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator:
            raise UsageError(
                f"Difficulty: '{part}' is not axis=number.", hint="A preset's name comes first: hard,clutter=0.2"
            )
        if axis not in axes:
            raise UnknownName.of("difficulty setting", axis, axes)
        if axis in changes:
            raise UsageError(f"Difficulty: {axis} is given twice.")
        changes[axis] = _range(value) if axis == "ingredients" else _number(axis, value)
    return replace(base, **changes)
