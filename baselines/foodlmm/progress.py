"""Progress of a run: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Reporter:
    """One bar at a time, on stderr."""

    def __init__(self, every: int = 50) -> None:
        self._every = every
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._progress = Progress(
                *columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=self._console
            )
        self._name, self._total, self._done, self._first = "", 0, 0, 0
        self._began = time.monotonic()

    def __enter__(self) -> Reporter:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` steps, of which some may be done already."""
        self._name, self._total, self._done, self._first = name, total, done, done
        self._began = time.monotonic()
        if self._progress:
            self._task = self._progress.add_task(name, total=total, completed=done, note="")

    def advance(self, count: int = 1, note: str = "") -> None:
        """Some steps are done."""
        before, self._done = self._done, self._done + count
        if self._progress:
            self._progress.update(self._task, advance=count, note=note)
        elif self._done == self._total or self._done // self._every > before // self._every:
            rate = (time.monotonic() - self._began) / max(1, self._done - self._first)
            left = rate * (self._total - self._done)
            self.say(f"{self._name} {self._done}/{self._total}, {left / 60:.1f} min left {note}".rstrip())

    def say(self, line: str) -> None:
        """One line of news."""
        if self._progress:
            self._progress.console.print(line, highlight=False)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
