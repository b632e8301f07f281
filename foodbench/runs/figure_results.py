"""Figures of results: the forest plot, and the small multiples. Both say where a value is between floor and ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from foodbench.runs import figure_style as style
from foodbench.runs.figure_data import MetricRow, share_of_the_way
from foodbench.runs.schema import MetricRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NONE = "–"
_HEAD = 0.24
"""Inches above the first row of a panel."""
_TICKS = 0.2
_GAP = 0.1
_FAR = 2.0
"""Spans between floor and ceiling beyond either that an axis goes at most; an arrow stands for what is further."""


def digits_of(metric: MetricRecord) -> int:
    """Decimal places in which a metric by itself is read: as in the tables."""
    numbers = [abs(each) for each in (metric.value, metric.low, metric.high) if each is not None]
    largest = max(numbers, default=0.0)
    return 1 if metric.unit in ("%", "kcal", "g") or largest >= 100 else 2 if largest >= 10 else 3


def number_text(value: float | None, digits: int) -> str:
    """A number to read; very large ones in powers of ten."""
    if value is None:
        return _NONE
    plain = f"{value:,.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}".replace("e+", "e")
    return plain.replace("-", "−")


def common_digits(rows: Sequence[MetricRow]) -> int:
    """Decimal places for numbers that stand below each other."""
    return min(digits_of(each) for row in rows for each in row.found if each is not None)


def value_text(metric: MetricRecord | None, digits: int, *, interval: bool) -> str:
    """A value, with its interval if there is room for it."""
    if metric is None or metric.value is None:
        return _NONE
    value = number_text(metric.value, digits)
    if not interval or metric.low is None or metric.high is None:
        return value
    return f"{value} [{number_text(metric.low, digits)}, {number_text(metric.high, digits)}]"


def _direction(metric: MetricRecord) -> str:
    return "more is better" if metric.higher_is_better else "less is better"


def forest(frame: style.Frame, rows: Sequence[MetricRow], share: str) -> style.Sheet:
    """Each metric in a row, with its intervals and the way from floor to ceiling; a panel for each unit.

    Args:
        frame: what stands around.
        rows: what to show.
        share: what the intervals are, e.g. `95 %`.
    """
    panels: dict[tuple[str, bool], list[MetricRow]] = {}
    for row in rows:
        panels.setdefault((row.top, row.any.higher_is_better), []).append(row)
    layout = _Columns(frame.width, len(frame.labels))
    body = sum(_HEAD + layout.row * len(each) + _TICKS for each in panels.values()) + _GAP * (len(panels) - 1)
    key = [
        ("band", "floor (best baseline without looking) to ceiling (reference)"),
        ("interval", f"{share} interval"),
    ]
    sheet = style.Sheet(frame, body, key if frame.width >= style.WIDE else [("band", "floor to ceiling"), key[1]])
    y, first = 0.0, 0
    for (unit, _), inside in panels.items():
        _forest_panel(sheet, layout, y, unit, inside, first, share)
        y += _HEAD + layout.row * len(inside) + _TICKS + _GAP
        first += len(inside)
    return sheet


class _Columns:
    """Where the columns of a forest plot are, in inches."""

    def __init__(self, width: float, runs: int) -> None:
        self.wide = width >= style.WIDE
        self.row = max(0.165 if self.wide else 0.285, 0.12 * runs + 0.045)
        self.right = width - style.MARGIN
        self.task = style.MARGIN
        self.metric = style.MARGIN + 1.68
        self.n = style.MARGIN + 3.12
        self.label = 1.55 if self.wide else 1.42
        self.plot = self.n + 0.1 if self.wide else style.MARGIN + self.label + 0.08
        self.values = 1.32 if self.wide else 0.4
        self.plot_width = self.right - self.values - self.plot


def _forest_panel(
    sheet: style.Sheet, layout: _Columns, top: float, unit: str, rows: Sequence[MetricRow], first: int, share: str
) -> None:
    head = top + 0.09
    sheet.rule(style.MARGIN, layout.right, top)
    sheet.text(layout.task, head, f"{unit}, {_direction(rows[0].any)}", weight="bold")
    if layout.wide:
        for x, label in ((layout.n, "n"), (layout.right, f"value [{share}]")):
            sheet.text(x, head, label, size=style.SMALL, color=style.QUIET, ha="right")
    height = layout.row * len(rows)
    axes = sheet.axes(layout.plot, top + _HEAD, layout.plot_width, height)
    axes.set_ylim(height, 0)
    low, high = _ends(rows)
    digits = common_digits(rows)
    _ticks(axes, low, high)
    for number, row in enumerate(rows):
        middle = layout.row * (number + 0.5)
        again = layout.wide and number > 0 and rows[number - 1].task == row.task
        _label(sheet, layout, top + _HEAD + middle, row, again=again)
        _way(axes, middle, 0.38 * layout.row, row.any, first + number)
        for place, metric in enumerate(row.found):
            offset = _offset(place, len(row.found), layout.row - 0.045)
            _mark(axes, (low, high), middle + offset, metric, place, f"{first + number}-{place}")
            text = value_text(metric, digits, interval=layout.wide)
            if style.width_of(text, style.SMALL) > layout.values:
                text = style.fitted(value_text(metric, digits, interval=False), layout.values, style.SMALL)
            y = top + _HEAD + middle + offset
            sheet.text(layout.right, y, text, size=style.SMALL, ha="right", gid=f"text-{first + number}-{place}")


def _label(sheet: style.Sheet, layout: _Columns, y: float, row: MetricRow, *, again: bool) -> None:
    task = style.shown(row.task) + ("*" if row.remarked else "")
    metric, n = style.shown(row.any.id), f"{max(each.n for each in row.found if each is not None):,}"
    if layout.wide:
        if not again:
            sheet.text(layout.task, y, style.fitted(task, 1.64))
        sheet.text(layout.metric, y, style.fitted(metric, 1.05, style.SMALL), size=style.SMALL, color=style.QUIET)
        sheet.text(layout.n, y, n, size=style.SMALL, color=style.QUIET, ha="right")
        return
    sheet.text(layout.task, y - 0.055, style.fitted(task, layout.label))
    second = style.fitted(f"{metric}, n = {n}", layout.label, style.SMALL)
    sheet.text(layout.task, y + 0.065, second, size=style.SMALL, color=style.QUIET)


def _offset(place: int, runs: int, height: float) -> float:
    """Where a run is in its row, from the row's middle."""
    return height * ((place + 0.5) / runs - 0.5)


def _ends(rows: Sequence[MetricRow]) -> tuple[float, float]:
    """The ends of a panel's axis: all that is there, but for values far from everything else."""
    metrics = [each for row in rows for each in row.found if each is not None]
    numbers = [each for one in metrics for each in (one.value, one.low, one.high) if each is not None]
    figures = [figure for one in metrics for figure in (one.floor, one.ceiling)]
    anchors = [0.0, *(figure.value for figure in figures if figure is not None and figure.value is not None)]
    if len(anchors) > 1 and max(anchors) > min(anchors):
        span = max(anchors) - min(anchors)
        numbers = [each for each in numbers if min(anchors) - _FAR * span <= each <= max(anchors) + _FAR * span]
    low, high = min([*anchors, *numbers]), max([*anchors, *numbers])
    return (low, high) if high > low else (low, low + 1)


def _ticks(axes: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import MaxNLocator

    pad = 0.02 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    steps = MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = [float(each) for each in steps if low - pad <= each <= high + pad]
    axes.set_xticks(ticks, [_tick_text(each) for each in ticks])
    for each in ticks:
        axes.axvline(each, color=style.RULE, linewidth=0.5, zorder=0)


def _tick_text(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _way(axes: Axes, y: float, half: float, metric: MetricRecord, row: int) -> None:
    """The grey bar from floor to ceiling."""
    floor = metric.floor.value if metric.floor is not None else None
    ceiling = metric.ceiling.value if metric.ceiling is not None else None
    if floor is not None and ceiling is not None:
        axes.fill_between(
            sorted((floor, ceiling)), y - half, y + half, color=style.BAND, linewidth=0, zorder=0.5, gid=f"way-{row}"
        )
    if floor is not None:
        axes.plot(
            [floor, floor],
            [y - half, y + half],
            color=style.FLOOR,
            linewidth=1,
            solid_capstyle="butt",
            zorder=0.6,
            gid=f"floor-{row}",
        )


def _mark(axes: Axes, ends: tuple[float, float], y: float, metric: MetricRecord | None, place: int, name: str) -> None:
    """A value and its interval, cut at the ends of the axis."""
    if metric is None or metric.value is None:
        return
    low, high = ends
    if not low <= metric.value <= high:
        above = metric.value > high
        right = above != axes.xaxis_inverted()
        style.beyond(axes, high if above else low, y, place, f"beyond-{name}", right=right)
        return
    if metric.low is not None and metric.high is not None:
        span = [max(metric.low, low), min(metric.high, high)]
        axes.plot(
            span,
            [y, y],
            color=style.COLOURS[place],
            linewidth=1.1,
            solid_capstyle="butt",
            gid=f"interval-{name}",
        )
    style.dot(axes, metric.value, y, place, f"dot-{name}")


_LEFT, _RIGHT = -0.25, 1.04
"""Ends of a little panel's axis at most, in shares of the way from floor (0) to ceiling (1)."""
_STRIP = 0.125
"""Inches of a run's line in a little panel."""


def multiples(frame: style.Frame, rows: Sequence[MetricRow], share: str) -> style.Sheet:
    """A little panel for each metric, from its floor at the left to its ceiling at the right; best panels first.

    Args:
        frame: what stands around.
        rows: what to show.
        share: what the intervals are, e.g. `95 %`.
    """
    columns = max(1, int((frame.width - 2 * style.MARGIN + 0.15) / 1.66))
    cell = (frame.width - 2 * style.MARGIN + 0.15) / columns - 0.15
    ordered = sorted(rows, key=_mean_share, reverse=True)
    height = 0.27 + _STRIP * len(frame.labels) + 0.18
    lines = -(-len(ordered) // columns)
    sheet = style.Sheet(
        frame,
        lines * (height + 0.1) - 0.1,
        [("band", "floor to ceiling, better is right; best first"), ("interval", f"{share} interval")],
    )
    for number, row in enumerate(ordered):
        left = style.MARGIN + (number % columns) * (cell + 0.15)
        _little_panel(sheet, left, (number // columns) * (height + 0.1), cell, row, number)
    return sheet


def _mean_share(row: MetricRow) -> float:
    shares = [share for each in row.found if each is not None and (share := share_of_the_way(each)) is not None]
    return sum(shares) / len(shares) if shares else float("-inf")


def _little_panel(sheet: style.Sheet, left: float, top: float, width: float, row: MetricRow, number: int) -> None:
    runs = len(row.found)
    task = style.shown(row.task) + ("*" if row.remarked else "")
    sheet.text(left, top + 0.065, style.fitted(task, width))
    arrow = "" if row.any.higher_is_better else ", less is better"
    unit = f" ({row.any.unit})" if row.any.unit else ""
    metric = style.fitted(style.shown(row.any.id) + unit + arrow, width, style.SMALL)
    sheet.text(left, top + 0.185, metric, size=style.SMALL, color=style.QUIET)
    height = _STRIP * runs
    axes = sheet.axes(left, top + 0.27, width - 0.4, height)
    axes.set_ylim(height, 0)
    ends = _little_axis(axes, row, height, number)
    for place, found in enumerate(row.found):
        y = _STRIP * (place + 0.5)
        _mark(axes, ends, y, found, place, f"{number}-{place}")
        text = style.fitted(value_text(found, common_digits([row]), interval=False), 0.4, style.SMALL)
        sheet.text(left + width, top + 0.27 + y, text, size=style.SMALL, ha="right", gid=f"text-{number}-{place}")


def _little_axis(axes: Axes, row: MetricRow, height: float, number: int) -> tuple[float, float]:
    """Draw the way from floor to ceiling, better to the right; the least and the greatest number that has a place."""
    shares = [share for each in row.found if each is not None and (share := share_of_the_way(each)) is not None]
    floor, ceiling = (None if each is None else each.value for each in (row.any.floor, row.any.ceiling))
    if shares and floor is not None and ceiling is not None:
        left = max(_LEFT, min(0.0, *shares) - 0.04)
        edges = [floor + share * (ceiling - floor) for share in (left, _RIGHT)]
        _way(axes, height / 2, height / 2, row.any, number)
        ticks = [floor, ceiling]
    else:
        numbers = [each.value for each in row.found if each is not None and each.value is not None]
        ticks = [min(numbers), max(numbers)] if min(numbers) < max(numbers) else [numbers[0]]
        pad = 0.05 * (max(numbers) - min(numbers)) or 1.0
        edges = [min(numbers) - pad, max(numbers) + pad]
        edges = edges if row.any.higher_is_better else edges[::-1]
        axes.axhspan(0, height, color=style.BAND, linewidth=0, zorder=0)
    axes.set_xlim(*edges)
    digits = common_digits([row])
    axes.set_xticks(ticks, [_plain(number_text(each, digits)) for each in ticks])
    for tick, side in zip(axes.get_xticklabels(), ("left", "right"), strict=False):
        tick.set_horizontalalignment(side)
    return min(edges), max(edges)


def _plain(text: str) -> str:
    """Without decimal places that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
