"""Putting questions to a model: behind any OpenAI-compatible server, or any function in this process.

What one question fails with (refused by the server, a broken picture) is kept as its failure and the others go on; what
stops everything (no server, a wrong key, the cost limit) is raised, with all that came in safe in the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from baselines.adamllm.ledger import Ledger, Reply
from foodbench.adapters.arguments import convert_arguments
from foodbench.adapters.base import describe_exception
from foodbench.adapters.chat_client import Failure
from foodbench.adapters.data_url import data_url
from foodbench.adapters.endpoint import Endpoint
from foodbench.core.errors import AdapterFailed, DataError, FoodbenchError, RunIncomplete, UsageError
from foodbench.core.hashing import fingerprint
from foodbench.core.types import Request, well_formed

MESSAGES = "messages"
"""The slot of a request that holds the conversation: dicts of `role`, `text` and, for one of them, `picture`."""
ITEM = "item"
"""The slot that holds the id of what is asked about, for people who read the ledger."""

_REFUSALS_OF_ONE = frozenset({400, 413, 415, 422, 451})
"""Statuses that speak about one request and not about the key, the model or the address."""
MOST_REFUSALS = 20
"""So many failures before the first success mean that the settings are wrong, not the data."""

Keep = Callable[[Request, Reply], None]
Generate = Callable[[Sequence[Request]], Sequence[str]]


class Asker(Protocol):
    """Asks a model."""

    @property
    def identity(self) -> str:
        """Names the model and every setting that can change a reply."""

    def ask(self, requests: Sequence[Request], keep: Keep) -> None:
        """Ask everything; hand over each reply as it comes in.

        Raises:
            FoodbenchError: nothing further can be asked.
        """


class _Refused(AdapterFailed):
    """The server refused this one request."""


class ServedModel(Endpoint):
    """A model behind a server, asked with whole conversations; implements `Asker`.

    Takes the settings of `Endpoint`. `extra_body` goes into every request, for what only some servers know, such as
    vLLM's `skip_special_tokens`.
    """

    def __init__(self, *, extra_body: Mapping[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._extra = dict(extra_body or {})
        self._prices = (settings.get("price_in"), settings.get("price_out"))
        self._keep: Keep = lambda _request, _reply: None
        self._counting = threading.Lock()
        self._failures_first = 0
        self._succeeded = False

    @property
    def identity(self) -> str:
        """As `Endpoint.identity`, and the extra settings."""
        extra = f",extra={fingerprint(self._extra)[7:19]}" if self._extra else ""
        return f"{super().identity}{extra}"

    def ask(self, requests: Sequence[Request], keep: Keep) -> None:
        """As `Asker.ask`."""
        self._keep = keep
        self.answer(requests)

    def _ask(self, request: Request, stopping: threading.Event) -> str:
        try:
            text = well_formed(super()._ask(request, stopping))
        except (_Refused, DataError) as error:
            self._keep(request, Reply(None, error.message))
            self._count_failure(error)
            return ""
        self._succeeded = True
        cost = self.costs.pop((request.task, request.sample_id))
        usage: dict[str, float] = {"requests": 1.0, "retries": float(cost.retries)}
        if cost.input_tokens is not None and cost.output_tokens is not None:
            usage |= {"input_tokens": float(cost.input_tokens), "output_tokens": float(cost.output_tokens)}
            price_in, price_out = self._prices
            if price_in is not None and price_out is not None:
                usage["cost_usd"] = round((cost.input_tokens * price_in + cost.output_tokens * price_out) / 1e6, 9)
        self._keep(request, Reply(text, None, cost.finish_reason, usage))
        return ""  # it is kept; a list of half a million texts need not be

    def _count_failure(self, error: FoodbenchError) -> None:
        with self._counting:
            self._failures_first += 1
            hopeless = not self._succeeded and self._failures_first >= MOST_REFUSALS
        if hopeless:
            raise AdapterFailed(
                f"The first {MOST_REFUSALS} requests all failed; the last: {error.message}",
                hint="Check the model's settings and the pictures; nothing was paid for these.",
            )

    def _error(self, failure: Failure, retries: int) -> FoodbenchError:
        error = super()._error(failure, retries)
        if failure.kind == "refused" and failure.status in _REFUSALS_OF_ONE:
            return _Refused(error.message, hint=error.hint)
        return error

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        for message in request.slots[MESSAGES]:
            content: Any = message["text"]
            if message.get("picture"):
                shown = {"type": "image_url", "image_url": {"url": data_url(request.image, self._max_side)}}
                content = [shown, {"type": "text", "text": message["text"]}]
            told.append({"role": message["role"], "content": content})
        return told

    def _body(self, request: Request) -> dict[str, Any]:
        body = super()._body(request)
        if self._extra:
            body["extra_body"] = self._extra
        return body


class LocalModel:
    """A function in this process, such as a transformers model; implements `Asker`."""

    def __init__(self, generate: Generate, identity: str, *, batch_size: int = 16) -> None:
        """Wrap a function.

        Args:
            generate: one text per request, in the same order.
            identity: names the weights and settings; another model under the same name would be given its replies.
            batch_size: requests at once.

        Raises:
            UsageError: no identity, or no positive batch size.
        """
        if not identity.strip() or batch_size < 1:
            raise UsageError("A local model needs an identity and a positive batch size.")
        self._generate, self._identity, self._batch_size = generate, identity, batch_size

    @property
    def identity(self) -> str:
        """As given."""
        return self._identity

    def ask(self, requests: Sequence[Request], keep: Keep) -> None:
        """As `Asker.ask`. A batch that fails is asked again one by one, so that one bad request costs only itself."""
        failed = succeeded = 0
        for start in range(0, len(requests), self._batch_size):
            batch = requests[start : start + self._batch_size]
            for request, reply in zip(batch, self._replies(batch), strict=True):
                keep(request, reply)
                failed += reply.text is None
                succeeded += reply.text is not None
            if not succeeded and failed >= MOST_REFUSALS:
                raise AdapterFailed(
                    f"{self._identity} failed on the first {failed} requests.", hint="The failures are in the ledger."
                )

    def _replies(self, batch: Sequence[Request]) -> list[Reply]:
        try:
            texts = list(self._generate(batch))
            if len(texts) == len(batch) and all(isinstance(text, str) for text in texts):
                return [Reply(well_formed(text)) for text in texts]
            problem = f"{len(texts)} replies to {len(batch)} requests, or replies that are no texts"
        except MemoryError:
            raise
        except Exception as error:
            problem = error.message if isinstance(error, FoodbenchError) else describe_exception(error)
        if len(batch) == 1:
            return [Reply(None, problem)]
        return [reply for request in batch for reply in self._replies([request])]


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a round of asking.

    Attributes:
        new: replies that came in now.
        kept: that were there before.
        failed: questions without a reply; they cost nothing and are asked again next time.
    """

    new: int
    kept: int
    failed: int


def load_served(spec: str, arguments: Mapping[str, str], ledger: Ledger, extra: Mapping[str, Any]) -> ServedModel:
    """The served model that the command line names; its cost limit counts what the ledger has spent already.

    Args:
        spec: `endpoint:NAME`, or `endpoint` where the server serves one model only.
        arguments: settings of `Endpoint`.
        ledger: where its replies are kept.
        extra: goes into every request.

    Raises:
        UsageError: it names something else, or an argument is wrong.
        RunIncomplete: the limit is spent.
        ProviderDown: no name was given and the server could not be asked.
    """
    head, _, name = spec.strip().partition(":")
    if head != "endpoint":
        raise UsageError(f"'{spec}' is no served model.", hint="Write --model endpoint:NAME --model-args base_url=...")
    settings = convert_arguments(spec, Endpoint, {**arguments, **({"model": name} if name else {})})
    limit, spent = settings.get("max_cost"), ledger.totals().get("cost_usd", 0.0)
    if limit is not None:
        settings["max_cost"] = limit - spent
        if settings["max_cost"] <= 0:
            raise RunIncomplete(
                f"The cost limit of ${limit:g} is reached: {ledger.path} has cost ${spent:.4g}.",
                hint="Raise max_cost to go on.",
            )
    return ServedModel(extra_body=extra, **settings)


def ask_all(
    asker: Asker,
    requests: Sequence[Request],
    ledger: Ledger,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Asked:
    """Ask what the ledger has no reply to; a request's `sample_id` is its key.

    Args:
        asker: the model.
        requests: several with one key are one.
        ledger: gets each reply as it comes in.
        on_progress: told (done, total).

    Raises:
        FoodbenchError: as the asker; what came in is kept, and the same call goes on from there.
    """
    distinct = {request.sample_id: request for request in requests}
    waiting = [request for key, request in distinct.items() if key not in ledger]
    before = len(distinct) - len(waiting)
    done, lock = [before], threading.Lock()
    on_progress(before, len(distinct))

    def keep(request: Request, reply: Reply) -> None:
        ledger.keep(request.sample_id, str(request.slots.get(ITEM, "")), reply)
        with lock:
            done[0] += 1
            on_progress(done[0], len(distinct))

    if waiting:
        asker.ask(waiting, keep)
    failed = sum(request.sample_id not in ledger for request in waiting)
    return Asked(len(waiting) - failed, before, failed)
