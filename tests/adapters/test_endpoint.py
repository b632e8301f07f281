"""The endpoint adapter against a real local HTTP server."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import threading
from typing import Any

import numpy as np
import pytest
from endpoint_server import (
    KEY,
    Received,
    Response,
    completion,
    endpoint,
    make_request,
    serving,
)
from PIL import Image

from foodbench.adapters.base import received
from foodbench.adapters.chat_client import checked_host, is_local
from foodbench.adapters.endpoint import Endpoint
from foodbench.core.errors import AdapterFailed, DataCorrupt, ExitCode, ProviderDown, RunIncomplete, UsageError
from foodbench.core.types import Request
from foodbench.data.images import ImageFile

pytestmark = pytest.mark.usefixtures("endpoint_key")


def test_request_carries_question_settings_key_and_the_image_bytes_intact(photo):
    with serving(lambda _: completion("apple pie")) as server:
        answers = endpoint(server).answer([make_request(photo)])
    assert answers == ["apple pie"]
    (got,) = server.received
    assert got.path == "/v1/chat/completions"
    assert got.headers["authorization"] == f"Bearer {KEY}"
    assert got.question == "Question 0?"
    assert {k: got.body[k] for k in ("model", "temperature", "max_tokens")} == {
        "model": "m",
        "temperature": 0.0,
        "max_tokens": 32,
    }
    assert "seed" not in got.body
    header, _, payload = got.image_url.partition(",")
    assert header == "data:image/jpeg;base64"
    assert base64.b64decode(payload) == photo.read_bytes()


def test_settings_reach_the_server(photo):
    with serving(lambda _: completion("x")) as server:
        adapter = endpoint(
            server,
            temperature=None,
            max_new_tokens=900,
            limit_parameter="max_completion_tokens",
            detail="low",
            seed=7,
        )
        adapter.answer([make_request(photo, until=["\n"])])
    body = server.received[0].body
    assert "temperature" not in body
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 900
    assert body["seed"] == 7
    assert body["stop"] == ["\n"]
    assert body["messages"][0]["content"][0]["image_url"]["detail"] == "low"


def sent_image(url: str) -> Image.Image:
    header, _, payload = url.partition(",")
    assert header == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(payload)))


def test_other_formats_are_sent_as_lossless_png(tmp_path):
    path = tmp_path / "plate.bmp"
    pixels = np.random.default_rng(1).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    with serving(lambda _: completion("x")) as server:
        endpoint(server).answer([make_request(path)])
    assert np.array_equal(np.asarray(sent_image(server.received[0].image_url)), pixels)


def test_rotated_photo_is_sent_as_the_task_shows_it(tmp_path):
    path = tmp_path / "rotated.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), (200, 10, 10)).save(path, exif=exif)
    requests = [Request("t", policy, ImageFile(path, exif=policy), "Q") for policy in ("ignore", "transpose")]
    with serving(lambda _: completion("x")) as server:
        endpoint(server, concurrency=1).answer(requests)
    assert [sent_image(got.image_url).size for got in server.received] == [(30, 20), (20, 30)]


def test_large_photo_is_scaled_down_and_small_one_is_not(photo):
    with serving(lambda _: completion("x")) as server:
        endpoint(server, max_side=30).answer([make_request(photo)])
        endpoint(server, max_side=60).answer([make_request(photo)])
    assert sent_image(server.received[0].image_url).size == (30, 20)
    assert server.received[1].image_url.startswith("data:image/jpeg")


def test_image_that_is_not_its_file_is_sent_as_it_looks(photo):
    class Blanked:
        path = photo

        def open(self) -> Image.Image:
            return Image.new("RGB", (60, 40), (127, 127, 127))

        def fingerprint(self) -> str:
            return "sha256:" + hashlib.sha256(b"blank").hexdigest()

    with serving(lambda _: completion("x")) as server:
        endpoint(server).answer([Request("t", "s", Blanked(), "Q")])
    assert sent_image(server.received[0].image_url).convert("RGB").getcolors() == [(2400, (127, 127, 127))]


def test_truncated_photo_is_an_error_and_nothing_is_sent(photo):
    photo.write_bytes(photo.read_bytes()[:400])
    with serving(lambda _: completion("x")) as server:
        with pytest.raises(DataCorrupt):
            endpoint(server).answer([make_request(photo)])
        assert server.received == []


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (completion(None), ""),
        (completion(None, refusal="I cannot help with that."), "I cannot help with that."),
        (completion([{"type": "text", "text": "apple "}, {"type": "text", "text": "pie"}]), "apple pie"),
        (completion(""), ""),
    ],
)
def test_unusual_contents_become_text(photo, response, text):
    with serving(lambda _: response) as server:
        assert endpoint(server).answer([make_request(photo)]) == [text]


def test_requests_overlap_and_keep_their_order(photo):
    # Passes only if four requests are under way at once; the first ones then answer last.
    barrier = threading.Barrier(4, timeout=5)
    gates = [threading.Event() for _ in range(4)]
    gates[3].set()

    def respond(got: Received) -> Response:
        number = int(got.question.split()[1].rstrip("?"))
        barrier.wait()
        gates[number].wait(5)
        if number:
            gates[number - 1].set()
        return completion(f"answer {number}")

    with serving(respond) as server:
        answers = endpoint(server, concurrency=4).answer([make_request(photo, number) for number in range(4)])
    assert answers == [f"answer {number}" for number in range(4)]


def test_concurrency_is_a_limit(photo):
    under_way = most = 0
    lock = threading.Lock()

    def respond(_: Received) -> Response:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        released.wait(0.01)
        with lock:
            under_way -= 1
        return completion("x")

    released = threading.Event()
    with serving(respond) as server:
        endpoint(server, concurrency=2).answer([make_request(photo, number) for number in range(8)])
    assert most <= 2
    assert len(server.received) == 8


def test_key_comes_from_the_named_variable_only(photo, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "other-secret")
    with serving(lambda _: completion("x")) as server:
        endpoint(server, api_key_env="OTHER_KEY").answer([make_request(photo)])
        endpoint(server, api_key_env=None).answer([make_request(photo)])
    assert server.received[0].headers["authorization"] == "Bearer other-secret"
    assert KEY not in str(server.received[1].headers)


def test_missing_key_is_an_error_for_a_remote_server_only(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        Endpoint("m", base_url="https://api.example.com/v1")
    Endpoint("m", base_url="https://api.example.com/v1", api_key_env=None)
    Endpoint("m", base_url="http://localhost:8000/v1")


@pytest.mark.parametrize("key", ["sk-\u2022\u2022", "sk-a\nb"])
def test_unusable_key_is_refused_without_showing_it(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UsageError) as caught:
        Endpoint("m", base_url="http://localhost:1/v1")
    assert key not in str(caught.value)


def test_identity_has_what_changes_answers_and_nothing_else():
    def identity(**settings: Any) -> str:
        return Endpoint("org/m", base_url="https://api.example.com/v1", **settings).identity

    assert identity() == "endpoint:org/m@api.example.com,temperature=0.0"
    same = identity(
        concurrency=1, timeout=3.0, retries=0, price_in=1.0, price_out=2.0, max_cost=3.0, api_key_env="OPENAI_API_KEY"
    )
    assert same == identity()
    changed = [{"temperature": 1.0}, {"max_side": 512}, {"detail": "low"}, {"seed": 1}, {"max_new_tokens": 5}]
    assert len({identity(**settings) for settings in [{}, *changed]}) == len(changed) + 1


def test_base_url_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9999/v1")
    assert Endpoint("m").identity.startswith("endpoint:m@localhost:9999")
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert Endpoint("m").identity.startswith("endpoint:m@api.openai.com")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "http://[::1", "http://h:99999999/v1"])
def test_bad_url_is_refused(url):
    with pytest.raises(UsageError, match="http"):
        checked_host(url)


def test_credentials_in_the_url_are_refused_without_showing_them():
    with pytest.raises(UsageError) as caught:
        Endpoint("m", base_url="http://user:secret@host/v1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.5:8000/v1", True),
        ("http://vllm:8000/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://8.8.8.8/v1", False),
    ],
)
def test_local_servers_are_told_apart(url, local):
    assert is_local(url) is local


def test_usage_and_cost_are_summed(photo):
    with serving(lambda _: completion("x", input_tokens=1000, output_tokens=50)) as server:
        adapter = endpoint(server, price_in=2.0, price_out=10.0)
        adapter.answer([make_request(photo, number) for number in range(3)])
    assert adapter.usage() == {
        "requests": 3,
        "input_tokens": 3000,
        "output_tokens": 150,
        "retries": 0,
        "cost_usd": pytest.approx(3 * (0.002 + 0.0005)),
    }
    assert adapter.costs["food101.dish", "s2"].output_tokens == 50
    assert adapter.costs["food101.dish", "s2"].finish_reason == "stop"


def test_cost_is_unknown_without_prices_or_counts(photo):
    with serving(lambda _: completion("x", input_tokens=None)) as server:
        adapter = endpoint(server, price_in=1.0, price_out=1.0)
        adapter.answer([make_request(photo)])
        assert adapter.usage()["cost_usd"] is None
        assert adapter.costs["food101.dish", "s0"].input_tokens is None
        limited = endpoint(server, price_in=1.0, price_out=1.0, max_cost=1.0, concurrency=1)
        with pytest.raises(AdapterFailed, match="does not report token counts") as caught:
            limited.answer([make_request(photo, number) for number in range(2)])
    assert list(received(caught.value)) == ["s0"]


def test_cost_limit_stops_before_it_is_passed_and_keeps_answers(photo):
    # $0.001 per answer: the fourth would pass $0.0035.
    with serving(lambda _: completion("x", input_tokens=1000, output_tokens=0)) as server:
        adapter = endpoint(server, price_in=1.0, price_out=0.0, max_cost=0.0035, concurrency=1)
        with pytest.raises(RunIncomplete, match=r"cost limit of \$0.0035") as caught:
            adapter.answer([make_request(photo, number) for number in range(9)])
        assert len(server.received) == 3
    assert sorted(received(caught.value)) == ["s0", "s1", "s2"]
    assert caught.value.exit_code == ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    "settings",
    [
        {"max_cost": 1.0},
        {"price_in": 1.0},
        {"price_in": -1.0, "price_out": 1.0},
        {"concurrency": 0},
        {"timeout": 0.0},
        {"retries": -1},
        {"max_side": 0},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError):
        Endpoint("m", base_url="http://localhost:1/v1", **settings)


def served(*names: str) -> Response:
    models = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in names]
    return Response({"object": "list", "data": models})


def test_the_only_served_model_needs_no_name():
    with serving(lambda _: served("org/only")) as server:
        assert Endpoint(base_url=server.url).identity.startswith("endpoint:org/only@")
        assert server.received[0].path == "/v1/models"


def test_several_or_no_served_models_are_listed():
    with serving(lambda _: served("a", "b")) as server, pytest.raises(UsageError, match="serves 2: a, b"):
        Endpoint(base_url=server.url)
    with (
        serving(lambda _: Response({"error": {"message": "no"}}, 404)) as server,
        pytest.raises(ProviderDown, match="404: no"),
    ):
        Endpoint(base_url=server.url)


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(UsageError) as caught:
        Endpoint("m", base_url="http://localhost:1/v1")
    assert "pip install 'foodbench[endpoint]'" in caught.value.hint


def test_empty_batch():
    assert Endpoint("m", base_url="http://localhost:1/v1").answer([]) == []
