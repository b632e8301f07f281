"""One plate of food from one seed: the picture, the exact label map, masses and nutrition."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.types import NUTRIENTS, Nutrition
from foodbench.data.kitchen.canvas import Canvas
from foodbench.data.kitchen.difficulty import STANDARD, Difficulty
from foodbench.data.kitchen.dishes import DISHES, MAX_INGREDIENTS, Dish
from foodbench.data.kitchen.fields import Floats
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.laying import fitted, lay
from foodbench.data.kitchen.lighting import STANDARD_LIGHT, Light, draw_light
from foodbench.data.kitchen.scene import Scene
from foodbench.data.kitchen.seeds import seed_words
from foodbench.data.kitchen.vessels import PLATE

MIN_SHARE = 0.008
"""Every ingredient of a plate shows on at least this share of the picture, if that is no longer than 2:1."""

MIN_SIDE = 48
MAX_SIDE = 4096

# Attempts at laying a plate so that all of it shows; from the second number on, without optional ingredients.
_ATTEMPTS = 40
_PLAIN_FROM = 24

# The last number of the seeds of random streams: attempts come first, then the choice of the dish, then what a
# difficulty adds. Streams of their own, so that a difficulty changes nothing else.
_DISH_STREAM = _ATTEMPTS
_EMPTY_STREAM, _COUNT_STREAM, _VESSEL_STREAM, _CLUTTER_STREAM, _LIGHT_STREAM, _LAYING_STREAM = range(41, 47)


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
        dish: name in `DISHES`, or an empty string for a plate laid by hand or an empty one.
        portions: the ingredients, heaviest first.
        total: exactly the sum of the portions.
        seed: what it was rendered from.
        cm2_per_pixel: visible area of one pixel; area times density is a portion's mass.
        vessel: what the food lies on: `plate`, `board`, `bowl` or `table`.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    dish: str
    portions: tuple[Portion, ...]
    total: Nutrition
    seed: tuple[int, ...]
    cm2_per_pixel: float
    vessel: str = PLATE

    def mask(self, ingredient: str) -> NDArray[np.bool_]:
        """Where an ingredient is visible, (height, width).

        Raises:
            UnknownName: the kitchen has no such ingredient.
        """
        if ingredient not in INGREDIENTS:
            raise UnknownName.of("ingredient", ingredient, INGREDIENTS)
        return self.label == INGREDIENTS[ingredient].number


@functools.lru_cache(maxsize=8)
def _grain(height: int, width: int) -> Floats:
    """Sensor noise, a little larger than a picture; each picture takes a window of it."""
    rng = np.random.default_rng([72, height, width])
    return rng.standard_normal((height + 64, width + 64), dtype=np.float32) * np.float32(2.2)


def _expose(canvas: Canvas, sensor_noise: bool, extra: Light = STANDARD_LIGHT) -> NDArray[np.uint8]:
    """Camera: exposure, white balance, uneven light, sensor noise; float planes to an RGB picture."""
    rng, height, width = canvas.rng, canvas.height, canvas.width
    exposure = float(rng.uniform(0.84, 1.10))
    white_balance = 1 + np.clip(rng.normal(0, 0.025, 3), -0.08, 0.08)
    slope_x, slope_y = np.clip(rng.normal(0, 0.07, 2), -0.2, 0.2)
    down, right = (int(offset) for offset in rng.integers(0, 65, 2))
    if extra.steadiness:
        left_over = 1 - extra.steadiness
        exposure = 0.97 + (exposure - 0.97) * left_over
        white_balance, slope_x, slope_y = 1 + (white_balance - 1) * left_over, slope_x * left_over, slope_y * left_over
    light = np.linspace(-slope_x, slope_x, width, dtype=np.float32)[None, :]
    light = light + np.linspace(1 - slope_y, 1 + slope_y, height, dtype=np.float32)[:, None]
    if extra.shade is not None:
        light = light * extra.shade
    grain = _grain(height, width)[down : down + height, right : right + width]
    image = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        plane = canvas.pixels[channel]
        plane *= light
        plane *= np.float32(exposure * white_balance[channel] * extra.gain[channel])
        if sensor_noise and extra.noise == 1:
            plane += grain
        elif sensor_noise:
            # Strong noise is of each colour by itself.
            top, left = (down + 23 * channel) % 65, (right + 41 * channel) % 65
            plane += _grain(height, width)[top : top + height, left : left + width] * np.float32(extra.noise)
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


def _menu(
    entropy: Sequence[int], dish: str | None, ingredients: Sequence[str] | None, difficulty: Difficulty
) -> tuple[str, tuple[str, ...] | None]:
    """Which dish, and exactly which ingredients (None: as the dish has them)."""
    if ingredients is not None:
        for name in ingredients:
            if name not in INGREDIENTS:
                raise UnknownName.of("ingredient", name, INGREDIENTS)
        if len(ingredients) > MAX_INGREDIENTS or len(set(ingredients)) != len(ingredients):
            raise UsageError("A plate laid by hand has at most five different ingredients.")
        return dish or "", tuple(ingredients)
    if dish is not None:
        if dish not in DISHES:
            raise UnknownName.of("dish", dish, DISHES)
        return dish, None
    if difficulty.empty and np.random.default_rng([*entropy, _EMPTY_STREAM]).random() < difficulty.empty:
        return "", ()
    return list(DISHES)[int(np.random.default_rng([*entropy, _DISH_STREAM]).integers(len(DISHES)))], None


def _draw_ingredients(
    entropy: Sequence[int], dish: Dish, difficulty: Difficulty, attempt: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """The ingredients of one attempt at a dish."""
    chosen = dish.draw_ingredients(rng)
    if attempt >= _PLAIN_FROM:
        return dish.required
    if difficulty.ingredients is not None:
        return fitted(chosen, dish, difficulty.ingredients, np.random.default_rng([*entropy, _COUNT_STREAM]))
    return chosen


def _set_table(
    entropy: Sequence[int], size: tuple[int, int], difficulty: Difficulty, rng: np.random.Generator, *, food: bool
) -> tuple[Canvas, str]:
    """A canvas with everything on it but the food, and what the food will lie on."""
    if not (difficulty.plateless or difficulty.clutter):
        return Canvas(rng, *size), PLATE
    vessel_rng = np.random.default_rng([*entropy, _VESSEL_STREAM])
    scene = Scene(difficulty, vessel_rng, np.random.default_rng([*entropy, _CLUTTER_STREAM]), food=food)
    return Canvas(rng, *size, scene), scene.kind


def render(
    seed: int | Sequence[int],
    size: int | tuple[int, int] = 224,
    *,
    dish: str | None = None,
    ingredients: Sequence[str] | None = None,
    sensor_noise: bool = True,
    difficulty: Difficulty = STANDARD,
) -> Plate:
    """Render one plate. The same seed, size and choice give the same plate in every process.

    Args:
        seed: one or more non-negative integers.
        size: side of a square picture, or (height, width); the plate lies in the central square of the shorter side.
        dish: which dish to cook; drawn from the seed if not given.
        ingredients: exactly these (at most five) instead of a dish's; none at all gives an empty plate.
        sensor_noise: whether the picture has the camera's grain, which lossless formats store at great length.
        difficulty: how hard it is made; a plate is left empty only if neither dish nor ingredients are given.

    Raises:
        UnknownName: no such dish or ingredient.
        UsageError: a bad size or seed, or more than five ingredients.
    """
    height, width = _picture_size(size)
    words = seed_words(seed)
    entropy = [len(words), *words]
    dish, exactly = _menu(entropy, dish, ingredients, difficulty)
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([*entropy, attempt])
        chosen = _draw_ingredients(entropy, DISHES[dish], difficulty, attempt, rng) if exactly is None else exactly
        canvas, vessel = _set_table(entropy, (height, width), difficulty, rng, food=bool(chosen))
        occlusion = difficulty.occlusion if attempt < _PLAIN_FROM else min(0.0, difficulty.occlusion)
        lay(canvas, chosen, occlusion, np.random.default_rng([*entropy, _LAYING_STREAM, attempt]))
        areas = np.bincount(canvas.labels.ravel(), minlength=len(INGREDIENT_NAMES) + 1)
        least = min((int(areas[INGREDIENTS[name].number]) for name in chosen), default=height * width)
        if least >= MIN_SHARE * height * width:
            break
    portions = _portions(areas, canvas.cm2_per_pixel, chosen)
    light = STANDARD_LIGHT
    if difficulty.lighting:
        light = draw_light(np.random.default_rng([*entropy, _LIGHT_STREAM]), difficulty.lighting, height, width)
    image = _expose(canvas, sensor_noise, light)
    return Plate(image, canvas.labels, dish, portions, total_of(portions), words, canvas.cm2_per_pixel, vessel)
