"""`leaderboard check` finds what it is there for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foodbench.core.errors import DataMissing
from foodbench.site.check import check_site


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('<main id="main"', '<p id="main"></p><main id="main"', "the id 'main' comes 2 times"),
        ("</main>", '<a href="https://example.org">x</a></main>', "leads out of the site"),
        ("</main>", '<a href="//example.org">x</a></main>', "leads out of the site"),
        ("</main>", '<a href="javascript:x">x</a></main>', "leads out of the site"),
        ("</main>", '<a href="gone.html">x</a></main>', "leads nowhere"),
        ("</main>", '<a href="about.html#gone">x</a></main>', "no place of that page"),
        ("</main>", '<img src="assets/icon.svg"></main>', "without alt"),
        ("</main>", '<p style="color:red">x</p></main>', "in an attribute"),
        ("</main>", '<p onclick="x()">x</p></main>', "in an attribute"),
        ("</main>", "<script>x()</script></main>", "inside the page"),
        ("</main>", '<a href="about.html"></a></main>', "<a> without a text"),
        ("</main>", "<table><tr><td>1</td></tr></table></main>", "without caption"),
        ("</main>", "<div></main>", "closes what is not open"),
        ("default-src", "default-src *", "security policy"),
        ('lang="en"', "", "no language"),
    ],
)
def test_faults_are_found(made_site: Path, tmp_path: Path, old: str, new: str, expected: str) -> None:
    site = tmp_path / "site"
    shutil.copytree(made_site, site)
    page = site / "tasks" / "index.html"
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new.replace("about.html", "../about.html"), 1), encoding="utf-8")
    findings = check_site(site).findings
    assert any(expected in finding and finding.startswith("tasks/index.html") for finding in findings), findings


def test_scripts_that_ask_the_network(made_site: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(made_site, site)
    script = site / "assets" / "site.js"
    script.write_text(script.read_text() + "\nfetch('data.json');\n")
    assert "assets/site.js: has 'fetch('" in check_site(site).findings


def test_sizes(made_site: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(made_site, site)
    picture = next((site / "img").rglob("*.webp"))
    picture.write_bytes(b"x" * 40_000)
    home = site / "index.html"
    home.write_text(home.read_text().replace("</main>", "<!--" + "x" * 300_000 + "--></main>"))
    findings = check_site(site).findings
    assert any("40 kB, more than 30 kB" in each for each in findings)
    assert any(each.startswith("index.html:") and "more than 300 kB" in each for each in findings)


def test_no_site(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        check_site(tmp_path)
