"""Where the portions of a plate go: side by side, on a bed, or crowded over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from foodbench.data.kitchen.art import Spot, draw_portion
from foodbench.data.kitchen.canvas import Canvas
from foodbench.data.kitchen.dishes import DISHES, Dish
from foodbench.data.kitchen.fields import small_turn, turned, unit_turn
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.kitchen.scene import lay_across

_UNDERLAYS = ("rice", "pasta", "lettuce", "sauce")
"""Drawn first and larger: other food lies on them."""

_LOOSE = (
    "shrimp", "tofu", "broccoli", "carrot", "tomato", "cucumber", "green beans", "french fries",
    "white button mushroom",
)  # fmt: skip
"""Food in pieces, of which some may lie on other food."""

_PORTION_SIZE = {0: 0.0, 1: 0.50, 2: 0.40, 3: 0.335, 4: 0.295, 5: 0.27, 6: 0.245, 7: 0.225, 8: 0.21}
_DISTANCE_FROM_CENTER = {0: 0.0, 1: 0.05, 2: 0.34, 3: 0.40, 4: 0.43, 5: 0.45, 6: 0.48, 7: 0.50, 8: 0.52}
_RING_ONLY = 5
"""With more portions, one lies in the middle."""


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


def _spots(rng: np.random.Generator, count: int, distance: float, jitter: float) -> list[tuple[float, float]]:
    """As `_clock_spots`, but the last in the middle if there are many: laid earlier, it would be buried."""
    if count <= _RING_ONLY:
        return _clock_spots(rng, count, distance, jitter)
    return [*_clock_spots(rng, count - 1, distance, jitter), (0.0, 0.0)]


def lay(canvas: Canvas, ingredients: Sequence[str], occlusion: float, extra: np.random.Generator) -> None:
    """Lay the ingredients: side by side, or all on a bed of the only underlay.

    Args:
        canvas: the set table.
        ingredients: what to lay.
        occlusion: `Difficulty.occlusion`.
        extra: source of what only occlusion adds.
    """
    rng = canvas.rng
    beds = [name for name in ingredients if name in _UNDERLAYS]
    tops = [name for name in ingredients if name not in _UNDERLAYS]
    beds = [beds[index] for index in rng.permutation(len(beds))]
    tops = [tops[index] for index in rng.permutation(len(tops))]
    # All three factors are exactly 1 in the standard kitchen. Many portions are crowded enough by themselves.
    crowd, apart = max(0.0, occlusion) * min(1.0, _RING_ONLY / max(1, len(ingredients))), max(0.0, -occlusion)
    size = _PORTION_SIZE[len(ingredients)] * (1 + 0.32 * crowd - 0.14 * apart)
    pull = 1 - 0.42 * crowd + 0.06 * apart
    spots: list[tuple[float, float]]
    if len(beds) == 1 and tops and rng.random() < 0.45 * (1 + 0.6 * crowd - apart):
        x, y = (float(value) for value in rng.normal(0, 0.04, 2))
        draw_portion(canvas, beds[0], Spot(x, y, float(rng.uniform(0.56, 0.70))))
        distance = 0.0 if len(tops) == 1 else 0.38 if len(tops) <= _RING_ONLY else 0.44
        spots = _spots(rng, len(tops), distance * pull, 0.03)
        for name, (x, y) in zip(tops, spots, strict=True):
            draw_portion(canvas, name, Spot(x, y, size * float(rng.uniform(0.76, 1.0))))
    else:
        spots = _spots(rng, len(ingredients), _DISTANCE_FROM_CENTER[len(ingredients)] * pull, 0.02)
        for name, (x, y) in zip(beds + tops, spots, strict=True):
            larger = 1.08 if name in beds else 1.0
            draw_portion(canvas, name, Spot(x, y, size * larger * float(rng.uniform(0.78, 1.18))))
    if crowd:
        _lay_over(canvas, tops, crowd, extra, spots)


def _lay_over(
    canvas: Canvas, tops: Sequence[str], crowd: float, extra: np.random.Generator, spots: Sequence[tuple[float, float]]
) -> None:
    """Put stray pieces onto other food, and on some plates a utensil onto everything."""
    loose = [name for name in tops if name in _LOOSE]
    own, canvas.rng = canvas.rng, extra
    try:
        for _ in range(round(crowd * 4) if loose else 0):
            name = loose[int(extra.integers(len(loose)))]
            x, y = spots[int(extra.integers(len(spots)))]
            by_x, by_y = (float(value) for value in extra.uniform(-0.12, 0.12, 2))
            draw_portion(canvas, name, Spot(x + by_x, y + by_y, 0.13))
        if spots and extra.random() < 0.5 * crowd:
            lay_across(canvas, extra)
    finally:
        canvas.rng = own


def fitted(chosen: tuple[str, ...], dish: Dish, wanted: tuple[int, int], extra: np.random.Generator) -> tuple[str, ...]:
    """A dish's ingredients, fewer or more of them.

    Required ones stay. What is added is optional in the dish, or else any food that does not make another dish of it.

    Args:
        chosen: as the dish was drawn, required ingredients first.
        dish: the dish.
        wanted: fewest and most.
        extra: source of randomness.
    """
    count = max(len(dish.required), int(extra.integers(wanted[0], wanted[1] + 1)))
    kept = list(chosen[:count])
    optional = [name for name in dish.optional if name not in kept]
    others = [name for name in INGREDIENTS if name not in kept and name not in optional]
    candidates = [optional[index] for index in extra.permutation(len(optional))]
    candidates += [others[index] for index in extra.permutation(len(others))]
    for name in candidates:
        if len(kept) == count:
            break
        before, after = set(kept), {*kept, name}
        another = any(set(other.required) <= after and not set(other.required) <= before for other in DISHES.values())
        if name in dish.optional or not another:
            kept.append(name)
    return tuple(kept)
