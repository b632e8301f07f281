"""A journal around any lmms-eval model: answers are durable as soon as they exist.

Generation goes in chunks. A finished chunk is appended to the journal in one write, so that `kill -9` at any moment
loses at most the chunk in flight. Chunks are cut from the whole ordered list of requests, by position, and a chunk that
is not wholly answered is asked again as a whole: every batch a model ever sees is then the same, whatever was
interrupted and however many processes share the work, and so are its answers to the last bit. (A model whose answers do
not depend on the batch says so, and is asked only for what is missing: its answers may cost money.)

With several processes (torchrun) chunk i belongs to process i modulo their number; afterwards all have all answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts, unwrap_generation_output
from lmms_eval.api.model import lmms

from foodbench.adapters.base import received
from foodbench.core.errors import AdapterFailed, FoodbenchError
from foodbench.core.files import AppendLog
from foodbench.core.types import well_formed
from foodbench.core.wording import counted
from foodbench.engine.processes import Processes
from foodbench.engine.reporting import Progress
from foodbench.runs.store import StoredAnswer, TaskFolder


@dataclass
class Asked:
    """What one invocation asked of the model.

    Attributes:
        samples: how many samples were asked by all processes (not found in a journal).
        seconds: time inside the generate calls of this process.
    """

    samples: int = 0
    seconds: float = 0.0


@dataclass
class JournaledModel(lmms):
    """Answers from the journal what is in it, and asks `model` for the rest.

    Attributes:
        make_model: builds the real model; called only if there is something to ask.
        folder: where the journal is.
        keys: key of each sample by sample id, in the order of the documents.
        stored: answers that are there already, by key.
        chunk_size: requests per generate call and per journal write.
        single: answers do not depend on the batch they are asked in.
        processes: the processes that share the work.
        progress: told how far it is.
        asked: filled in while running.
    """

    make_model: Callable[[], lmms]
    folder: TaskFolder
    keys: Mapping[str, str]
    stored: dict[str, StoredAnswer]
    chunk_size: int
    single: bool
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
        sample_ids = list(self.keys)
        asked = {sample_ids[int(request.doc_id)]: request for request in requests}
        ordered = list(asked)
        chunks = [ordered[start : start + self.chunk_size] for start in range(0, len(ordered), self.chunk_size)]
        incomplete = [chunk for chunk in chunks if any(self._is_open(sample_id) for sample_id in chunk)]
        todo = sum(len(chunk) for chunk in incomplete)
        self.progress.begin(self.folder.path.name, len(ordered), len(ordered) - todo)
        try:
            fresh = self.processes.share(lambda: self._ask_own(asked, incomplete))
        finally:
            self.progress.end()
        self.asked.samples = len(fresh)
        self.stored.update(fresh)
        return [_as_result(self.stored[self.keys[sample_id]]) for sample_id in ordered]

    def _is_open(self, sample_id: str) -> bool:
        return self.keys[sample_id] not in self.stored

    def _ask_own(self, asked: Mapping[str, Instance], incomplete: Sequence[Sequence[str]]) -> dict[str, StoredAnswer]:
        """This process's share of the incomplete chunks, each journaled as soon as it is answered."""
        own = incomplete[self.processes.rank :: self.processes.count]
        fresh: dict[str, StoredAnswer] = {}
        if not own:
            return fresh
        model = self.make_model()
        model.task_dict = self.task_dict
        with AppendLog(self.folder.journal_path(self.processes.rank)) as journal:
            for chunk in own:
                wanted = [sample_id for sample_id in chunk if not self.single or self._is_open(sample_id)]
                fresh.update(self._ask_chunk(model, {name: asked[name] for name in wanted}, journal))
                self.progress.advance(len(chunk) * self.processes.count)
        return fresh

    def _ask_chunk(self, model: lmms, batch: Mapping[str, Instance], journal: AppendLog) -> dict[str, StoredAnswer]:
        began = time.perf_counter()
        try:
            outputs = _generate(model, list(batch.values()))
        except FoodbenchError as error:
            # What the broken batch has earned already is kept.
            rescued = {self.keys[name]: StoredAnswer(answer.to_text()) for name, answer in received(error).items()}
            journal.append(*_journal_records(rescued))
            raise
        finally:
            seconds = time.perf_counter() - began
            self.asked.seconds += seconds
        answers = {
            self.keys[name]: _as_stored(output, seconds / len(batch))
            for name, output in zip(batch, outputs, strict=True)
        }
        journal.append(*_journal_records(answers))
        return answers

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
            f"The model returned {counted(len(outputs), 'answer')} to {counted(len(batch), 'request')} of task "
            f"{batch[0].task_name}.",
            hint="It must return one answer per request, in order. Answers so far are saved.",
        )
    return outputs


def _as_stored(output: Any, seconds: float) -> StoredAnswer:
    text, counts = unwrap_generation_output(output)
    tokens = counts.to_dict() if counts is not None else None
    return StoredAnswer(answer=well_formed(str(text)), seconds=seconds, tokens=tokens or None)


def _journal_records(answers: Mapping[str, StoredAnswer]) -> list[dict[str, Any]]:
    return [
        {"key": key, "answer": answer.answer, "seconds": answer.seconds}
        | ({"tokens": dict(answer.tokens)} if answer.tokens else {})
        for key, answer in answers.items()
    ]


def _as_result(answer: StoredAnswer) -> GenerationResult:
    return GenerationResult(answer.answer, TokenCounts(**answer.tokens) if answer.tokens else None)
