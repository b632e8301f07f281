"""What a person reads in a text, and what the readers read: golden vectors made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foodbench.metrics.reading.actions import find_actions
from foodbench.metrics.reading.adamllm import read_choice
from foodbench.metrics.reading.names import NameFinder
from foodbench.metrics.reading.quantities import find_quantities
from foodbench.metrics.reading.recipe_text import Recipe, ingredient_phrase, read_recipe
from tests.conftest import REPOSITORY

GOLDEN: dict[str, Any] = json.loads((REPOSITORY / "tests/golden/reading.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", GOLDEN["names"], ids=lambda case: case["text"][:40])
def test_names(case: dict[str, Any]) -> None:
    found = NameFinder(GOLDEN["lists"][case["list"]]).find(case["text"])
    assert list(found.names) == case["names"]
    assert list(found.denied) == case.get("denied", [])
    assert found.echo is case.get("echo", False)


@pytest.mark.parametrize(("text", "lemmas"), GOLDEN["actions"])
def test_actions(text: str, lemmas: list[str]) -> None:
    assert find_actions(text) == lemmas


@pytest.mark.parametrize(("text", "expected"), GOLDEN["quantities"])
def test_quantities(text: str, expected: list[list[Any]]) -> None:
    found = find_quantities(text)
    assert [[quantity.low, quantity.high, quantity.unit, quantity.kind] for quantity in found] == expected
    for quantity in found:
        assert quantity.is_range == (quantity.low != quantity.high)
        assert quantity.value == (None if quantity.is_range else quantity.low)
        assert quantity.midpoint == (quantity.low + quantity.high) / 2


@pytest.mark.parametrize(("text", "unit", "expected"), GOLDEN["conversions"])
def test_conversions(text: str, unit: str, expected: float | None) -> None:
    (quantity,) = find_quantities(text)
    assert getattr(quantity, f"in_{unit}")() == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("line", "phrase"), GOLDEN["phrases"])
def test_ingredient_phrases(line: str, phrase: str) -> None:
    assert ingredient_phrase(line) == phrase


@pytest.mark.parametrize("case", GOLDEN["recipes"], ids=lambda case: case["text"][:30])
def test_recipes(case: dict[str, Any]) -> None:
    assert read_recipe(case["text"]) == Recipe(case["title"], tuple(case["ingredients"]), tuple(case["steps"]))


@pytest.mark.parametrize(("text", "index"), GOLDEN["choices"]["cases"])
def test_choices(text: str, index: int | None) -> None:
    options = GOLDEN["choices"]["options"]
    choice = read_choice(text, options, example=11)
    assert choice.random is (index is None)
    assert choice.name == options[choice.index]
    if index is not None:
        assert choice.index == index
