"""From a template and plain data to a file of the site."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foodbench import __version__
from foodbench.core.files import atomic_write
from foodbench.core.wording import counted
from foodbench.site import plots, wording
from foodbench.site.model import LEVELS, Level

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
STATIC = ("site.css", "site.js", "icon.svg")
LEVEL_WORDS: dict[Level, str] = {
    "right": "right or good",
    "part": "partly right",
    "wrong": "wrong",
    "unread": "not read",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pages have in common.

    Attributes:
        title: of the site.
        tagline: under it, on the home page.
        boards: title and file of each board.
        diagnosed: tasks whose metrics were tried on wrong answers (`diagnostics.html`).
    """

    title: str
    tagline: str
    boards: tuple[tuple[str, str], ...]
    diagnosed: frozenset[str] = frozenset()


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates: everything is escaped, and a name that does not exist is an error."""
    found = Environment(
        loader=PackageLoader("foodbench.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.globals.update(
        csp=CSP,
        version=__version__,
        interval=plots.interval,
        shares=plots.shares,
        difference_plot=plots.difference,
        strip=plots.strip,
        levels_in_order=LEVELS,
        level_words=LEVEL_WORDS,
    )
    found.filters.update(
        number=wording.number,
        with_unit=wording.with_unit,
        signed=wording.signed,
        p_value=wording.p_value,
        seconds=wording.seconds,
        percent=wording.percent,
        amount=wording.count,
        visible=wording.visible,
        slug=wording.slug,
        day=wording.day,
        counted=counted,
        sortable=_sortable,
        breakable=_breakable,
        broken=_broken,
        span=_span,
        shares_text=_shares_text,
    )
    return found


def _sortable(value: float | None) -> str:
    """A number as a table's script sorts it; empty for none, which sorts last."""
    return "" if value is None else f"{value:.6g}"


def _breakable(text: str) -> Markup:
    """A dotted name that may be broken after its dots."""
    return Markup("<wbr>").join(Markup.escape(part) for part in _after_dots(text))


def _broken(text: str) -> str:
    """The same for an attribute, by zero-width blanks."""
    return "\N{ZERO WIDTH SPACE}".join(_after_dots(text))


def _span(figure: Any) -> str:
    """An interval; written with `to` where a minus would be taken for the dash."""
    low, high = wording.number(figure.low, figure.unit), wording.number(figure.high, figure.unit)
    return f"{low} to {high}" if figure.low < 0 else f"{low}–{high}"


def _shares_text(counts: Mapping[Level, int]) -> str:
    """`137 right or good, 26 partly right`."""
    return ", ".join(f"{counts[level]:,} {LEVEL_WORDS[level]}" for level in LEVELS if counts[level])


def _after_dots(text: str) -> list[str]:
    first, *rest = text.split(".")
    return [first, *(f".{part}" for part in rest)]


class Pages:
    """Writes pages below one folder."""

    def __init__(self, out: Path, frame: Frame) -> None:
        self.out = out
        self.frame = frame

    def write(self, path: str, template: str, **context: Any) -> int:
        """Render a template into a file.

        Args:
            path: of the page below the site's root.
            template: its name.
            context: what it shows.

        Returns:
            Bytes of the page.

        Raises:
            StorageFull: it cannot be written.
        """
        root = "../" * path.count("/")
        text = environment().get_template(template).render(root=root, path=path, frame=self.frame, **context)
        data = text.encode("utf-8", "replace")
        atomic_write(self.out / path, data, sync=False)
        return len(data)

    def write_json(self, path: str, value: Any) -> None:
        """Write plain data as JSON.

        Raises:
            StorageFull: it cannot be written.
        """
        atomic_write(
            self.out / path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", sync=False
        )

    def write_static(self) -> int:
        """Copy style sheet, script and icon.

        Returns:
            Bytes of the style sheet and the script.

        Raises:
            StorageFull: they cannot be written.
        """
        total = 0
        for name in STATIC:
            data = (files("foodbench.site") / "static" / name).read_bytes()
            atomic_write(self.out / "assets" / name, data, sync=False)
            total += len(data)
        return total
