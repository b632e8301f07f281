"""Words that depend on a number, and how a number is written."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 question`, `0 questions`, `12,345 dishes`.

    Args:
        count: how many.
        noun: what, in the singular.
        plural: the plural where it is not the noun with the ending that English gives most nouns.
    """
    return f"{count:,} {noun if count == 1 else plural or plural_of(noun)}"


def plural_of(noun: str) -> str:
    """The plural by the ending that English gives most nouns."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def rounded(value: float, unit: str = "") -> str:
    """A number as people read it, without its unit: three to four significant digits, one decimal of %, kcal and g."""
    magnitude = abs(value)
    digits = 3 if magnitude < 2 else 2 if magnitude < 10 else 1 if magnitude < 1000 else 0
    if unit in ("%", "kcal", "g"):
        digits = min(digits, 1)
    return f"{value:,.{digits}f}"
