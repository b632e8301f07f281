"""Pictures, pairs, and a served model played by a real local server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from baselines.adamllm.asking import ServedModel
from tests.adapters.endpoint_server import FAST, FakeServer, Received, Response, completion, serving

TASK = {
    "instruction": "Which dish is it?",
    "informative": "Rice and fish lie there. It is a bowl.",
    "precise": "a bowl",
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with six different small pictures and a file of pairs about them."""
    made = tmp_path / "data"
    made.mkdir()
    for number in range(6):
        Image.new("RGB", (12, 8), (40 * number, 90, 30)).save(made / f"p{number}.png")
    lines = [
        {"id": f"p{number}", "image": f"p{number}.png", "caption": f"Dish number {number}."} for number in range(6)
    ]
    (made / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made


def caption_of(got: Received) -> str:
    """The caption that a prompted synthesiser was told."""
    for part in got.body["messages"][-1]["content"]:
        if part["type"] == "text":
            told: str = json.loads(part["text"])["caption"]
            return told
    raise AssertionError("no text")


def writes(task: Any = None) -> Response:
    """A reply that holds a task."""
    return completion(json.dumps(TASK if task is None else task), input_tokens=1000, output_tokens=100)


def asker(server: FakeServer, **settings: Any) -> ServedModel:
    """A served model that retries fast."""
    return ServedModel(model="m", base_url=server.url, retry_policy=FAST, timeout=5.0, **{"concurrency": 2, **settings})


@pytest.fixture
def playing() -> Iterator[Callable[[Callable[[Received], Response]], FakeServer]]:
    """Starts servers; stops them after the test."""
    opened: list[AbstractContextManager[FakeServer]] = []

    def start(respond: Callable[[Received], Response]) -> FakeServer:
        context = serving(respond)
        opened.append(context)
        return context.__enter__()

    yield start
    for context in opened:
        context.__exit__(None, None, None)
