"""Table tops and empty plates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foodbench.data.kitchen.fields import Floats, length, smooth_noise

Colour = tuple[int, int, int]

_WOODS: tuple[Colour, ...] = ((168, 120, 76), (122, 82, 52), (196, 154, 108))
_CLOTHS: tuple[Colour, ...] = ((200, 60, 60), (70, 110, 180), (90, 150, 90))
_PLAIN: tuple[Colour, ...] = ((222, 206, 176), (178, 200, 204), (96, 84, 80), (216, 184, 168))
_LINENS: tuple[Colour, ...] = ((206, 198, 182), (150, 160, 172), (176, 150, 140), (120, 132, 112))
_CERAMICS: tuple[Colour, ...] = (
    (246, 246, 244), (240, 232, 214), (216, 226, 236), (70, 74, 82), (178, 110, 84), (206, 222, 208),
)  # fmt: skip
_CERAMIC_CHANCES = (0.40, 0.18, 0.14, 0.10, 0.09, 0.09)
_BANDS: tuple[Colour, ...] = ((60, 90, 170), (180, 60, 50), (190, 150, 60), (60, 120, 80))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _tinted(colour: Colour, shift: Floats) -> Floats:
    """(3, h, w): one colour plus a brightness that varies over the picture."""
    pixels = np.empty((3, *shift.shape), np.float32)
    for channel, level in enumerate(colour):
        np.add(shift, np.float32(level), out=pixels[channel])
    return pixels


def _wood(rng: np.random.Generator, height: int, width: int) -> Floats:
    side = min(height, width)
    upright = rng.random() < 0.5
    rows, columns = (width, height) if upright else (height, width)
    grain = smooth_noise(rng, rows, columns, (max(8, rows // 5), 3)) * np.float32(15)
    grain += smooth_noise(rng, rows, columns, (10, 2)) * np.float32(13)
    board = side // int(rng.integers(3, 6))
    first = int(rng.integers(board))
    gap = max(1, side // 220)
    for number, start in enumerate(range(first - board, rows, board)):
        grain[max(0, start) : max(0, start + board)] += np.float32((number * 37 % 11 - 5) * 1.6)
        grain[max(0, start) : max(0, start + gap)] -= np.float32(44)
    return _tinted(_pick(rng, _WOODS), np.ascontiguousarray(grain.T) if upright else grain)


def _gingham(rng: np.random.Generator, height: int, width: int) -> Floats:
    period = max(6, min(height, width) // int(rng.integers(7, 13)))
    colour = _pick(rng, _CLOTHS)
    across = ((np.arange(width) // period) % 2).astype(np.float32)
    down = ((np.arange(height) // period) % 2).astype(np.float32)
    weight = (across[None, :] + down[:, None]) * np.float32(0.4)
    pixels = np.empty((3, height, width), np.float32)
    for channel, (white, level) in enumerate(zip((244, 240, 232), colour, strict=True)):
        np.multiply(weight, np.float32(level - white), out=pixels[channel])
        pixels[channel] += np.float32(white)
    return pixels


def _slate(rng: np.random.Generator, height: int, width: int) -> Floats:
    shift = smooth_noise(rng, height, width, 18) * np.float32(9)
    shift += smooth_noise(rng, height, width, (height // 2, width // 2), -6, 6)
    return _tinted((62, 66, 72), shift)


def _marble(rng: np.random.Generator, height: int, width: int) -> Floats:
    vein = np.abs(smooth_noise(rng, height, width, 5) + smooth_noise(rng, height, width, 12, -0.5, 0.5))
    return _tinted((228, 226, 223), np.clip(np.float32(0.13) - vein, 0, 1) * np.float32(-330))


def _plain(rng: np.random.Generator, height: int, width: int) -> Floats:
    return _tinted(_pick(rng, _PLAIN), smooth_noise(rng, height, width, 4) * np.float32(8))


def _linen(rng: np.random.Generator, height: int, width: int) -> Floats:
    threads = rng.uniform(-9, 9, (1, width)).astype(np.float32) + rng.uniform(-9, 9, (height, 1)).astype(np.float32)
    threads += smooth_noise(rng, height, width, 6) * np.float32(7)
    return _tinted(_pick(rng, _LINENS), threads)


_TABLES: tuple[Callable[[np.random.Generator, int, int], Floats], ...] = (
    _wood, _gingham, _slate, _marble, _plain, _linen,
)  # fmt: skip


def paint_table(rng: np.random.Generator, height: int, width: int) -> Floats:
    """A table top, (3, height, width) in 0..255: wood, cloth, slate, marble, plain or linen."""
    return _TABLES[int(rng.integers(len(_TABLES)))](rng, height, width)


@dataclass(frozen=True, slots=True)
class Ceramic:
    """What a plate looks like: its colour, and perhaps a coloured band at some distance from its centre."""

    colour: Colour
    band: Colour | None
    band_at: float


def draw_ceramic(rng: np.random.Generator) -> Ceramic:
    """Draw the look of a plate."""
    chosen = int(np.searchsorted(np.cumsum(_CERAMIC_CHANCES), rng.random() * 0.999999, side="right"))
    has_band, at = rng.random() < 0.35, float(rng.uniform(0.85, 0.93))
    band = _pick(rng, _BANDS)
    return Ceramic(_CERAMICS[min(chosen, len(_CERAMICS) - 1)], band if has_band else None, at)


def surroundings(
    size: tuple[int, int], center: tuple[float, float], shape: tuple[float, float]
) -> tuple[tuple[slice, slice], Floats, Floats]:
    """The box round a plate and its shadow, and plate coordinates in it.

    Args:
        size: of the picture, (height, width).
        center: of the plate in pixels (x, y).
        shape: outer radius in pixels along x, and the foreshortening of y.

    Returns:
        Rows and columns, x (1, columns) and y (rows, 1) from the centre in plate radii.
    """
    (radius, tilt), (height, width) = shape, size
    rows = slice(max(0, int(center[1] - 1.2 * radius * tilt)), min(height, int(center[1] + 1.2 * radius * tilt) + 2))
    columns = slice(max(0, int(center[0] - 1.2 * radius)), min(width, int(center[0] + 1.2 * radius) + 2))
    x = ((np.arange(columns.start, columns.stop) + 0.5 - center[0]) / radius).astype(np.float32)[None, :]
    y = ((np.arange(rows.start, rows.stop) + 0.5 - center[1]) / (radius * tilt)).astype(np.float32)[:, None]
    return (rows, columns), x, y


def paint_plate(
    ceramic: Ceramic,
    pixels: Floats,
    center: tuple[float, float],
    shape: tuple[float, float],
    light: tuple[float, float],
) -> tuple[tuple[slice, slice], Floats]:
    """Put an empty plate and its shadow onto a table, in place.

    Args:
        ceramic: the plate's look.
        pixels: the table, (3, height, width).
        center: of the plate in pixels (x, y).
        shape: outer radius in pixels along x, and the foreshortening of y.
        light: unit vector in which shadows fall.

    Returns:
        Rows and columns of a box round plate and shadow, and within it every pixel's distance from the plate's centre
        in plate radii.
    """
    (rows, columns), x, y = surroundings((pixels.shape[1], pixels.shape[2]), center, shape)
    target = pixels[:, rows, columns]
    distance = length(x, y)
    shadow = length(x - np.float32(0.075 * light[0]), y - np.float32(0.085 * light[1]))
    darkness = np.clip((np.float32(1.09) - shadow) * np.float32(1 / 0.12), 0, 1)
    target *= 1 - np.float32(0.42) * darkness

    edge = np.clip((1 - distance) * np.float32(shape[0]), 0, 1)
    facing = x * np.float32(-light[0]) + y * np.float32(-light[1])
    rim = np.clip((distance - np.float32(0.74)) * np.float32(40), 0, 1)
    step = np.clip(1 - np.abs(distance - np.float32(0.745)) * np.float32(1 / 0.03), 0, 1)
    shade = 1 - np.float32(0.05) * rim + (np.float32(0.10) * step + np.float32(0.045) * rim) * facing
    shade -= np.clip((distance - np.float32(0.965)) * np.float32(2.5), 0, 1)
    if ceramic.band is not None:
        band = np.clip(1.4 - np.abs(distance - np.float32(ceramic.band_at)) * np.float32(110), 0, 1)
    for channel in range(3):
        plane = shade * np.float32(ceramic.colour[channel])
        if ceramic.band is not None:
            plane += (np.float32(ceramic.band[channel]) - plane) * band
        plane -= target[channel]
        plane *= edge
        target[channel] += plane
    return (rows, columns), distance
