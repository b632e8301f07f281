"""Numbers and foreign text as the pages write them."""

from __future__ import annotations

import hashlib
import re

from foodbench.core.printable import printable
from foodbench.core.wording import rounded

MINUS = "\N{MINUS SIGN}"
_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits or so, without the unit; an en dash for none."""
    if value is None:
        return "–"
    return rounded(value, unit).replace("-", MINUS)


def with_unit(value: float | None, unit: str) -> str:
    """`84.1 %`, `0.841`, `12.3 kcal`."""
    text = number(value, unit)
    return text if value is None or not unit else f"{text}\N{NO-BREAK SPACE}{unit}"


def signed(value: float | None, unit: str = "") -> str:
    """With its sign, also a plus."""
    text = number(value, unit)
    return f"+{text}" if value is not None and value > 0 else text


def p_value(value: float) -> str:
    """`0.034`, `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def seconds(value: float | None) -> str:
    """A duration with its unit."""
    if value is None:
        return "–"
    if value < 1:
        return (
            f"{1000 * value:,.0f}\N{NO-BREAK SPACE}ms"
            if value >= 0.0095
            else f"{1000 * value:,.1f}\N{NO-BREAK SPACE}ms"
        )
    return f"{value:,.1f}\N{NO-BREAK SPACE}s"


def percent(share: float | None) -> str:
    """A share of 1 in percent; 100 only if it is all."""
    if share is None:
        return "–"
    text = f"{100 * share:.1f}"
    if text == "100.0":
        return "100" if share == 1 else "> 99.9"
    return "0" if share == 0 else text


def count(value: float) -> str:
    """With thousands apart; large ones in millions or billions."""
    for limit, word in ((1e9, "billion"), (1e6, "million")):
        if value >= limit:
            return f"{value / limit:.3g} {word}"
    return f"{value:,.0f}"


def size(value: int) -> str:
    """Bytes for people."""
    return f"{value / 1e6:.1f} MB" if value >= 1e6 else f"{max(1, round(value / 1e3)):,} kB"


def visible(text: str, limit: int | None = None, *, keep_lines: bool = False) -> str:
    """Foreign text in which nothing is invisible or reorders the line: as `printable`, but fast for the usual."""
    short = text if limit is None or len(text) <= limit else ""
    if short and (short.replace("\n", "") if keep_lines else short).isprintable():
        return short
    return printable(text, limit=limit, keep_lines=keep_lines)


def slug(text: str) -> str:
    """A name for a file or an anchor: safe in a link, and different for different texts."""
    safe = _SLUG.sub("-", text)[:80]
    if safe == text:
        return safe
    return f"{safe.strip('-')}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"


def day(stamp: str) -> str:
    """The date of a time stamp."""
    return stamp[:10] if re.fullmatch(r"\d{4}-\d\d-\d\d.*", stamp, re.DOTALL) else ""
