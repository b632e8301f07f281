"""Tables for people: fitted to the width on a terminal, aligned plain columns elsewhere.

Nothing is ever cut. Cells wrap at blanks, so that a name, an id or a path, which has none, stays in one piece and can
be copied; where the columns do not fit that way, each row becomes a paragraph.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

from foodbench.core.printable import printable
from foodbench.core.wording import rounded

_GAP = 2
_INDENT = "    "
# Narrower text is no pleasure to read, and a name would not fit anyway.
_NARROWEST = 24


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print rows under headers.

    Args:
        headers: column titles.
        rows: cells as text; may come from a model or a file name, so nothing in them is interpreted.
        right: indices of columns to align right.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_fitted(headers, rows, right)
        return
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    for row in [headers, *rows]:
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def _print_fitted(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    size = shutil.get_terminal_size()
    widths = _fitted_widths(headers, rows, size.columns)
    if widths is None:
        for row in rows:
            for line in _paragraph(headers, row, max(_NARROWEST, size.columns)):
                click.echo(line)
        return
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for index, (header, width) in enumerate(zip(headers, widths, strict=True)):
        table.add_column(Text(header), justify="right" if index in right else "left", width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=size.columns, height=size.lines).print(table)


def _fitted_widths(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Widths in terminal cells at which no word is broken, together at most `width`; None if there are none."""
    from rich.cells import cell_len

    columns = list(zip(headers, *rows, strict=True))
    fitted = [max(map(cell_len, column)) for column in columns]
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    room = width - _GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    while sum(fitted) > room:
        # The widest that can give way does: that is a description and no name.
        widest = max((index for index in range(len(columns)) if fitted[index] > least[index]), key=fitted.__getitem__)
        fitted[widest] -= 1
    return fitted


def _paragraph(headers: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """A row as lines: its first cell, then the others with their headers, indented; empty ones are left out.

    A line ends between two cells where it can, so that a number stays with its unit.
    """
    first, *others = row
    parts = [f"{header}: {cell}" if header else cell for header, cell in zip(headers[1:], others, strict=True) if cell]
    lines = [first] if first else []
    line = ""
    for part in [part + ";" for part in parts[:-1]] + parts[-1:]:
        longer = f"{line} {part}" if line else _INDENT + part
        if line and len(longer) > width:
            lines.append(line)
            longer = _INDENT + part
        *full, line = textwrap.wrap(
            longer, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False
        )
        lines.extend(full)
    return [*lines, line] if line else lines


def shown_number(value: float | None, unit: str = "") -> str:
    """A number as people read it: three to four significant digits, the unit behind it, a dash for none."""
    if value is None:
        return "–"
    return rounded(value, unit) + ("%" if unit == "%" else f" {unit}" if unit in ("kcal", "g") else "")
