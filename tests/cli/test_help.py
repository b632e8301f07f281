"""What is printed where a command is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]


@pytest.mark.parametrize("group", [(), ("data",), ("data", "make")])
def test_a_group_without_a_command_prints_its_help(foodbench: Foodbench, group: tuple[str, ...]) -> None:
    bare, asked = foodbench(*group), foodbench(*group, "--help")
    assert (bare.code, bare.err) == (0, "")
    assert bare.out == asked.out
    assert bare.out.startswith("Usage: foodbench")


def test_a_missing_argument_is_wrong_usage_in_two_lines(foodbench: Foodbench) -> None:
    output = foodbench("list")
    assert output.code == 2
    assert output.out == ""
    assert len(output.err.splitlines()) == 2
    assert "tasks, models, datasets, runs" in output.error[0]


def test_the_help_of_run_says_what_a_limit_counts(foodbench: Foodbench) -> None:
    assert "Photos, dishes, recipes or dialogues" in " ".join(foodbench("run", "--help").out.split())
