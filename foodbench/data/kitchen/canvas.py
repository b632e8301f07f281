"""A table with a plate on it, and the stamping of lit, shadowed, labelled pieces of food onto them.

Pixels are planar, (3, height, width) float32 in 0..255: with the channels last, numpy's inner loops are three
elements long and everything is several times slower. Plate coordinates have the plate's centre as origin and its outer
radius as unit; y is foreshortened by the tilt of the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from foodbench.data.kitchen.fields import Field, Floats
from foodbench.data.kitchen.tables import draw_ceramic, paint_plate, paint_table
from foodbench.data.kitchen.textures import texture_tile

PLATE_DIAMETER_CM = 26.0
"""Outer diameter of every plate."""

FOOD_RADIUS = 0.82
"""Food is cut off beyond this fraction of the plate's radius: the rim stays free."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What a paint function sees of a piece: local coordinates and the distance field, each (h, w).

    Attributes:
        u: coordinate along the piece, its half-length as unit.
        v: coordinate across the piece.
        distance: below 1 inside.
        sharpness: pixels per unit of the piece's shorter half-axis, for soft edges of details.
    """

    u: Floats
    v: Floats
    distance: Floats
    sharpness: float

    def beyond(self, values: Floats, threshold: float) -> Floats:
        """Where `values` exceeds `threshold`: 0..1 with an edge about one pixel soft."""
        weight = values - np.float32(threshold)
        weight *= np.float32(self.sharpness)
        weight += np.float32(0.5)
        return np.clip(weight, 0, 1, out=weight)

    def within(self, values: Floats, threshold: float) -> Floats:
        """Where `values` is below `threshold`: 0..1 with an edge about one pixel soft."""
        return self.beyond(-values, -threshold)


Paint = Callable[[Floats, Patch], None]
"""Changes a piece's colours, (3, h, w), in place."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of food to stamp.

    Attributes:
        texture: name of its texture tile.
        number: value for the label map.
        center: (x, y) in plate coordinates.
        half_axes: half-length along u and half-width along v, in plate radii.
        turn: (cos, sin) of the direction of u.
        field: its shape.
        dome: how round it is lit: 0 flat, 1 a ball.
        shadow: darkness of its shadow, 0..1.
        gain: overall brightness.
        gloss: strength of the highlight, 0..1.
        ragged: how much the texture's own grain breaks up the outline.
        paint: details.
    """

    texture: str
    number: int
    center: tuple[float, float]
    half_axes: tuple[float, float]
    turn: tuple[float, float]
    field: Field
    dome: float = 0.4
    shadow: float = 0.4
    gain: float = 1.0
    gloss: float = 0.0
    ragged: float = 0.0
    paint: Paint | None = None


class Surroundings(Protocol):
    """What is on the table beside the food, and what the food lies on if that is no plate."""

    def below(self, canvas: Canvas) -> None:
        """Draw what may reach under the plate."""

    def vessel(self, canvas: Canvas) -> tuple[tuple[slice, slice], Floats] | None:
        """Draw what the food lies on, as `paint_plate` does; None for a plate."""

    def above(self, canvas: Canvas) -> None:
        """Draw what stands beside the plate or rests on its rim."""


class Canvas:
    """A picture in the making.

    Attributes:
        rng: source of all randomness of this plate.
        pixels: (3, height, width) float32.
        labels: (height, width) uint8; 0 is background, else an ingredient's number.
        radius: outer radius of the plate along x in pixels.
        tilt: foreshortening of y, 0..1.
    """

    def __init__(
        self, rng: np.random.Generator, height: int, width: int, surroundings: Surroundings | None = None
    ) -> None:
        """Set the table: draw the camera, the light, the table top and the plate (or what stands in for it)."""
        self.rng = rng
        self.height, self.width = height, width
        self.short_side = side = min(height, width)
        self.center_x = width / 2 + float(rng.normal(0, 0.012)) * side
        self.center_y = height / 2 + float(rng.normal(0, 0.012)) * side
        self.radius = side * float(rng.uniform(0.415, 0.478))
        self.tilt = float(rng.uniform(0.88, 1.0))
        across, down = float(rng.uniform(0.35, 1.0)), float(rng.uniform(0.35, 1.0))
        norm = float(np.sqrt(across * across + down * down))
        # Direction in which shadows fall: the light comes from the upper left, more or less.
        self.light = (across / norm, down / norm)
        self.labels: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.pixels: Floats = paint_table(rng, height, width)
        # Drawn also where there is no plate: the food then lies just as it would on one.
        ceramic = draw_ceramic(rng)
        placed = None
        if surroundings is not None:
            surroundings.below(self)
            placed = surroundings.vessel(self)
        self._plate_box, distance = placed or paint_plate(ceramic, self.pixels, self.center, self.shape, self.light)
        self._food_zone: Floats = np.clip((FOOD_RADIUS - distance) * self.radius + 0.5, 0, 1)
        if surroundings is not None:
            surroundings.above(self)

    @property
    def center(self) -> tuple[float, float]:
        """Centre of the plate in pixels, (x, y)."""
        return self.center_x, self.center_y

    @property
    def shape(self) -> tuple[float, float]:
        """The plate's outer radius along x in pixels, and the foreshortening of y."""
        return self.radius, self.tilt

    @property
    def cm2_per_pixel(self) -> float:
        """Area of the plate's plane that one pixel shows, in square centimetres."""
        cm_per_pixel = PLATE_DIAMETER_CM / 2 / self.radius
        return cm_per_pixel * cm_per_pixel / self.tilt

    def _box(self, piece: Piece) -> tuple[slice, slice]:
        """Rows and columns that the piece and its shadow can touch, within the plate's bounding box."""
        (x, y), (long, wide), (cosine, sine) = piece.center, piece.half_axes, piece.turn
        reach = piece.field.reach
        half_x = (abs(cosine) * long + abs(sine) * wide) * reach
        half_y = (abs(sine) * long + abs(cosine) * wide) * reach
        round_x = reach * float(np.sqrt((cosine * long) ** 2 + (sine * wide) ** 2)) * 1.42
        round_y = reach * float(np.sqrt((sine * long) ** 2 + (cosine * wide) ** 2)) * 1.42
        half_x, half_y = min(half_x, round_x), min(half_y, round_y)
        drop = self._shadow_offset() * 2 + 1 if piece.shadow else 0
        rows, columns = self._plate_box
        x_pixels, y_pixels = self.center_x + x * self.radius, self.center_y + y * self.radius * self.tilt
        return (
            slice(
                max(rows.start, int(y_pixels - half_y * self.radius * self.tilt) - 1),
                min(rows.stop, int(y_pixels + half_y * self.radius * self.tilt) + 2 + drop),
            ),
            slice(
                max(columns.start, int(x_pixels - half_x * self.radius) - 1),
                min(columns.stop, int(x_pixels + half_x * self.radius) + 2 + drop),
            ),
        )

    @staticmethod
    def _axis(pixels: slice, center: float, radius: float, origin: float) -> Floats:
        """Plate coordinates of a run of pixel centres, counted from `origin`."""
        steps: Floats = np.arange(pixels.start, pixels.stop, dtype=np.float32)
        steps += np.float32(0.5)
        steps -= np.float32(center)
        steps /= np.float32(radius)
        steps -= np.float32(origin)
        return steps

    def _shadow_offset(self) -> int:
        return max(1, round(0.011 * self.short_side))

    def stamp(self, piece: Piece) -> None:
        """Draw one piece over what is there: its shadow, its colours, its label."""
        rows, columns = self._box(piece)
        if rows.stop - rows.start < 2 or columns.stop - columns.start < 2:
            return
        (x, y), (long, wide), (cosine, sine) = piece.center, piece.half_axes, piece.turn
        right = self._axis(columns, self.center_x, self.radius, x)[None, :]
        down = self._axis(rows, self.center_y, self.radius * self.tilt, y)[:, None]
        u = right * np.float32(cosine / long) + down * np.float32(sine / long)
        v = right * np.float32(-sine / wide) + down * np.float32(cosine / wide)
        colour = self._texture(piece, rows.stop - rows.start, columns.stop - columns.start)
        distance = piece.field.distance(u, v)
        if piece.ragged:
            red = colour[0]
            level = np.float32(red[::8, ::8].mean(dtype=np.float64))
            distance -= np.clip((red - level) * np.float32(1 / 128), -0.3, 0.2) * np.float32(piece.ragged)
        patch = Patch(u, v, distance, min(long, wide) * self.radius)
        alpha = patch.within(distance, 1.0)
        plate_rows, plate_columns = self._plate_box
        alpha *= self._food_zone[
            rows.start - plate_rows.start : rows.stop - plate_rows.start,
            columns.start - plate_columns.start : columns.stop - plate_columns.start,
        ]
        target = self.pixels[:, rows, columns]
        if piece.shadow:
            self._cast_shadow(target, alpha, piece.shadow)
        if piece.paint is not None:
            piece.paint(colour, patch)
        self._shade_dome(colour, piece, distance, right, down)
        colour -= target
        colour *= alpha
        target += colour
        self.labels[rows, columns][alpha > np.float32(0.5)] = piece.number

    def _texture(self, piece: Piece, height: int, width: int) -> Floats:
        """A random window of the piece's texture, (3, height, width)."""
        rng = self.rng
        down, right, variant, flip = rng.random(4)
        tile = texture_tile(piece.texture, self.short_side, int(variant * 2))
        side = tile.shape[1]
        top, left = int(down * (side - height + 1)), int(right * (side - width + 1))
        window = tile[:, top : top + height, left : left + width]
        return (window[:, :, ::-1] if flip < 0.5 else window).astype(np.float32)

    def _cast_shadow(self, target: Floats, alpha: Floats, strength: float) -> None:
        step = self._shadow_offset()
        shade = np.zeros_like(alpha)
        for times, share in ((1, 1.0), (2, 0.5)):
            right, down = round(self.light[0] * step * times), round(self.light[1] * step * times)
            moved = shade[down:, right:]
            source = alpha[: alpha.shape[0] - down, : alpha.shape[1] - right]
            np.maximum(moved, source * np.float32(share), out=moved)
        shade *= np.float32(-strength)
        shade *= 1 - alpha
        shade += 1
        target *= shade

    def _shade_dome(self, colour: Floats, piece: Piece, distance: Floats, right: Floats, down: Floats) -> None:
        """Shade the piece as a low dome under the light, in place."""
        inside = np.minimum(distance, 1)
        np.maximum(inside, 0, out=inside)
        square = inside * inside
        height = np.sqrt(1 - square)
        extent = np.float32(1 / max(piece.half_axes))
        toward_shadow = right * np.float32(self.light[0]) * extent + down * np.float32(self.light[1]) * extent
        dome = piece.dome
        shade = height * np.float32(0.62 * dome)
        shade += np.float32(1 - 0.55 * dome)
        slope = np.clip(toward_shadow, -1, 1) * inside
        slope *= np.float32(0.28 * dome)
        shade -= slope
        shade *= np.float32(piece.gain)
        colour *= shade
        if piece.gloss:
            # The spot where a dome mirrors the lamp: a little off the centre, on the lit side.
            spot = (right * extent + np.float32(0.32 * self.light[0])) ** 2
            spot = spot + (down * extent + np.float32(0.32 * self.light[1])) ** 2
            spot *= np.float32(-10)
            spot += 1
            np.maximum(spot, 0, out=spot)
            spot *= spot
            spot *= np.float32(170 * piece.gloss)
            colour += spot
