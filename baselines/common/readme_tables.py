"""Tables between markers of a README, which a command makes anew."""

from __future__ import annotations

import sys
from pathlib import Path

from foodbench.core.files import atomic_write

BEGIN, END = "<!-- compare.py begins -->", "<!-- compare.py ends -->"


def show_tables(tables: str, readme: Path, *, write: bool) -> None:
    """Put Markdown between the markers of a README, or print it.

    Args:
        tables: the Markdown.
        readme: has the markers.
        write: put it there.
    """
    if not write:
        sys.stdout.write(tables + "\n")
        return
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    atomic_write(readme, f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.partition(END)[2]}")


__all__ = ["BEGIN", "END", "show_tables"]
