"""Drawings as SVG, from numbers alone: no text of a report ever gets into one.

All of them are decoration for those who see them: the same numbers stand beside them as text, so they are hidden from
screen readers. Colours come from the style sheet by class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from foodbench.site.model import LEVELS, Comparison, Figure, Level

_FLOOR, _CEILING = 18.0, 96.0
"""Where 0 (the best trivial baseline) and 100 (the ceiling) are, of a width of 100."""


def _x(at: float) -> float:
    return min(99.0, max(1.0, _FLOOR + at * (_CEILING - _FLOOR) / 100))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg(attributes: str, parts: Sequence[str]) -> Markup:
    return Markup(f'<svg {attributes} aria-hidden="true">{"".join(parts)}</svg>')  # noqa: S704 - made of numbers


def interval(figure: Figure | None, kind: str = "") -> Markup:
    """A value on the way from floor to ceiling, with its interval; an empty string where it has no place.

    Line and tick are a background of the style sheet: a board has hundreds of these.
    """
    if figure is None or figure.at is None:
        return Markup("")
    parts = []
    if figure.at_low is not None and figure.at_high is not None:
        low, high = _x(figure.at_low), _x(figure.at_high)
        if high - low >= 0.5:
            parts.append(f'<path class="l" d="M{_n(low)} 6H{_n(high)}"/>')
    if _FLOOR + figure.at * (_CEILING - _FLOOR) / 100 < 1:
        parts.append('<path class="d" d="M1 6l6-4v8z"/>')  # off the scale, on the left
    else:
        parts.append(f'<path class="p" d="M{_n(_x(figure.at))} 6h0"/>')
    name = f"iv {kind}".strip()
    return _svg(f'class="{name}" viewBox="0 0 100 12"', parts)


def shares(counts: Mapping[Level, int]) -> Markup:
    """A bar of how many answers are right, partly right, wrong and unread."""
    total = sum(counts.values())
    if not total:
        return Markup("")
    parts, x = [], 0.0
    for level in LEVELS:
        width = 120 * counts.get(level, 0) / total
        if width:
            parts.append(f'<rect class="{level}" x="{_n(x)}" width="{width:.2f}" height="10"/>')
        x += width
    return _svg('class="shares" viewBox="0 0 120 10" preserveAspectRatio="none"', parts)


def difference(pair: Comparison, reach: float, sign: float) -> Markup:
    """A difference with its interval around zero; to the right the first of two systems is better.

    Args:
        pair: the compared pair.
        reach: the value at the right end.
        sign: 1 or -1, what turns the stored difference into one where more is better for the first.
    """
    if reach <= 0:
        return Markup("")

    def x(value: float) -> float:
        return min(159.0, max(1.0, 80 + 76 * sign * value / reach))

    parts = ['<path class="t" d="M1 8H159"/><path class="f" d="M80 1V15"/>']
    if pair.low is not None and pair.high is not None:
        parts.append(f'<path class="l" d="M{_n(x(pair.low))} 8H{_n(x(pair.high))}"/>')
    kind = "d" if pair.separated else "d open"
    parts.append(f'<circle class="{kind}" cx="{_n(x(pair.value))}" cy="8" r="4"/>')
    return _svg('class="diff" viewBox="0 0 160 16"', parts)


def strip(places: Sequence[tuple[float | None, str]]) -> Markup:
    """Several systems' places between floor and ceiling on one line; the last is on top.

    Args:
        places: each system's place and the class that it is drawn with.
    """
    parts = [f'<path class="t" d="M1 8H199"/><path class="f" d="M{_n(2 * _FLOOR)} 2V14"/>']
    for at, kind in places:
        if at is not None:
            parts.append(f'<circle class="{kind}" cx="{_n(2 * _x(at))}" cy="8" r="4"/>')
    return _svg('class="strip" viewBox="0 0 200 16"', parts)
