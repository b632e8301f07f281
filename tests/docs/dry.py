"""Commands read without being run: options and names must exist.

Those of `foodbench` by click, scripts and modules by their own argparse parser, which stops when it has read them.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from foodbench.adapters.resolve import MODELS
from foodbench.cli.main import foodbench
from foodbench.data.catalog import CATALOG
from foodbench.tasks import select


class Understood(Exception):
    """A script has read its arguments and would now begin."""


def read_foodbench(words: Sequence[str], *, whole: bool = True) -> None:
    """Read a `foodbench` command; `whole` says whether what it requires must be there.

    Raises:
        click.ClickException, FoodbenchError, AssertionError: something in it does not exist.
    """
    command: click.Command = foodbench
    context: click.Context = click.Context(foodbench, info_name="foodbench")
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"no command {name}"
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name, parent=context)
    if not rest and not whole:
        return  # a mention
    try:
        made = command.make_context(command.name or "", rest, parent=context)
    except click.MissingParameter:
        if whole:
            raise
        return
    _check_names(made.params)


def _check_names(given: dict[str, Any]) -> None:
    for name in ("tasks", "task"):
        if given.get(name):
            select(given[name])
    if given.get("model"):
        check_model(given["model"])
    if given.get("name") and "path" in given:
        assert given["name"] in CATALOG, given["name"]


def check_model(spec: str) -> None:
    """A model that can be named so.

    Raises:
        AssertionError: there is none.
    """
    kind, _, rest = spec.partition(":")
    if kind == "lmms":
        from lmms_eval.models import list_available_models

        assert rest in list_available_models(include_aliases=True), rest
    elif kind == "py":
        assert rest.count(":") == 1, spec
    else:
        assert spec in MODELS or kind in MODELS, spec


def read_script(path: Path, words: Sequence[str], *, module: str | None = None) -> None:
    """Let a script's own parser read its arguments.

    Raises:
        AssertionError, SystemExit: it does not understand them, or has no parser.
    """
    original = argparse.ArgumentParser.parse_args

    def stopping(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
        original(self, args, namespace)
        raise Understood

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", stopping)
        patched.setattr(sys, "argv", [str(path), *words])
        patched.setattr(sys, "path", [*sys.path])
        try:
            if module:
                runpy.run_module(module, run_name="__main__", alter_sys=False)
            else:
                runpy.run_path(str(path), run_name="__main__")
        except Understood:
            return
    raise AssertionError(f"{path} reads no arguments")
