"""What must never reach a terminal, and what must stay as it is."""

from __future__ import annotations

import pytest

from foodbench.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, crème brûlée, 苹果派 🍛", "plain, crème brûlée, 苹果派 🍛"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\u202eb\u2066c\u200bd", r"a\u202eb\u2066c\u200bd"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x9b31m", r"\x9b31m"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_can_be_kept() -> None:
    assert printable("a\nb\rc", keep_lines=True) == "a\nb\\rc"


def test_limit_says_what_was_cut() -> None:
    assert printable("x" * 2010, limit=10) == "xxxxxxxxxx ... (2,000 more characters)"
    assert printable("x" * 10, limit=10) == "x" * 10
