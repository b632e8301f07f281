"""The pages in a browser: sorting, filters, links that remember them, keyboard, no script, paging, themes."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from foodbench.site.builder import BuildOptions, build
from foodbench.site.serve import server
from tests.site.made_reports import plain_contents, write_report

pytestmark = pytest.mark.browser
TABLE = 'table[data-table="recognition"]'
PAGES = (
    "index.html",
    "board-real.html",
    "tasks/index.html",
    "tasks/foodseg103.refer1.html",
    "models/index.html",
    "models/some-wrong.html",
    "compare/index.html",
    "compare/kitchen--all-right--some-wrong.html",
    "samples/some-wrong/foodseg103.refer1-v2/1.html",
    "samples/some-wrong/food101.dish-v1/1.html",
    "papers/index.html",
    "papers/foodlmm.html",
    "about.html",
)


def names(page: Any, table: str = TABLE) -> list[str]:
    """The systems of a table from top to bottom, those that are shown."""
    return [
        row.locator("th").first.inner_text().splitlines()[0]
        for row in page.locator(f"{table} tbody tr").all()
        if row.is_visible()
    ]


def test_sorting_and_its_link(new_tab: Any) -> None:
    page = new_tab().open("index.html")
    before = names(page)
    button = page.locator(f"{TABLE} thead").get_by_role("button", name="Sort by food101.dish")
    button.click()
    header = page.locator(f'{TABLE} th[data-col="food101.dish"]')
    assert header.get_attribute("aria-sort") == "descending"
    assert "recognition.sort=food101.dish-desc" in page.url
    button.click()
    assert header.get_attribute("aria-sort") == "ascending"
    ascending = names(page)
    assert ascending[0] == "Best trivial baseline"
    assert ascending[-1] == "Ceiling"
    again = new_tab().open("index.html?" + page.url.partition("?")[2])
    assert names(again) == ascending
    assert sorted(ascending) == sorted(before)


def test_sorting_by_name(new_tab: Any) -> None:
    page = new_tab().open("index.html")
    page.locator(f"{TABLE} thead").get_by_role("button", name="System").click()
    found = [name for name in names(page) if name != "Ceiling"]
    assert found == sorted(found, key=str.casefold)


def test_filter_and_columns_and_their_links(new_tab: Any) -> None:
    page = new_tab().open("index.html")
    page.get_by_label("Filter rows of this table").first.fill("some-wrong")
    assert names(page) == ["some-wrong"]
    assert page.locator(".tools .count").first.inner_text() == "1 of 5"
    page.locator(".tools summary").first.click()
    page.get_by_role("checkbox", name="vireo172.dish").first.uncheck()
    assert not page.locator(f'{TABLE} th[data-col="vireo172.dish"]').is_visible()
    query = page.url.partition("?")[2]
    again = new_tab().open(f"index.html?{query}")
    assert names(again) == ["some-wrong"]
    assert not again.locator(f'{TABLE} th[data-col="vireo172.dish"]').is_visible()
    again.get_by_label("Filter rows of this table").first.fill("")
    assert len(names(again)) == 5
    assert "recognition.q" not in again.url


def test_keyboard_alone(new_tab: Any) -> None:
    page = new_tab().open("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(60):
        page.keyboard.press("Tab")
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        if label == "Sort by food101.dish":
            break
    else:
        raise AssertionError("the tab key never came to the button")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    assert page.locator(f'{TABLE} th[data-col="food101.dish"]').get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert page.locator(f'{TABLE} th[data-col="food101.dish"]').get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("path", PAGES)
def test_without_javascript_everything_is_there(new_tab: Any, path: str) -> None:
    with_script, without = new_tab().open(path), new_tab(java_script_enabled=False).open(path)
    content = "main table, main article, main li, main h2"
    assert without.locator(content).count() == with_script.locator(content).count()
    assert without.locator("main").is_visible()
    assert without.locator("main .tools:visible").count() == 0
    assert not without.locator("#theme").is_visible()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_the_window(new_tab: Any, path: str, width: int) -> None:
    page = new_tab(viewport={"width": width, "height": 800}).open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_downloads_from_a_disk_are_opened(new_tab: Any) -> None:
    page = new_tab().open("index.html")
    page.get_by_role("link", name="JSON").first.click()
    page.wait_for_url("**/data/kitchen-recognition.json")
    assert json.loads(page.inner_text("pre"))[0]["suite"] == "recognition"


def test_downloads_from_a_server_are_saved(chromium: Any, made_site: Path) -> None:
    with server(made_site, 0) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        page = chromium.new_page()
        try:
            page.goto(f"http://127.0.0.1:{running.server_port}/")
            for name in ("CSV", "JSON"):
                with page.expect_download() as waiting:
                    page.get_by_role("link", name=name).first.click()
                saved = Path(waiting.value.path()).read_bytes()
                assert saved == (made_site / f"data/kitchen-recognition.{name.lower()}").read_bytes()
        finally:
            page.close()
            running.shutdown()
            thread.join(10)


def test_comparing(new_tab: Any) -> None:
    page = new_tab().open("compare/index.html")
    page.get_by_label("First system").first.select_option("some-wrong")
    page.get_by_label("Second system").first.select_option("some-wrong")
    page.get_by_role("button", name="Compare").click()
    assert "no task in common" in page.get_by_role("status").first.inner_text()
    page.get_by_label("Second system").first.select_option("all-right")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/kitchen--all-right--some-wrong.html")
    assert page.locator("table[data-table=c] tbody tr").count() == 5
    page.locator(".flips summary").first.click()
    link = page.locator(".flips a").first
    target = link.get_attribute("href").partition("#")[2]
    link.click()
    page.wait_for_url(re.compile("/samples/"))
    assert page.locator(f"[id='{target}']").is_visible()


def test_samples_by_outcome(new_tab: Any) -> None:
    page = new_tab().open("samples/some-wrong/food101.dish-v1/1.html")
    every = page.locator("article:visible").count()
    page.get_by_role("button", name="not read").click()
    unread = page.locator("article:visible").count()
    assert 0 < unread < every
    assert "level=unread" in page.url
    again = new_tab().open("samples/some-wrong/food101.dish-v1/1.html?level=unread")
    assert again.locator("article:visible").count() == unread
    again.get_by_label("Filter the samples of this page").fill("no such text")
    assert again.locator("article:visible").count() == 0


@pytest.fixture(scope="session")
def long_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with 450 samples: three pages."""
    folder = tmp_path_factory.mktemp("long")
    answers = [(f"dish/{index:04}", "<b>soup</b>", index % 3 == 0) for index in range(450)]
    for name in ("one", "two"):
        write_report(folder / "reports", name, plain_contents(answers))
    build(BuildOptions(folder / "reports", folder / "dist", folder, pictures=False, workers=1))
    return folder / "dist"


def test_paging_keeps_the_filter(new_tab: Any, long_site: Path) -> None:
    page = new_tab(long_site).open("samples/one/food101.dish-v1/1.html?level=wrong")
    assert page.locator("article").count() == 200
    page.get_by_role("link", name="Next").first.click()
    page.wait_for_url("**/2.html?level=wrong")
    assert page.get_by_role("button", name="wrong", exact=True).get_attribute("aria-pressed") == "true"
    page.get_by_role("link", name="Next").first.click()
    page.wait_for_url("**/3.html?level=wrong")
    assert page.locator("article").count() == 50
    assert page.get_by_role("link", name="Next").count() == 0
    page.get_by_role("link", name="Previous").first.click()
    page.wait_for_url("**/2.html?level=wrong")
    assert page.locator("article b").count() == 0


def test_links_to_a_sample(new_tab: Any, long_site: Path) -> None:
    first = new_tab(long_site).open("samples/one/food101.dish-v1/2.html")
    anchor = first.locator("article").nth(150).get_attribute("id")
    page = new_tab(long_site, reduced_motion="reduce").open(f"samples/one/food101.dish-v1/2.html#{anchor}")
    assert page.evaluate("window.scrollY") > 1000
    assert page.locator("article:target").count() == 1


def test_themes(new_tab: Any) -> None:
    def paper(page: Any) -> str:
        return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    light, dark = new_tab(color_scheme="light"), new_tab(color_scheme="dark")
    white, black = paper(light.open("index.html")), paper(dark.open("index.html"))
    assert white != black
    button = light.page.locator("#theme")
    button.click()
    assert paper(light.page) == white
    button.click()
    assert button.inner_text() == "Theme: dark"
    assert paper(light.page) == black
    assert paper(light.open("about.html")) == black, "it is remembered"


def test_axe_finds_no_serious_violation(new_tab: Any) -> None:
    script = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
    found = []
    for scheme in ("light", "dark"):
        for width in (390, 1280):
            tab = new_tab(color_scheme=scheme, viewport={"width": width, "height": 900})
            for path in PAGES:
                page = tab.open(path)
                page.evaluate("document.querySelectorAll('details').forEach(function (each) { each.open = true; })")
                page.evaluate(script.read_text(encoding="utf-8"))
                result = page.evaluate("axe.run(document, {preload: false, resultTypes: ['violations']})")
                found += [
                    (path, scheme, width, each["id"], each["nodes"][0]["html"][:160], len(each["nodes"]))
                    for each in result["violations"]
                    if each["impact"] in ("serious", "critical")
                ]
    assert found == []
