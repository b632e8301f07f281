"""Figures of samples: the IoU of each class, and the errors of nutrition by true mass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from foodbench.runs import figure_style as style
from foodbench.runs.figure_data import ClassRow, MassBin, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEAD, _TICKS = 0.2, 0.2
_BAR = 0.115
"""Inches of a run's bar."""
_TALL = 7.5
"""From this height on, in inches, the classes of a wide figure stand in two columns."""


def classes(frame: style.Frame, rows: Sequence[ClassRow]) -> style.Sheet:
    """A bar for each class and run, with its interval, and how many samples have the class.

    Args:
        frame: what stands around.
        rows: the classes in order.
    """
    row = max(0.165, _BAR * len(frame.labels) + 0.05)
    columns = 2 if frame.width >= style.WIDE and row * len(rows) > _TALL else 1
    each = -(-len(rows) // columns)
    gap = 0.2
    width = (frame.width - 2 * style.MARGIN - gap * (columns - 1)) / columns
    sheet = style.Sheet(frame, _HEAD + row * each + _TICKS, [("interval", "95 % interval")], runs="bar")
    labels = [style.shown(found.name) for found in rows]
    most = min(max(map(style.width_of, labels), default=0.0), 0.42 * width)
    for column in range(columns):
        part = slice(column * each, (column + 1) * each)
        left = style.MARGIN + column * (width + gap)
        _class_column(sheet, left, width, most, row, rows[part], labels[part], column * each)
    return sheet


def _class_column(
    sheet: style.Sheet,
    left: float,
    width: float,
    most: float,
    row: float,
    rows: Sequence[ClassRow],
    labels: Sequence[str],
    first: int,
) -> None:
    long = width >= style.WIDE
    numbers = 1.2 if long else 0.34
    right = left + width
    start = left + most + 0.46
    sheet.text(left + most + 0.38, 0.08, "n", size=style.SMALL, color=style.QUIET, ha="right")
    sheet.text(right, 0.08, "IoU [95 %]" if long else "IoU", size=style.SMALL, color=style.QUIET, ha="right")
    height = row * len(rows)
    axes = sheet.axes(start, _HEAD, right - numbers - 0.08 - start, height)
    axes.set(xlim=(0, 1), ylim=(height, 0))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    for tick in (0.25, 0.5, 0.75, 1):
        axes.axvline(tick, color=style.RULE, linewidth=0.5, zorder=0)
    axes.axvline(0, color=style.FLOOR, linewidth=0.6, zorder=3)
    for number, (found, label) in enumerate(zip(rows, labels, strict=True)):
        middle = row * (number + 0.5)
        sheet.text(left, _HEAD + middle, style.fitted(label, most + 0.01))
        sheet.text(left + most + 0.38, _HEAD + middle, f"{found.n:,}", size=style.SMALL, color=style.QUIET, ha="right")
        for place, measured in enumerate(found.found):
            y = middle + _BAR * (place - (len(found.found) - 1) / 2)
            _bar(axes, y, measured, place, f"{first + number}-{place}")
            text = _iou_text(measured, interval=long)
            sheet.text(right, _HEAD + y, text, size=style.SMALL, ha="right", gid=f"text-{first + number}-{place}")


def _bar(axes: Axes, y: float, measured: Measured, place: int, name: str) -> None:
    if measured.value is None:
        return
    half = 0.4 * _BAR
    axes.fill_between(
        [0, measured.value], y - half, y + half, color=style.pale(place), linewidth=0, zorder=1, gid=f"bar-{name}"
    )
    interval = measured.interval
    if interval is not None and interval.low is not None and interval.high is not None:
        axes.plot(
            [interval.low, interval.high],
            [y, y],
            color=style.INK,
            linewidth=0.9,
            solid_capstyle="butt",
            gid=f"interval-{name}",
        )


def _iou_text(measured: Measured, *, interval: bool) -> str:
    if measured.value is None:
        return "–"
    found = measured.interval
    if not interval or found is None or found.low is None or found.high is None:
        return f"{measured.value:.3f}"
    return f"{measured.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def mass(frame: style.Frame, bins: Sequence[MassBin], nutrient: str, unit: str) -> style.Sheet:
    """Mean absolute error and bias by true mass; side by side on a wide sheet.

    Args:
        frame: what stands around.
        bins: the bins in order.
        nutrient: what the errors are of, in words.
        unit: its unit.
    """
    wide = frame.width >= style.WIDE
    gap, panel, below = 0.35, 1.55, 0.5
    height = 0.2 + panel + below
    sheet = style.Sheet(frame, height if wide else 2 * height + 0.05, [("interval", "95 % interval")])
    width = (frame.width - 2 * style.MARGIN - gap) / 2 if wide else frame.width - 2 * style.MARGIN
    titles = (f"mean absolute error of {nutrient} ({unit})", f"bias of {nutrient}: stated minus true ({unit})")
    for number, title in enumerate(titles):
        left = style.MARGIN + (number * (width + gap) if wide else 0.0)
        top = 0.0 if wide else number * (height + 0.05)
        sheet.text(left, top + 0.08, title, weight="bold")
        axes = sheet.axes(left + 0.38, top + 0.2, width - 0.38, panel)
        _mass_panel(axes, bins, bias=number == 1)
        sheet.text(left + 0.38 + (width - 0.38) / 2, top + 0.2 + panel + 0.4, "true mass (g)", ha="center")
    return sheet


def _mass_panel(axes: Axes, bins: Sequence[MassBin], *, bias: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    columns = [each.bias if bias else each.error for each in bins]
    ends = [end for column in columns for each in column for end in _reach(each)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    high = high if high > low else low + 1
    pad = 0.05 * (high - low)
    axes.set(xlim=(-0.5, len(bins) - 0.5), ylim=(low - (pad if low < 0 else 0), high + pad))
    ticks = [
        float(each)
        for each in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        if low - pad <= each <= high + pad
    ]
    axes.set_yticks(ticks, [f"{tick:,g}".replace("-", "−") for tick in ticks])
    for tick in ticks:
        axes.axhline(tick, color=style.RULE, linewidth=0.5, zorder=0)
    axes.axhline(0, color=style.FLOOR, linewidth=0.8, zorder=0.5)
    labels = [f"{each.low:,.0f}–{each.high:,.0f}\nn = {each.n:,}" for each in bins]
    axes.set_xticks(range(len(bins)), labels)
    runs = len(columns[0])
    kind = "bias" if bias else "error"
    for number, column in enumerate(columns):
        for place, measured in enumerate(column):
            x = number + 0.16 * (place - (runs - 1) / 2)
            _upright(axes, x, measured, place, f"{kind}-{number}-{place}")


def _reach(measured: Measured) -> list[float]:
    interval = measured.interval
    ends = [measured.value, *((interval.low, interval.high) if interval is not None else ())]
    return [end for end in ends if end is not None and math.isfinite(end)]


def _upright(axes: Axes, x: float, measured: Measured, place: int, name: str) -> None:
    if measured.value is None:
        return
    interval = measured.interval
    if interval is not None and interval.low is not None and interval.high is not None:
        axes.plot(
            [x, x],
            [interval.low, interval.high],
            color=style.COLOURS[place],
            linewidth=1.1,
            solid_capstyle="butt",
            gid=f"interval-{name}",
        )
    style.dot(axes, x, measured.value, place, f"dot-{name}", size=4.5)
