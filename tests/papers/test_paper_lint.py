"""The linter finds planted errors, leaves rounded truth alone, and finds in the papers what is known to be wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import DataCorrupt
from foodbench.papers.catalog import Cell, Check, Paper, TableCard, all_papers
from foodbench.papers.lint import Finding, lint
from foodbench.papers.rules import RULES

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


def cell(row: str, column: str, value: str, *, unit: str = "", span: str = "", table: str = "1") -> Cell:
    return Cell("p", table, "b", "", row, span, column, "", "claim", "", "", value, unit, "")


def paper(numbers: Sequence[Cell], rule: str, /, **given_: Any) -> Paper:
    tables = tuple(TableCard(name, f"Table {name}", "x") for name in dict.fromkeys(one.table for one in numbers))
    return Paper("p", "t", "s", "", tables, tuple(numbers), (), (), (Check(rule, "impossible", "It must.", given_),))


def known(paper_id: str) -> list[tuple[str, str, str]]:
    (found,) = (each for each in all_papers() if each.id == paper_id)
    return [(finding.rule, finding.severity, finding.computed) for finding in lint(found)]


GOLDEN: Mapping[str, list[tuple[str, str, str]]] = {
    "foodlmm": [
        ("same", "suspicious", "0.31 apart"),
        ("implied_mean", "impossible", "69.3 / 45.8% = 151.3 (151.0 to 151.6) and 25.2 / 34.7% = 72.6"),
        ("implied_mean", "impossible", "3.1 / 29.4% = 10.54 (10.36 to 10.73) and 2.5 / 22.4% = 11.16"),
        ("implied_mean", "suspicious", "Calories: 70.6 / 26.1% = 270.5 (269.8 to 271.2) and 67.3 / 26.6% = 253.0"),
        ("energy", "suspicious", "25.2 / 34.7% = 72.6"),
        ("k_of_n", "impossible", "98.69% of 1,000 lies between 986 / 1,000 = 98.600% and 987 / 1,000"),
        ("same", "impossible", "1.01 apart and 0.91 apart"),
        ("same", "impossible", "1e-3 × 0.1 = 0.0001, not 0.1"),
        ("same", "impossible", "1.0 × 0.1 = 0.1, not 0.0001"),
        ("gain", "suspicious", "91.13 to 93.93 is +2.80 points (+3.07%); 3.07% is the relative change"),
        ("gain", "suspicious", "28.1 to 29.1 is +1.0 points (+3.56%), the other way"),
        ("total", "suspicious", "3 × 1480 + 4 × 4130 + 5 × 818 = 25,050"),
        ("total", "suspicious", "3 × 298 + 4 × 647 + 5 × 149 = 4,227"),
        ("total", "suspicious", "1535 + 1224 + 646 + 304 + 140 + 39 + 12 + 6 + 1 = 3,907"),
        ("total", "suspicious", "664 + 450 + 323 + 108 + 52 + 18 + 4 + 1 + 0 = 1,620"),
        ("total", "suspicious", "3 × 1535 + 4 × 1224 + 4 × 646 + 4 × 304 + 4 × 140"),
        ("total", "suspicious", "3 × 664 + 4 × 450 + 4 × 323 + 4 × 108 + 4 × 52"),
        ("same", "suspicious", "193,000 apart"),
    ],
    "rl": [
        ("bounds", "suspicious", "2.0 is above 1"),
        ("bounds", "suspicious", "2.0 is above 1"),
        ("total", "suspicious", "1 + 2 + 1 + 3 = 7"),
    ],
    "recipes": [
        ("f1", "impossible", "F1 29.82 exceeds 2 P R / (P + R) = 27.83"),
        ("f1", "suspicious", "F1 40.48 is not 2 P R / (P + R) = 40.50"),
        ("f1", "impossible", "F1 36.71 exceeds 2 P R / (P + R) = 34.92"),
        ("aggregation", "suspicious", "Ingredients: F1 is 2 IoU / (1 + IoU) and 2 P R / (P + R) in 7 of 8 rows"),
        ("aggregation", "suspicious", "Ingredients: F1 is 2 IoU / (1 + IoU) and 2 P R / (P + R) in 5 of 6 rows"),
        ("greater", "suspicious", "Actions, Precision: 38.43 is not above 46.24"),
        ("greater", "suspicious", "Recipe, SacreBLEU: 8.08 is not above 8.35"),
    ],
    "adamllm": [
        ("greater", "suspicious", "Recipe1M, ROUGE-L: 24.0 is not above 24.1; Food101, Accuracy: 72.0 is not above"),
        ("greater", "suspicious", "FoodSeg103, F1: 42.0 is not above 47.6"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_what_is_wrong_in_the_papers(name: str) -> None:
    found = known(name)
    assert len(found) == len(GOLDEN[name])
    for (rule, severity, computed), (wanted, grade, beginning) in zip(found, GOLDEN[name], strict=True):
        assert (rule, severity) == (wanted, grade)
        assert computed.startswith(beginning)


def test_every_rule_is_used_and_every_finding_is_noted() -> None:
    """A doubtful cell of a results table says so itself, where the doubt is about that cell and not about the text."""
    assert {check.rule for each in all_papers() for check in each.checks} == set(RULES)
    for each in all_papers():
        for finding in lint(each):
            if finding.severity == "impossible":
                assert any(one.note for one in finding.cells), finding


def shown(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def only(found: list[Finding]) -> Finding:
    (one,) = found
    return one


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_means_and_totals(seed: int) -> None:
    draw = random.Random(seed)
    digits, out = draw.randint(0, 3), draw.randint(0, 3)
    values = [draw.uniform(0, 100) for _ in range(draw.randint(2, 7))]
    parts = [cell("r", f"c{index}", shown(value, digits)) for index, value in enumerate(values)]
    names = [part.column for part in parts]
    for rule, true in (("mean", sum(values) / len(values)), ("total", sum(values))):
        room = 10**-digits * (len(values) if rule == "total" else 1) + 10**-out
        for planted in (0.0, 2 * room, -2 * room):
            cells = [*parts, cell("r", "all", shown(true + planted, out))]
            found = lint(paper(cells, rule, of={"column": names}, **{"is": {"column": "all"}}))
            assert len(found) == bool(planted)


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_one_test_set_has_one_mean(seed: int) -> None:
    draw = random.Random(seed)
    mean, digits = draw.uniform(5, 300), draw.randint(1, 2)
    errors = [mean * draw.uniform(0.1, 0.9) for _ in range(3)]

    def rows(factor: float) -> list[Cell]:
        found = []
        for index, error in enumerate(errors):
            share = 100 * error / mean * (factor if index == 1 else 1)
            found.append(cell(f"m{index}", "MAE", shown(error, digits), span="Fat"))
            found.append(cell(f"m{index}", "%", shown(share, digits), span="Fat", unit="%"))
        return found

    given_ = {"error": {"column": "MAE"}, "percent": {"column": "%"}, "of_one": ["block", "group", "span"]}
    assert lint(paper(rows(1), "implied_mean", **given_)) == []
    assert only(lint(paper(rows(2), "implied_mean", **given_))).severity == "impossible"


def scores(draw: random.Random, *, pooled: bool) -> dict[str, float]:
    """F1, IoU, recall and precision of random sets, in percent, from counts or as means over samples."""
    counts = [(draw.randint(0, 9), draw.randint(0, 9), draw.randint(0, 9)) for _ in range(draw.randint(3, 40))]
    counts.append((5, 1, 1))
    if pooled:
        counts = [tuple(map(sum, zip(*counts, strict=True)))]  # type: ignore[list-item]

    def share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    columns = {
        "F1": [share(2 * tp, 2 * tp + fp + fn) for tp, fp, fn in counts],
        "IoU": [share(tp, tp + fp + fn) for tp, fp, fn in counts],
        "Recall": [share(tp, tp + fn) for tp, fp, fn in counts],
        "Precision": [share(tp, tp + fp) for tp, fp, fn in counts],
    }
    return {name: 100 * sum(values) / len(values) for name, values in columns.items()}


@given(SEEDS, st.booleans())
@settings(max_examples=80, deadline=None)
def test_f1_of_real_sets_is_clean_and_a_planted_one_is_not(seed: int, pooled: bool) -> None:
    draw = random.Random(seed)
    digits, true = draw.randint(1, 3), scores(draw, pooled=pooled)

    def lint_of(values: Mapping[str, float]) -> list[Finding]:
        cells = [cell("r", name, shown(value, digits), unit="%") for name, value in values.items()]
        return lint(paper(cells, "f1", cells={}, pooled=pooled))

    assert lint_of(true) == []
    least = min(200 * true["IoU"] / (100 + true["IoU"]), 2 / (1 / true["Precision"] + 1 / true["Recall"]))
    assert only(lint_of({**true, "F1": least + 3 * 10**-digits})).severity == "impossible"
    assert only(lint_of({**true, "F1": true["IoU"] - 3 * 10**-digits})).severity == "impossible"
    if pooled:
        assert only(lint_of({**true, "F1": true["F1"] - 4 * 10**-digits})).severity in ("suspicious", "impossible")


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_shares_of_n(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.randint(2, 4000)
    right = draw.randint(0, count)
    size = cell("size", "n", str(count), unit="items")
    share = cell("r", "Acc.", shown(100 * right / count, 2), unit="%")
    given_ = {"cells": {"column": "Acc."}, "n": {"row": "size"}}
    assert lint(paper([size, share], "k_of_n", **given_)) == []
    printed = shown(draw.uniform(0, 100), 2)
    possible = any(abs(100 * each / count - float(printed)) <= 0.005 + 1e-9 for each in range(count + 1))
    found = lint(paper([size, cell("r", "Acc.", printed, unit="%")], "k_of_n", **given_))
    assert bool(found) != possible


@pytest.mark.parametrize(
    ("claim", "unit", "start", "end", "falls", "wrong"),
    [
        ("20", "", "0.65", "0.78", False, 0),
        ("2.8", "%", "91.13", "93.93", False, 0),
        ("3.07", "%", "91.13", "93.93", False, 1),
        ("4.5", "", "25.52", "24.38", True, 0),
        ("4.5", "", "24.38", "25.52", True, 1),
        ("30", "", "0.65", "0.78", False, 1),
    ],
)
def test_gains(claim: str, unit: str, start: str, end: str, falls: bool, wrong: int) -> None:
    cells = [cell("claim", "v", claim, unit="%"), cell("a", "v", start, unit=unit), cell("b", "v", end, unit=unit)]
    given_ = {"is": {"row": "claim"}, "from": [{"row": "a"}], "to": [{"row": "b"}], "falls": falls}
    assert len(lint(paper(cells, "gain", **given_))) == wrong


@pytest.mark.parametrize(
    ("more", "less", "wrong"), [("0.90", "0.90", 0), ("24.0", "24.1", 1), ("24.1", "24.0", 0), ("42.0", "47.6", 1)]
)
def test_what_is_ahead(more: str, less: str, wrong: int) -> None:
    cells = [cell("a", "v", more), cell("b", "v", less)]
    assert len(lint(paper(cells, "greater", more={"row": "a"}, less={"row": "b"}))) == wrong


def test_what_is_printed_twice() -> None:
    cells = [cell("a", "v", "0.75"), cell("b", "v", "0.8"), cell("c", "v", "0.77"), cell("f", "v", "0.1")]

    def count(of: str, **more: Any) -> int:
        return len(lint(paper(cells, "same", of={"row": of}, **{"is": {"row": "a"}}, **more)))

    assert (count("a"), count("b"), count("c")) == (0, 0, 1)
    scaled = [cell("a", "v", "0.05"), cell("b", "v", "0.5"), cell("f", "v", "0.1")]
    assert lint(paper(scaled, "same", of={"row": "b"}, factor={"row": "f"}, **{"is": {"row": "a"}})) == []


def test_energy_finds_swapped_digits_only() -> None:
    def row(kcal: str) -> list[Cell]:
        printed = {
            "Calories": (kcal, "34.7"),
            "Fat": ("3.7", "46.1"),
            "Carbohydrate": ("3.7", "34.1"),
            "Protein": ("2.5", "23.4"),
        }
        return [
            cell("m", column, value, span=span)
            for span, pair in printed.items()
            for column, value in zip(("MAE", "%"), pair, strict=True)
        ]

    given_ = {
        "error": {"column": "MAE"},
        "percent": {"column": "%"},
        "of_one": ["row"],
        "tolerance": 0.2,
    }
    assert lint(paper(row("52.5"), "energy", **given_)) == []
    assert len(lint(paper(row("25.2"), "energy", **given_))) == 1


def test_pooled_and_averaged_columns_of_one_table() -> None:
    draw = random.Random(5)

    def rows(span: str, pooled: bool) -> list[Cell]:
        return [
            cell(f"r{index}", name, shown(value, 2), span=span)
            for index in range(6)
            for name, value in scores(draw, pooled=pooled).items()
        ]

    given_ = {"one": {"span": "A"}, "other": {"span": "B"}}
    assert lint(paper(rows("A", True) + rows("B", True), "aggregation", **given_)) == []
    assert lint(paper(rows("A", False) + rows("B", False), "aggregation", **given_)) == []
    assert len(lint(paper(rows("A", True) + rows("B", False), "aggregation", **given_))) == 1
    assert len(lint(paper(rows("A", False) + rows("B", True), "aggregation", **given_))) == 1


def test_bounds() -> None:
    cells = [cell("a", "v", "100.00"), cell("b", "v", "0.0"), cell("c", "v", "100.4"), cell("d", "v", "-3")]
    found = lint(paper(cells, "bounds", cells={}, low=0, high=100))
    assert [finding.computed for finding in found] == ["100.4 is above 100", "-3 is below 0"]


@pytest.mark.parametrize(
    ("rule", "given_"),
    [
        ("nonsense", {}),
        ("mean", {"of": {}}),
        ("mean", {"of": {"row": "a"}, "is": {"row": "b"}, "per": ["column"]}),
        ("bounds", {"cells": {"row": "nobody"}, "low": 0, "high": 1}),
        ("gain", {"is": {"row": "a"}, "from": [{"row": "zero"}], "to": [{"row": "a"}]}),
    ],
)
def test_a_check_that_cannot_be_made_is_an_error(rule: str, given_: dict[str, Any]) -> None:
    cells = [cell("a", "x", "1", unit="%"), cell("b", "y", "2"), cell("zero", "x", "0")]
    with pytest.raises(DataCorrupt):
        lint(paper(cells, rule, **given_))
