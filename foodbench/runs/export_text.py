"""Rows as CSV and as JSON Lines. What a model wrote stays text: no formula, no control character takes effect."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from foodbench.core.printable import printable

# What spreadsheet programs take for the beginning of a formula, also in the wide form of East Asian keyboards.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_APOSTROPHE = "'"


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    r"""Rows as CSV (RFC 4180): numbers in full precision, `true` and `false`, nothing where there is no value.

    Text that a spreadsheet program would take for a formula, or that begins with an apostrophe, gets an apostrophe
    in front: to read a text back, drop one apostrophe. Control characters are written out (`\x00`); line feeds stay.

    Args:
        rows: with a value for every column.
        columns: what comes in which order.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return repr(value)
    shown = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), keep_lines=True)
    return _APOSTROPHE + shown if shown.lstrip().startswith((*_FORMULA, _APOSTROPHE)) else shown


def to_jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as JSON Lines: one object per row, text exactly as it is, invisible characters as escapes."""
    return "".join(f"{_escaped(json.dumps(row, ensure_ascii=False, allow_nan=False))}\n" for row in rows)


def _escaped(text: str) -> str:
    """JSON in which characters that a terminal obeys, or that hide, are written as escapes; it means the same."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
