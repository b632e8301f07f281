"""Replies that were paid for: appended as each comes in, found again by what was asked.

A key is the digest of everything that a reply depends on (model and settings, prompt, picture). A killed process loses
what was under way and nothing else; whoever asks the same again gets what is there. Replies are kept as they came, so
reading them in another way later costs nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from foodbench.core.errors import DataCorrupt, UsageError
from foodbench.core.files import AppendLog, file_lock
from foodbench.core.hashing import fingerprint

_KEY_CHARACTERS = 40


def key_of(*parts: Any) -> str:
    """The key of a question: a digest of plain JSON values."""
    return fingerprint(list(parts)).removeprefix("sha256:")[:_KEY_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking.

    Attributes:
        text: the reply; None if there is none.
        error: why not.
        finish: why the model stopped; `length` means that the text is cut off.
        usage: tokens and dollars, where known.
    """

    text: str | None
    error: str | None = None
    finish: str | None = None
    usage: Mapping[str, float] | None = None


class Ledger:
    """A file of replies. Safe to use from several threads of one process; open it with `opened`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._errors: dict[str, str] = {}
        self._sums: dict[str, list[float]] = {}
        self._log = AppendLog(path)  # cuts a torn last line, so before reading
        self._end = 0
        self._read()

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Ledger]:
        """Open a ledger for this process alone.

        Raises:
            UsageError: another process has it open: both would pay for the same.
            DataCorrupt: a line is damaged.
            StorageFull: it cannot be written.
        """
        lock = path.with_name(f"{path.name}.lock")
        try:
            with file_lock(lock, wait=False):
                ledger = cls(path)
                try:
                    yield ledger
                finally:
                    ledger._log.close()
        except BlockingIOError as error:
            raise UsageError(f"{path} is in use by another process.", hint="Wait for it, or stop it.") from error

    def _read(self) -> None:
        with self.path.open("rb") as stream:
            for line in stream:
                try:
                    record = json.loads(line)
                    self._note(record)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise DataCorrupt(
                        f"{self.path}: the line at byte {self._end} is damaged.",
                        hint="Restore the file, or take the line out: its reply will be asked for again.",
                    ) from error
                self._end += len(line)

    def _note(self, record: Mapping[str, Any]) -> None:
        key = str(record["key"])
        for name, value in (record.get("usage") or {}).items():
            self._sums.setdefault(str(name), []).append(float(value))
        if record.get("text") is None:
            self._errors[key] = str(record["error"])
            return
        self._errors.pop(key, None)
        self._places.setdefault(key, self._end)

    def keep(self, key: str, item_id: str, reply: Reply) -> None:
        """Append a reply or a failure; durable when this returns.

        Raises:
            StorageFull: it could not be written.
        """
        record: dict[str, Any] = {"key": key, "id": item_id, "text": reply.text}
        extras = {"error": reply.error, "finish": reply.finish, "usage": dict(reply.usage) if reply.usage else None}
        record |= {name: value for name, value in extras.items() if value is not None}
        if reply.text is None:
            record.setdefault("error", "no reply")
        with self._lock:
            self._log.append(record)
            self._note(record)
            self._end = self.path.stat().st_size

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def reply(self, key: str) -> Reply:
        """What is known about a question: the reply, the last failure, or that it was not asked."""
        place = self._places.get(key)
        if place is None:
            return Reply(None, self._errors.get(key, "not asked"))
        with self.path.open("rb") as stream:
            stream.seek(place)
            record = json.loads(stream.readline())
        return Reply(record["text"], None, record.get("finish"), record.get("usage"))

    def totals(self) -> dict[str, float]:
        """Sums of tokens, retries and dollars over everything that was ever paid for."""
        return {name: round(fsum(values), 9) for name, values in sorted(self._sums.items())}
