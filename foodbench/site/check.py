"""What must hold of every built page, checked on the files: links, ids, names, sizes, and that nothing leads out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, normpath
from urllib.parse import unquote, urlsplit

from foodbench.core.errors import DataMissing
from foodbench.site.pages import CSP
from foodbench.site.pictures import MAX_BYTES as MAX_PICTURE
from foodbench.site.wording import size

MAX_HOME = 300_000
MAX_PAGE = 4_000_000
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_LINKS = {"a": "href", "link": "href", "script": "src", "img": "src", "image": "href", "use": "href", "form": "action"}
# In style sheet and script; a script of the site has no reason for any of them.
_OUTWARD = re.compile(rb"https?:|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\(|eval\(|innerHTML")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at, and what is wrong, one line each."""

    pages: int
    links: int
    findings: tuple[str, ...]


@dataclass(slots=True)
class _Page(HTMLParser):
    """One page, as far as it is checked."""

    ids: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)
    csp: str = ""
    language: str = ""
    named: list[tuple[str, list[str]]] = field(default_factory=list)
    captions: int = 0

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag brings."""
        given = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        if tag not in _VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids[given["id"]] += 1
        if tag in _LINKS and _LINKS[tag] in given:
            self.links.append(given[_LINKS[tag]])
        if tag in ("a", "button", "h1", "h2", "h3", "title", "caption", "summary"):
            self.named.append((tag, [given.get("aria-label", "")]))
        self._check(tag, given)

    def _check(self, tag: str, given: Mapping[str, str]) -> None:
        faults = self.faults
        if any(name == "style" or name.startswith("on") for name in given):
            faults.append(f"<{tag}> has a style or a script in an attribute")
        if tag == "style" or (tag == "script" and not given.get("src")):
            faults.append(f"<{tag}> inside the page")
        if tag == "img" and "alt" not in given:
            faults.append("a picture without alt text")
        if tag == "th" and "scope" not in given:
            faults.append("a header cell without scope")
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "meta" and given.get("http-equiv", "").lower() == "content-security-policy":
            self.csp = given.get("content", "")
        if tag == "svg" and given.get("aria-hidden") != "true" and not given.get("aria-label"):
            faults.append("a drawing that is neither named nor hidden from screen readers")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As a tag that is closed at once (in SVG)."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note tags that are not closed in order."""
        if tag in _VOID:
            return
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.faults.append(f"</{tag}> closes what is not open")
        for index in range(len(self.named) - 1, -1, -1):
            if self.named[index][0] == tag:
                if not any(text.strip() for text in self.named[index][1]):
                    self.faults.append(f"<{tag}> without a text")
                del self.named[index]
                break

    def handle_data(self, data: str) -> None:
        """Text names whatever it stands in."""
        for _, texts in self.named:
            texts.append(data)

    def finish(self) -> list[str]:
        """What is wrong with the whole page."""
        faults = list(self.faults)
        faults += [f"the id '{name}' comes {count} times" for name, count in self.ids.items() if count > 1]
        faults += [f"<{tag}> is never closed" for tag in self.open]
        for tag in ("h1", "main", "title"):
            if self.tags[tag] != 1:
                faults.append(f"{self.tags[tag]} <{tag}> instead of one")
        if self.tags["caption"] != self.tags["table"]:
            faults.append("a table without caption")
        if self.csp != CSP:
            faults.append("not the content security policy of the site")
        if not self.language:
            faults.append("no language")
        return faults


def check_site(folder: Path) -> CheckReport:
    """Check a built site.

    Raises:
        DataMissing: there is none.
    """
    home = folder / "index.html"
    if not home.is_file():
        raise DataMissing(f"There is no site in {folder}.", hint="Build it: foodbench leaderboard build")
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    findings: list[str] = []
    ids: dict[str, frozenset[str]] = {}
    links: dict[str, frozenset[str]] = {}
    for name, path in files.items():
        if path.suffix == ".html":
            page = _read(path)
            findings += [f"{name}: {fault}" for fault in page.finish()]
            ids[name], links[name] = frozenset(page.ids), frozenset(page.links)
        elif path.suffix in (".css", ".js"):
            found = _OUTWARD.search(path.read_bytes())
            if found:
                findings.append(f"{name}: has '{found[0].decode()}'")
    for name, targets in links.items():
        findings += [f"{name}: {fault}" for target in sorted(targets) if (fault := _broken(name, target, files, ids))]
    findings += _sizes(files)
    return CheckReport(len(ids), sum(map(len, links.values())), tuple(findings))


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def _broken(page: str, target: str, files: Mapping[str, Path], ids: Mapping[str, frozenset[str]]) -> str:
    """Why a link leads nowhere, or out of the site; empty if it is sound."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or target.startswith("//"):
        return f"the link '{target[:80]}' leads out of the site"
    name = normpath(f"{dirname(page)}/{unquote(parts.path)}").lstrip("/") if parts.path else page
    if name not in files:
        return f"the link '{target[:80]}' leads nowhere"
    if parts.fragment and name in ids and unquote(parts.fragment) not in ids[name]:
        return f"the link '{target[:80]}' leads to no place of that page"
    return ""


def _sizes(files: Mapping[str, Path]) -> Iterable[str]:
    bytes_of = {name: path.stat().st_size for name, path in files.items()}
    home = sum(bytes_of.get(name, 0) for name in ("index.html", "assets/site.css", "assets/site.js"))
    if home > MAX_HOME:
        yield f"index.html: {size(home)} with style sheet and script, more than {size(MAX_HOME)}"
    for name, count in bytes_of.items():
        limit = MAX_PICTURE if name.startswith("img/") else MAX_PAGE if name.endswith(".html") else None
        if limit is not None and count > limit:
            yield f"{name}: {size(count)}, more than {size(limit)}"
