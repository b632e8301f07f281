"""A journal around any lmms-eval model: answers are durable as soon as they exist.

Generation goes in chunks. A finished chunk is appended to the journal in one write, so that `kill -9` at any moment
loses at most the chunk in flight. Chunks are cut from the whole ordered list of requests, by position, and a chunk that
is not wholly answered is asked again as a whole: every batch a model ever sees is then the same, whatever was
interrupted and however many processes share the work, and so are its answers to the last bit.

With several processes (torchrun) chunk i belongs to process i modulo their number; afterwards all have all answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts, unwrap_generation_output
from lmms_eval.api.model import lmms

from foodbench.core.errors import AdapterFailed, FoodbenchError
from foodbench.core.files import AppendLog
from foodbench.engine.processes import Processes
from foodbench.runs.store import StoredAnswer, TaskFolder


class Progress(Protocol):
    """Told how far a task is."""

    def begin(self, label: str, total: int, done: int) -> None:
        """A task of `total` samples begins, `done` of them answered before."""

    def advance(self, count: int) -> None:
        """`count` more are answered."""

    def end(self) -> None:
        """The task's answers are complete, or it stopped."""


@dataclass
class Asked:
    """What one invocation asked of the model.

    Attributes:
        samples: how many samples were asked (not found in a journal).
        seconds: time inside the model's generate calls.
    """

    samples: int = 0
    seconds: float = 0.0


@dataclass
class JournaledModel(lmms):
    """Answers from the journal what is in it, and asks `model` for the rest.

    Attributes:
        make_model: builds the real model; called only if there is something to ask.
        folder: where the journal is.
        keys: key of each sample, by position of its document.
        stored: answers that are there already, by key.
        chunk_size: requests per generate call and per journal write.
        processes: the processes that share the work.
        progress: told how far it is.
        asked: filled in while running.
    """

    make_model: Callable[[], lmms]
    folder: TaskFolder
    keys: Sequence[str]
    stored: dict[str, StoredAnswer]
    chunk_size: int
    processes: Processes
    progress: Progress
    asked: Asked = field(default_factory=Asked)

    is_simple = True

    def __post_init__(self) -> None:
        """Set up lmms-eval's side."""
        super().__init__()

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer all requests, in order.

        Raises:
            AdapterFailed: the model raised, or returned too few answers, on this process or another.
            FoodbenchError: as the model raised it.
        """
        keys = [self.keys[int(request.doc_id)] for request in requests]
        chunks = [
            range(start, min(start + self.chunk_size, len(keys))) for start in range(0, len(keys), self.chunk_size)
        ]
        open_chunks = [chunk for chunk in chunks if any(keys[index] not in self.stored for index in chunk)]
        todo = sum(len(chunk) for chunk in open_chunks)
        self.progress.begin(self.folder.path.name, len(keys), len(keys) - todo)
        try:
            fresh = self.processes.share(lambda: self._ask_own(requests, keys, open_chunks))
        finally:
            self.progress.end()
        self.stored.update(fresh)
        return [_as_result(self.stored[key]) for key in keys]

    def _ask_own(
        self, requests: Sequence[Instance], keys: Sequence[str], open_chunks: Sequence[range]
    ) -> dict[str, StoredAnswer]:
        own = open_chunks[self.processes.rank :: self.processes.count]
        fresh: dict[str, StoredAnswer] = {}
        if not own:
            return fresh
        model = self.make_model()
        model.task_dict = self.task_dict
        with AppendLog(self.folder.journal_path(self.processes.rank)) as journal:
            for chunk in own:
                batch = [requests[index] for index in chunk]
                began = time.perf_counter()
                outputs = _generate(model, batch)
                seconds = time.perf_counter() - began
                self.asked.seconds += seconds
                self.asked.samples += len(batch)
                answers = {
                    keys[index]: _as_stored(output, seconds / len(batch))
                    for index, output in zip(chunk, outputs, strict=True)
                }
                journal.append(*({"key": key, **_journal_fields(answer)} for key, answer in answers.items()))
                fresh.update(answers)
                self.progress.advance(len(batch) * self.processes.count)
        return fresh

    def loglikelihood(self, requests: Sequence[Instance]) -> Any:
        """Passed on; likelihoods are not journaled (no food task asks for them)."""
        return self.make_model().loglikelihood(list(requests))

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> Any:
        """Passed on; several rounds are not journaled (no food task asks for them)."""
        return self.make_model().generate_until_multi_round(list(requests))

    def clean(self) -> None:
        """Keep the model alive for the next task."""


def _generate(model: lmms, batch: Sequence[Instance]) -> list[Any]:
    try:
        outputs = list(model.generate_until(list(batch)))
    except FoodbenchError:
        raise
    except Exception as error:
        raise AdapterFailed(
            f"The model raised on a batch of {len(batch)} from task {batch[0].task_name}: "
            f"{type(error).__name__}: {str(error)[:300]}.",
            hint="Answers so far are saved. Mend the cause and run the same command again; it continues.",
        ) from error
    if len(outputs) != len(batch):
        raise AdapterFailed(
            f"The model returned {len(outputs)} answers to {len(batch)} requests of task {batch[0].task_name}.",
            hint="It must return one answer per request, in order. Answers so far are saved.",
        )
    return outputs


def _as_stored(output: Any, seconds: float) -> StoredAnswer:
    text, counts = unwrap_generation_output(output)
    tokens = counts.to_dict() if counts is not None else None
    return StoredAnswer(answer=text if isinstance(text, str) else str(text), seconds=seconds, tokens=tokens or None)


def _journal_fields(answer: StoredAnswer) -> Mapping[str, Any]:
    fields: dict[str, Any] = {"answer": answer.answer, "seconds": answer.seconds}
    if answer.tokens:
        fields["tokens"] = dict(answer.tokens)
    return fields


def _as_result(answer: StoredAnswer) -> GenerationResult:
    return GenerationResult(answer.answer, TokenCounts(**answer.tokens) if answer.tokens else None)
