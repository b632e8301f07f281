"""Tables for people: rich on a terminal, aligned plain columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from foodbench.core.printable import printable


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print rows under headers.

    Args:
        headers: column titles.
        rows: cells as text; may come from a model or a file name, so nothing in them is interpreted.
        right: indices of columns to align right.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(header_style="bold", box=None, pad_edge=False)
        for index, header in enumerate(headers):
            table.add_column(Text(header), justify="right" if index in right else "left")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    for row in [headers, *rows]:
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def shown_number(value: float | None, unit: str = "") -> str:
    """A number as people read it: three to four significant digits, the unit behind it, a dash for none."""
    if value is None:
        return "–"
    magnitude = abs(value)
    digits = 3 if magnitude < 2 else 2 if magnitude < 10 else 1 if magnitude < 1000 else 0
    if unit in ("%", "kcal", "g"):
        digits = min(digits, 1)
    return f"{value:,.{digits}f}" + ("%" if unit == "%" else f" {unit}" if unit in ("kcal", "g") else "")
