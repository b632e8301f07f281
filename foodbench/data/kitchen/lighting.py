"""Light that is hard on a model: gloom and glare, warm and cold lamps, cast shadows, the noise of little light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foodbench.data.kitchen.fields import Floats, length, unit_turn, wave

_STOPS_DOWN, _STOPS_UP = 2.1, 0.55
"""How many times light is halved or doubled at most."""

_DARKEST = 0.14
"""No shadow leaves less of the light: people can still tell what is on the plate."""


@dataclass(frozen=True, slots=True)
class Light:
    """What is added to the standard camera.

    Attributes:
        steadiness: 0..1, how much of the standard variation of exposure, colour and evenness is taken away.
        gain: factor of each channel.
        shade: factor of each pixel, (height, width), or None.
        noise: factor of the sensor's noise, and 1 for the standard grain.
    """

    steadiness: float = 0.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shade: Floats | None = None
    noise: float = 1.0


STANDARD_LIGHT = Light()


def draw_light(rng: np.random.Generator, strength: float, height: int, width: int) -> Light:
    """Draw the light of a picture.

    Args:
        rng: source of randomness.
        strength: `Difficulty.lighting`, -1..1.
        height: of the picture.
        width: of the picture.
    """
    if strength <= 0:
        return Light(steadiness=-strength)
    # More often too dark than too bright, as pictures of dinners are.
    at = float(rng.uniform(-1.0, 0.45))
    stops = at * _STOPS_DOWN * strength if at < 0 else at / 0.45 * _STOPS_UP * strength
    exposure = _power_of_two(stops)
    warmth = float(rng.uniform(-0.7, 1.0)) * strength
    green = float(rng.uniform(-0.4, 0.8)) * strength
    gain = (
        exposure * (1 + 0.20 * warmth - 0.05 * green),
        exposure * (1 + 0.01 * warmth + 0.06 * green),
        exposure * (1 - 0.36 * warmth - 0.06 * green),
    )
    shade = _cast(rng, strength, exposure, height, width) if rng.random() < 0.75 * strength else None
    # Less light, more amplification: the noise grows while the picture is brightened up again in part.
    noise = 1 + strength * (0.6 + 2.6 * max(0.0, -stops) / _STOPS_DOWN)
    return Light(gain=gain, shade=shade, noise=noise)


def _power_of_two(stops: float) -> float:
    """2 ** stops to about a percent for |stops| < 2.5, by operations that are the same on every machine."""
    half = stops * 0.34657359 / 2  # four times half of ln 2
    quarter = 1 + half + half * half / 2 + half * half * half / 6
    return quarter * quarter * quarter * quarter


def _cast(rng: np.random.Generator, strength: float, exposure: float, height: int, width: int) -> Floats:
    """The shadow of something out of the picture: an edge, a window's bars, somebody's head, or a lamp's cone."""
    side = min(height, width)
    x = ((np.arange(width, dtype=np.float32) + np.float32(0.5 - width / 2)) / np.float32(side))[None, :]
    y = ((np.arange(height, dtype=np.float32) + np.float32(0.5 - height / 2)) / np.float32(side))[:, None]
    turn = unit_turn(rng)
    along = x * np.float32(turn[0]) + y * np.float32(turn[1])
    across = y * np.float32(turn[0]) - x * np.float32(turn[1])
    depth = min(float(rng.uniform(0.45, 0.72)) * (0.4 + 0.6 * strength), 1 - _DARKEST / exposure)
    softness = np.float32(1 / float(rng.uniform(0.03, 0.12)))
    kind = int(rng.integers(4))
    if kind == 0:
        dark = np.clip((along - np.float32(rng.uniform(-0.2, 0.25))) * softness + np.float32(0.5), 0, 1)
    elif kind == 1:
        bars = wave(along * np.float32(rng.uniform(1.6, 3.4)) + np.float32(rng.random()))
        dark = np.clip(bars * softness * np.float32(0.16) + np.float32(0.5), 0, 1)
    elif kind == 2:
        # Whoever takes the picture leans in: a head on a neck.
        away = float(rng.uniform(0.22, 0.42))
        head = length((along - np.float32(away)) * np.float32(0.8), across) - np.float32(0.24)
        body = length(np.minimum(np.float32(away + 0.62) - along, 0), across) - np.float32(0.42)
        body = np.maximum(body, np.float32(away + 0.30) - along)
        neck = np.maximum(np.abs(across) - np.float32(0.10), np.float32(away) - along)
        dark = np.clip(np.float32(0.5) - np.minimum(np.minimum(head, neck), body) * softness, 0, 1)
    else:
        spot = length(along - np.float32(rng.uniform(-0.2, 0.2)), across)
        dark = np.clip((spot - np.float32(0.12)) * np.float32(2.0), 0, 1)
    dark *= np.float32(-depth)
    dark += 1
    return dark
