"""Whatever a report says stays text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foodbench.site.check import check_site
from tests.site.made_reports import plain_contents, write_report
from tests.site.pages_for_tests import Links
from tests.site.test_build import built

NASTY = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "[click](javascript:alert(4))",
    '"><svg onload=alert(5)>',
    "' onmouseover='alert(6)",
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnp.exe\u2066\u200f",
    "\x00\x1b[31mred\x07",
    "\u2028\u2029 \ufeff",
    '=HYPERLINK("http://example.org")',
    "سلطة فتوش",
    "🍜🍣👩‍🍳",
    "http://example.org/steal?x=1",
    "../../etc/passwd",
    "a" * 300,
)


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    answers = [(f"{text}/{index}", text, index % 2 == 0) for index, text in enumerate(NASTY)]
    answers += [("long", "x<y>" * 250_000, False), ("empty", "", False)]
    envelope = json.dumps({"foodbench_answer": 1, "text": NASTY[0], "masks": [{"size": [1, 2], "counts": "@@"}]})
    answers.append(("envelope", envelope, False))
    for name in ("first", "second"):
        write_report(folder / "reports", name, plain_contents(answers), spec=NASTY[0] + NASTY[7])
    return built(folder / "reports", folder / "dist")


def test_it_is_sound(hostile_site: Path) -> None:
    assert check_site(hostile_site).findings == ()


def test_nothing_becomes_markup(hostile_site: Path) -> None:
    for path in hostile_site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert text.count("<script") == 1, path
        assert "<img src=x" not in text
        assert "<svg onload" not in text
        for href, _ in Links(text).found:
            assert not href.lower().startswith(("javascript:", "http:", "data:", "//")), href


def test_invisible_and_turning_characters_are_written_out(hostile_site: Path) -> None:
    page = (hostile_site / "samples" / "first" / "food101.dish-v1" / "1.html").read_text(encoding="utf-8")
    for char in "\u202e\u2066\u200f\x00\x1b\x07\u2028\u2029\ufeff":
        assert char not in page
    assert r"\u202egnp.exe" in page
    assert "سلطة فتوش" in page
    assert "🍜🍣" in page


def test_long_answers_are_cut_and_said_to_be(hostile_site: Path) -> None:
    page = hostile_site / "samples" / "first" / "food101.dish-v1" / "1.html"
    assert page.stat().st_size < 100_000
    assert "998,000 more characters" in page.read_text(encoding="utf-8")
    assert (page.parent / "samples.jsonl").stat().st_size > 1_000_000


def test_formulas_are_defused(tmp_path: Path) -> None:
    from foodbench.site.downloads import write_table
    from foodbench.site.pages import Frame, Pages

    write_table(Pages(tmp_path, Frame("", "", ())), "table", [{"name": "=1+1", "value": -1.5}, {"name": "@x"}])
    assert (tmp_path / "table.csv").read_text() == "name,value\n'=1+1,-1.5\n'@x,\n"


def test_ten_thousand_samples(tmp_path: Path) -> None:
    answers = [(f"dish/{index}", f"answer {index}", index % 3 == 0) for index in range(10_000)]
    write_report(tmp_path / "reports", "many", plain_contents(answers))
    out = built(tmp_path / "reports", tmp_path / "dist")
    pages = sorted((out / "samples" / "many" / "food101.dish-v1").glob("*.html"))
    assert len(pages) == 50
    assert sum(page.read_text().count("<article") for page in pages) == 10_000
    assert check_site(out).findings == ()
