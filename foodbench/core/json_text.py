"""JSON in what a model wrote: objects that may stand in prose or in a code block, and numbers that can be used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_OBJECTS_TRIED = 50


def objects_in(
    text: str, wanted: Callable[[Mapping[str, Any]], bool], *, strict: bool = True
) -> Iterator[dict[str, Any]]:
    """The outermost wanted JSON objects in a text, in order; an object that is not wanted may have them inside.

    Never raises. After 50 opening braces the rest is not looked at.

    Args:
        text: anything.
        wanted: tells it by an object.
        strict: as for `json.JSONDecoder`: strings must not hold line feeds and other control characters.
    """
    decoder = json.JSONDecoder(strict=strict)
    position = text.find("{")
    for _ in range(_OBJECTS_TRIED):
        if position < 0:
            return
        end = position + 1
        try:
            plain, behind = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            pass
        else:
            if wanted(plain):
                yield plain
                end = behind
        position = text.find("{", end)


def finite_number(value: Any) -> float | None:
    """A JSON value as a float; None if it is no number (truth values and texts are none) or not a finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has integers of any length
        return None
    return number if math.isfinite(number) else None
