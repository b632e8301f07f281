"""Text of unknown origin (a model's answer, a file name) made safe to print."""

from __future__ import annotations

import unicodedata

# Controls (a terminal obeys escape sequences), format characters (bidi overrides reorder a line, zero-width ones hide),
# surrogates, private use, and Unicode's own line and paragraph separators.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str, *, limit: int | None = None, keep_lines: bool = False) -> str:
    r"""Text in which nothing but visible characters and blanks is left; the rest is written as `\x1b`, `\u202e`.

    Args:
        text: anything.
        limit: cut after this many characters of `text`, and say how many were cut.
        keep_lines: leave line feeds as they are, instead of writing `\n`.
    """
    cut = 0 if limit is None else max(0, len(text) - limit)
    shown = "".join(_visible(char, keep_lines) for char in (text[:limit] if cut else text))
    return f"{shown} ... ({cut:,} more characters)" if cut else shown


def _visible(char: str, keep_lines: bool) -> str:
    if unicodedata.category(char) not in _ESCAPED or (keep_lines and char == "\n"):
        return char
    return char.encode("unicode_escape").decode("ascii")
