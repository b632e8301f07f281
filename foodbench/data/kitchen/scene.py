"""The surroundings of a plate: what the food lies on, what stands about, what lies across the food."""

from __future__ import annotations

import numpy as np

from foodbench.data.kitchen import props
from foodbench.data.kitchen.canvas import Canvas
from foodbench.data.kitchen.difficulty import Difficulty
from foodbench.data.kitchen.fields import Floats, small_turn, turned, unit_turn
from foodbench.data.kitchen.stamps import Spread, covered
from foodbench.data.kitchen.tables import draw_ceramic, paint_plate
from foodbench.data.kitchen.vessels import PLATE, VESSELS

_VESSEL_CHANCES = (("board", 0.45), ("bowl", 0.3), ("table", 0.25))
_TALL = (props.glass, props.glass, props.cup, props.shaker)
_RIM_CM = 11.2
"""Nothing that stands about comes nearer to the plate's centre: food reaches to 10.7 cm."""


class Scene:
    """Surroundings for one canvas.

    Attributes:
        kind: what the food lies on: `plate`, `board`, `bowl` or `table`.
    """

    def __init__(
        self, difficulty: Difficulty, vessel_rng: np.random.Generator, clutter_rng: np.random.Generator, *, food: bool
    ) -> None:
        """Draw what is there; where it lies is drawn when there is a canvas.

        Args:
            difficulty: its `plateless` and `clutter`.
            vessel_rng: for what the food lies on.
            clutter_rng: for everything else.
            food: whether there will be any; without it a bare table would be no picture of anything.
        """
        self._vessel_rng, self._rng = vessel_rng, clutter_rng
        self._amount = difficulty.clutter
        self.kind = PLATE
        if vessel_rng.random() < difficulty.plateless:
            at = float(vessel_rng.random())
            for kind, chance in _VESSEL_CHANCES:
                if at < chance:
                    self.kind = kind
                    break
                at -= chance
        if not food and self.kind == "table":
            self.kind = PLATE
        self._corners: list[tuple[int, int]] = []

    def _wanted(self, chance: float) -> bool:
        return bool(self._rng.random() < chance * self._amount)

    def below(self, canvas: Canvas) -> None:
        """A napkin and an empty second plate, in two of the corners."""
        if not self._amount:
            return
        rng, spread = self._rng, Spread.of(canvas)
        signs = [(-1, -1), (1, -1), (-1, 1), (1, 1)]
        self._corners = [signs[index] for index in rng.permutation(4)]
        wide, tall = spread.half
        if self._wanted(0.6):
            right, down = self._corners.pop()
            at = (right * float(rng.uniform(8.5, 10.5)), down * float(rng.uniform(8.0, 10.0)))
            props.napkin(rng, spread, at, unit_turn(rng))
        if self._wanted(0.6):
            right, down = self._corners.pop()
            radius = float(rng.uniform(8.5, 10.0))
            x, y = right * min(wide - 0.5, 21.0), down * min(tall - 0.5, 13.5)
            # So far out that it lies beside the plate, or just under its rim.
            far = max(1.0, (12.3 + radius) / float(np.sqrt(x * x + y * y)))
            scale = spread.pixels_per_cm
            center = (canvas.center_x + x * far * scale, canvas.center_y + y * far * scale * canvas.tilt)
            paint_plate(draw_ceramic(rng), canvas.pixels, center, (radius * scale, canvas.tilt), canvas.light)

    def vessel(self, canvas: Canvas) -> tuple[tuple[slice, slice], Floats] | None:
        """What the food lies on; None for a plate."""
        return None if self.kind == PLATE else VESSELS[self.kind](self._vessel_rng, canvas)

    def above(self, canvas: Canvas) -> None:
        """Glasses, cups and shakers in the corners that are left; cutlery at the sides or pointing in from a corner."""
        if not self._amount:
            return
        rng, spread = self._rng, Spread.of(canvas)
        wide, tall = spread.half
        self._cutlery(canvas, spread)
        for right, down in self._corners:
            if not self._wanted(0.7):
                continue
            thing = _TALL[int(rng.integers(len(_TALL)))]
            inward = 2.6 if thing is props.shaker else 3.4
            x = right * min(wide - inward + float(rng.uniform(0, 1)), 19.0)
            y = down * min(tall - inward + float(rng.uniform(0, 1)), 15.5)
            far = float(np.sqrt(x * x + y * y))
            clear = max(1.0, (_RIM_CM + inward + 1.0) / far)
            thing(rng, spread, (x * clear, y * clear))

    def _cutlery(self, canvas: Canvas, spread: Spread) -> None:
        rng = self._rng
        wide, _ = spread.half
        for right in (-1, 1):
            if not self._wanted(0.85):
                continue
            kind = props.UTENSILS[int(rng.integers(len(props.UTENSILS)))]
            thing = props.utensil(rng, kind)
            half = thing.extent[2]
            if self._corners and rng.random() < 0.3:
                # Its tip on the rim, its handle out over the corner.
                corner = self._corners.pop()
                inward = (-corner[0] * 0.7071067811865476, -corner[1] * 0.7071067811865476)
                inward = turned(inward, small_turn(float(rng.uniform(-0.2, 0.2))))
                away = _RIM_CM + thing.extent[1]
                spread.stamp(thing, (-inward[0] * away, -inward[1] * away), inward)
                continue
            lean = small_turn(float(rng.uniform(-0.05, 0.05)))
            x = right * max(_RIM_CM + half + 0.2, min(wide - half - 0.5, 14.2 + half + float(rng.uniform(0, 1.5))))
            spread.stamp(thing, (x, float(rng.uniform(-2, 2))), turned((0.0, -1.0), lean))


def lay_across(canvas: Canvas, rng: np.random.Generator) -> None:
    """Lay a utensil across the food; what it hides is background from then on."""
    spread = Spread.of(canvas)
    kind = ("fork", "spoon", "chopsticks")[int(rng.integers(3))]
    thing = props.utensil(rng, kind)
    inward = unit_turn(rng)
    # Its tip goes some centimetres beyond the middle, past it on one side; its handle out over the rim.
    aside = float(rng.uniform(2.0, 5.5)) * (1 if rng.random() < 0.5 else -1)
    back = thing.extent[1] - float(rng.uniform(0.0, 4.0))
    at = (-inward[0] * back - inward[1] * aside, -inward[1] * back + inward[0] * aside)
    stamped = spread.stamp(thing, at, inward)
    if stamped is not None:
        (rows, columns), alpha = stamped
        canvas.labels[rows, columns][covered(alpha)] = 0
