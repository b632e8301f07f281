"""Bars for the stages of commands that look at whole datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A progress callback of (stage, done, total), shown as one bar per stage."""
    from foodbench.cli.progress import ConsoleReporter

    reporter = ConsoleReporter()
    try:
        yield reporter.stage
    finally:
        reporter.end()
