"""One attempt at an OpenAI-compatible chat completion, with every way it can go wrong brought into three kinds.

The server's messages are shown to people and kept in logs, so the key is cut out of them here, at the only place that
knows it. No exception of the `openai` package leaves this module: their texts may quote what the server echoed.
"""

from __future__ import annotations

import ipaddress
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from foodbench.core.errors import UsageError

_RETRIED_STATUSES = frozenset({408, 409, 425, 429})
# OpenAI answers 429 both for "slow down" and for "your credit is used up"; waiting mends only the first.
_NO_USE_WAITING = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_SHOWN_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A chat completion.

    Attributes:
        text: what the model wrote; empty if it wrote nothing.
        input_tokens: as the server counts them, None if it does not say.
        output_tokens: likewise.
        finish_reason: why it stopped: `stop`, `length` (cut off), `content_filter`, ...
        seconds: duration of the attempt that succeeded.
    """

    text: str
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed.

    Attributes:
        kind: `transient`: try again. `malformed`: success in HTTP terms, but no chat completion: try again, but not for
            long. `refused`: the server understood and said no. `unavailable`: trying again now is of no use.
        message: what happened, without the key.
        status: the HTTP status, if there was one.
        retry_after: seconds that the server asks to wait, if it does.
    """

    kind: Literal["transient", "malformed", "refused", "unavailable"]
    message: str
    status: int | None = None
    retry_after: float | None = None


class ChatClient:
    """A server and a key. Safe to use from several threads."""

    def __init__(self, base_url: str, key: str | None, timeout: float) -> None:
        """Make a client; opens no connection.

        Args:
            base_url: the part before `/chat/completions`, e.g. `http://localhost:8000/v1`.
            key: sent as a bearer token; None for a server without keys.
            timeout: seconds without a byte after which an attempt is given up.

        Raises:
            UsageError: the `openai` package is absent, or the URL or key cannot be used.
        """
        self.host = checked_host(base_url)
        if key is not None and not (key.isascii() and key.isprintable() and key.strip()):
            raise UsageError("The API key contains characters that no HTTP header can hold.", hint="Copy it again.")
        try:
            import openai
        except ModuleNotFoundError as error:
            raise UsageError(
                "Served models need the 'openai' package, which is not installed.",
                hint="Install it with: pip install 'foodbench[endpoint]'",
            ) from error
        self._openai = openai
        self._key = key
        # The package refuses to go without a key; servers that have none ignore the header.
        self._client = openai.OpenAI(api_key=key or "none", base_url=base_url, timeout=timeout, max_retries=0)

    def complete(self, body: Mapping[str, Any]) -> Reply | Failure:
        """Send one request; `body` is the JSON object of the chat completions API."""
        started = time.monotonic()
        outcome = self._guarded(lambda: self._client.chat.completions.create(**body))
        if isinstance(outcome, Failure):
            return outcome
        return self._reply(outcome, time.monotonic() - started)

    def models(self) -> list[str] | Failure:
        """The names of the models that the server serves."""
        outcome = self._guarded(self._client.models.list)
        if isinstance(outcome, Failure):
            return outcome
        served = getattr(outcome, "data", None)
        if not isinstance(served, list):
            return Failure("malformed", f"{self.host} answered the question for its models with something else")
        return [str(model.id) for model in served]

    def _guarded(self, call: Any) -> Any:
        openai = self._openai
        try:
            return call()
        except openai.APIStatusError as error:
            return self._status_failure(error)
        except openai.APITimeoutError:
            return Failure("transient", f"{self.host} did not answer in time")
        except openai.APIConnectionError as error:
            reason = self._clean(str(error.__cause__ or error))
            return Failure("transient", f"{self.host} cannot be reached: {reason}")
        except (openai.APIResponseValidationError, json.JSONDecodeError, UnicodeDecodeError):
            return Failure("malformed", f"{self.host} answered with something that is not valid JSON")
        except openai.OpenAIError as error:
            return Failure("refused", self._clean(str(error)))

    def _status_failure(self, error: Any) -> Failure:
        status = int(error.status_code)
        message = f"{self.host} answered {status}: {self._server_message(error.body)}"
        if getattr(error, "code", None) in _NO_USE_WAITING:
            return Failure("unavailable", message, status)
        if status in _RETRIED_STATUSES or status >= 500:
            return Failure("transient", message, status, retry_after(error.response.headers))
        return Failure("refused", message, status)

    def _server_message(self, body: Any) -> str:
        """The words for people in an error's body; servers differ in where they put them."""
        text: Any = body
        for key in ("error", "message", "detail"):
            if isinstance(text, Mapping):
                text = text.get(key) or text
        if not isinstance(text, str):
            text = json.dumps(text, ensure_ascii=False, default=str) if text else "(no message)"
        return self._clean(text)

    def _clean(self, text: str) -> str:
        if self._key:
            text = text.replace(self._key, "[key]")
        text = " ".join(text.split())
        return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."

    def _reply(self, completion: Any, seconds: float) -> Reply | Failure:
        choices = getattr(completion, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = getattr(choice, "message", None)
        if message is None:
            return Failure("malformed", f"{self.host} answered with something that is not a chat completion")
        usage = getattr(completion, "usage", None)
        return Reply(
            text=_message_text(message),
            input_tokens=_count(getattr(usage, "prompt_tokens", None)),
            output_tokens=_count(getattr(usage, "completion_tokens", None)),
            finish_reason=getattr(choice, "finish_reason", None),
            seconds=seconds,
        )


def _message_text(message: Any) -> str:
    """The text of a message whose content is text, a list of parts, or absent (a refusal, or only reasoning)."""
    content = getattr(message, "content", None)
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, Mapping) else getattr(part, "text", None) for part in content]
        content = "".join(part for part in parts if isinstance(part, str))
    if isinstance(content, str) and content:
        return content
    refusal = getattr(message, "refusal", None)
    return refusal if isinstance(refusal, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a response's headers ask to wait: `retry-after-ms`, or `retry-after` as seconds or as a date.

    Args:
        headers: of the response; names in lower case, or in a mapping that ignores case.
        now: for tests.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * unit
        except ValueError:
            seconds = _seconds_until(text, now)
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def _seconds_until(date: str, now: datetime | None) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - (now or datetime.now(UTC))).total_seconds()


def checked_host(base_url: str) -> str:
    """`host` or `host:port` of a server's URL.

    Raises:
        UsageError: no http(s) URL, or one with a user name or password in it (it would end up in saved settings).
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.username or parts.password:
        raise UsageError("base_url contains a user name or password.", hint="Put the key into an environment variable.")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"base_url '{base_url}' is not an http(s) URL.", hint="Example: http://localhost:8000/v1")
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def is_local(base_url: str) -> bool:
    """Whether the URL's host is this machine or a private network address, where servers often have no keys."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host  # a bare machine name, e.g. a container's
    return address.is_loopback or address.is_private
