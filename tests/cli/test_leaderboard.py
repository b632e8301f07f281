"""`foodbench leaderboard`."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from foodbench.cli.leaderboard import command
from foodbench.core.errors import DataMissing
from foodbench.site.serve import server
from tests.site.made_reports import plain_contents, write_report


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    write_report(tmp_path / "reports", "one", plain_contents([("a/1", "soup", True), ("a/2", "stew", False)]))
    out = tmp_path / "dist"
    reports = str(tmp_path / "reports")
    options = ["--config", str(tmp_path), "--no-pictures", "--workers", "1", "--quiet"]
    command.main(["build", "--reports", reports, "--out", str(out), *options], standalone_mode=False)
    printed = capsys.readouterr()
    assert "1 system on 2 boards" in printed.out
    assert printed.err == ""
    return out


def test_check_says_what_is_wrong(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", str(site)], standalone_mode=False) == 0
    assert capsys.readouterr().out.endswith("sound\n")
    (site / "about.html").unlink()
    assert command.main(["check", str(site)], standalone_mode=False) == 1
    out = capsys.readouterr().out
    assert "index.html: the link 'about.html' leads nowhere" in out
    assert "and " in out.splitlines()[-2] or "leads nowhere" in out.splitlines()[-2]


def test_serve_is_local_and_lists_no_folder(site: Path) -> None:
    with server(site, 0) as running:
        assert running.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            base = f"http://127.0.0.1:{running.server_port}"
            with urllib.request.urlopen(f"{base}/index.html", timeout=10) as answer:
                assert answer.read() == (site / "index.html").read_bytes()
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{base}/samples/", timeout=10)
        finally:
            running.shutdown()
            thread.join(10)


def test_serve_without_a_site(tmp_path: Path) -> None:
    with pytest.raises(DataMissing), server(tmp_path, 0):
        pass
