"""Cutlery, glasses, cups, napkins: what lies and stands about on a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foodbench.data.kitchen.art import blend, tint
from foodbench.data.kitchen.fields import Floats, length, wave
from foodbench.data.kitchen.stamps import (
    Colour,
    Colouring,
    Spread,
    Thing,
    Turn,
    View,
    box,
    circle,
    cone,
)

UTENSILS = ("fork", "spoon", "knife", "chopsticks")

_METALS: tuple[Colour, ...] = ((206, 208, 212), (206, 208, 212), (212, 176, 112), (58, 58, 62))
_HANDLES: tuple[Colour, ...] = ((40, 36, 36), (112, 66, 40), (236, 230, 218))
_STICKS: tuple[Colour, ...] = ((150, 34, 30), (46, 36, 34), (196, 150, 96), (112, 62, 36))
_CLOTHS: tuple[Colour, ...] = ((240, 236, 226), (176, 54, 50), (62, 88, 132), (206, 178, 96), (96, 128, 104))
_DRINKS: tuple[tuple[Colour, float], ...] = (
    ((206, 224, 230), 0.35), ((246, 160, 32), 0.95), ((62, 28, 16), 0.94), ((128, 16, 34), 0.92),
    ((244, 240, 230), 0.97), ((226, 184, 74), 0.75),
)  # fmt: skip
_CUPS: tuple[Colour, ...] = ((246, 246, 242), (226, 216, 196), (70, 100, 130), (170, 66, 52))
_COFFEES: tuple[Colour, ...] = ((58, 32, 18), (176, 122, 74), (146, 84, 24))


def _pick(rng: np.random.Generator, items: tuple[Colour, ...]) -> Colour:
    return items[int(rng.integers(len(items)))]


def _handle_width(u: Floats, start: float, thick: float, neck: float) -> Floats:
    """Half-width of a handle that gets thinner from its end at `start` over nine centimetres."""
    return np.float32(thick) - np.clip((u - np.float32(start)) * np.float32(1 / 9), 0, 1) * np.float32(thick - neck)


def _metal(colour: Floats, view: View) -> None:
    """Bright on the side of the light, dark on the other, a streak along the middle, a dark outline."""
    bevel = np.clip(1 + view.distance * np.float32(4), 0, 1)
    facing = np.clip(view.v * np.float32(-3 * view.light[1]), -1, 1)
    shade = 1 + bevel * facing * np.float32(0.30)
    shade += wave(view.u * np.float32(0.09) + np.float32(0.3)) * np.float32(0.08)
    colour *= shade
    blend(colour, np.clip(1 - np.abs(view.v + np.float32(0.08)) * 6, 0, 1) * np.float32(0.55), (255, 255, 255))
    blend(colour, np.clip(1 + view.distance * np.float32(9), 0, 1) * np.float32(0.45), (52, 54, 60))


def _fork(rng: np.random.Generator) -> Thing:
    def shape(u: Floats, v: Floats) -> Floats:
        across = np.abs(v)
        shoulder = np.clip((u - np.float32(2.2)) * np.float32(1 / 2.0), 0, 1)
        shoulder = shoulder * shoulder * (3 - 2 * shoulder)
        half = _handle_width(u, -10, 0.72, 0.34) + shoulder * np.float32(0.98)
        outline = np.maximum(across - half, np.maximum(-10 - u, u - np.float32(10)))
        # Four tines: folded twice, they are one.
        tine = np.abs(np.abs(across - np.float32(0.72)) - np.float32(0.36)) - np.float32(0.20)
        tine += np.maximum(u - np.float32(8.2), 0) * np.float32(0.07)
        return np.where(u > np.float32(5.2), np.maximum(outline, tine), outline)

    return Thing(shape, (-10.1, 10.1, 1.5), _pick(rng, _METALS), _metal, height=0.45, darkness=0.5)


def _spoon(rng: np.random.Generator) -> Thing:
    def shape(u: Floats, v: Floats) -> Floats:
        handle = np.maximum(np.abs(v) - _handle_width(u, -10, 0.70, 0.32), np.maximum(-10 - u, u - np.float32(5)))
        bowl = (length((u - np.float32(6.7)) * np.float32(1 / 3.2), v * np.float32(1 / 2.1)) - 1) * np.float32(2.1)
        return np.minimum(handle, bowl)

    def colouring(colour: Floats, view: View) -> None:
        _metal(colour, view)
        # The bowl is hollow: dark on the side of the light, and bright on the other.
        u, v = (view.u - np.float32(6.7)) * np.float32(1 / 2.8), view.v * np.float32(1 / 1.75)
        hollow = view.inside((length(u, v) - 1) * np.float32(1.75))
        level = (u * np.float32(view.light[0]) + v * np.float32(view.light[1])) * np.float32(0.34)
        for plane in colour:
            plane += (plane * (level + np.float32(-0.14))) * hollow
        spot = length(u - np.float32(0.4 * view.light[0]), v - np.float32(0.4 * view.light[1]))
        blend(colour, np.clip(1 - spot * np.float32(2.6), 0, 1), (255, 255, 255))

    return Thing(shape, (-10.1, 10.0, 2.2), _pick(rng, _METALS), colouring, height=0.5, darkness=0.5)


def _knife(rng: np.random.Generator) -> Thing:
    grip = _pick(rng, _HANDLES) if rng.random() < 0.6 else None

    def shape(u: Floats, v: Floats) -> Floats:
        handle = np.maximum(np.abs(v) - _handle_width(-u, -1, 0.62, 0.86), np.maximum(-11 - u, u - np.float32(0.4)))
        tip = np.maximum(u - np.float32(5.0), 0) * np.float32(1 / 6)
        edge = np.maximum(v - np.float32(0.62), np.float32(-1.0) + tip * tip * np.float32(1.62) - v)
        blade = np.maximum(edge, np.maximum(np.float32(-0.2) - u, u - np.float32(11)))
        return np.minimum(handle, blade)

    def colouring(colour: Floats, view: View) -> None:
        _metal(colour, view)
        blend(colour, view.inside(view.v + np.float32(0.35)) * view.inside(-view.u) * np.float32(0.5), (246, 248, 250))
        if grip is not None:
            on_grip = view.inside(view.u)
            blend(colour, on_grip, grip)
            blend(colour, on_grip * view.inside(np.abs(view.v + np.float32(0.25)) - np.float32(0.1)) * 0.4, (255,) * 3)
            for rivet in (-2.5, -8.0):
                blend(colour, view.inside(view.away(rivet, 0) - np.float32(0.24)), (214, 214, 216))

    return Thing(shape, (-11.1, 11.1, 1.2), (208, 210, 214), colouring, height=0.45, darkness=0.5)


def _chopsticks(rng: np.random.Generator) -> Thing:
    gap = float(rng.uniform(0.9, 1.3))
    tips = _pick(rng, ((222, 186, 96), (230, 226, 216), (40, 32, 30)))

    def shape(u: Floats, v: Floats) -> Floats:
        # A pair that comes nearer to each other towards the tips.
        apart = np.float32(gap) - (u + 11) * np.float32(gap * 0.02)
        half = np.float32(0.44) - (u + 11) * np.float32(0.0105)
        return np.maximum(np.abs(np.abs(v) - apart) - half, np.abs(u) - 11)

    def colouring(colour: Floats, view: View) -> None:
        apart = np.float32(gap) - (view.u + 11) * np.float32(gap * 0.02)
        side = np.abs(view.v) - apart
        blend(colour, np.clip(1 - np.abs(side + np.float32(0.12)) * 5, 0, 1) * np.float32(0.45), (255, 240, 220))
        tint(colour, np.clip(1 + view.distance * np.float32(7), 0, 1), (0.62, 0.6, 0.6))
        blend(colour, view.inside(np.abs(view.u + np.float32(7.6)) - np.float32(0.5)), tips)

    return Thing(shape, (-11.1, 11.1, 2.0), _pick(rng, _STICKS), colouring, height=0.5, darkness=0.5)


_MAKERS = {"fork": _fork, "spoon": _spoon, "knife": _knife, "chopsticks": _chopsticks}


def utensil(rng: np.random.Generator, kind: str) -> Thing:
    """A fork, spoon, knife or pair of chopsticks, some 20 cm long, its business end at u > 0."""
    return _MAKERS[kind](rng)


def _cloth(rng: np.random.Generator, half: tuple[float, float]) -> Colouring:
    stripe = _pick(rng, _CLOTHS)
    at = float(rng.uniform(0.9, 1.6))

    def colouring(colour: Floats, view: View) -> None:
        threads = wave(view.u * np.float32(2.1)) + wave(view.v * np.float32(2.1))
        colour += threads * np.float32(3.5)
        frame = box(half[0] - at, half[1] - at)(view.u, view.v)
        blend(colour, view.line(frame, 0.22), stripe)
        blend(colour, view.line(frame + np.float32(0.75), 0.07), stripe)
        # Two folds, each a ridge: lit on one side, shaded on the other.
        for fold in (view.u - np.float32(half[0] / 3), view.v):
            ridge = np.clip(1 - np.abs(fold) * np.float32(1.2), 0, 1) * np.sign(fold)
            colour *= 1 - ridge * np.float32(0.13)
        tint(colour, np.clip(1 + view.distance * 6, 0, 1), (0.86, 0.86, 0.88))

    return colouring


def napkin(rng: np.random.Generator, spread: Spread, at: tuple[float, float], turn: Turn) -> None:
    """A folded cloth napkin."""
    half = (float(rng.uniform(8.0, 9.5)), float(rng.uniform(7.5, 9.0)))
    cloth = Thing(
        box(*half, 0.3), (-half[0], half[0], half[1]), _pick(rng, _CLOTHS), _cloth(rng, half), height=0.35, darkness=0.4
    )
    spread.stamp(cloth, at, turn)


def _outward(at: tuple[float, float]) -> Turn:
    """Unit vector from the picture's centre: where the tops of tall things lean, seen from above."""
    far = float(np.sqrt(at[0] * at[0] + at[1] * at[1]))
    return at[0] / far, at[1] / far


def _body(low: float, high: float, lean: float, colour: Colour, colouring: Colouring) -> Thing:
    """The outside of a round vessel: from its foot at u = 0 to its brim at u = lean."""
    return Thing(
        cone(low, high, lean), (-low, lean + high, max(low, high)), colour, colouring, height=2.6, darkness=0.42
    )


def _disc(radius: float, at: float, colour: Colour, colouring: Colouring | None = None, opacity: float = 1.0) -> Thing:
    """A level disc at u = at, without shadow."""
    extent = (at - radius, at + radius, radius)
    return Thing(circle(radius, at), extent, colour, colouring, darkness=0, opacity=opacity)


def _ring(radius: float, at: float, half_width: float, colour: Colour, colouring: Colouring | None = None) -> Thing:
    """A level ring at u = at, without shadow."""

    def shape(u: Floats, v: Floats) -> Floats:
        return np.abs(length(u - np.float32(at), v) - np.float32(radius)) - np.float32(half_width)

    far = radius + half_width
    return Thing(shape, (at - far, at + far, far), colour, colouring, darkness=0, opacity=0.9)


def _lighter(colour: Colour, factor: float, plus: float = 0.0) -> Colour:
    red, green, blue = (min(255.0, level * factor + plus) for level in colour)
    return red, green, blue


def glass(rng: np.random.Generator, spread: Spread, at: tuple[float, float]) -> None:
    """A drinking glass, seen from above and a little from the side."""
    drink, depth = _DRINKS[int(rng.integers(len(_DRINKS)))]
    turn, lean = _outward(at), float(rng.uniform(2.0, 2.8))
    foot, brim, level = 2.5, 3.5, float(rng.uniform(0.5, 0.8))
    surface = foot + (brim - foot) * level - 0.2

    def side(colour: Floats, view: View) -> None:
        blend(colour, np.clip(1 + view.distance * np.float32(2.2), 0, 1) * np.float32(0.6), (250, 252, 255))

    def wet(colour: Floats, view: View) -> None:
        tint(colour, np.clip(1 + view.distance * np.float32(0.9), 0, 1), (0.74, 0.74, 0.76))
        spot = view.away(lean * level - 1.3 * view.light[0], -1.3 * view.light[1])
        blend(colour, np.clip(1.25 - spot * np.float32(1.5), 0, 1) * np.float32(0.75), (255, 255, 255))

    def lit(colour: Floats, view: View) -> None:
        colour *= 1 + np.clip(view.towards_shadow(lean) * np.float32(-1 / brim), -0.5, 0.1) * np.float32(0.6)

    spread.stamp(replace(_body(foot, brim, lean, (214, 226, 232), side), opacity=0.52), at, turn)
    inner = _body(foot - 0.2, surface, lean * level, drink, wet)
    spread.stamp(replace(inner, darkness=0, opacity=depth), at, turn)
    spread.stamp(_disc(surface, lean * level, _lighter(drink, 1.12, 8), wet, depth), at, turn)
    wide = max(0.17, 0.75 / spread.pixels_per_cm)
    spread.stamp(_ring(brim, lean, wide, (248, 250, 252), lit), at, turn)


def cup(rng: np.random.Generator, spread: Spread, at: tuple[float, float]) -> None:
    """A cup of coffee or tea on its saucer."""
    china, coffee = _pick(rng, _CUPS), _pick(rng, _COFFEES)
    turn, lean = _outward(at), 1.1

    def dish(colour: Floats, view: View) -> None:
        colour *= 1 - np.clip(1 - np.abs(view.away(0, 0) - np.float32(4.4)) * 2, 0, 1) * np.float32(0.14)
        tint(colour, np.clip(1 + view.distance * 5, 0, 1), (0.8, 0.8, 0.8))

    def wall(colour: Floats, view: View) -> None:
        tint(colour, np.clip(1.2 + view.distance * np.float32(0.7), 0, 1), (0.66, 0.66, 0.68))

    def brew(colour: Floats, view: View) -> None:
        blend(colour, view.line(view.away(lean, 0) - np.float32(2.75), 0.14) * np.float32(0.6), (206, 150, 92))
        spot = view.away(lean - 1.0 * view.light[0], -1.0 * view.light[1])
        blend(colour, np.clip(1 - spot * np.float32(1.4), 0, 1) * np.float32(0.5), (255, 250, 240))

    spread.stamp(replace(_disc(6.2, 0, china, dish), height=0.8, darkness=0.4), at)
    # The handle points along the table's edge rather than at the eater.
    head = (at[0] + turn[0] * lean, at[1] + turn[1] * lean)
    handle = replace(_ring(1.25, 4.2, 0.42, china, wall), height=0.6, darkness=0.4, opacity=1.0)
    spread.stamp(handle, head, (-turn[1], turn[0]))
    spread.stamp(_body(2.5, 3.4, lean, china, wall), at, turn)
    spread.stamp(_disc(3.4, lean, _lighter(china, 1.05)), at, turn)
    spread.stamp(_disc(2.95, lean, coffee, brew), at, turn)


def shaker(rng: np.random.Generator, spread: Spread, at: tuple[float, float]) -> None:
    """A salt or pepper shaker."""
    grains = _pick(rng, ((244, 244, 244), (60, 52, 48)))
    turn, lean = _outward(at), 1.8

    def side(colour: Floats, view: View) -> None:
        blend(colour, np.clip(1 + view.distance * 2, 0, 1) * np.float32(0.5), (214, 226, 230))

    def cap(colour: Floats, view: View) -> None:
        colour *= 1 - np.clip(view.towards_shadow(lean) * np.float32(0.16), -0.25, 0.25)
        for u, v in ((0, 0), (0.75, 0), (-0.75, 0), (0, 0.75), (0, -0.75)):
            blend(colour, view.inside(view.away(lean + u, v) - np.float32(0.2)), (50, 50, 54))

    spread.stamp(replace(_body(2.0, 1.75, lean, grains, side), height=1.6), at, turn)
    spread.stamp(replace(_disc(1.75, lean, (196, 198, 204), cap), height=0.2, darkness=0.3), at, turn)
