"""What food lies on where there is no plate: a cutting board, a bowl, the bare table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from foodbench.data.kitchen.art import blend, tint
from foodbench.data.kitchen.canvas import Canvas
from foodbench.data.kitchen.fields import Floats, length, small_turn, smooth_noise, turned, wave
from foodbench.data.kitchen.stamps import Colour, Spread, Thing, View, box, circle
from foodbench.data.kitchen.tables import surroundings

Placed = tuple[tuple[slice, slice], Floats]
"""As from `paint_plate`: a box of rows and columns, and in it each pixel's distance from the centre in plate radii."""

_WOODS: tuple[Colour, ...] = ((206, 162, 108), (158, 104, 62), (104, 64, 40), (226, 190, 138))
_CLAYS: tuple[Colour, ...] = ((236, 232, 222), (70, 92, 120), (150, 82, 56), (64, 66, 70), (150, 170, 150))
_HALF_ROOT = 0.7071067811865476


def _grain(rng: np.random.Generator, strips: bool) -> Callable[[Floats, View], None]:
    """Wood whose grain runs along u."""
    slow, fast = float(rng.uniform(0.20, 0.3)), float(rng.uniform(1.0, 1.4))
    start = float(rng.uniform(0, 1))

    def colouring(colour: Floats, view: View) -> None:
        height, width = view.distance.shape
        bend = smooth_noise(rng, height, width, 5)
        fine = smooth_noise(rng, height, width, (max(4, height // 6), max(4, width // 6)))
        shift = wave(view.v * np.float32(slow) + bend * np.float32(0.45) + view.u * np.float32(0.01)) * np.float32(9)
        shift += wave(view.v * np.float32(fast) + bend * np.float32(0.8)) * np.float32(5)
        shift += fine * np.float32(4)
        if strips:
            strip = view.v * np.float32(1 / 3.7) + np.float32(start)
            whole = np.floor(strip)
            # Neighbouring strips of glued wood differ in tone, in no order that the eye finds.
            tone = whole * np.float32(0.618)
            shift += (tone - np.floor(tone) - np.float32(0.5)) * np.float32(26)
            shift -= view.line((strip - whole) * np.float32(3.7), 0.05) * np.float32(22)
        colour += shift

    return colouring


def _contrast_wood(rng: np.random.Generator, canvas: Canvas) -> Colour:
    """A wood that stands out from the table."""
    table = [float(plane[::8, ::8].mean(dtype=np.float64)) for plane in canvas.pixels]
    away = [sum(abs(level - ground) for level, ground in zip(wood, table, strict=True)) for wood in _WOODS]
    fit = [wood for wood, distance in zip(_WOODS, away, strict=True) if distance >= min(90.0, max(away))]
    return fit[int(rng.integers(len(fit)))]


def _stand(canvas: Canvas) -> Placed:
    """Where food may lie when nothing round is under it: the same zone as on a plate."""
    window, x, y = surroundings((canvas.height, canvas.width), canvas.center, canvas.shape)
    return window, length(x, y)


def _thick(spread: Spread, thing: Thing, turn: tuple[float, float], centimetres: float) -> None:
    """Draw a thing that has a side towards the viewer: below it, the same shape in shade."""
    red, green, blue = thing.colour
    shaded = (red * 0.5, green * 0.5, blue * 0.5)
    side = replace(thing, colour=shaded, colouring=None, height=thing.height + centimetres)
    spread.stamp(side, (0, centimetres * 0.9), turn)
    spread.stamp(replace(thing, darkness=0), (0, 0), turn)


def board(rng: np.random.Generator, canvas: Canvas) -> Placed:
    """A cutting board: oblong with a groove and a hole to hang it by, or round with a handle."""
    spread = Spread.of(canvas)
    colour = _contrast_wood(rng, canvas)
    turn = small_turn(float(rng.uniform(-0.13, 0.13)))
    if rng.random() < 0.5:
        grain = _grain(rng, strips=True)
        half = (13.6, 11.7)
        outline = box(*half, 1.4)
        groove = box(half[0] - 1.0, half[1] - 0.75, 1.0)

        def oblong(plain: Floats, view: View) -> None:
            grain(plain, view)
            edge = groove(view.u, view.v)
            tint(plain, view.line(edge, 0.2), (0.64, 0.60, 0.56))
            blend(plain, view.line(edge + np.float32(0.34), 0.08) * np.float32(0.35), (255, 240, 214))
            blend(plain, np.clip(1 + view.distance * 3, 0, 1) * np.float32(0.3), (255, 238, 206))

        _thick(spread, Thing(outline, (-half[0], *half), colour, oblong, 0.9, 0.5), turn, 0.8)
        return _stand(canvas)
    grain = _grain(rng, strips=False)
    corner = (_HALF_ROOT, _HALF_ROOT if rng.random() < 0.5 else -_HALF_ROOT)
    if rng.random() < 0.5:
        corner = (-corner[0], corner[1])
    handle, disc, hole = box(4.6, 1.75, 1.6), circle(12.4), circle(0.75, 17.9)

    def outline_with_hole(u: Floats, v: Floats) -> Floats:
        body = np.minimum(disc(u, v), handle(u - np.float32(15.0), v))
        return np.maximum(body, -hole(u, v))

    def round_board(plain: Floats, view: View) -> None:
        grain(plain, view)
        blend(plain, np.clip(1 + view.distance * 3, 0, 1) * np.float32(0.3), (255, 238, 206))

    thing = Thing(outline_with_hole, (-12.4, 19.7, 12.4), colour, round_board, 0.9, 0.5)
    _thick(spread, thing, turned(corner, turn), 0.8)
    return _stand(canvas)


def bowl(rng: np.random.Generator, canvas: Canvas) -> Placed:
    """A deep bowl: its wall is dark on the side of the light and bright on the other."""
    spread = Spread.of(canvas)
    outer = _CLAYS[int(rng.integers(len(_CLAYS)))]
    inner = outer if rng.random() < 0.5 else (238, 234, 224)
    rim, foot = 12.9, 10.2

    def colouring(plain: Floats, view: View) -> None:
        away = view.away(0, 0)
        toward = view.towards_shadow() * np.float32(1 / rim)
        cavity = view.inside(away - np.float32(12.1))
        blend(plain, cavity, inner)
        # The wall rises from the foot; its shade turns with the light, and its lower edge lies deepest.
        wall = cavity * np.clip((away - np.float32(foot - 1.2)) * np.float32(0.9), 0, 1)
        shade = 1 + wall * (toward * np.float32(0.36) - np.float32(0.24))
        shade -= cavity * (1 - wall) * np.float32(0.16)
        shade -= np.clip(1 - np.abs(away - np.float32(foot - 1)) * np.float32(1.2), 0, 1) * np.float32(0.16)
        plain *= shade
        lip = np.clip(1 - np.abs(away - np.float32(12.5)) * np.float32(2.6), 0, 1)
        blend(plain, lip * np.clip(np.float32(0.45) - toward * np.float32(0.7), 0, 1), (255, 255, 252))
        tint(plain, np.clip(1 + view.distance * 4, 0, 1), (0.72, 0.72, 0.72))

    shade = (outer[0] * 0.55, outer[1] * 0.55, outer[2] * 0.55)
    spread.stamp(Thing(circle(11.6), (-11.6, 11.6, 11.6), shade, None, 3.2, 0.5), (0.0, 1.5))
    spread.stamp(Thing(circle(rim), (-rim, rim, rim), outer, colouring, darkness=0), (0.0, 0.0))
    return _stand(canvas)


def table(rng: np.random.Generator, canvas: Canvas) -> Placed:
    """Nothing but the table."""
    return _stand(canvas)


VESSELS: dict[str, Callable[[np.random.Generator, Canvas], Placed]] = {"board": board, "bowl": bowl, "table": table}
PLATE = "plate"
