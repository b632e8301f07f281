"""Names and values, one below the other: what verbs print that show a single thing."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable

import click

from foodbench.core.printable import printable

_NARROWEST = 40


def _wrapped(line: str, width: int) -> list[str]:
    """A line in pieces; an id or a path stays whole, so that it can be copied."""
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print the fields that have a value to stdout, as `name  value`.

    Values may come from a model or a file: what is not visible is escaped, and further lines of a value are indented,
    so that none can pass for a field of its own. Long lines are wrapped on a terminal only.
    """
    shown = [(name, value) for name, value in fields if value]
    indent = max((len(name) for name, _ in shown), default=0) + 2
    width = max(_NARROWEST, shutil.get_terminal_size().columns - indent) if sys.stdout.isatty() else None
    for name, value in shown:
        lines = printable(value, keep_lines=True).split("\n")
        if width is not None:
            lines = [piece for line in lines for piece in _wrapped(line, width)]
        click.echo(f"{name:<{indent}}{lines[0]}".rstrip())
        for line in lines[1:]:
            click.echo(f"{'':<{indent}}{line}".rstrip())
