"""The rating page in a real browser: rating, keeping, saving; nothing is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baselines.adamllm.intake import read_pairs
from baselines.adamllm.quality import Item, task_item, triplet_item
from baselines.adamllm.rating_page import read_csv, write_page
from baselines.adamllm.records import Triplet

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def items(folder: Path) -> list[Item]:
    image = read_pairs(folder / "pairs.jsonl").kept[0].image
    hostile = "<img src=x onerror=alert(1)> & </script>"
    return [
        task_item("ours", "a", image, hostile, "Told."),
        triplet_item("all", "b", image, Triplet("How many?", "I count 3.", "3")),
    ]


def test_people_rate_with_mouse_or_keyboard_and_save(chromium: Browser, items: list[Item], tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", items)
    asked: list[str] = []
    faults: list[str] = []
    page = chromium.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    page.goto(f"file://{tmp_path}/page.html")
    assert page.locator("main .text").first.text_content() == "<img src=x onerror=alert(1)> & </script>"
    assert page.locator("main img").evaluate("image => image.naturalWidth") > 0
    page.get_by_role("button", name="Save as CSV").click()
    assert "name first" in str(page.locator("#progress").text_content())
    page.get_by_label("Your name").fill('=Ann, "A"')
    for name, choice in (("task_type", "other"), ("knowledge", "3"), ("complexity", "1"), ("accuracy", "5")):
        page.locator(f"input[name={name}][value='{choice}']").check()
    assert "1 rated" in str(page.locator("#progress").text_content())
    page.get_by_role("button", name="Next unrated").press("Enter")
    page.locator("input[name=consistent][value=yes]").focus()
    page.keyboard.press("ArrowRight")
    page.reload()
    assert page.locator("input[name=consistent][value=no]").is_checked()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    saved.value.save_as(tmp_path / "ratings.csv")
    first, second = read_csv(tmp_path / "ratings.csv", items)
    assert first.choices == {"task_type": "other", "knowledge": "3", "complexity": "1", "accuracy": "5"}
    assert (first.rater, second.choices) == ('=Ann, "A"', {"consistent": "no"})
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    assert not faults
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
