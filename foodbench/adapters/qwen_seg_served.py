"""A pointing model behind an OpenAI-compatible server: the same chat over HTTP, text back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.adapters.data_url import data_url
from foodbench.adapters.endpoint import Endpoint
from foodbench.adapters.qwen_seg_turns import turns_of
from foodbench.core.types import Answer, ImageSource, Request
from foodbench.models.qwen_seg import QwenSegSettings, messages, squash


class Served:
    """Asks a served model as one that runs here is asked.

    The picture is squashed before it is sent, so that the server's own resizing finds nothing to do (the grid must be
    within the pixel limits that it was started with).

    Args:
        url: of the server, the part before `/chat/completions`.
        model: its name there; None for the only one.
        settings: how it is asked.
        access: further settings of `Endpoint`.

    Raises:
        UsageError, ProviderDown: as `Endpoint`.
    """

    def __init__(self, url: str, model: str | None, settings: QwenSegSettings, access: Mapping[str, Any]) -> None:
        self._endpoint = _Chats(model, base_url=url, max_new_tokens=settings.max_new_tokens, **access)
        self._endpoint.settings = settings
        self.identity = self._endpoint.identity
        self.batch_size = self._endpoint.batch_size

    def usage(self) -> Mapping[str, int | float | None]:
        """As `Endpoint.usage`."""
        return self._endpoint.usage()

    def write(self, requests: Sequence[Request]) -> list[str]:
        """What the model writes.

        Raises:
            FoodbenchError: as `Endpoint.answer`; the texts that had come in are attached to it.
        """
        answers = self._endpoint.answer(requests)
        return [answer.text if isinstance(answer, Answer) else answer for answer in answers]


class _Chats(Endpoint):
    """An endpoint that is told the chat of a pointing model."""

    settings: QwenSegSettings

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        history, question = turns_of(request)
        chat = messages(self.settings.prompt, question, history=history)
        picture = {"url": data_url(_Squashed(request.image, self.settings.grid))}
        for message in chat:
            if isinstance(message["content"], list):
                message["content"] = [
                    {"type": "image_url", "image_url": picture} if part["type"] == "image" else part
                    for part in message["content"]
                ]
        return chat


@dataclass(frozen=True, slots=True)
class _Squashed:
    """A picture as the model is shown it."""

    image: ImageSource
    grid: int

    @property
    def path(self) -> Path:
        return self.image.path

    def open(self) -> Any:
        return squash(self.image.open(), self.grid)

    def fingerprint(self) -> str:
        # Not that of the file, whose own bytes must not be sent.
        return f"{self.image.fingerprint()}:{self.grid}"
