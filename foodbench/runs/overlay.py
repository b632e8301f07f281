"""Pictures for people: what a model was shown, what it marked, and what was there.

The marked copy of the photo is grey, because food has the colours of any tint; on grey, blue and orange (of the
colour-blind-safe palette of Okabe and Ito) are told apart by everybody. The font that Pillow carries has ASCII letters
only, so captions are folded to ASCII.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from foodbench.core.printable import printable
from foodbench.core.types import Mask
from foodbench.metrics.masks import area, decode, intersection_union, iou, validate

TRUE_COLOUR = (0, 114, 178)
PREDICTED_COLOUR = (230, 159, 0)

_SHORT_SIDE = 384
_NARROWEST = 420  # room for the legend under a tall, thin photo
_LONG_SIDE = 1024
_LONG_SIDE_OF_MANY = 512
_COLUMNS = 3
_MAX_REGIONS = 8  # with the photo three full rows
_MARGIN = 14
_FONT_SIZE = 16
_LINE_HEIGHT = 23
_MAX_LINES = 8
_PAPER = (255, 255, 255)
_INK = (34, 34, 34)
_TINT = 0.62
_SWATCH = 14
_ENTRY_GAP = 20

BoolArray = npt.NDArray[np.bool_]
Colour = tuple[int, int, int]
Entry = tuple[Colour | None, str]
"""Of the legend: the colour of its swatch, if it has one, and its text."""

_LEGEND: tuple[Entry, ...] = ((TRUE_COLOUR, "true (filled: missed)"), (PREDICTED_COLOUR, "predicted"))


class Panel(NamedTuple):
    """A picture of the page and what is written under it."""

    picture: Image.Image
    title: str


@dataclass(frozen=True, slots=True)
class Region:
    """What one name stands for in a photo.

    Attributes:
        name: of the thing.
        true: where it is; None if it is not there.
        predicted: what the model marked for it; None if it marked nothing.
    """

    name: str
    true: Mask | None
    predicted: Mask | None


def draw_overlay(image: Image.Image, regions: Sequence[Region], lines: Sequence[str]) -> Image.Image:
    """The photo, and for each region a grey copy of it on which the true and the predicted mask are marked.

    The true region has a blue outline and, where the model missed it, a blue tint; what the model marked has an orange
    tint. Small photos are enlarged, so that the shorter side has at least 384 pixels.

    Args:
        image: the photo.
        regions: masks of the photo's size; of more than eight, the largest are drawn. None at all: the photo alone.
        lines: the caption; wrapped, folded to ASCII, and cut after a few lines.

    Returns:
        A new RGB picture.

    Raises:
        AnswerInvalid: a mask is malformed or not of the photo's size.
    """
    photo = image.convert("RGB")
    for mask in (mask for region in regions for mask in (region.true, region.predicted) if mask is not None):
        validate(mask, (photo.height, photo.width))
    photo = _resized(photo, _LONG_SIDE if len(regions) <= 1 else _LONG_SIDE_OF_MANY)
    shown = regions if len(regions) <= _MAX_REGIONS else sorted(regions, key=_area, reverse=True)[:_MAX_REGIONS]
    panels = [Panel(photo, "")]
    for region in shown:
        marked = _marked(photo, _resized_mask(region.true, photo), _resized_mask(region.predicted, photo))
        panels.append(Panel(marked, _title(region)))
    hidden = len(regions) - len(shown)
    legend = [*_LEGEND, *([(None, f"{hidden} smaller ones are not drawn")] if hidden else [])]
    return _page(panels, lines, legend if regions else [(None, "nothing is there, and nothing was marked")])


def _area(region: Region) -> int:
    return max(area(mask) for mask in (region.true, region.predicted) if mask is not None)


def _title(region: Region) -> str:
    """What became of the region; the number is that of its own two masks."""
    if region.true is None:
        return f"{region.name}: not there, but marked"
    if region.predicted is None:
        return f"{region.name}: no mask predicted"
    return f"{region.name}: IoU {iou(*intersection_union(region.predicted, region.true)):.3f}"


def draw_caption(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """The photo under a caption.

    Args:
        image: the photo.
        lines: the caption; wrapped, folded to ASCII, and cut after a few lines.
    """
    return _page([Panel(_resized(image.convert("RGB"), _LONG_SIDE), "")], lines, [])


def _resized(photo: Image.Image, long_side: int) -> Image.Image:
    """At least `_SHORT_SIDE` on the shorter side, as long as the longer one stays within `long_side`."""
    scale = min(max(1.0, _SHORT_SIDE / min(photo.size)), long_side / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo if size == photo.size else photo.resize(size, Image.Resampling.LANCZOS)


def _resized_mask(mask: Mask | None, photo: Image.Image) -> BoolArray:
    if mask is None:
        return np.zeros((photo.height, photo.width), np.bool_)
    # Nearest: the edge stays the one that was scored, steps and all.
    return np.asarray(Image.fromarray(decode(mask)).resize(photo.size, Image.Resampling.NEAREST), np.bool_)


def _marked(photo: Image.Image, true: BoolArray, predicted: BoolArray) -> Image.Image:
    grey = np.asarray(photo.convert("L"), np.float32)
    canvas = np.repeat((110 + grey * (130 / 255))[:, :, None], 3, axis=2)  # pale, so that tints stand out
    for region, colour in ((predicted, PREDICTED_COLOUR), (true & ~predicted, TRUE_COLOUR)):
        # Multiplied by the grey, the texture of the food stays visible under the tint.
        shade = np.asarray(colour, np.float32) * (0.7 + grey[region][:, None] * (0.45 / 255))
        canvas[region] = (1 - _TINT) * canvas[region] + _TINT * shade
    inner, outer = _inner_edge(true, 2), _outer_edge(true, 2)
    canvas[outer] = _PAPER
    canvas[inner] = TRUE_COLOUR
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _grown(region: BoolArray, steps: int) -> BoolArray:
    """The region and everything within `steps` pixels of it (in the eight directions)."""
    for _ in range(steps):
        wide = region.copy()
        wide[:, 1:] |= region[:, :-1]
        wide[:, :-1] |= region[:, 1:]
        region = wide.copy()
        region[1:] |= wide[:-1]
        region[:-1] |= wide[1:]
    return region


def _outer_edge(region: BoolArray, width: int) -> BoolArray:
    return _grown(region, width) & ~region


def _inner_edge(region: BoolArray, width: int) -> BoolArray:
    return _grown(~region, width) & region


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=_FONT_SIZE)


def _folded(text: str) -> str:
    """Visible ASCII: accents dropped, dashes and quotes made plain, other characters as `?`."""
    plain = printable(text).translate(str.maketrans("–—·‘’“”×", "---''\"\"x"))
    letters = (char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return "".join(char if char.isascii() else "?" for char in letters)


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """The lines broken to a width in pixels, at blanks where there are any; cut after `_MAX_LINES`."""
    font, rows = _font(), list[str]()
    for line in lines:
        rest = _folded(line[:2000])
        while rest and len(rows) <= _MAX_LINES:
            fits = _fitting(rest, width, font)
            blank = rest.rfind(" ", 1, fits + 1)
            end = len(rest) if fits == len(rest) else blank if blank > 0 else fits
            rows.append(rest[:end].rstrip())
            rest = rest[end:].lstrip()
    return rows if len(rows) <= _MAX_LINES else [*rows[: _MAX_LINES - 1], "..."]


def _fitting(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    """How many leading characters of `text` fit into `width` pixels; at least one."""
    low, high = 1, min(len(text), width)  # no letter is narrower than a pixel
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _page(panels: Sequence[Panel], lines: Sequence[str], legend: Sequence[Entry]) -> Image.Image:
    """Panels in rows, each over its title, the caption above all, the legend below."""
    columns = min(len(panels), _COLUMNS)
    wide, high = panels[0].picture.size
    titled = _LINE_HEIGHT + 6 if any(panel.title for panel in panels) else 0
    width = max(_NARROWEST, columns * (wide + _MARGIN) + _MARGIN)
    caption = _wrapped(lines, width - 2 * _MARGIN)
    top = _MARGIN + len(caption) * _LINE_HEIGHT + (8 if caption else 0)
    rows = -(-len(panels) // columns)
    bottom = top + rows * (high + titled + _MARGIN) - _MARGIN
    page = Image.new("RGB", (width, bottom + (_LINE_HEIGHT + 22 if legend else _MARGIN)), _PAPER)
    draw = ImageDraw.Draw(page)
    for index, line in enumerate(caption):
        draw.text((_MARGIN, _MARGIN + index * _LINE_HEIGHT), line, fill=_INK, font=_font())
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        left, above = _MARGIN + column * (wide + _MARGIN), top + row * (high + titled + _MARGIN)
        page.paste(panel.picture, (left, above))
        title = _folded(panel.title)
        draw.text((left, above + high + 4), title[: _fitting(title, wide, _font())], fill=_INK, font=_font())
    left = _MARGIN
    for colour, text in legend:
        _draw_entry(draw, left, bottom + 12, colour, text)
        left += _entry_width(colour, text) + _ENTRY_GAP
    return page


def _entry_width(colour: Colour | None, text: str) -> int:
    return round(_font().getlength(text)) + (0 if colour is None else _SWATCH + 8)


def _draw_entry(draw: ImageDraw.ImageDraw, left: int, top: int, colour: Colour | None, text: str) -> None:
    if colour is not None:
        draw.rectangle((left, top + 2, left + _SWATCH, top + 2 + _SWATCH), fill=colour)
        left += _SWATCH + 8
    draw.text((left, top), text, fill=_INK, font=_font())
