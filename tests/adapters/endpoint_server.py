"""A real HTTP server that plays an OpenAI-compatible one, and adapters that ask it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from foodbench.adapters.endpoint import Endpoint
from foodbench.adapters.retry import RetryPolicy
from foodbench.core.types import Request
from foodbench.data.images import ImageFile

KEY = "sk-test-0123456789abcdef"
FAST = RetryPolicy(retries=3, first_wait=0.001, longest_wait=0.004)


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def question(self) -> str:
        return self.body["messages"][0]["content"][1]["text"]

    @property
    def image_url(self) -> str:
        return self.body["messages"][0]["content"][0]["image_url"]["url"]


@dataclass
class Response:
    """What to send: JSON unless `raw` is given; `hang` keeps the connection open until the server stops."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"
    hang: bool = False


def completion(text: Any, *, input_tokens: int | None = 100, output_tokens: int = 10, **message: Any) -> Response:
    usage = None if input_tokens is None else {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}
    return Response(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text, **message},
                }
            ],
            "usage": usage,
        }
    )


class FakeServer:
    def __init__(self, respond: Callable[[Received], Response]) -> None:
        self.respond = respond
        self.received: list[Received] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                data = self.rfile.read(length)
                got = Received(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    json.loads(data) if data else None,
                )
                with fake._lock:
                    fake.received.append(got)
                response = fake.respond(got)
                if response.hang:
                    fake.released.wait(10)
                    self.close_connection = True
                    return
                payload = response.raw if response.raw is not None else json.dumps(response.body).encode()
                self.send_response(response.status)
                self.send_header("content-type", response.content_type)
                self.send_header("content-length", str(len(payload)))
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        # Keep-alive connections would otherwise hold server_close() until the client drops them.
        self._http.block_on_close = False
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def serving(respond: Callable[[Received], Response]) -> Iterator[FakeServer]:
    server = FakeServer(respond)
    try:
        yield server
    finally:
        server.close()


def script(*responses: Response) -> Callable[[Received], Response]:
    """Answers with the responses in turn; the last one for ever."""
    queue = list(responses)
    lock = threading.Lock()

    def respond(_: Received) -> Response:
        with lock:
            return queue.pop(0) if len(queue) > 1 else queue[0]

    return respond


def make_request(path: Path, number: int = 0, **generation: Any) -> Request:
    return Request(
        task="food101.dish",
        sample_id=f"s{number}",
        image=ImageFile(path),
        question=f"Question {number}?",
        generation={"max_new_tokens": 32, "do_sample": False, **generation},
    )


def endpoint(server: FakeServer, **settings: Any) -> Endpoint:
    settings.setdefault("retry_policy", FAST)
    settings.setdefault("timeout", 5.0)
    return Endpoint("m", base_url=server.url, **settings)
