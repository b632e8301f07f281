"""Shapes of food as distance fields, and the waves and noise that textures are made of.

A field gives, for local coordinates (u, v) with the piece's half-axes as units, a distance that is below 1 inside the
piece and above 1 outside. Everything here uses only operations whose result IEEE 754 fixes to the bit (+, -, *, /,
square root, comparisons) and no array sine or arctangent: those differ by vector unit, and one last bit would move a
mask's edge from one machine to the next. Angles are handled by complex powers of the unit vector instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
DistanceFunction = Callable[[Floats, Floats], Floats]

_TINY = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Field:
    """A shape.

    Attributes:
        distance: (u, v) -> distance, below 1 inside.
        reach: the shape lies within |u|, |v| <= reach.
    """

    distance: DistanceFunction
    reach: float = 1.0


def length(u: Floats, v: Floats) -> Floats:
    """Euclidean length; `np.hypot` is several times slower and not fixed to the bit."""
    squared = u * u + v * v
    return np.sqrt(squared, out=squared)


def _product(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Product of two complex fields given as (real, imaginary): the angles add."""
    (a, b), (c, d) = first, second
    return a * c - b * d, a * d + b * c


def angular_wave(u: Floats, v: Floats, harmonic: int, turn: tuple[float, float] = (1.0, 0.0)) -> Floats:
    """cos(harmonic * angle - phase), where `turn` is (cos phase, sin phase) and angle that of the point (u, v)."""
    radius: Floats = np.maximum(length(u, v), _TINY)
    power: tuple[Floats, Floats] = (u / radius, v / radius)
    result: tuple[Floats, Floats] | None = None
    # Exponentiation by squaring of the unit vector as a complex number.
    while harmonic:
        if harmonic & 1:
            result = power if result is None else _product(result, power)
        harmonic >>= 1
        if harmonic:
            power = _product(power, power)
    if result is None:
        raise ValueError("harmonic must be positive")
    return result[0] * np.float32(turn[0]) + result[1] * np.float32(turn[1])


def wave(turns: Floats) -> Floats:
    """A periodic wave in -1..1 with period 1, close to the sine (two parabolas per period)."""
    phase = turns - np.floor(turns)
    phase -= np.float32(0.5)
    return phase * (np.abs(phase) * 2 - 1) * 8


def unit_turn(rng: np.random.Generator) -> tuple[float, float]:
    """(cos, sin) of a uniformly drawn angle, by rejection from the square: no libm call."""
    while True:
        x, y = rng.uniform(-1, 1, 2)
        squared = x * x + y * y
        if 0.01 < squared <= 1:
            norm = float(np.sqrt(squared))
            return float(x) / norm, float(y) / norm


def turned(turn: tuple[float, float], by: tuple[float, float]) -> tuple[float, float]:
    """The turn (cos, sin) of the sum of two angles."""
    return turn[0] * by[0] - turn[1] * by[1], turn[0] * by[1] + turn[1] * by[0]


def small_turn(angle: float) -> tuple[float, float]:
    """(cos, sin) of about `angle` radians, good for |angle| < 1.2 (a rational parametrisation of the circle)."""
    half = angle / 2 * (1 + angle * angle / 12)
    squared = half * half
    return (1 - squared) / (1 + squared), 2 * half / (1 + squared)


def smooth_noise(
    rng: np.random.Generator,
    height: int,
    width: int,
    cells: int | tuple[int, int],
    low: float = -1.0,
    high: float = 1.0,
) -> Floats:
    """Smooth random field (height, width): a coarse grid of uniform numbers, scaled up bicubically."""
    rows, columns = (cells, cells) if isinstance(cells, int) else cells
    grid = rng.uniform(low, high, (max(2, rows), max(2, columns))).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def disc() -> Field:
    """The ellipse with the piece's half-axes."""
    return Field(length)


def blob(rng: np.random.Generator, wobble: float) -> Field:
    """An ellipse with an irregular outline: three random harmonics of relative strength `wobble`."""
    waves = []
    for harmonic in (2, 3, 5):
        strength = float(np.clip(rng.normal(0, wobble), -2 * wobble, 2 * wobble)) / harmonic**0.5
        turn = unit_turn(rng)
        waves.append((np.float32(strength * turn[0]), np.float32(strength * turn[1])))
    reach = min(1.45, 1 + 2 * wobble * (0.5**0.5 + 0.34**0.5 + 0.2**0.5) * 0.75)

    def distance(u: Floats, v: Floats) -> Floats:
        radius = length(u, v)
        safe = np.maximum(radius, _TINY)
        cos1, sin1 = u / safe, v / safe
        cos2, sin2 = cos1 * cos1 - sin1 * sin1, 2 * cos1 * sin1
        cos3, sin3 = cos1 * cos2 - sin1 * sin2, cos1 * sin2 + sin1 * cos2
        cos5, sin5 = cos2 * cos3 - sin2 * sin3, cos2 * sin3 + sin2 * cos3
        outline = np.ones_like(radius)
        for (along, across), cosine, sine in zip(waves, (cos2, cos3, cos5), (sin2, sin3, sin5), strict=True):
            outline += along * cosine
            outline += across * sine
        np.clip(outline, 0.5, reach, out=outline)
        radius /= outline
        return radius

    return Field(distance, reach)


def lobed(lobes: int, depth: float, turn: tuple[float, float]) -> Field:
    """A disc with that many round lobes."""

    def distance(u: Floats, v: Floats) -> Floats:
        radius = length(u, v)
        radius /= 1 - depth + depth * angular_wave(u, v, lobes, turn)
        return radius

    return Field(distance)


def rounded_box() -> Field:
    """A box with rounded corners: the superellipse of order 6."""

    def distance(u: Floats, v: Floats) -> Floats:
        u2, v2 = u * u, v * v
        cubes = u2 * u2 * u2 + v2 * v2 * v2
        # The distance need only be right near 1: sixth root by two Newton steps from 1 for d**6 - cubes.
        root = np.minimum(np.sqrt(cubes), 8)
        guess = (root + 2) / 3
        return (root / (guess * guess) + 2 * guess) / 3

    return Field(distance, 1.02)


def capsule(aspect: float, bend: float = 0.0) -> Field:
    """A stick with round ends along u, whose half-thickness is `aspect` times its half-length; `bend` curves it."""
    straight = np.float32(1 - aspect)
    inverse = np.float32(1 / aspect)

    def distance(u: Floats, v: Floats) -> Floats:
        across = v - (np.float32(bend) * inverse) * (u * u - np.float32(0.4))
        beyond = np.maximum(np.abs(u) - straight, 0)
        beyond *= inverse
        return length(beyond, across)

    return Field(distance, 1.0 + abs(bend) / aspect * 0.6)


def teardrop(taper: float) -> Field:
    """An ellipse that is thick at u = -1 and thin at u = +1."""

    def distance(u: Floats, v: Floats) -> Floats:
        return length(u, v / np.maximum(1 - np.float32(taper) * u, np.float32(0.15)) * np.float32(1 + 0.45 * taper))

    return Field(distance, 1.05)


def pseudo_angle(u: Floats, v: Floats) -> Floats:
    """A stand-in for the angle that rises with it: -2..2, 0 along +u, 1 along +v, jump along -u."""
    ratio = u / np.maximum(np.abs(u) + np.abs(v), _TINY)
    return np.copysign(1 - ratio, v)


def hook() -> Field:
    """A shrimp: a curled body, thick at the head (angle < 0), thin at the tail, which ends in a fan."""

    def distance(u: Floats, v: Floats) -> Floats:
        angle = pseudo_angle(u, v)
        taper = np.clip(0.72 - 0.26 * (angle + 0.2) * np.sign(angle + 0.2), 0.16, 0.72)
        half_width = 0.46 * np.clip(taper - 0.16 * angle, 0.18, 0.80)
        fan = np.clip((angle - 1.2) * 4, 0, 1)
        half_width += fan * 0.14
        body = np.abs(length(u, v) - 0.64) / half_width
        return np.maximum(body, np.maximum(angle - 0.62, -0.55 - angle))

    return Field(distance, 1.08)


def mushroom_slice() -> Field:
    """A mushroom cut lengthwise: half a cap above (v < 0) and a stem below."""

    def distance(u: Floats, v: Floats) -> Floats:
        raised = v - np.float32(0.1)
        cap = np.maximum(length(u, raised * np.float32(0.92)), 1 + (raised - np.float32(0.16)) * 3)
        stem = np.maximum(np.abs(u) * np.float32(3.1), np.abs(v - np.float32(0.35)) / np.float32(0.6))
        return np.minimum(cap, stem)

    return Field(distance, 1.02)
