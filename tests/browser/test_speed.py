"""How long sorting a large table takes; printed, not judged (run with -s)."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from foodbench.core.files import atomic_write
from foodbench.site.pages import Frame, Pages, environment

pytestmark = pytest.mark.browser
TEMPLATE = """{% extends "base.html" %}{% block title %}Large{% endblock %}{% block main %}<h1>Large</h1>
<div class="scroll"><table class="board" data-table="large"><caption>Large</caption><thead><tr class="cols">
{% for column in range(columns) %}
<th scope="col" data-col="c{{ column }}" data-type="{{ "text" if column == 1 else "num" }}">c{{ column }}</th>
{% endfor %}
</tr></thead><tbody>
{% for row in range(rows) %}<tr>
{% for column in range(columns) %}{% set value = (row * 7919 + column * 104729) % 10007 %}
<td class="num" data-v="{{ value }}">{{ value }}</td>{% endfor %}</tr>{% endfor %}
</tbody></table></div>{% endblock %}"""


def test_sorting_two_thousand_rows(new_tab: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = Frame("Large", "", ())
    Pages(tmp_path, frame).write_static()
    page_text = (
        environment().from_string(TEMPLATE).render(root="", path="index.html", frame=frame, rows=2000, columns=30)
    )
    atomic_write(tmp_path / "index.html", page_text)
    page = new_tab(tmp_path).open("index.html")
    times = page.evaluate(
        """() => [...document.querySelectorAll('th button')].slice(0, 10).map((button) => {
            const start = performance.now();
            button.click();
            document.body.offsetHeight;
            return performance.now() - start;
        })"""
    )
    page.wait_for_selector("tbody tr:nth-child(2000)")
    values = [int(text) for text in page.locator("tbody tr td:nth-child(10)").all_inner_texts()]
    assert values == sorted(values)
    with capsys.disabled():
        print(f"\n2,000 rows x 30 columns sorted and laid out: median {median(times):.0f} ms, most {max(times):.0f} ms")
