"""What `foodbench run` says on stderr: a bar with ETA on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from foodbench.cli.main import print_error
from foodbench.cli.remarks import limited_text
from foodbench.core.errors import FoodbenchError
from foodbench.core.wording import counted
from foodbench.runs.schema import TaskResult
from foodbench.tasks.base import TaskData

_LINE_EVERY_SECONDS = 10.0


class ConsoleReporter:
    """Reports a run to stderr. Silent on all processes but the first."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Make a reporter; `quiet` prints errors only."""
        self._quiet = quiet
        self._bar: Any = None
        self._row: Any = None
        self._label, self._total, self._done = "", 0, 0
        self._began = self._spoke = 0.0
        self._asked = 0
        self._stages: dict[str, int] = {}

    def _say(self, line: str) -> None:
        if not self._quiet:
            click.echo(line, err=True)

    def chosen(self, loaded: Sequence[TaskData], not_measured: Mapping[str, FoodbenchError]) -> None:
        """Say first, plainly, on which edition the tasks run."""
        names: dict[str, list[str]] = {}
        for data in loaded:
            special = f"; {data.choice.variant}" if data.choice.variant else ""
            kitchen = f"the kitchen edition (synthetic plates{special})"
            names.setdefault("real data" if data.choice.edition == "real" else kitchen, []).append(data.task.name)
        for kind in sorted(names, reverse=True):  # real data first
            self._say(f"On {kind}: {', '.join(names[kind])}")
        for data in loaded:
            clusters = len({sample.cluster for sample in data.samples})
            text = "" if data.limit is None else limited_text(data.task, data.limit, clusters, len(data.samples))
            if text:
                self._say(f"{data.task.name}: {text}")
        for name, error in not_measured.items():
            self._say(f"Not measured: {name}: {error.message}")

    def stage(self, label: str, done: int, total: int) -> None:
        """Show a stage as a bar of its own, from its first call to its last."""
        if label not in self._stages:
            self.end()
            self.begin(label, total, 0, unit="")  # what a stage counts is in its name
        self.advance(done - self._stages.get(label, 0))
        self._stages[label] = done
        if done >= total:
            self.end()

    def begin(self, label: str, total: int, done: int, unit: str = "sample") -> None:
        """Start a bar."""
        self._label, self._total, self._done, self._asked = label, total, done, 0
        self._began = self._spoke = time.monotonic()
        if self._quiet:
            return
        resumed = f", {done:,} answered before" if done else ""
        if not sys.stderr.isatty():
            self._say(f"{label}: {counted(total, unit) if unit else total}{resumed}")
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._row = self._bar.add_task(label, total=total, completed=done)

    def advance(self, count: int) -> None:
        """Move the bar; elsewhere than on a terminal, print a line now and then."""
        self._done = min(self._total, self._done + count)
        self._asked += count
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done)
            return
        now = time.monotonic()
        if now - self._spoke >= _LINE_EVERY_SECONDS:
            self._spoke = now
            left = (self._total - self._done) * (now - self._began) / max(1, self._asked)
            self._say(f"{self._label}: {self._done}/{self._total}, about {left:.0f} s left")

    def end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def finished(self, result: TaskResult) -> None:
        """Say that a task is saved."""
        took = result.time
        self._say(
            f"{result.task.name}: done, {took.asked:,} asked in {took.model_seconds:.1f} s of the model's time "
            f"({took.seconds:.1f} s in all)"
        )

    def failed(self, task: str, error: FoodbenchError) -> None:
        """Say why a task failed."""
        click.echo(f"{task}: failed", err=True)
        print_error(error)
