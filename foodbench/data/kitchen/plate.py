"""One plate of food from one seed: the picture, the exact label map, masses and nutrition."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.types import NUTRIENTS, Nutrition
from foodbench.data.kitchen.art import Spot, draw_portion
from foodbench.data.kitchen.canvas import Canvas
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.fields import Floats, small_turn, turned, unit_turn
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.seeds import seed_words

MIN_SHARE = 0.008
"""Every ingredient of a plate shows on at least this share of the picture, if that is no longer than 2:1."""

MIN_SIDE = 48
MAX_SIDE = 4096

# Attempts at laying a plate so that all of it shows; from the second number on, without optional ingredients.
_ATTEMPTS = 40
_PLAIN_FROM = 24

_UNDERLAYS = ("rice", "pasta", "lettuce", "sauce")
"""Drawn first and larger: other food lies on them."""

_PORTION_SIZE = {0: 0.0, 1: 0.50, 2: 0.40, 3: 0.335, 4: 0.295, 5: 0.27}
_DISTANCE_FROM_CENTER = {0: 0.0, 1: 0.05, 2: 0.34, 3: 0.40, 4: 0.43, 5: 0.45}


@dataclass(frozen=True, slots=True)
class Portion:
    """An ingredient on a plate with what the visible part of it contains."""

    name: str
    nutrition: Nutrition


@dataclass(frozen=True, slots=True)
class Plate:
    """A rendered plate.

    Attributes:
        image: (height, width, 3) uint8 RGB.
        label: (height, width) uint8; 0 is background, i the i-th ingredient of `INGREDIENTS`.
        dish: name in `DISHES`, or an empty string for a plate laid by hand.
        portions: the ingredients, heaviest first.
        total: exactly the sum of the portions.
        seed: what it was rendered from.
        cm2_per_pixel: visible area of one pixel; area times density is a portion's mass.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    dish: str
    portions: tuple[Portion, ...]
    total: Nutrition
    seed: tuple[int, ...]
    cm2_per_pixel: float

    def mask(self, ingredient: str) -> NDArray[np.bool_]:
        """Where an ingredient is visible, (height, width).

        Raises:
            UnknownName: the kitchen has no such ingredient.
        """
        if ingredient not in INGREDIENTS:
            raise UnknownName.of("ingredient", ingredient, INGREDIENTS)
        return self.label == INGREDIENTS[ingredient].number


def _clock_spots(rng: np.random.Generator, count: int, distance: float, jitter: float) -> list[tuple[float, float]]:
    """Centres of portions laid round the plate like hours on a clock."""
    turn = unit_turn(rng)
    angle = 2 * math.pi / max(1, count)
    step = (math.cos(angle), math.sin(angle))
    spots = []
    for _ in range(count):
        lean = turned(turn, small_turn(float(np.clip(rng.normal(0, 0.12), -0.4, 0.4))))
        x, y = rng.normal(0, jitter, 2)
        spots.append((distance * lean[0] + float(x), distance * lean[1] + float(y)))
        turn = turned(turn, step)
    return spots


def _lay(canvas: Canvas, ingredients: Sequence[str]) -> None:
    """Lay the ingredients: side by side, or all on a bed of the only underlay."""
    rng = canvas.rng
    beds = [name for name in ingredients if name in _UNDERLAYS]
    tops = [name for name in ingredients if name not in _UNDERLAYS]
    beds = [beds[index] for index in rng.permutation(len(beds))]
    tops = [tops[index] for index in rng.permutation(len(tops))]
    size = _PORTION_SIZE[len(ingredients)]
    if len(beds) == 1 and tops and rng.random() < 0.45:
        x, y = (float(value) for value in rng.normal(0, 0.04, 2))
        draw_portion(canvas, beds[0], Spot(x, y, float(rng.uniform(0.56, 0.70))))
        distance = 0.0 if len(tops) == 1 else 0.38
        for name, (x, y) in zip(tops, _clock_spots(rng, len(tops), distance, 0.03), strict=True):
            draw_portion(canvas, name, Spot(x, y, size * float(rng.uniform(0.76, 1.0))))
        return
    spots = _clock_spots(rng, len(ingredients), _DISTANCE_FROM_CENTER[len(ingredients)], 0.02)
    for name, (x, y) in zip(beds + tops, spots, strict=True):
        larger = 1.08 if name in beds else 1.0
        draw_portion(canvas, name, Spot(x, y, size * larger * float(rng.uniform(0.78, 1.18))))


@functools.lru_cache(maxsize=8)
def _grain(height: int, width: int) -> Floats:
    """Sensor noise, a little larger than a picture; each picture takes a window of it."""
    rng = np.random.default_rng([72, height, width])
    return rng.standard_normal((height + 64, width + 64), dtype=np.float32) * np.float32(2.2)


def _expose(canvas: Canvas, sensor_noise: bool) -> NDArray[np.uint8]:
    """Camera: exposure, white balance, uneven light, sensor noise; float planes to an RGB picture."""
    rng, height, width = canvas.rng, canvas.height, canvas.width
    exposure = float(rng.uniform(0.84, 1.10))
    white_balance = 1 + np.clip(rng.normal(0, 0.025, 3), -0.08, 0.08)
    slope_x, slope_y = np.clip(rng.normal(0, 0.07, 2), -0.2, 0.2)
    down, right = (int(offset) for offset in rng.integers(0, 65, 2))
    light = np.linspace(-slope_x, slope_x, width, dtype=np.float32)[None, :]
    light = light + np.linspace(1 - slope_y, 1 + slope_y, height, dtype=np.float32)[:, None]
    grain = _grain(height, width)[down : down + height, right : right + width]
    image = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        plane = canvas.pixels[channel]
        plane *= light
        plane *= np.float32(exposure * white_balance[channel])
        if sensor_noise:
            plane += grain
        np.clip(plane, 0, 255, out=plane)
        image[:, :, channel] = plane
    return image


def _portions(areas: NDArray[np.intp], cm2_per_pixel: float, ingredients: Sequence[str]) -> tuple[Portion, ...]:
    portions = []
    for name in ingredients:
        food = INGREDIENTS[name]
        grams = int(areas[food.number]) * cm2_per_pixel * food.grams_per_cm2
        portions.append(Portion(name, food.portion(grams)))
    return tuple(sorted(portions, key=lambda portion: -(portion.nutrition.mass or 0.0)))


def total_of(portions: Sequence[Portion]) -> Nutrition:
    """The sum of portions, nutrient by nutrient, in their order; zeros for no portions."""
    sums = dict.fromkeys(NUTRIENTS, 0.0)
    for portion in portions:
        for name, value in portion.nutrition.as_dict().items():
            sums[name] += value
    return Nutrition(**sums)


def _picture_size(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
        raise UsageError(f"The kitchen renders {MIN_SIDE}..{MAX_SIDE} pixels a side, not {height} x {width}.")
    return height, width


def render(
    seed: int | Sequence[int],
    size: int | tuple[int, int] = 224,
    *,
    dish: str | None = None,
    ingredients: Sequence[str] | None = None,
    sensor_noise: bool = True,
) -> Plate:
    """Render one plate. The same seed, size and choice give the same plate in every process.

    Args:
        seed: one or more non-negative integers.
        size: side of a square picture, or (height, width); the plate lies in the central square of the shorter side.
        dish: which dish to cook; drawn from the seed if not given.
        ingredients: exactly these (at most five) instead of a dish's; none at all gives an empty plate.
        sensor_noise: whether the picture has the camera's grain, which lossless formats store at great length.

    Raises:
        UnknownName: no such dish or ingredient.
        UsageError: a bad size or seed, or more than five ingredients.
    """
    height, width = _picture_size(size)
    words = seed_words(seed)
    entropy = [len(words), *words]
    if ingredients is not None:
        for name in ingredients:
            if name not in INGREDIENTS:
                raise UnknownName.of("ingredient", name, INGREDIENTS)
        if len(ingredients) > 5 or len(set(ingredients)) != len(ingredients):
            raise UsageError("A plate has at most five different ingredients.")
        dish = dish or ""
    elif dish is None:
        dish = list(DISHES)[int(np.random.default_rng([*entropy, _ATTEMPTS]).integers(len(DISHES)))]
    elif dish not in DISHES:
        raise UnknownName.of("dish", dish, DISHES)
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([*entropy, attempt])
        chosen = tuple(ingredients) if ingredients is not None else DISHES[dish].draw_ingredients(rng)
        if ingredients is None and attempt >= _PLAIN_FROM:
            chosen = DISHES[dish].required
        canvas = Canvas(rng, height, width)
        _lay(canvas, chosen)
        areas = np.bincount(canvas.labels.ravel(), minlength=len(INGREDIENT_NAMES) + 1)
        least = min((int(areas[INGREDIENTS[name].number]) for name in chosen), default=height * width)
        if least >= MIN_SHARE * height * width:
            break
    portions = _portions(areas, canvas.cm2_per_pixel, chosen)
    return Plate(
        _expose(canvas, sensor_noise), canvas.labels, dish, portions, total_of(portions), words, canvas.cm2_per_pixel
    )
