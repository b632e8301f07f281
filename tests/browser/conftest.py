"""A browser, and the small site that the tests of the pages look at; all from the disk, by file://."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.site.conftest import made_config, made_reports, made_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["made_config", "made_reports", "made_site"]


class Tab:
    """A page that remembers what it asked for and what went wrong."""

    def __init__(self, page: Page, site: Path) -> None:
        self.page, self.site = page, site
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda told: self.faults.append(told.text) if told.type == "error" else None)

    def open(self, path: str) -> Page:
        """Load a page of the site."""
        self.page.goto(f"file://{self.site}/{path}")
        return self.page


@pytest.fixture
def new_tab(chromium: Browser, made_site: Path) -> Iterator[Any]:
    """Opens tabs; afterwards none of them has asked for anything outside the site, or met an error."""
    opened: list[Tab] = []
    contexts = []

    def make(site: Path = made_site, **settings: Any) -> Tab:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        tab = Tab(context.new_page(), site)
        opened.append(tab)
        return tab

    yield make
    for context in contexts:
        context.close()
    for tab in opened:
        assert tab.faults == []
        assert [url for url in tab.asked if not url.startswith((f"file://{tab.site}/", "data:"))] == []
