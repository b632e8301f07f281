"""Texture tiles of the ingredients: made once per picture size, cut at random for each piece of food."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from foodbench.data.kitchen.fields import Floats, smooth_noise, wave

Colour = tuple[int, int, int]
Tile = NDArray[np.uint8]

_STEP = 64
_MARGIN = 1.17
_OVERSAMPLING = 2


def texture_tile(name: str, short_side: int, variant: int) -> Tile:
    """The tile of an ingredient for pictures of that shorter side, (3, side, side) uint8, side >= 1.15 * short_side.

    Sides are rounded up to a multiple of 64, so that pictures of many sizes share few tiles.
    """
    return _build(name, math.ceil(short_side / _STEP) * _STEP, variant)


@functools.lru_cache(maxsize=200)
def _build(name: str, unit: int, variant: int) -> Tile:
    number = list(_MAKERS).index(name)
    rng = np.random.default_rng([71, number, variant, unit])
    planes = _MAKERS[name](rng, unit, math.ceil(unit * _MARGIN))
    tile: Tile = np.ascontiguousarray(np.clip(planes, 0, 255).astype(np.uint8))
    tile.setflags(write=False)
    return tile


def _flat(
    colour: Colour, amount: float, cells: int, speckle: float
) -> Callable[[np.random.Generator, int, int], Floats]:
    """A colour with large soft spots and fine speckle."""

    def make(rng: np.random.Generator, unit: int, side: int) -> Floats:
        shift = smooth_noise(rng, side, side, cells) * np.float32(amount)
        fine = max(2, int(side * min(1.0, 200 / unit)))
        shift += smooth_noise(rng, side, side, fine) * np.float32(speckle * 1.7)
        return np.stack([shift + level for level in colour]).astype(np.float32)

    return make


def _blend(planes: Floats, weight: Floats, colour: Colour) -> Floats:
    for channel, level in enumerate(colour):
        planes[channel] += (level - planes[channel]) * weight
    return planes


class _Sheet:
    """A drawing surface of twice the tile's size."""

    def __init__(self, rng: np.random.Generator, unit: int, side: int, background: Colour) -> None:
        self.rng = rng
        self.side = side
        self.unit = unit * _OVERSAMPLING
        self.extent = side * _OVERSAMPLING
        self.image = Image.new("RGB", (self.extent, self.extent), background)
        self.draw = ImageDraw.Draw(self.image)

    def count(self, per_unit: int) -> int:
        """How many items cover the sheet at `per_unit` items per picture."""
        return int(per_unit * (self.extent / self.unit) ** 2)

    def vary(self, colour: Colour, spread: float) -> Colour:
        """A colour near `colour`."""
        shift = self.rng.normal(0, spread) + self.rng.normal(0, spread * 0.25, 3)
        red, green, blue = (int(min(255, max(0, level + by))) for level, by in zip(colour, shift, strict=True))
        return red, green, blue

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled disc."""
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def bar(self, ends: tuple[float, float, float, float], radius: float, colour: Colour) -> None:
        """A line with round ends."""
        self.draw.line(ends, fill=colour, width=max(1, round(radius * 2)))
        self.disc(ends[0], ends[1], radius, colour)
        self.disc(ends[2], ends[3], radius, colour)

    def planes(self) -> Floats:
        """The finished tile, (3, side, side)."""
        small = self.image.resize((self.side, self.side), Image.Resampling.BOX)
        return np.asarray(small, np.float32).transpose(2, 0, 1)


def _darker(colour: Colour, factor: float = 0.62) -> Colour:
    return int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)


def _heap(
    ground: Colour,
    colour: Colour,
    highlight: Colour,
    radius: float,
    count: int,
    elongation: float = 0.0,
    spread: float = 10,
    edge: float = 0.62,
) -> Callable[[np.random.Generator, int, int], Floats]:
    """A heap of balls, or of grains `elongation` times as long as thick, each with a dark edge and a highlight."""

    def make(rng: np.random.Generator, unit: int, side: int) -> Floats:
        sheet = _Sheet(rng, unit, side, ground)
        for _ in range(sheet.count(count)):
            x, y = rng.uniform(0, sheet.extent, 2)
            size = radius * sheet.unit * rng.uniform(0.8, 1.15)
            body = sheet.vary(colour, spread)
            light = sheet.vary(highlight, 6)
            if elongation:
                angle = rng.uniform(0, math.pi)
                along, down = math.cos(angle) * size * elongation, math.sin(angle) * size * elongation
                sheet.bar((x - along, y - down, x + along, y + down), size * 1.2, _darker(body, edge))
                sheet.bar((x - along, y - down, x + along, y + down), size * 0.9, body)
                x, y = x - size * 0.25, y - size * 0.35
                sheet.bar((x - along * 0.5, y - down * 0.5, x + along * 0.5, y + down * 0.5), size * 0.28, light)
            else:
                sheet.disc(x, y, size, _darker(body, edge))
                sheet.disc(x - size * 0.05, y - size * 0.09, size * 0.83, body)
                sheet.disc(x - size * 0.25, y - size * 0.35, size * 0.22, light)
        return sheet.planes()

    return make


def _spaghetti(rng: np.random.Generator, unit: int, side: int) -> Floats:
    sheet = _Sheet(rng, unit, side, (176, 132, 60))
    width = 0.0115 * sheet.unit
    for _ in range(sheet.count(560)):
        x, y = rng.uniform(-0.2, 1.2, 2) * sheet.extent
        angle, bend = rng.uniform(0, 2 * math.pi), rng.uniform(-0.13, 0.13)
        points = []
        for jitter in rng.normal(0, 0.04, 34):
            points.append((x, y))
            x, y = x + math.cos(angle) * sheet.unit * 0.02, y + math.sin(angle) * sheet.unit * 0.02
            angle += bend + jitter
        strand = sheet.vary((240, 206, 122), 9)
        sheet.draw.line(points, fill=_darker(strand, 0.6), width=int(width * 1.5), joint="curve")
        sheet.draw.line(points, fill=strand, width=int(width), joint="curve")
        light = [(px - width * 0.2, py - width * 0.2) for px, py in points]
        sheet.draw.line(light, fill=sheet.vary((255, 234, 160), 4), width=max(1, int(width * 0.25)), joint="curve")
    return sheet.planes()


def _leaf(rng: np.random.Generator, unit: int, side: int) -> Floats:
    phase = smooth_noise(rng, side, side, 11) * np.float32(2.4) + smooth_noise(rng, side, side, 26) * np.float32(1.0)
    ruffle = wave(phase)
    planes = np.stack([ruffle * 13 + 146, ruffle * 12 + 204, ruffle * 10 + 84]).astype(np.float32)
    planes += smooth_noise(rng, side, side, 40) * np.float32(10)
    return planes


def _curry(rng: np.random.Generator, unit: int, side: int) -> Floats:
    planes = _flat((204, 132, 26), 22, 9, 3)(rng, unit, side)
    bits = smooth_noise(rng, side, side, 30)
    planes = _blend(planes, np.clip((bits - 0.5) * 6, 0, 1) * np.float32(0.6), (240, 186, 70))
    return _blend(planes, np.clip((-0.5 - bits) * 6, 0, 1) * np.float32(0.6), (140, 66, 18))


def _roast(rng: np.random.Generator, unit: int, side: int) -> Floats:
    planes = _flat((206, 128, 48), 20, 12, 5)(rng, unit, side)
    crust = smooth_noise(rng, side, side, 18)
    planes = _blend(planes, np.clip(crust * 1.7 - 0.35, 0, 1) * np.float32(0.8), (128, 58, 20))
    return _blend(planes, np.clip(-crust * 1.7 - 0.7, 0, 1) * np.float32(0.6), (238, 178, 92))


def _seared(rng: np.random.Generator, unit: int, side: int) -> Floats:
    planes = _flat((243, 233, 208), 6, 20, 2)(rng, unit, side)
    brown = np.clip(smooth_noise(rng, side, side, 16) * 1.6 - 0.85, 0, 1)
    return _blend(planes, brown * np.float32(0.8), (206, 156, 84))


_MAKERS: dict[str, Callable[[np.random.Generator, int, int], Floats]] = {
    "rice": _heap((214, 208, 192), (247, 244, 234), (255, 255, 252), 0.0086, 3600, 2.1, 7, 0.80),
    "pasta": _spaghetti,
    "fish": _flat((243, 128, 80), 12, 14, 4),
    "steak": _flat((112, 62, 42), 20, 26, 9),
    "chicken duck": _roast,
    "bone": _flat((236, 222, 192), 10, 12, 3),
    "shrimp": _flat((250, 160, 128), 12, 24, 4),
    "egg": _flat((250, 248, 240), 5, 10, 2),
    "tofu": _seared,
    "broccoli": _heap((28, 70, 26), (70, 136, 52), (142, 198, 98), 0.0120, 5200),
    "carrot": _flat((241, 128, 30), 10, 30, 5),
    "tomato": _flat((216, 44, 30), 12, 20, 4),
    "lettuce": _leaf,
    "cucumber": _flat((206, 228, 164), 8, 30, 4),
    "green beans": _flat((96, 158, 44), 16, 14, 5),
    "corn": _heap((184, 124, 8), (249, 207, 54), (255, 243, 176), 0.021, 2300, 0.0, 10, 0.70),
    "red beans": _heap((46, 12, 12), (136, 34, 30), (222, 136, 122), 0.0215, 1250, 0.85, 13),
    "french fries": _flat((242, 202, 104), 14, 30, 6),
    "white button mushroom": _flat((226, 206, 174), 10, 26, 5),
    "sauce": _curry,
    "avocado": _flat((186, 206, 96), 10, 20, 4),
}
