"""What all commands have in common: an error of the harness is told in its words, and is the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from foodbench.core.errors import FoodbenchError

Arguments = ParamSpec("Arguments")


def command(main: Callable[Arguments, int | None]) -> Callable[Arguments, int]:
    """Make a function a command: it returns the exit code, 0 where the function returns none.

    Args:
        main: does the work; what it raises besides errors of the harness is raised.
    """

    @wraps(main)
    def told(*args: Arguments.args, **kwargs: Arguments.kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except FoodbenchError as error:
            sys.stderr.write(f"{error}\n")
            return int(error.exit_code)

    return told


__all__ = ["command"]
