"""Pictures for people: what a model was shown, what it marked, and what was there.

The marked copy of the photo is grey, because food has the colours of any tint; on grey, blue and orange (of the
colour-blind-safe palette of Okabe and Ito) are told apart by everybody. The font that Pillow carries has ASCII letters
only, so captions are folded to ASCII.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from foodbench.core.printable import printable
from foodbench.core.types import Mask
from foodbench.metrics.masks import decode, intersection_union, iou, validate

TRUE_COLOUR = (0, 114, 178)
PREDICTED_COLOUR = (230, 159, 0)

_SHORT_SIDE = 384
_NARROWEST = 420  # room for the legend under a tall, thin photo
_LONG_SIDE = 1024
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


def draw_overlay(image: Image.Image, true: Mask | None, predicted: Mask | None, lines: Sequence[str]) -> Image.Image:
    """The photo beside a grey copy of it, on which both masks are marked.

    The true region has a blue outline and, where the model missed it, a blue tint; what the model marked has an orange
    tint. Small photos are enlarged, so that the shorter side has at least 384 pixels.

    Args:
        image: the photo.
        true: the reference, of the photo's size; None if there is none.
        predicted: the model's mask, of the photo's size; None if it gave none.
        lines: the caption; wrapped, folded to ASCII, and cut after a few lines.

    Returns:
        A new RGB picture.

    Raises:
        AnswerInvalid: a mask is malformed or not of the photo's size.
    """
    photo = image.convert("RGB")
    size = (photo.height, photo.width)
    for mask in (true, predicted):
        if mask is not None:
            validate(mask, size)
    photo = _resized(photo)
    marked = _marked(photo, _resized_mask(true, photo), _resized_mask(predicted, photo))
    return _page([photo, marked], lines, _legend(true, predicted))


def draw_caption(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """The photo under a caption.

    Args:
        image: the photo.
        lines: the caption; wrapped, folded to ASCII, and cut after a few lines.
    """
    return _page([_resized(image.convert("RGB"))], lines, [])


def _resized(photo: Image.Image) -> Image.Image:
    """At least `_SHORT_SIDE` on the shorter side, as long as the longer one stays within `_LONG_SIDE`."""
    scale = min(max(1.0, _SHORT_SIDE / min(photo.size)), _LONG_SIDE / max(photo.size))
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


def _legend(true: Mask | None, predicted: Mask | None) -> list[Entry]:
    entries: list[Entry] = []
    if true is not None:
        entries.append((TRUE_COLOUR, "true" if predicted is None else "true (filled: missed)"))
    entries.append((None, "no mask predicted") if predicted is None else (PREDICTED_COLOUR, "predicted"))
    if true is not None and predicted is not None:
        entries.append((None, f"IoU {iou(*intersection_union(predicted, true)):.3f}"))
    return entries


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


def _page(panels: Sequence[Image.Image], lines: Sequence[str], legend: Sequence[Entry]) -> Image.Image:
    """Panels side by side, the caption above, the legend below."""
    width = max(_NARROWEST, sum(panel.width for panel in panels) + _MARGIN * (len(panels) + 1))
    rows = _wrapped(lines, width - 2 * _MARGIN)
    top = _MARGIN + len(rows) * _LINE_HEIGHT + (8 if rows else 0)
    bottom = top + panels[0].height
    page = Image.new("RGB", (width, bottom + (_LINE_HEIGHT + 22 if legend else _MARGIN)), _PAPER)
    draw = ImageDraw.Draw(page)
    for index, row in enumerate(rows):
        draw.text((_MARGIN, _MARGIN + index * _LINE_HEIGHT), row, fill=_INK, font=_font())
    left = _MARGIN
    for panel in panels:
        page.paste(panel, (left, top))
        left += panel.width + _MARGIN
    left = min(left - _MARGIN - panels[-1].width, width - _MARGIN - _legend_width(legend))
    for colour, text in legend:
        _draw_entry(draw, left, bottom + 12, colour, text)
        left += _entry_width(colour, text) + _ENTRY_GAP
    return page


def _entry_width(colour: Colour | None, text: str) -> int:
    return round(_font().getlength(text)) + (0 if colour is None else _SWATCH + 8)


def _legend_width(legend: Sequence[Entry]) -> int:
    return sum(_entry_width(colour, text) + _ENTRY_GAP for colour, text in legend)


def _draw_entry(draw: ImageDraw.ImageDraw, left: int, top: int, colour: Colour | None, text: str) -> None:
    if colour is not None:
        draw.rectangle((left, top + 2, left + _SWATCH, top + 2 + _SWATCH), fill=colour)
        left += _SWATCH + 8
    draw.text((left, top), text, fill=_INK, font=_font())
