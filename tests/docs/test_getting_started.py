"""docs/getting-started.md from top to bottom on the default kitchen: it prints what the page shows."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from foodbench.cli.main import run_command
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "getting-started.md"
INSTALLATION = ("python3 ", ". ", "pip ", "foodbench doctor")
OF_THIS_MACHINE = re.compile(r"asked in [\d.]+ s|^photo ")
"""Lines with times or paths."""


def plain(line: str) -> str:
    return " ".join(line.split())


@pytest.mark.slow
def test_it_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOODBENCH_RUNS")
    monkeypatch.delenv("FOODBENCH_KITCHEN", raising=False)
    assert "home" in os.environ["FOODBENCH_HOME"]
    printed: set[str] = set()
    for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        lines = block.splitlines()
        if not lines[0].startswith(("foodbench ", *INSTALLATION)):
            shown = [line for line in lines if not OF_THIS_MACHINE.search(line)]
            assert not [line for line in shown if plain(line) not in printed]
            continue
        for line in lines:
            if line.startswith(INSTALLATION):
                continue
            capsys.readouterr()
            assert run_command(shlex.split(line)[1:]) == 0
            output = capsys.readouterr()
            printed |= {plain(row) for row in (output.out + output.err).splitlines()}
