"""Words that depend on a number."""

from __future__ import annotations

import pytest

from foodbench.core.wording import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "question", "0 questions"),
        (1, "question", "1 question"),
        (2, "question", "2 questions"),
        (1, "dish", "1 dish"),
        (12345, "dish", "12,345 dishes"),
        (3, "entry", "3 entries"),
        (3, "reply", "3 replies"),
        (2, "day", "2 days"),
        (2, "class name", "2 class names"),
    ],
)
def test_counted(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text


def test_an_irregular_plural_is_given() -> None:
    assert counted(2, "person", "people") == "2 people"
    assert counted(1, "person", "people") == "1 person"
