"""docs/papers.md lists what the linter finds, and its other arithmetic is right.

`python -m tests.papers.test_paper_docs` brings the list up to date.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from foodbench.core.files import atomic_write
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.papers.catalog import all_papers, load
from foodbench.papers.lint import lint
from foodbench.papers.render import findings_markdown
from foodbench.papers.rules import RULES
from foodbench.tasks.nutrition5k.refer import heaviest
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "papers.md"
MARK = "<!-- findings -->\n"


def findings_section() -> str:
    parts = []
    for paper in all_papers():
        found = lint(paper)
        impossible = sum(finding.severity == "impossible" for finding in found)
        head = f"\n### {paper.id}: {len(found)}, {impossible} of them impossible\n\n"
        parts.append(head + findings_markdown(found))
    return "".join(parts)


def test_the_page_lists_what_the_linter_finds() -> None:
    _, mark, listed = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark
    assert listed == findings_section(), "run: python -m tests.papers.test_paper_docs"


def test_the_page_names_every_paper_table_and_rule() -> None:
    page = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    assert not [paper.id for paper in all_papers() if f"| `{paper.id}` | {paper.title}" not in page]
    assert not [rule for rule in RULES if f"| `{rule}` | " not in page]
    assert len([line for line in page.splitlines() if line.startswith("| `")]) == len(RULES) + len(all_papers())


def test_only_one_number_of_queries_fits_foodseg103() -> None:
    cells = load("foodlmm").select({"table": "7", "group": "FoodSeg103", "column": "Acc.", "span": "refer@1"})
    cells += load("foodlmm").select(
        {"table": "7", "block": "Referring segmentation, absent ingredients", "group": "FoodSeg103", "span": "refer@3"}
    )

    def fits(count: int) -> bool:
        return all(
            math.ceil(cell.interval.low * count / 100 - 1e-9) <= math.floor(cell.interval.high * count / 100 + 1e-9)
            for cell in cells
        )

    assert [count for count in range(100, 2201) if fits(count)] == [2135]


def test_the_means_of_the_real_dishes(realdata: Path) -> None:
    reader = Nutrition5k(realdata / "nutrition5k_dataset", allow_partial=True)
    dishes = list(reader.annotations("rgb_test"))
    assert len(dishes) == 709
    kcal, mass, fat, carb, protein = (
        sum(getattr(dish.total, name) for dish in dishes) / len(dishes)
        for name in ("kcal", "mass", "fat", "carb", "protein")
    )
    assert (round(kcal, 1), round(mass, 1), round(fat, 1), round(carb, 1), round(protein, 1)) == (
        253.0,
        191.8,
        13.7,
        19.0,
        15.9,
    )
    first = [portions[0].nutrition.protein for dish in dishes if (portions := heaviest(dish))]
    assert sum(value or 0.0 for value in first) / len(first) == pytest.approx(10.53, abs=0.01)


def main() -> None:
    """Write the list anew."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    atomic_write(PAGE, head + mark + findings_section())


if __name__ == "__main__":
    main()
