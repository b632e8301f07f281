"""Errors that people read: what happened, where, and what to do about it.

Every error that foodbench raises on purpose derives from `FoodbenchError`. The command line prints its message and
its hint (two lines, no traceback) and exits with the class's exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line; part of the public contract."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INCOMPLETE = 4
    DATA = 5
    BUG = 70
    INTERRUPTED = 130


class FoodbenchError(Exception):
    """Base of all deliberate errors.

    Attributes:
        code: stable dotted identifier for machines, e.g. `data.missing`.
        message: one sentence that says what happened and where.
        hint: one sentence that says what to do.
        exit_code: the process exit code when this error ends a command.
    """

    code = "error"
    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from message and hint, so that the error crosses process borders (worker pools, torchrun ranks)."""
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(cls: type[FoodbenchError], message: str, hint: str) -> FoodbenchError:
    return cls(message, hint=hint)


class UsageError(FoodbenchError):
    """The command, its options or the configuration are wrong."""

    code = "usage"
    exit_code = ExitCode.USAGE


class UnknownName(UsageError):
    """A task, model, dataset or other registered name that does not exist."""

    code = "usage.unknown"

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """Build the error with the closest known names as suggestions.

        Args:
            kind: what was looked up, e.g. `task`, or `metric of food101.dish`.
            name: the name that was not found.
            known: all names that would have been found.
        """
        names: Sequence[str] = sorted(known)
        close = get_close_matches(name, names, n=3, cutoff=0.5)
        if close:
            hint = f"Did you mean {' or '.join(close)}?"
        elif names:
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            what, of, whose = kind.partition(" of ")
            hint = f"Known {what}s{of}{whose}: {shown}."
        else:
            hint = f"No {kind} is registered."
        return cls(f"Unknown {kind} '{name}'.", hint=hint)


class DataError(FoodbenchError):
    """The dataset cannot be used as it is."""

    code = "data"
    exit_code = ExitCode.DATA


class DataMissing(DataError):
    """Files of a dataset are absent, or a dataset is not registered."""

    code = "data.missing"


class DataCorrupt(DataError):
    """A file of a dataset is there but is truncated, malformed or contradicts another."""

    code = "data.corrupt"


class CheckpointError(UsageError):
    """Model weights are absent, in a refused format, or do not fit the architecture."""

    code = "checkpoint"


class UnsupportedTask(FoodbenchError):
    """An adapter cannot answer this task by its nature; the task is listed as not measured, with this reason."""

    code = "adapter.unsupported"
    exit_code = ExitCode.INCOMPLETE


class AnswerInvalid(FoodbenchError):
    """A model's answer is malformed (bad mask, wrong size, non-finite number). Counted as wrong, never fatal."""

    code = "answer.invalid"
    exit_code = ExitCode.INCOMPLETE


class RunIncomplete(FoodbenchError):
    """A run stopped before its end. Answers so far are saved; the same command continues."""

    code = "run.incomplete"
    exit_code = ExitCode.INCOMPLETE


class AdapterFailed(RunIncomplete):
    """The model's adapter raised, or broke its contract (too few answers, answers of a wrong type)."""

    code = "adapter.failed"


class ProviderDown(RunIncomplete):
    """A remote model endpoint cannot be reached or keeps failing."""

    code = "provider.down"


class StorageFull(RunIncomplete):
    """A file could not be written (disk full, quota, read-only)."""

    code = "storage.full"
