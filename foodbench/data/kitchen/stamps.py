"""Drawing things that are not food: shapes in centimetres on the table, with colours and shadows.

Unlike pieces of food, which a canvas cuts off at the plate's rim and labels, these lie anywhere in the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foodbench.data.kitchen.canvas import PLATE_DIAMETER_CM, Canvas
from foodbench.data.kitchen.fields import Floats, length

Colour = tuple[float, float, float]
Turn = tuple[float, float]
Distance = Callable[[Floats, Floats], Floats]
"""(u, v) in centimetres -> signed distance to the outline in centimetres, negative inside."""


@dataclass(frozen=True, slots=True)
class View:
    """What the colouring of a thing sees: its own coordinates in centimetres, and the light in them.

    Attributes:
        u: along the thing, (h, w).
        v: across it, (h, w).
        distance: signed, negative inside, (h, w).
        light: unit vector in which shadows fall, in (u, v).
        pixels_per_cm: resolution.
    """

    u: Floats
    v: Floats
    distance: Floats
    light: Turn
    pixels_per_cm: float

    def away(self, u: float, v: float) -> Floats:
        """Distance from a point in centimetres."""
        return length(self.u - np.float32(u), self.v - np.float32(v))

    def towards_shadow(self, u: float = 0.0) -> Floats:
        """Centimetres from the point (u, 0) in the direction in which shadows fall."""
        return (self.u - np.float32(u)) * np.float32(self.light[0]) + self.v * np.float32(self.light[1])

    def inside(self, distance: Floats) -> Floats:
        """0..1: where a signed distance is negative, with an edge about one pixel soft."""
        weight = distance * np.float32(-self.pixels_per_cm)
        weight += np.float32(0.5)
        return np.clip(weight, 0, 1, out=weight)

    def line(self, distance: Floats, half_width: float) -> Floats:
        """0..1: a line of that half-width (in centimetres, at least most of a pixel) along a zero of `distance`."""
        wide = max(half_width, 0.55 / self.pixels_per_cm)
        return self.inside(np.abs(distance) - np.float32(wide))


Colouring = Callable[[Floats, View], None]
"""Changes colours, (3, h, w), in place; they begin as the thing's plain colour."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something flat to draw.

    Attributes:
        shape: its outline.
        extent: it lies within u from extent[0] to extent[1] and |v| <= extent[2], in centimetres.
        colour: plain colour.
        colouring: details, or None.
        height: how far its shadow falls, in centimetres.
        darkness: of its shadow, 0..1.
        opacity: 1 hides what is below.
    """

    shape: Distance
    extent: tuple[float, float, float]
    colour: Colour
    colouring: Colouring | None = None
    height: float = 0.3
    darkness: float = 0.4
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The table's plane: centimetres from the plate's centre to pixels.

    Attributes:
        pixels: the picture, (3, height, width).
        center: the plate's centre in pixels, (x, y).
        pixels_per_cm: along x.
        tilt: foreshortening of y.
        light: unit vector in which shadows fall.
        half: half the picture's width and height in centimetres.
    """

    pixels: Floats
    center: tuple[float, float]
    pixels_per_cm: float
    tilt: float
    light: Turn
    half: tuple[float, float]

    @classmethod
    def of(cls, canvas: Canvas) -> Spread:
        """The plane of a canvas."""
        scale = canvas.radius / (PLATE_DIAMETER_CM / 2)
        half = (canvas.width / 2 / scale, canvas.height / 2 / scale / canvas.tilt)
        return cls(canvas.pixels, canvas.center, scale, canvas.tilt, canvas.light, half)

    def _box(self, at: tuple[float, float], turn: Turn, thing: Thing) -> tuple[slice, slice] | None:
        low, high, wide = thing.extent
        corners = [(u, v) for u in (low, high) for v in (-wide, wide)]
        xs = [at[0] + u * turn[0] - v * turn[1] for u, v in corners]
        ys = [at[1] + u * turn[1] + v * turn[0] for u, v in corners]
        scale, drop = self.pixels_per_cm, thing.height + 0.2
        _, height, width = self.pixels.shape
        columns = slice(
            max(0, int(self.center[0] + min(xs) * scale) - 2),
            min(width, int(self.center[0] + (max(xs) + drop) * scale) + 2),
        )
        rows = slice(
            max(0, int(self.center[1] + min(ys) * scale * self.tilt) - 2),
            min(height, int(self.center[1] + (max(ys) + drop) * scale * self.tilt) + 2),
        )
        return None if rows.stop - rows.start < 2 or columns.stop - columns.start < 2 else (rows, columns)

    def stamp(
        self, thing: Thing, at: tuple[float, float], turn: Turn = (1.0, 0.0)
    ) -> tuple[tuple[slice, slice], Floats] | None:
        """Draw a thing.

        Args:
            thing: what.
            at: where its origin lies, in centimetres from the plate's centre, (x, y).
            turn: (cos, sin) of the direction of its u.

        Returns:
            Rows and columns of a box round it, and how much of each pixel there it covers; None outside the picture.
        """
        box = self._box(at, turn, thing)
        if box is None:
            return None
        rows, columns = box
        scale = np.float32(1 / self.pixels_per_cm)
        x = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - self.center[0])) * scale
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5 - self.center[1])) * scale
        x = (x - np.float32(at[0]))[None, :]
        y = (y / np.float32(self.tilt) - np.float32(at[1]))[:, None]
        u = x * np.float32(turn[0]) + y * np.float32(turn[1])
        v = y * np.float32(turn[0]) - x * np.float32(turn[1])
        light = (
            self.light[0] * turn[0] + self.light[1] * turn[1],
            self.light[1] * turn[0] - self.light[0] * turn[1],
        )
        view = View(u, v, thing.shape(u, v), light, self.pixels_per_cm)
        alpha = view.inside(view.distance)
        target = self.pixels[:, rows, columns]
        if thing.darkness:
            self._shade(target, alpha, thing)
        colour = np.empty_like(target)
        for channel, level in enumerate(thing.colour):
            colour[channel] = np.float32(level)
        if thing.colouring is not None:
            thing.colouring(colour, view)
        cover = alpha if thing.opacity >= 1 else alpha * np.float32(thing.opacity)
        colour -= target
        colour *= cover
        target += colour
        return box, alpha

    def _shade(self, target: Floats, alpha: Floats, thing: Thing) -> None:
        """Its shadow: the outline moved away from the light, fainter with the way."""
        shade = np.zeros_like(alpha)
        reach = thing.height * self.pixels_per_cm
        steps = min(4, max(1, round(reach / 2)))
        for step in range(1, steps + 1):
            share = step / steps
            right, down = round(self.light[0] * reach * share), round(self.light[1] * reach * share * self.tilt)
            if right == down == 0:
                right = down = 1
            if down >= alpha.shape[0] or right >= alpha.shape[1]:
                break
            moved = shade[down:, right:]
            source = alpha[: alpha.shape[0] - down, : alpha.shape[1] - right]
            np.maximum(moved, source * np.float32(1 - 0.45 * share), out=moved)
        shade *= 1 - alpha
        shade *= np.float32(-thing.darkness)
        shade += 1
        target *= shade


def circle(radius: float, u: float = 0.0, v: float = 0.0) -> Distance:
    """A disc."""
    return lambda x, y: length(x - np.float32(u), y - np.float32(v)) - np.float32(radius)


def box(half_u: float, half_v: float, corner: float = 0.0) -> Distance:
    """A rectangle with rounded corners."""

    def distance(u: Floats, v: Floats) -> Floats:
        across = np.maximum(np.abs(u) - np.float32(half_u - corner), 0)
        down = np.maximum(np.abs(v) - np.float32(half_v - corner), 0)
        if corner:
            return length(across, down) - np.float32(corner)
        return np.maximum(np.abs(u) - np.float32(half_u), np.abs(v) - np.float32(half_v))

    return distance


def cone(first: float, second: float, along: float) -> Distance:
    """What a string round two discs encloses: radius `first` at u = 0, `second` at u = `along`."""
    lean = (first - second) / along
    rise = float(np.sqrt(max(0.0, 1 - lean * lean)))

    def distance(u: Floats, v: Floats) -> Floats:
        v = np.abs(v)
        side = u * np.float32(lean) + v * np.float32(rise) - np.float32(first)
        # Which part is nearest depends on where the point projects to along the slanted side.
        along_side = u * np.float32(rise) - v * np.float32(lean)
        near = length(u, v) - np.float32(first)
        far = length(u - np.float32(along), v) - np.float32(second)
        return np.where(along_side < 0, near, np.where(along_side > np.float32(along * rise), far, side))

    return distance


def covered(alpha: Floats) -> NDArray[np.bool_]:
    """Pixels that a thing hides more than half."""
    return alpha > np.float32(0.5)
