"""What a run tells whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from foodbench.core.errors import FoodbenchError
from foodbench.runs.schema import TaskResult
from foodbench.tasks.base import TaskData


class Progress(Protocol):
    """Told how far a task is."""

    def begin(self, label: str, total: int, done: int) -> None:
        """A task of `total` samples begins, `done` of them answered before."""

    def advance(self, count: int) -> None:
        """`count` more are answered."""

    def end(self) -> None:
        """The task's answers are complete, or it stopped."""


class Reporter(Progress, Protocol):
    """Told what happens; the command line prints it."""

    def stage(self, label: str, done: int, total: int) -> None:
        """Something that comes before the model is at `done` of `total`, e.g. rendering the kitchen."""

    def chosen(self, loaded: Sequence[TaskData], not_measured: Mapping[str, FoodbenchError]) -> None:
        """The data is loaded: these tasks will run, these will not, and why."""

    def finished(self, result: TaskResult) -> None:
        """A task is complete and saved."""

    def failed(self, task: str, error: FoodbenchError) -> None:
        """A task ended in an error."""
