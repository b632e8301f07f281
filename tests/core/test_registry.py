"""Lazy names: suggestions, duplicates, broken targets."""

from __future__ import annotations

import sys

import pytest

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.registry import Registry, import_object


def test_target_is_imported_only_when_asked_for() -> None:
    sys.modules.pop("this", None)
    registry: Registry[object] = Registry("poem")
    registry.register("zen", "colorsys:rgb_to_hsv")
    sys.modules.pop("colorsys", None)
    assert registry.names() == ["zen"]
    assert "colorsys" not in sys.modules
    assert callable(registry.get("zen"))
    assert "colorsys" in sys.modules


def test_unknown_name_suggests_the_close_one() -> None:
    registry: Registry[int] = Registry("task")
    registry.register("food101.dish", 1)
    registry.register("nutrition5k.total", 2)
    with pytest.raises(UnknownName) as caught:
        registry.get("food101.dihs")
    assert caught.value.message == "Unknown task 'food101.dihs'."
    assert caught.value.hint == "Did you mean food101.dish?"
    with pytest.raises(UnknownName, match="Known tasks: food101.dish, nutrition5k.total"):
        registry.get("zzz")
    assert UnknownName.of("row of recipes/1", "x", ["Ours"]).hint == "Known rows of recipes/1: Ours."


def test_duplicates_raise() -> None:
    registry: Registry[int] = Registry("task")
    registry.register("a", 1)
    with pytest.raises(UsageError, match="registered twice"):
        registry.register("a", 2)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no-colon", "does not name an object"),
        ("no.such.module:thing", "no module named 'no'"),
        ("json:no_such_thing", "has no 'no_such_thing'"),
    ],
)
def test_broken_targets_are_usage_errors(target: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        import_object(target)
