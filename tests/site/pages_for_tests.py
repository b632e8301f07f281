"""Reading built pages."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path


class Links(HTMLParser):
    """The links of a page with their texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.text = ""
        self._href: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._href = dict(attrs).get("href")
            self.found.append((self._href or "", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._href is not None:
            href, text = self.found[-1]
            self.found[-1] = (href, text + data)


def digests(folder: Path) -> dict[str, str]:
    """Digest of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def table_rows(page: str, suite: str) -> dict[str, str]:
    """The rows of a table by id, without ranks and tie groups, which are relative to the others."""
    table = page.partition(f'data-table="{suite}"')[2].partition("</table>")[0]
    rows = dict(re.findall(r'<tr class="system[^"]*" id="([^"]+)"[^>]*>(.*?)</tr>', table, re.DOTALL))
    return {name: re.sub(r'<td class="rank".*?</td>', "", row, flags=re.DOTALL) for name, row in rows.items()}
