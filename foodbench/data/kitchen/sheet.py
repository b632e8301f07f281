"""Contact sheets: plates above their masks, for people who want to see what the kitchen makes."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from foodbench.core.files import atomic_write
from foodbench.data.kitchen.difficulty import PRESETS
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.data.kitchen.plate import MIN_SIDE, Plate, render
from foodbench.data.kitchen.tree import png_bytes

_CAPTION_PIXELS = 20
_OPACITY = 0.72
_NAME_PIXELS = 72
_PALETTE = 256


def mask_colours() -> NDArray[np.uint8]:
    """One colour per ingredient number, (21, 3); black for the background. Hues far apart for neighbours."""
    colours = [(0.0, 0.0, 0.0)]
    for number in range(1, len(INGREDIENT_NAMES) + 1):
        colours.append(colorsys.hsv_to_rgb(number * 7 % 20 / 20, 0.85 - number % 3 * 0.14, 0.96))
    return (np.array(colours) * 255).astype(np.uint8)


def mask_overlay(plate: Plate) -> NDArray[np.uint8]:
    """The plate in grey with its ingredients in colour, (height, width, 3)."""
    grey = plate.image.mean(axis=2, keepdims=True)
    colours = mask_colours()[plate.label].astype(np.float32)
    weight = np.where(plate.label[:, :, None] > 0, _OPACITY, 0.0)
    return (grey * 0.6 * (1 - weight) + colours * weight).astype(np.uint8)


def _label_masks(picture: Image.Image, plate: Plate) -> None:
    """Write each ingredient's name onto its mask."""
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(11)
    for portion in plate.portions:
        # The most interior point: where the blurred mask is highest.
        mask = Image.fromarray((plate.mask(portion.name) * np.uint8(255)).astype(np.uint8))
        interior = np.asarray(mask.filter(ImageFilter.BoxBlur(min(mask.size) / 18)))
        row, column = np.unravel_index(int(interior.argmax()), interior.shape)
        spot = (float(column), float(row))
        draw.text(spot, portion.name, fill="white", font=font, anchor="mm", stroke_width=2, stroke_fill="black")


def contact_sheet(seeds: Sequence[int | Sequence[int]], columns: int = 6, size: int = 224) -> Image.Image:
    """Render plates and lay them out in rows, each above its masks and captioned with dish, grams and kcal.

    Args:
        seeds: one per plate.
        columns: plates per row.
        size: side of a plate's picture in pixels.
    """
    step = 2 * size + _CAPTION_PIXELS
    rows = -(-len(seeds) // columns)
    sheet = Image.new("RGB", (columns * size, rows * step), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for index, seed in enumerate(seeds):
        plate = render(seed, size, sensor_noise=False)
        left, top = index % columns * size, index // columns * step
        caption = f"{plate.dish}, {plate.total.mass:.0f} g, {plate.total.kcal:.0f} kcal"
        draw.text((left + size / 2, top + _CAPTION_PIXELS / 2), caption, fill="black", font=font, anchor="mm")
        sheet.paste(Image.fromarray(plate.image), (left, top + _CAPTION_PIXELS))
        masks = Image.fromarray(mask_overlay(plate))
        _label_masks(masks, plate)
        sheet.paste(masks, (left, top + _CAPTION_PIXELS + size))
    return sheet


def one_of_each_dish(first_seed: int = 0) -> list[int]:
    """The first seeds from `first_seed` on that together show every dish once, in the order of `DISHES`."""
    found: dict[str, int] = {}
    seed = first_seed
    while len(found) < len(DISHES):
        found.setdefault(render(seed, MIN_SIDE).dish, seed)
        seed += 1
    return [found[dish] for dish in DISHES]


def write_contact_sheet(path: Path, first_seed: int = 0, columns: int = 6, size: int = 224) -> None:
    """Write the contact sheet of the documentation, one plate of each dish, as PNG.

    Raises:
        StorageFull: the file cannot be written.
    """
    sheet = contact_sheet(one_of_each_dish(first_seed), columns, size)
    atomic_write(path, png_bytes(sheet, level=9))


def difficulty_sheet(seeds: Sequence[int], size: tuple[int, int] = (120, 160)) -> Image.Image:
    """One row per preset of difficulty, one column per seed: down a column the same plate gets harder or easier.

    Args:
        seeds: one per column.
        size: (height, width) of each picture in pixels.
    """
    height, width = size
    sheet = Image.new("RGB", (_NAME_PIXELS + len(seeds) * width, len(PRESETS) * height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for row, (name, difficulty) in enumerate(PRESETS.items()):
        draw.text((_NAME_PIXELS / 2, (row + 0.5) * height), name, fill="black", font=font, anchor="mm")
        for column, seed in enumerate(seeds):
            # Drawn larger and scaled down: at this size a fork's tines are finer than a pixel.
            plate = render(seed, (2 * height, 2 * width), difficulty=difficulty, sensor_noise=difficulty.lighting > 0)
            small = Image.fromarray(plate.image).resize((width, height), Image.Resampling.BOX)
            sheet.paste(small, (_NAME_PIXELS + column * width, row * height))
    return sheet


def write_difficulty_sheet(
    path: Path, seeds: Sequence[int] = (4, 40, 9, 3, 12), size: tuple[int, int] = (120, 160)
) -> None:
    """Write the sheet of the presets for the documentation, as PNG of few colours.

    Raises:
        StorageFull: the file cannot be written.
    """
    sheet = difficulty_sheet(seeds, size).quantize(_PALETTE, dither=Image.Dither.NONE)
    atomic_write(path, png_bytes(sheet, level=9))
