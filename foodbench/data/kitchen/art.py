"""How each ingredient is drawn: which pieces, where, in which shape, with which details.

Every artist gets a canvas and a spot (centre and size of the portion) and stamps pieces of its ingredient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from foodbench.data.kitchen import fields
from foodbench.data.kitchen.canvas import Canvas, Paint, Patch, Piece
from foodbench.data.kitchen.fields import Floats
from foodbench.data.kitchen.ingredients import INGREDIENTS

Turn = tuple[float, float]

# A sunflower's angle between neighbours: (cos, sin) of 137.5 degrees. Packs pieces evenly.
_GOLDEN_TURN: Turn = (-0.7373688780783197, 0.6754902942615238)
_FARTHEST = 0.68


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a portion goes: centre and radius in plate radii."""

    x: float
    y: float
    size: float


def blend(colour: Floats, weight: Floats, target: tuple[float, float, float]) -> None:
    """Mix a colour in, in place: weight (h, w) in 0..1, colour (3, h, w)."""
    for channel, level in enumerate(target):
        plane = colour[channel]
        plane += (np.float32(level) - plane) * weight


def tint(colour: Floats, weight: Floats, factors: tuple[float, float, float]) -> None:
    """Multiply the channels by factors where weight is 1, in place."""
    for channel, factor in enumerate(factors):
        colour[channel] *= 1 + weight * np.float32(factor - 1)


def _gain(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.93, 1.07))


def _piece(name: str, **settings: object) -> Piece:
    number = INGREDIENTS[name].number
    defaults: dict[str, object] = {
        "texture": name, "number": number, "center": (0.0, 0.0), "half_axes": (0.1, 0.1), "turn": (1.0, 0.0),
        "field": fields.disc(),
    }  # fmt: skip
    return Piece(**{**defaults, **settings})  # type: ignore[arg-type]


def _count(base: int, spot: Spot) -> int:
    """How many pieces a portion of that size has, `base` being for a size of 0.3."""
    return max(1, round(base * (spot.size / 0.3) ** 2))


def _scatter(canvas: Canvas, spot: Spot, model: Piece, count: int, spread: float, aspect: float = 1.0) -> None:
    """Stamp `count` copies of a piece, packed round the spot in a golden spiral, each turned its own way."""
    rng = canvas.rng
    turn = fields.unit_turn(rng)
    places = []
    for index in range(count):
        away = spread * float(np.sqrt((index + 0.3) / count))
        turn = fields.turned(turn, _GOLDEN_TURN)
        direction = fields.turned(turn, fields.small_turn(float(np.clip(rng.normal(0, 0.16), -0.5, 0.5))))
        places.append((spot.x + away * direction[0], spot.y + away * direction[1]))
    for index in rng.permutation(count):
        x, y = places[index]
        outward = float(np.sqrt(x * x + y * y))
        if outward > _FARTHEST:
            x, y = x * _FARTHEST / outward, y * _FARTHEST / outward
        size = model.half_axes[0] * float(rng.uniform(0.86, 1.14))
        canvas.stamp(
            replace(model, center=(x, y), half_axes=(size, size * aspect), turn=fields.unit_turn(rng), gain=_gain(rng))
        )


# ---------------------------------------------------------------------------------------------------- heaps and pools


def _heap(name: str, dome: float, ragged: float, gloss: float = 0.0) -> Callable[[Canvas, Spot], None]:
    def draw(canvas: Canvas, spot: Spot) -> None:
        rng = canvas.rng
        axes = (spot.size * float(rng.uniform(0.95, 1.15)), spot.size * float(rng.uniform(0.80, 0.98)))
        canvas.stamp(
            _piece(
                name, center=(spot.x, spot.y), half_axes=axes, turn=fields.unit_turn(rng), field=fields.blob(rng, 0.12),
                dome=dome, ragged=ragged, gloss=gloss,
            )
        )  # fmt: skip

    return draw


def _sauce(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng

    def paint(colour: Floats, patch: Patch) -> None:
        tint(colour, patch.beyond(patch.distance, 0.9), (0.84, 0.76, 0.66))

    canvas.stamp(
        _piece(
            "sauce", center=(spot.x, spot.y), half_axes=(spot.size * 1.1, spot.size * 0.95),
            turn=fields.unit_turn(rng), field=fields.blob(rng, 0.17), dome=0.2, shadow=0.22, gloss=0.45, paint=paint,
        )
    )  # fmt: skip


def _paint_lettuce(colour: Floats, patch: Patch) -> None:
    angle = fields.pseudo_angle(patch.u, patch.v)
    frill = fields.wave(angle * np.float32(3.3)) * np.clip(patch.distance - np.float32(0.2), 0, 1)
    tint(colour, frill, (1.22, 1.16, 1.30))
    across: Floats = np.abs(patch.v)
    slant = (patch.u - across * np.float32(0.9)) * np.float32(1.6)
    side_veins = fields.wave(slant)
    blend(colour, np.clip(side_veins * 5 - 4.2, 0, 1) * np.float32(0.45), (214, 234, 166))
    vein = np.clip(1 - np.abs(patch.v) * 9 - np.maximum(patch.u - np.float32(0.4), 0) * 2, 0, 1)
    blend(colour, vein * np.float32(0.8), (232, 242, 200))
    tint(colour, patch.beyond(patch.distance, 0.88), (0.80, 0.88, 0.66))


def _lettuce(canvas: Canvas, spot: Spot) -> None:
    size = min(0.27, spot.size * 0.74)
    model = _piece(
        "lettuce", half_axes=(size, size), field=fields.blob(canvas.rng, 0.14), dome=0.5, ragged=0.5,
        paint=_paint_lettuce,
    )  # fmt: skip
    _scatter(canvas, spot, model, 2 + round(2.2 * (spot.size / size) ** 2), spot.size * 0.72, aspect=0.78)


# ------------------------------------------------------------------------------------------------------ meat and fish


def _fish(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng
    lines = float(rng.uniform(3.2, 4.2))

    def paint(colour: Floats, patch: Patch) -> None:
        # The white lines between a salmon's muscle segments are chevrons along the fillet.
        phase = patch.u * np.float32(lines) + np.abs(patch.v - np.float32(0.1)) * np.float32(1.3)
        blend(colour, np.clip(fields.wave(phase) * 4 - 2.7, 0, 1) * np.float32(0.85), (255, 216, 190))
        blend(colour, patch.beyond(patch.distance, 0.90) * np.float32(0.55), (206, 142, 112))

    canvas.stamp(
        _piece(
            "fish", center=(spot.x, spot.y), half_axes=(spot.size * 1.22, spot.size * 0.72),
            turn=fields.unit_turn(rng), field=fields.teardrop(0.28), dome=0.34, gloss=0.25, paint=paint,
        )
    )  # fmt: skip


def _steak(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng
    marks = float(rng.uniform(2.0, 2.8))

    def paint(colour: Floats, patch: Patch) -> None:
        phase = (patch.u + patch.v * np.float32(0.55)) * np.float32(marks)
        tint(colour, np.clip(fields.wave(phase) * 3 - 1.7, 0, 1), (0.40, 0.36, 0.34))
        blend(colour, patch.beyond(patch.distance, 0.91) * np.float32(0.8), (196, 150, 108))

    canvas.stamp(
        _piece(
            "steak", center=(spot.x, spot.y), half_axes=(spot.size * 1.15, spot.size * 0.80),
            turn=fields.unit_turn(rng), field=fields.blob(rng, 0.10), dome=0.32, gloss=0.12, paint=paint,
        )
    )  # fmt: skip


def _drumstick(canvas: Canvas, center: tuple[float, float], size: float, turn: Turn) -> None:
    """A roast chicken leg whose bone points along `turn`."""

    def at(along: float, across: float) -> tuple[float, float]:
        return (
            center[0] + (along * turn[0] - across * turn[1]) * size,
            center[1] + (along * turn[1] + across * turn[0]) * size,
        )

    bone = _piece("chicken duck", texture="bone", turn=turn, dome=0.55)
    shaft = fields.capsule(0.26)
    canvas.stamp(replace(bone, center=at(0.98, 0), half_axes=(0.46 * size, 0.12 * size), field=shaft))
    for side in (-1, 1):
        canvas.stamp(replace(bone, center=at(1.40, 0.105 * side), half_axes=(0.15 * size, 0.13 * size), shadow=0.15))

    def paint(colour: Floats, patch: Patch) -> None:
        tint(colour, patch.beyond(patch.u, 0.72), (0.74, 0.62, 0.50))

    canvas.stamp(
        _piece(
            "chicken duck", center=center, half_axes=(0.95 * size, 0.60 * size), turn=turn,
            field=fields.teardrop(0.66), dome=0.75, gloss=0.55, paint=paint,
        )
    )  # fmt: skip


def _chicken(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng
    turn = fields.unit_turn(rng)
    if spot.size < 0.3:
        _drumstick(canvas, (spot.x - turn[0] * spot.size * 0.2, spot.y - turn[1] * spot.size * 0.2), spot.size, turn)
        return
    size = spot.size * 0.82
    for side in (-1, 1):
        center = (
            spot.x - turn[1] * side * size * 0.52 - turn[0] * size * 0.2,
            spot.y + turn[0] * side * size * 0.52 - turn[1] * size * 0.2,
        )
        _drumstick(canvas, center, size, fields.turned(turn, fields.small_turn(float(rng.uniform(-0.2, 0.2)))))


def _shrimp(canvas: Canvas, spot: Spot) -> None:
    def paint(colour: Floats, patch: Patch) -> None:
        angle = fields.pseudo_angle(patch.u, patch.v)
        tint(colour, np.clip(fields.wave(angle * np.float32(2.6)) * 3 - 1.4, 0, 1), (0.98, 0.66, 0.56))
        blend(colour, patch.beyond(angle, 1.22), (222, 74, 48))
        blend(colour, patch.beyond(patch.distance, 0.82) * np.float32(0.35), (216, 92, 70))

    model = _piece("shrimp", half_axes=(0.15, 0.15), field=fields.hook(), dome=0.5, gloss=0.0, paint=paint)
    _scatter(canvas, spot, model, _count(7, spot), spot.size * 0.76)


# ------------------------------------------------------------------------------------------------------ egg and tofu


def _fried_egg(rng: np.random.Generator) -> Paint:
    across, along, size = (float(rng.normal(0, 0.08)), float(rng.normal(0, 0.08)), float(rng.uniform(0.40, 0.50)))
    red, green, blue = 252.0, 184.0 + float(np.clip(rng.normal(0, 8), -20, 16)), 36.0

    def paint(colour: Floats, patch: Patch) -> None:
        tint(colour, patch.beyond(patch.distance, 0.91), (0.93, 0.82, 0.62))
        yolk = fields.length(patch.u - np.float32(along), patch.v - np.float32(across)) / np.float32(size)
        round_off = np.clip(yolk, 0, 1) ** 2 * np.float32(0.2)
        weight = patch.within(yolk, 1.0)
        for channel, level in enumerate((red, green, blue)):
            plane = colour[channel]
            plane += ((np.float32(1.04) - round_off) * np.float32(level) - plane) * weight
        shine = fields.length(patch.u - np.float32(along - 0.13), patch.v - np.float32(across - 0.13))
        blend(colour, np.clip(1.3 - shine * 13, 0, 1), (255, 250, 222))

    return paint


def _egg(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng
    count = 1 if spot.size < 0.30 else 2
    size = spot.size * (0.95 if count == 1 else 0.74)
    turn = fields.unit_turn(rng)
    for side in (0.0,) if count == 1 else (-0.46, 0.46):
        canvas.stamp(
            _piece(
                "egg", center=(spot.x + turn[0] * side * spot.size, spot.y + turn[1] * side * spot.size),
                half_axes=(size, size * 0.92), turn=fields.unit_turn(rng), field=fields.blob(rng, 0.10), dome=0.12,
                shadow=0.26, paint=_fried_egg(rng),
            )
        )  # fmt: skip


def _tofu(canvas: Canvas, spot: Spot) -> None:
    def paint(colour: Floats, patch: Patch) -> None:
        # Two seared sides of the cube show below and to the right of its top.
        side = np.maximum(patch.u, patch.v)
        blend(colour, patch.beyond(side, 0.66), (204, 150, 78))
        tint(colour, patch.beyond(patch.v, 0.66), (0.86, 0.82, 0.76))

    model = _piece("tofu", half_axes=(0.105, 0.105), field=fields.rounded_box(), dome=0.12, paint=paint)
    _scatter(canvas, spot, model, _count(8, spot), spot.size * 0.80, aspect=0.94)


# --------------------------------------------------------------------------------------------------------- vegetables


def _broccoli(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng
    turn = fields.unit_turn(rng)
    count = _count(6, spot)
    stalk = _piece("broccoli", texture="cucumber", field=fields.capsule(0.55), dome=0.5)

    def paint(colour: Floats, patch: Patch) -> None:
        tint(colour, np.clip(patch.distance - np.float32(0.45), 0, 1), (0.66, 0.72, 0.62))

    for index in range(count):
        turn = fields.turned(turn, _GOLDEN_TURN)
        away = spot.size * 0.78 * float(np.sqrt((index + 0.3) / count))
        x, y = spot.x + turn[0] * away, spot.y + turn[1] * away
        size = float(rng.uniform(0.105, 0.14))
        direction = fields.unit_turn(rng)
        root = (x + direction[0] * size * 1.05, y + direction[1] * size * 1.05)
        canvas.stamp(replace(stalk, center=root, half_axes=(size * 0.62, size * 0.36), turn=direction, gain=0.86))
        head = fields.lobed(6, 0.09, fields.unit_turn(rng))
        canvas.stamp(
            _piece(
                "broccoli", center=(x, y), half_axes=(size * 1.06, size), turn=fields.unit_turn(rng), field=head,
                dome=0.75, gain=_gain(rng), ragged=0.45, paint=paint,
            )
        )  # fmt: skip


def _paint_carrot(colour: Floats, patch: Patch) -> None:
    rays = fields.angular_wave(patch.u, patch.v, 11)
    tint(colour, np.clip(rays, 0, 1), (0.97, 0.94, 0.92))
    blend(colour, patch.within(patch.distance, 0.40) * np.float32(0.6), (255, 182, 84))
    tint(colour, patch.beyond(patch.distance, 0.87), (0.86, 0.78, 0.74))


def _paint_tomato(colour: Floats, patch: Patch) -> None:
    ring = np.minimum(patch.beyond(patch.distance, 0.28), patch.within(patch.distance, 0.78))
    chambers = ring * patch.beyond(fields.angular_wave(patch.u, patch.v, 5) * np.float32(0.5), -0.1)
    blend(colour, chambers * np.float32(0.55), (240, 124, 66))
    seeds = np.clip(fields.angular_wave(patch.u, patch.v, 15) * 5 - 3.6, 0, 1)
    seeds *= np.clip(1.4 - np.abs(patch.distance - np.float32(0.55)) * 9, 0, 1) * chambers
    blend(colour, seeds, (252, 226, 150))
    tint(colour, patch.beyond(patch.distance, 0.86), (0.86, 0.55, 0.55))


def _paint_cucumber(colour: Floats, patch: Patch) -> None:
    tint(colour, patch.within(patch.distance, 0.52), (0.94, 0.99, 0.84))
    ring = np.clip(1.5 - np.abs(patch.distance - np.float32(0.36)) * 9, 0, 1)
    seeds = np.clip(fields.angular_wave(patch.u, patch.v, 12) * 4 - 2.2, 0, 1) * ring
    blend(colour, seeds, (240, 244, 212))
    blend(colour, patch.beyond(patch.distance, 0.84), (40, 94, 40))


def _slices(
    name: str, paint: Paint, radius: float, count: int, spread: float, dome: float, gloss: float = 0.0
) -> Callable[[Canvas, Spot], None]:
    model = _piece(name, half_axes=(radius, radius), dome=dome, paint=paint, gloss=gloss)

    def draw(canvas: Canvas, spot: Spot) -> None:
        _scatter(canvas, spot, model, _count(count, spot), spot.size * spread)

    return draw


def _green_beans(canvas: Canvas, spot: Spot) -> None:
    rng = canvas.rng
    turn = fields.unit_turn(rng)
    count = _count(11, spot)
    long = min(0.30, spot.size * 1.05)

    def paint(colour: Floats, patch: Patch) -> None:
        blend(colour, np.clip(1 - np.abs(patch.v + np.float32(0.25)) * 3, 0, 1) * np.float32(0.5), (160, 214, 96))
        blend(colour, np.clip((np.abs(patch.u) - np.float32(0.86)) * 7, 0, 1) * np.float32(0.7), (176, 204, 112))

    for index in rng.permutation(count):
        across = ((index + 0.5) / count * 2 - 1) * spot.size * 0.78
        along = float(rng.uniform(-0.28, 0.28)) * spot.size
        lean = fields.turned(turn, fields.small_turn(float(rng.uniform(-0.38, 0.38))))
        half = long * float(rng.uniform(0.85, 1.12))
        canvas.stamp(
            _piece(
                "green beans", center=(spot.x + along * turn[0] - across * turn[1],
                                       spot.y + along * turn[1] + across * turn[0]),
                half_axes=(half, 0.037), turn=lean, field=fields.capsule(0.037 / half, float(rng.uniform(-0.09, 0.09))),
                dome=0.55, gain=_gain(rng), paint=paint,
            )
        )  # fmt: skip


def _fries(canvas: Canvas, spot: Spot) -> None:
    def paint(colour: Floats, patch: Patch) -> None:
        tint(colour, patch.beyond(patch.v, 0.25), (0.86, 0.76, 0.58))
        blend(colour, np.clip((np.abs(patch.u) - np.float32(0.84)) * 6, 0, 1) * np.float32(0.6), (196, 128, 48))

    model = _piece("french fries", half_axes=(0.19, 0.19), field=fields.rounded_box(), dome=0.28, paint=paint)
    _scatter(canvas, spot, model, _count(16, spot), spot.size * 0.66, aspect=0.17)


def _mushroom(canvas: Canvas, spot: Spot) -> None:
    def paint(colour: Floats, patch: Patch) -> None:
        blend(colour, patch.beyond(patch.distance, 0.80) * np.float32(0.75), (150, 112, 78))
        gills = np.clip(1.3 - np.abs(patch.v - np.float32(0.12)) * 8, 0, 1) * patch.within(np.abs(patch.u), 0.74)
        gills *= patch.beyond(np.abs(patch.u), 0.22)
        blend(colour, gills * np.float32(0.85), (122, 86, 62))

    model = _piece(
        "white button mushroom", half_axes=(0.115, 0.115), field=fields.mushroom_slice(), dome=0.16, paint=paint
    )
    _scatter(canvas, spot, model, _count(9, spot), spot.size * 0.80)


def _paint_avocado(colour: Floats, patch: Patch) -> None:
    blend(colour, np.clip(np.float32(1.15) - patch.distance * np.float32(1.5), 0, 1), (240, 232, 148))
    blend(colour, patch.beyond(patch.distance, 0.89), (44, 62, 28))
    pit = fields.length((patch.u + np.float32(0.26)) * np.float32(1.35), patch.v) / np.float32(0.43)
    weight = patch.within(pit, 1.0)
    blend(colour, weight, (134, 78, 38))
    tint(colour, weight * np.clip(pit - np.float32(0.3), 0, 1), (0.5, 0.45, 0.42))
    shine = fields.length((patch.u + np.float32(0.36)) * np.float32(1.35), patch.v + np.float32(0.12))
    blend(colour, np.clip(1.1 - shine * 7, 0, 1) * np.float32(0.7), (226, 178, 132))


def _avocado(canvas: Canvas, spot: Spot) -> None:
    """One or two halves, the pit left in."""
    rng = canvas.rng
    turn = fields.unit_turn(rng)
    model = _piece("avocado", field=fields.teardrop(0.34), dome=0.16, gloss=0.12, paint=_paint_avocado)
    if spot.size < 0.30:
        size = max(0.19, spot.size * 0.92)
        canvas.stamp(replace(model, center=(spot.x, spot.y), half_axes=(size, size * 0.68), turn=turn))
        return
    size = spot.size * 0.78
    for side in (-0.52, 0.52):
        lean = fields.turned(turn, fields.small_turn(float(rng.uniform(-0.3, 0.3))))
        center = (spot.x - turn[1] * side * spot.size, spot.y + turn[0] * side * spot.size)
        canvas.stamp(replace(model, center=center, half_axes=(size, size * 0.68), turn=lean, gain=_gain(rng)))


_ARTISTS: dict[str, Callable[[Canvas, Spot], None]] = {
    "rice": _heap("rice", 0.36, 0.22),
    "pasta": _heap("pasta", 0.42, 0.20),
    "fish": _fish,
    "steak": _steak,
    "chicken duck": _chicken,
    "shrimp": _shrimp,
    "egg": _egg,
    "tofu": _tofu,
    "broccoli": _broccoli,
    "carrot": _slices("carrot", _paint_carrot, 0.085, 11, 0.82, 0.16),
    "tomato": _slices("tomato", _paint_tomato, 0.128, 6, 0.75, 0.16),
    "lettuce": _lettuce,
    "cucumber": _slices("cucumber", _paint_cucumber, 0.108, 8, 0.78, 0.10),
    "green beans": _green_beans,
    "corn": _heap("corn", 0.42, 0.30),
    "red beans": _heap("red beans", 0.42, 0.30, 0.2),
    "french fries": _fries,
    "white button mushroom": _mushroom,
    "sauce": _sauce,
    "avocado": _avocado,
}


def draw_portion(canvas: Canvas, name: str, spot: Spot) -> None:
    """Draw a portion of an ingredient at a spot."""
    _ARTISTS[name](canvas, spot)
