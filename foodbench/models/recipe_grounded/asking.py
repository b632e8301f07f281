"""Questions about pictures that cost money, each asked once: replies are kept in a file as they come in.

Who is asked is injected: a served model (`foodbench.adapters.asking`), a person's file, a test. A reply is one line of
a JSON Lines file as soon as it has arrived, so a killed process loses none that it had; what is in the file is never
asked again, a reply that nobody can read included (at temperature 0 it would be the same).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foodbench.core.errors import DataCorrupt, DataMissing, UsageError
from foodbench.core.files import AppendLog, file_lock, numbered_json_lines
from foodbench.core.hashing import fingerprint
from foodbench.core.types import ImageSource, well_formed


@dataclass(frozen=True, slots=True)
class PictureQuestion:
    """One question about one picture.

    Attributes:
        name: what it is about, for messages; not part of the question's identity.
        image: the picture.
        prompt: the whole text.
        generation: settings of the answer, e.g. `max_new_tokens`.
    """

    name: str
    image: ImageSource
    prompt: str
    generation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Identity of what is asked: the picture's bytes, the text and the settings."""
        return fingerprint([self.image.fingerprint(), self.prompt, dict(self.generation)])


Keep = Callable[[int, str], None]
"""Takes the reply to the question of that place, as soon as it is there; from any thread."""
Ask = Callable[[Sequence[PictureQuestion], Keep], None]
"""Asks questions, side by side or one by one. Raises a `FoodbenchError` if it cannot go on; what was kept stays."""
Costs = Callable[[], Mapping[str, int | float | None]]
"""Totals of requests, tokens and dollars so far."""


class ReplyStore:
    """Replies by who gave them and what was asked, in an append-only file; None of a path: in memory only.

    Safe for several threads; for several processes as far as each sees what was there when it opened the file.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read what is there.

        Raises:
            DataCorrupt: a line is not a reply.
            DataMissing: the file cannot be read.
        """
        self.path = path
        self._replies: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        if path is not None:
            self._replies.update(_stored(path))

    def __len__(self) -> int:
        return len(self._replies)

    @property
    def repliers(self) -> tuple[str, ...]:
        """Who has replied, in order of first appearance."""
        return tuple(dict.fromkeys(replier for replier, _ in self._replies))

    def get(self, replier: str, key: str) -> str | None:
        """The reply to a question; None if there is none yet."""
        return self._replies.get((replier, key))

    def put(self, replier: str, question: PictureQuestion, key: str, reply: str) -> None:
        """Keep a reply for good.

        Args:
            replier: who gave it, with every setting that can change it.
            question: what was asked.
            key: its key.
            reply: the whole text.

        Raises:
            StorageFull: it cannot be written.
        """
        reply = well_formed(reply)
        with self._lock:
            if self.path is not None:
                record = {"key": key, "replier": replier, "about": question.name, "reply": reply}
                # The lock's holder may be writing half a line, which opening would take for a torn one and cut off.
                with file_lock(self.path.with_name(f".{self.path.name}.lock")), AppendLog(self.path) as log:
                    log.append(record)
            self._replies[replier, key] = reply


def _stored(path: Path) -> Iterator[tuple[tuple[str, str], str]]:
    if not path.exists():
        return
    try:
        for number, line in numbered_json_lines(path):
            plain = line if isinstance(line, dict) else {}
            key, replier, reply = (plain.get(name) for name in ("key", "replier", "reply"))
            if not (isinstance(key, str) and isinstance(replier, str) and isinstance(reply, str)):
                raise DataCorrupt(
                    f"{path}, line {number}: not a reply.", hint="Restore the file; each of its lines was paid for."
                )
            yield (replier, key), reply
    except OSError as error:
        raise DataMissing(f"Cannot read {path}: {error.strerror or error}.", hint="Check its permissions.") from error


class Asker:
    """Asks what is not in the store.

    Attributes:
        replier: who is asked, with every setting that can change replies.
        asked: replies that came in now.
        remembered: questions that needed no asking: the store has a reply, or the same one was just asked.
        unanswered: questions without reply, where nobody can be asked.
        costs: what asking has cost so far.
    """

    def __init__(self, replier: str, ask: Ask | None, store: ReplyStore, costs: Costs = dict) -> None:
        """Prepare to ask.

        Args:
            replier: see the class.
            ask: asks; None: only the store is looked at.
            store: where replies are kept.
            costs: what asking has cost so far.
        """
        self.costs = costs
        self.replier = replier
        self.asked = self.remembered = self.unanswered = 0
        self._ask = ask
        self._store = store

    @classmethod
    def of_file(cls, path: Path, replier: str | None = None) -> Asker:
        """Replies from a file, nobody being asked.

        Args:
            path: as a `ReplyStore` wrote it.
            replier: whose replies; may be left out if the file holds one replier's only.

        Raises:
            DataMissing: there is no such file, or it is empty.
            DataCorrupt: it is damaged.
            UsageError: it holds several repliers' replies, or none of the named one's.
        """
        store = ReplyStore(path)
        known = store.repliers
        if not known:
            raise DataMissing(f"There are no replies in {path}.", hint="Ask a served model first; it writes the file.")
        if replier is None and len(known) > 1:
            raise UsageError(f"{path} holds replies of {len(known)}: {', '.join(known)}.", hint="Name one of them.")
        if replier is not None and replier not in known:
            raise UsageError(f"{path} holds no replies of {replier}.", hint=f"It holds those of {', '.join(known)}.")
        return cls(replier or known[0], None, store)

    def replies(self, questions: Sequence[PictureQuestion]) -> list[str | None]:
        """The replies in the order of the questions; None where nobody can be asked.

        The same question is asked once, however often it stands in the list.

        Raises:
            FoodbenchError: as asking does. The replies that had come in are kept.
        """
        keys = [question.key for question in questions]
        waiting = self._waiting(keys)
        self.remembered += len(keys) - len(waiting)
        if waiting and self._ask is not None:
            places = list(waiting.items())

            def keep(number: int, reply: str) -> None:
                key, place = places[number]
                self._store.put(self.replier, questions[place], key, reply)

            try:
                self._ask([questions[place] for _, place in places], keep)
            finally:
                self.asked += sum(self._store.get(self.replier, key) is not None for key in waiting)
        found = [self._store.get(self.replier, key) for key in keys]
        self.unanswered += sum(reply is None for reply in found)
        return found

    def _waiting(self, keys: Sequence[str]) -> dict[str, int]:
        """The keys without reply, each with the first place where it is asked."""
        waiting: dict[str, int] = {}
        for place, key in enumerate(keys):
            if self._store.get(self.replier, key) is None:
                waiting.setdefault(key, place)
        return waiting

    def usage(self) -> dict[str, int]:
        """Totals so far."""
        return {"asked": self.asked, "remembered": self.remembered, "unanswered": self.unanswered}


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a file of replies for this process: two that fill it at the same time would pay for the same questions.

    Raises:
        UsageError: another process holds it.
    """
    try:
        with file_lock(path.with_name(f".{path.name}.in-use"), wait=False):
            yield
    except BlockingIOError as error:
        raise UsageError(f"Another process is filling {path}.", hint="Wait for it, or use another file.") from error


__all__ = ["Ask", "Asker", "Keep", "PictureQuestion", "ReplyStore", "exclusive"]
