"""An error that a variable or a file has caused names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.cli.environment import variables_behind
from foodbench.core.errors import UsageError
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]
RUN = ("run", "--model", "baseline:mean", "--tasks", "nutrition5k.total")


@pytest.mark.parametrize(
    ("variable", "value", "command", "code"),
    [
        ("FOODBENCH_RUN_LIMIT", "many", RUN, 2),
        ("FOODBENCH_RUN_LIMIT", "0", RUN, 2),
        ("FOODBENCH_RUN_EDITION", "fake", RUN, 2),
        ("FOODBENCH_RUN_TASKS", "nonsense", RUN[:3], 2),
        ("FOODBENCH_RUN_MODEL", "nonsense", ("run",), 2),
        ("FOODBENCH_RUN_MODEL_ARGS", "oops", RUN, 2),
        ("FOODBENCH_RUN_CONFIG", "/no/such.toml", RUN, 2),
        ("FOODBENCH_HOME", "/dev/null", ("data", "status"), 5),
        ("FOODBENCH_RUNS", "/dev/null", RUN, 4),
        ("FOODBENCH_KITCHEN", "/no/such/kitchen", RUN, 5),
    ],
)
def test_the_variable_is_named(
    foodbench: Foodbench,
    kitchen: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    command: tuple[str, ...],
    code: int,
) -> None:
    monkeypatch.setenv(variable, value)
    output = foodbench(*command)
    assert output.code == code
    assert len(output.error) == 2
    assert "".join(output.error).count(variable) >= 1


def test_the_command_line_is_not_blamed_on_a_variable(
    foodbench: Foodbench, kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOODBENCH_RUN_LIMIT", "3")
    output = foodbench(*RUN, "--limit", "0")
    assert output.code == 2
    assert "FOODBENCH" not in output.err


def test_a_file_is_named(foodbench: Foodbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("foodbench.toml").write_text('[run]\nlimit = "many"\n')
    assert "foodbench.toml" in foodbench(*RUN).error[1]


@pytest.mark.parametrize(
    ("value", "message", "named"),
    [
        ("/data/home", "Cannot write /data/home/x.json: full.", True),
        ("/data/home", "Cannot write /data/home.", True),
        ("/data/home", "Cannot write /data/homely/x.json: full.", False),
        ("/data/home", "Cannot write /other/data/home/x.json: full.", False),
        ("runs", "Cannot write runs/model-1/.lock: Not a directory.", True),
        ("runs", "Unknown run 'x' among the runs.", False),
        ("all", "Not all tasks.", False),
        ("all", "Unknown task 'all'.", True),
        ("", "Unknown task ''.", False),
    ],
)
def test_only_a_value_that_the_message_shows_counts(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str, named: bool
) -> None:
    monkeypatch.setenv("FOODBENCH_SOMETHING", value)
    assert ("FOODBENCH_SOMETHING" in variables_behind(UsageError(message))) is named


def test_a_message_that_names_its_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOODBENCH_SOMETHING", "/data/home")
    assert variables_behind(UsageError("No /data/home.", hint="Correct FOODBENCH_SOMETHING.")) == []
