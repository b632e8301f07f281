"""JSON in what a model wrote: which objects are found, and which numbers can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from foodbench.core.json_text import finite_number, objects_in


def has_a(plain: Mapping[str, Any]) -> bool:
    return "a" in plain


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ('So: {"a": 1}, or {"b": 2}.', [{"a": 1}]),
        ('```json\n{"a": 1}\n```{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"b": {"a": 1}}', [{"a": 1}]),
        ('{"a": {"a": 1}}', [{"a": {"a": 1}}]),
        ('{ {"a": 1}', [{"a": 1}]),
        ('{"a": "x\ny"}', []),
        ('{"a": ' + "9" * 5000 + "}", []),
        ("{" * 49 + '{"a": 1}', [{"a": 1}]),
        ("{" * 50 + '{"a": 1}', []),
        ('{"b":' * 100_000, []),
    ],
)
def test_the_outermost_wanted_objects_are_found(text: str, found: list[dict[str, Any]]) -> None:
    assert list(objects_in(text, has_a)) == found


def test_line_feeds_in_strings_may_be_let_pass() -> None:
    assert list(objects_in('{"a": "x\ny"}', has_a, strict=False)) == [{"a": "x\ny"}]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (-0.5, -0.5),
        (True, None),
        ("3", None),
        (None, None),
        ([3], None),
        (float("nan"), None),
        (float("-inf"), None),
        (10**400, None),
    ],
)
def test_numbers_that_can_be_used(value: Any, number: float | None) -> None:
    assert finite_number(value) == number
