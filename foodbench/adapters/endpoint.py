"""A model behind any OpenAI-compatible chat completions server: OpenAI itself, vLLM, SGLang, Ollama, a gateway.

Each question is one request: the picture as a `data:` URL, then the question. A batch's requests run side by side and
keep their order. What can pass (time-outs, lost connections, 408, 409, 425, 429, 5xx) is tried again, with growing
waits.

When a request of a batch fails for good, no further one is started, those under way are let finish (they are paid
for), and the answers that did come in are attached to the error (`foodbench.adapters.base.received`), so that whoever
stores answers can store them. `batch_size` is twice the concurrency: small, so that little is at stake in a crash.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foodbench.adapters.base import attach_received, describe_exception
from foodbench.adapters.chat_client import ChatClient, Failure, Reply, is_local
from foodbench.adapters.data_url import data_url
from foodbench.adapters.meter import Meter
from foodbench.adapters.retry import RetryPolicy
from foodbench.core.errors import AdapterFailed, FoodbenchError, ProviderDown, UsageError
from foodbench.core.types import Answer, Request

_DEFAULT_URL = "https://api.openai.com/v1"
_CONTINUE = "Answers so far are saved; the same command continues."


@dataclass(frozen=True, slots=True)
class AnswerCost:
    """What one answer took.

    Attributes:
        input_tokens: as the server counts them, None if it does not say.
        output_tokens: likewise.
        retries: attempts before the one that succeeded.
        finish_reason: why the model stopped; `length` means that the answer is cut off.
        seconds: duration of the attempt that succeeded.
    """

    input_tokens: int | None
    output_tokens: int | None
    retries: int
    finish_reason: str | None
    seconds: float


class Endpoint:
    """Asks a served model.

    Attributes:
        identity: model, host and the settings that change answers.
        batch_size: twice the concurrency.
        costs: what each answer took, by (task, sample id).
    """

    spec_argument = "model"
    answers_singly = True

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key_env: str | None = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 120.0,
        retries: int = 6,
        max_side: int | None = None,
        temperature: float | None = 0.0,
        max_new_tokens: int | None = None,
        limit_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        detail: Literal["auto", "low", "high"] | None = None,
        seed: int | None = None,
        price_in: float | None = None,
        price_out: float | None = None,
        max_cost: float | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        """Prepare to ask a server. Opens no connection if `model` is given.

        Args:
            model: the model's name on the server. If it is left out, the server must serve exactly one.
            base_url: the part before `/chat/completions`; default `$OPENAI_BASE_URL`, else OpenAI's.
            api_key_env: the environment variable that holds the key; None for a server without keys. The key itself is
                never an argument, so that it is in no saved command or setting.
            concurrency: requests under way at once.
            timeout: seconds without a byte after which an attempt is given up.
            retries: attempts after the first.
            max_side: larger pictures are scaled down to this many pixels.
            temperature: 0 for the most likely answer; None sends none, for models that refuse the setting.
            max_new_tokens: instead of the task's limit, e.g. for models that think before they answer.
            limit_parameter: what the server calls that limit.
            detail: OpenAI's setting of how finely a picture is looked at.
            seed: passed on to the server.
            price_in: dollars per million input tokens.
            price_out: dollars per million output tokens.
            max_cost: dollars after which the run stops, to be continued; counted per process.
            retry_policy: waits and limits in detail; overrides `retries`.

        Raises:
            UsageError: a setting is wrong, the key's variable is not set, or the `openai` package is absent.
            ProviderDown: no model was given and the server could not be asked for its models.
        """
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or _DEFAULT_URL
        _check_positive(concurrency=concurrency, timeout=timeout, max_side=max_side, max_new_tokens=max_new_tokens)
        if retries < 0:
            raise UsageError(f"retries={retries} is negative.", hint="Use 0 for no second attempt.")
        self._client = ChatClient(base_url, _key(base_url, api_key_env), timeout)
        self._api_key_env = api_key_env
        self._meter = Meter(price_in, price_out, max_cost)
        self._policy = retry_policy or RetryPolicy(retries=retries)
        self._jitter = random.Random()  # noqa: S311 - spreads waits; must differ between processes
        self._concurrency = concurrency
        self._max_side = max_side
        self._max_new_tokens = max_new_tokens
        self._limit_parameter = limit_parameter
        self._detail = detail
        self._fixed: dict[str, Any] = {"temperature": temperature, "seed": seed}
        self.model = model or self._only_model()
        self.batch_size = 2 * concurrency
        self.costs: dict[tuple[str, str], AnswerCost] = {}

    def __repr__(self) -> str:
        return f"<{self.identity}>"

    @property
    def identity(self) -> str:
        """`endpoint:<model>@<host>` and the settings that can change answers."""
        settings = {
            **self._fixed,
            "max_side": self._max_side,
            "max_new_tokens": self._max_new_tokens,
            "detail": self._detail,
            "limit_parameter": None if self._limit_parameter == "max_tokens" else self._limit_parameter,
        }
        shown = "".join(f",{key}={value}" for key, value in sorted(settings.items()) if value is not None)
        return f"endpoint:{self.model}@{self._client.host}{shown}"

    def usage(self) -> Mapping[str, int | float | None]:
        """Totals so far: requests (answered ones), input_tokens, output_tokens, retries, cost_usd."""
        return self._meter.totals()

    def answer(self, requests: Sequence[Request]) -> list[Answer | str]:
        """Ask all questions of a batch side by side.

        Returns:
            the model's texts as they came, in the order of the requests.

        Raises:
            ProviderDown: the server cannot be reached or keeps failing.
            AdapterFailed: the server refused a request.
            RunIncomplete: the cost limit is reached.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        batch = _Batch(self._ask, requests)
        batch.run(min(self._concurrency, len(requests)))
        if batch.error is not None:
            attach_received(batch.error, {key: Answer(text=text) for key, text in batch.received().items()})
            raise batch.error
        return list(batch.texts())

    def _ask(self, request: Request, stopping: threading.Event) -> str:
        body = self._body(request)
        self._meter.begin()
        reply: Reply | None = None
        try:
            reply, retries = self._persist(body, stopping)
        finally:
            if reply is None:
                self._meter.end(False, None, None)
        self.costs[request.task, request.sample_id] = AnswerCost(
            reply.input_tokens, reply.output_tokens, retries, reply.finish_reason, reply.seconds
        )
        self._meter.end(True, reply.input_tokens, reply.output_tokens)
        return reply.text

    def _persist(self, body: Mapping[str, Any], stopping: threading.Event) -> tuple[Reply, int]:
        """Try until there is a reply or no hope; returns the reply and the number of retries."""
        attempt = malformed = 0
        while True:
            outcome = self._client.complete(body)
            if isinstance(outcome, Reply):
                return outcome, attempt
            malformed += outcome.kind == "malformed"
            if not self._worth_retrying(outcome, attempt, malformed) or stopping.is_set():
                raise self._error(outcome, attempt)
            wait = self._policy.wait(attempt, outcome.retry_after, self._jitter.random())
            if stopping.wait(wait):
                raise self._error(outcome, attempt)
            attempt += 1
            self._meter.count_retry()

    def _worth_retrying(self, failure: Failure, attempt: int, malformed: int) -> bool:
        if failure.kind in ("refused", "unavailable") or attempt >= self._policy.retries:
            return False
        if failure.kind == "malformed" and malformed > self._policy.malformed_retries:
            return False
        return (failure.retry_after or 0.0) <= self._policy.longest_retry_after

    def _error(self, failure: Failure, retries: int) -> FoodbenchError:
        tried = f" (after {retries + 1} attempts)" if retries else ""
        if failure.kind in ("transient", "unavailable"):
            asked = f" It asks to wait {failure.retry_after:.0f} s." if failure.retry_after else ""
            return ProviderDown(f"{failure.message}{tried}.{asked}", hint=f"Check the server. {_CONTINUE}")
        return AdapterFailed(f"{failure.message}{tried}.", hint=self._refusal_hint(failure))

    def _refusal_hint(self, failure: Failure) -> str:
        if failure.kind == "malformed":
            return f"Check base_url; for most servers it ends in /v1. {_CONTINUE}"
        if failure.status in (401, 403):
            return f"Check the key in the environment variable {self._api_key_env or 'that api_key_env names'}."
        if failure.status == 404:
            return "Check the model's name and base_url; for most servers it ends in /v1."
        if "max_completion_tokens" in failure.message and self._limit_parameter == "max_tokens":
            return "Add limit_parameter=max_completion_tokens to --model-args."
        if "temperature" in failure.message:
            return "Add temperature=none to --model-args."
        return _CONTINUE

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        """What the model is told: the picture and the question."""
        picture: dict[str, Any] = {"url": data_url(request.image, self._max_side)}
        if self._detail is not None:
            picture["detail"] = self._detail
        content = [{"type": "image_url", "image_url": picture}, {"type": "text", "text": request.question}]
        return [{"role": "user", "content": content}]

    def _body(self, request: Request) -> dict[str, Any]:
        """The JSON object of one chat completion request."""
        body: dict[str, Any] = {"model": self.model, "messages": self._messages(request)}
        body.update({key: value for key, value in self._fixed.items() if value is not None})
        limit = self._max_new_tokens or request.generation.get("max_new_tokens")
        if limit is not None:
            body[self._limit_parameter] = int(limit)
        stop = request.generation.get("stop") or request.generation.get("until")
        if stop:
            body["stop"] = stop
        return body

    def _only_model(self) -> str:
        served = self._client.models()
        if isinstance(served, Failure):
            raise ProviderDown(
                f"No model was named, and asking for one failed: {served.message}.",
                hint="Name it: --model endpoint:NAME, and the server: --model-args base_url=http://HOST:PORT/v1",
            )
        if len(served) != 1:
            shown = ", ".join(served[:12]) + (", ..." if len(served) > 12 else "")
            raise UsageError(
                f"No model was named, and {self._client.host} serves {len(served)}: {shown}.",
                hint="Name one: --model endpoint:NAME",
            )
        return served[0]


class _Batch:
    """Runs one function over a batch's requests in a few threads, until all are done or one fails.

    The threads are daemons: after Ctrl-C the process need not wait for a server to answer.
    """

    def __init__(self, ask: Any, requests: Sequence[Request]) -> None:
        self.error: FoodbenchError | None = None
        self._ask = ask
        self._requests = requests
        self._texts: list[str | None] = [None] * len(requests)
        self._next = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def run(self, threads: int) -> None:
        workers = [threading.Thread(target=self._work, daemon=True, name=f"endpoint-{i}") for i in range(threads)]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        except BaseException:
            self._stopping.set()
            raise

    def _take(self) -> int | None:
        with self._lock:
            if self._stopping.is_set() or self._next >= len(self._requests):
                return None
            self._next += 1
            return self._next - 1

    def _work(self) -> None:
        while (index := self._take()) is not None:
            try:
                self._texts[index] = self._ask(self._requests[index], self._stopping)
            except FoodbenchError as error:
                self._fail(error)
            except Exception as error:
                request = self._requests[index]
                failed = AdapterFailed(
                    f"Asking the server failed on task {request.task}, sample {request.sample_id}: "
                    f"{describe_exception(error)}.",
                    hint=_CONTINUE,
                )
                failed.__cause__ = error
                self._fail(failed)

    def _fail(self, error: FoodbenchError) -> None:
        """Keep the first failure; the later ones are mostly its echoes."""
        with self._lock:
            if self.error is None:
                self.error = error
            self._stopping.set()

    def received(self) -> dict[str, str]:
        pairs = zip(self._requests, self._texts, strict=True)
        return {request.sample_id: text for request, text in pairs if text is not None}

    def texts(self) -> list[str]:
        return [text or "" for text in self._texts]


def _check_positive(**settings: float | None) -> None:
    for name, value in settings.items():
        if value is not None and value <= 0:
            raise UsageError(f"{name}={value} is not positive.", hint="Correct it in --model-args.")


def _key(base_url: str, variable: str | None) -> str | None:
    """The key from the environment; None where none is needed.

    Raises:
        UsageError: the variable is not set, and the server is not a local one.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if key or variable is None:
        return key or None
    if is_local(base_url):
        return None
    raise UsageError(
        f"The environment variable {variable} holds no key.",
        hint=f"Set {variable}, name another with api_key_env=..., or use api_key_env=none for a server without keys.",
    )
