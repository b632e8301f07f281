"""The endpoint adapter when the server is slow, wrong, busy or gone."""

from __future__ import annotations

import socket
import threading
import traceback
from datetime import UTC, datetime

import pytest
from endpoint_server import (
    FAST,
    KEY,
    Received,
    Response,
    completion,
    endpoint,
    make_request,
    script,
    serving,
)

from foodbench.adapters.base import received
from foodbench.adapters.chat_client import retry_after
from foodbench.adapters.endpoint import Endpoint
from foodbench.adapters.retry import RetryPolicy
from foodbench.core.errors import AdapterFailed, ExitCode, ProviderDown

pytestmark = pytest.mark.usefixtures("endpoint_key")


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_passing_trouble_is_retried(photo, status):
    trouble = Response({"error": {"message": "busy"}}, status)
    with serving(script(trouble, trouble, completion("fine"))) as server:
        adapter = endpoint(server)
        assert adapter.answer([make_request(photo)]) == ["fine"]
        assert len(server.received) == 3
    assert adapter.usage()["retries"] == 2
    assert adapter.costs["food101.dish", "s0"].retries == 2


def test_lasting_trouble_is_provider_down(photo):
    with serving(lambda _: Response({"error": {"message": "overloaded"}}, 503)) as server:
        with pytest.raises(ProviderDown, match=r"503: overloaded \(after 4 attempts\)") as caught:
            endpoint(server).answer([make_request(photo)])
        assert len(server.received) == 4
    assert caught.value.exit_code == ExitCode.INCOMPLETE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_refusal_is_not_retried_and_shows_the_servers_words(photo, status):
    with serving(lambda _: Response({"error": {"message": "no such thing as m"}}, status)) as server:
        with pytest.raises(AdapterFailed, match=f"{status}: no such thing as m"):
            endpoint(server).answer([make_request(photo)])
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"object": "error", "message": "vLLM says no"}, "vLLM says no"),
        ({"detail": "FastAPI says no"}, "FastAPI says no"),
        ({"detail": [{"loc": ["body"]}]}, "loc"),
        ({"error": "Ollama says no"}, "Ollama says no"),
        ({}, "no message"),
        ("plain", "plain"),
    ],
)
def test_every_servers_error_form_is_read(photo, body, words):
    with serving(lambda _: Response(body, 400)) as server, pytest.raises(AdapterFailed, match=words):
        endpoint(server).answer([make_request(photo)])


def test_spent_credit_is_not_waited_for(photo):
    spent = Response({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429)
    with serving(lambda _: spent) as server:
        with pytest.raises(ProviderDown, match="quota"):
            endpoint(server).answer([make_request(photo)])
        assert len(server.received) == 1


def test_hint_names_the_setting_that_mends_a_refusal(photo):
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with (
        serving(lambda _: Response({"error": {"message": words}}, 400)) as server,
        pytest.raises(AdapterFailed) as caught,
    ):
        endpoint(server).answer([make_request(photo)])
    assert "limit_parameter=max_completion_tokens" in caught.value.hint


def test_wait_that_the_server_asks_for_is_kept(photo, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", _recording(threading.Event.wait, waits))
    slow_down = Response({"error": {"message": "slow down"}}, 429, {"retry-after": "0.02"})
    with serving(script(slow_down, completion("ok"))) as server:
        assert endpoint(server).answer([make_request(photo)]) == ["ok"]
    assert [wait for wait in waits if 0.02 <= wait <= 0.023]


def _recording(original, waits):
    def wait(self, timeout=None):
        if timeout is not None:
            waits.append(timeout)
        return original(self, timeout)

    return wait


def test_too_long_a_wait_is_provider_down(photo):
    slow_down = Response({"error": {"message": "come back tomorrow"}}, 429, {"retry-after": "86400"})
    with serving(lambda _: slow_down) as server:
        with pytest.raises(ProviderDown, match="asks to wait 86400 s"):
            endpoint(server).answer([make_request(photo)])
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, 0.0),
    ],
)
def test_retry_after_header(headers, seconds):
    assert retry_after(headers, datetime(2015, 10, 21, 7, 28, 0, tzinfo=UTC)) == seconds


def test_back_off_doubles_up_to_its_limit_and_never_undercuts_the_server():
    policy = RetryPolicy(first_wait=1.0, longest_wait=10.0)
    assert [policy.wait(attempt, None, 1.0) for attempt in range(6)] == [1, 2, 4, 8, 10, 10]
    assert policy.wait(3, None, 0.0) == 4.0
    assert policy.wait(10_000, None, 1.0) == 10.0
    assert policy.wait(0, 30.0, 0.0) == 30.0


def test_hanging_server_times_out_and_is_retried(photo):
    with serving(script(Response(hang=True), completion("late"))) as server:
        adapter = endpoint(server, timeout=1.0)  # long enough for the second answer on a busy machine
        assert adapter.answer([make_request(photo)]) == ["late"]
    with serving(lambda _: Response(hang=True)) as server, pytest.raises(ProviderDown, match="did not answer in time"):
        endpoint(server, timeout=0.05, retry_policy=RetryPolicy(retries=1, first_wait=0.001)).answer(
            [make_request(photo)]
        )


@pytest.mark.parametrize(
    "malformed",
    [
        Response(raw=b'{"choices": [{"mess'),
        Response(raw=b"<html>hello</html>", content_type="text/html"),
        Response({}),
        Response({"choices": []}),
        Response({"choices": [{"index": 0}]}),
        Response([1, 2]),
        Response(raw=b"\xff\xfe"),
    ],
)
def test_answer_that_is_no_completion_is_retried_twice_then_an_error(photo, malformed):
    with serving(script(malformed, completion("ok"))) as server:
        assert endpoint(server).answer([make_request(photo)]) == ["ok"]
    with serving(lambda _: malformed) as server:
        with pytest.raises(AdapterFailed, match="answered with something that is not") as caught:
            endpoint(server).answer([make_request(photo)])
        assert len(server.received) == 3
    assert "/v1" in caught.value.hint


def test_refused_connection_is_provider_down(photo):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    adapter = Endpoint("m", base_url=f"http://127.0.0.1:{port}/v1", retry_policy=FAST)
    with pytest.raises(ProviderDown, match=f"127.0.0.1:{port} cannot be reached.*refused") as caught:
        adapter.answer([make_request(photo)])
    assert caught.value.exit_code == ExitCode.INCOMPLETE
    assert "same command continues" in caught.value.hint


def test_answers_received_before_a_failure_are_attached_to_it(photo):
    def respond(got: Received) -> Response:
        if got.question == "Question 2?":
            return Response({"error": {"message": "bad picture"}}, 400)
        return completion(f"re: {got.question}")

    with serving(respond) as server:
        with pytest.raises(AdapterFailed, match="bad picture") as caught:
            endpoint(server, concurrency=1).answer([make_request(photo, number) for number in range(5)])
        assert len(server.received) == 3  # nothing is started after the failure
    assert {key: answer.text for key, answer in received(caught.value).items()} == {
        "s0": "re: Question 0?",
        "s1": "re: Question 1?",
    }


def test_failure_ends_the_waits_of_the_others(photo):
    # One request is told to wait a minute, the other is refused: the batch must not sit the minute out.
    waiting = threading.Event()

    def respond(got: Received) -> Response:
        if got.question == "Question 0?":
            waiting.set()
            return Response({"error": {"message": "slow down"}}, 429, {"retry-after": "60"})
        waiting.wait(5)
        return Response({"error": {"message": "bad picture"}}, 400)

    with serving(respond) as server, pytest.raises((AdapterFailed, ProviderDown)):
        endpoint(server, concurrency=2).answer([make_request(photo, number) for number in range(2)])


def test_key_is_in_no_error_repr_or_identity(photo):
    echo = f"Incorrect API key provided: {KEY}. Header was 'Bearer {KEY}'."
    with serving(lambda _: Response({"error": {"message": echo}}, 401)) as server:
        adapter = endpoint(server)
        with pytest.raises(AdapterFailed) as caught:
            adapter.answer([make_request(photo)])
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value) + repr(caught.value)
    assert "[key]" in shown
    assert "OPENAI_API_KEY" in caught.value.hint
    for text in (shown, repr(adapter), adapter.identity, str(adapter.usage())):
        assert KEY not in text
