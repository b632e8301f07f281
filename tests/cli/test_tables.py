"""Tables on a terminal: nothing is cut, and names stay in one piece at any width."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.cli.fields import print_fields
from foodbench.cli.tables import print_table
from foodbench.tasks import TASKS
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[int], None]:
    """Make stdout a terminal of that width."""

    def make(width: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("LINES", "40")
        monkeypatch.setenv("TERM", "xterm")

    return make


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40])
@pytest.mark.parametrize("what", ["tasks", "models", "datasets"])
def test_lists_keep_names_whole(foodbench: Foodbench, terminal: Callable, width: int, what: str) -> None:
    from foodbench.adapters.resolve import describe_models
    from foodbench.data.catalog import CATALOG

    terminal(width)
    lines = plain(foodbench("list", what).out)
    names = {
        "tasks": TASKS.names(),
        "models": [info.name for info in describe_models()],
        "datasets": CATALOG.names(),
    }[what]
    assert "…" not in "".join(lines)
    firsts = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert set(names) <= set(firsts)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [80, 60])
def test_status_runs_and_results_keep_names_whole(
    foodbench: Foodbench, runs: Path, terminal: Callable, width: int
) -> None:
    terminal(width)
    shown = {
        ("data", "status"): ["foodreasonseg", ["not", "registered"][1]],
        ("list", "runs"): ["parrot-11aa", "parrot-22bb", "food101.dish@1:"],
        ("show", "parrot-1"): ["foodseg103.refer1", "answered.ingredient", "top1_accuracy"],
    }
    for command, names in shown.items():
        text = "\n".join(plain(foodbench(*command).out))
        assert "…" not in text
        assert set(names) <= set(re.split(r"[\s;]+", text)), (command, text)


def test_descriptions_wrap_where_they_fit(terminal: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    terminal(40)
    print_table(("name", "n", "what"), [("a-long-name.of.a-task", "7", "some words that say what it is")], right=(1,))
    assert [line.rstrip() for line in plain(capsys.readouterr().out)] == [
        "name                   n  what",
        "a-long-name.of.a-task  7  some words",
        "                          that say what",
        "                          it is",
    ]


def test_rows_are_paragraphs_where_columns_do_not_fit(terminal: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    terminal(30)
    print_table(("name", "", "what"), [("a-long-name.of.a-task", "↑", "some-other-name"), ("", "↓", "")])
    assert plain(capsys.readouterr().out) == ["a-long-name.of.a-task", "    ↑; what: some-other-name", "    ↓"]


def test_fields_keep_ids_and_paths_whole(terminal: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    terminal(60)
    path = "/a-folder/of-some-one/with-a-run/" + "x" * 40
    print_fields([("run", "some-model-12345678"), ("folder", path), ("note", "some " * 12)])
    lines = plain(capsys.readouterr().out)
    assert f"folder  {path}" in lines
    assert lines[-1] == "        some some"
