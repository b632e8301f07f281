from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from baselines.adamllm import synthesise
from baselines.adamllm.asking import MOST_REFUSALS, LocalModel, load_served
from baselines.adamllm.chat import FORMATS
from baselines.adamllm.domain import load_domain
from baselines.adamllm.intake import read_pairs
from baselines.adamllm.ledger import Ledger, Reply
from baselines.adamllm.records import Pair
from foodbench.core.errors import AdapterFailed, DataCorrupt, ProviderDown, RunIncomplete, UsageError
from foodbench.core.types import Request
from tests.adapters.endpoint_server import FakeServer, Received, Response, completion
from tests.baselines.adamllm.conftest import TASK, asker, caption_of, writes
from tests.conftest import REPOSITORY

Playing = Callable[[Callable[[Received], Response]], FakeServer]
FOOD = load_domain("food")
PROMPTED = synthesise.SynthesisSettings("prompted", FORMATS["llama3"])


@pytest.fixture
def pairs(folder: Path) -> list[Pair]:
    return read_pairs(folder / "pairs.jsonl").kept


def run(model: Any, pairs: Sequence[Pair], path: Path) -> synthesise.Synthesised:
    with Ledger.opened(path) as ledger:
        return synthesise.synthesise(pairs, model, ledger, FOOD, PROMPTED)


def test_each_pair_is_asked_about_once(playing: Playing, pairs: list[Pair], tmp_path: Path) -> None:
    server = playing(lambda _: writes())
    first = run(asker(server), pairs, tmp_path / "l.jsonl")
    assert len(first.triplets) == 6
    assert (first.asked.new, first.asked.kept) == (6, 0)
    assert sorted(map(caption_of, server.received)) == [f"Dish number {number}." for number in range(6)]
    system, user = server.received[0].body["messages"]
    assert FOOD.subject in system["content"]
    assert user["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    again = run(asker(server), pairs, tmp_path / "l.jsonl")
    assert (again.asked.new, again.asked.kept) == (0, 6)
    assert again.triplets == first.triplets
    assert len(server.received) == 6


def test_another_model_setting_or_caption_is_another_question(
    playing: Playing, pairs: list[Pair], tmp_path: Path
) -> None:
    server = playing(lambda _: writes())
    path = tmp_path / "l.jsonl"
    run(asker(server), pairs[:1], path)
    run(asker(server, temperature=0.5), pairs[:1], path)
    run(asker(server, extra_body={"top_k": 4}), pairs[:1], path)
    changed = Pair("other id", pairs[0].image, pairs[0].caption + "!")
    run(asker(server), [changed], path)
    assert len(server.received) == 4
    assert server.received[2].body["top_k"] == 4


def test_replies_that_do_not_parse_are_kept_apart_and_not_asked_again(
    playing: Playing, pairs: list[Pair], tmp_path: Path
) -> None:
    replies = {
        0: writes(),
        1: completion("I cannot help with that."),
        2: completion(""),
        3: completion(json.dumps({**TASK, "precise": ""})),
        4: completion('{"instruction": "What is'),
        5: completion(json.dumps({"instruction": "only this"})),
    }
    server = playing(lambda got: replies[int(caption_of(got).split()[-1].rstrip("."))])
    for _ in range(2):
        found = run(asker(server), pairs, tmp_path / "l.jsonl")
        assert list(found.triplets) == ["p0"]
        assert {one.where: one.reason for one in found.unparsed} == {
            "p1": "no_object",
            "p2": "empty",
            "p3": "empty_field",
            "p4": "truncated",
            "p5": "empty_field",
        }
    assert len(server.received) == 6


def test_a_request_that_is_refused_costs_only_itself_and_is_tried_next_time(
    playing: Playing, pairs: list[Pair], tmp_path: Path
) -> None:
    angry = [True]

    def respond(got: Received) -> Response:
        if angry[0] and "number 3" in caption_of(got):
            return Response({"error": {"message": "picture refused"}}, status=400)
        return writes()

    server = playing(respond)
    found = run(asker(server), pairs, tmp_path / "l.jsonl")
    assert (len(found.triplets), found.asked.failed) == (5, 1)
    (lost,) = found.unparsed
    assert (lost.where, lost.reason) == ("p3", "failed")
    assert "picture refused" in lost.detail
    angry[0] = False
    later = run(asker(server), pairs, tmp_path / "l.jsonl")
    assert (later.asked.new, later.asked.failed, len(later.triplets)) == (1, 0, 6)
    assert len(server.received) == 7


def test_a_picture_that_breaks_in_between_is_counted(playing: Playing, pairs: list[Pair], tmp_path: Path) -> None:
    server = playing(lambda _: writes())
    pairs[1].image.path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    pairs[2].image.path.unlink()
    found = run(asker(server), pairs, tmp_path / "l.jsonl")
    assert len(found.triplets) == 4
    assert {one.where: one.reason for one in found.unparsed} == {"p1": "failed", "p2": "broken_image"}


def test_wrong_settings_stop_before_everything_has_failed(playing: Playing, pairs: list[Pair], tmp_path: Path) -> None:
    server = playing(lambda _: Response({"error": {"message": "no such parameter"}}, status=400))
    many = [Pair(f"x{number}", pairs[0].image, f"Caption {number}.") for number in range(60)]
    with pytest.raises(AdapterFailed, match="no such parameter"):
        run(asker(server), many, tmp_path / "l.jsonl")
    assert len(server.received) <= MOST_REFUSALS + 2


@pytest.mark.parametrize(("status", "error"), [(401, AdapterFailed), (404, AdapterFailed), (503, ProviderDown)])
def test_what_concerns_all_requests_stops_and_goes_on_later(
    playing: Playing, pairs: list[Pair], tmp_path: Path, status: int, error: type[Exception]
) -> None:
    down = threading.Event()

    def respond(got: Received) -> Response:
        if "number 2" in caption_of(got):
            down.set()
        return Response({"error": "down"}, status=status) if down.is_set() else writes()

    server = playing(respond)
    with pytest.raises(error):
        run(asker(server, concurrency=1), pairs, tmp_path / "l.jsonl")
    paid = {caption_of(got) for got in server.received[:2]}
    server.received.clear()
    server.respond = lambda _: writes()
    found = run(asker(server, concurrency=1), pairs, tmp_path / "l.jsonl")
    assert len(found.triplets) == 6
    assert not paid & {caption_of(got) for got in server.received}


def test_the_cost_limit_counts_earlier_processes(playing: Playing, pairs: list[Pair], tmp_path: Path) -> None:
    server = playing(lambda _: writes())  # 1,000 tokens in, 100 out: 0.0012 dollars at these prices
    told = {"base_url": server.url, "price_in": "1", "price_out": "2", "concurrency": "1", "max_cost": "0.003"}
    path = tmp_path / "l.jsonl"

    def attempt(**changes: str) -> synthesise.Synthesised:
        with Ledger.opened(path) as ledger:
            model = load_served("endpoint:m", {**told, **changes}, ledger, {})
            return synthesise.synthesise(pairs, model, ledger, FOOD, PROMPTED)

    with pytest.raises(RunIncomplete):
        attempt()
    assert len(server.received) == 2
    with pytest.raises(RunIncomplete):  # nothing is left of that
        attempt(max_cost="0.0024")
    assert len(server.received) == 2
    found = attempt(max_cost="1")
    assert len(server.received) == 6
    assert found.usage["cost_usd"] == pytest.approx(6 * 0.0012)
    assert found.usage["input_tokens"] == 6000


def test_killed_in_the_middle_nothing_is_paid_twice(playing: Playing, folder: Path, tmp_path: Path) -> None:
    held, release = threading.Event(), threading.Event()

    def respond(_: Received) -> Response:
        if len(server.received) == 4 and not release.is_set():
            held.set()
            return Response(hang=True)
        return writes()

    server = playing(respond)
    out = tmp_path / "out"
    command = [
        sys.executable, "-m", "baselines.adamllm.prepare", "synthesise", "--pairs", str(folder / "pairs.jsonl"),
        "--out", str(out), "--model", "endpoint:m",
        "--model-args", f"base_url={server.url},concurrency=1,api_key_env=none",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    assert held.wait(60)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    paid = [caption_of(got) for got in server.received[:3]]
    ledger = out / synthesise.REPLIES
    assert len(ledger.read_text().splitlines()) == 3
    with ledger.open("a") as stream:
        stream.write('{"key": "torn')
    release.set()
    server.received.clear()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(server.received) == 3
    assert not set(paid) & {caption_of(got) for got in server.received}
    assert len((out / synthesise.TRIPLETS).read_text().splitlines()) == 6
    report = json.loads((out / synthesise.REPORT).read_text())
    assert (report["new"], report["kept"], report["triplets"]) == (3, 3, 6)


def test_two_processes_do_not_share_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    with Ledger.opened(path), pytest.raises(UsageError, match="in use"), Ledger.opened(path):
        pass


def test_a_ledger_survives_failures_repetitions_and_torn_lines(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    with Ledger.opened(path) as ledger:
        ledger.keep("a", "1", Reply(None, "refused"))
        ledger.keep("b", "2", Reply("ü\ud800\n".encode("utf-8", "replace").decode(), usage={"cost_usd": 0.5}))
        ledger.keep("a", "1", Reply("yes", finish="stop", usage={"cost_usd": 0.25}))
        ledger.keep("a", "1", Reply("no", usage={"cost_usd": 1}))
        assert ledger.reply("a").text == "yes"
    with path.open("a") as stream:
        stream.write('{"key": "c", "text": "to')
    with Ledger.opened(path) as ledger:
        assert len(ledger) == 2
        assert (ledger.reply("a").text, ledger.reply("a").finish) == ("yes", "stop")
        assert ledger.reply("b").text == "ü?\n"
        assert ledger.reply("c") == Reply(None, "not asked")
        assert ledger.totals() == {"cost_usd": 1.75}
    path.write_text("{}\n")
    with pytest.raises(DataCorrupt, match="byte 0"), Ledger.opened(path):
        pass


def test_a_local_model_fails_one_request_at_a_time(pairs: list[Pair], tmp_path: Path) -> None:
    sizes = []

    def generate(requests: Sequence[Request]) -> list[str]:
        sizes.append(len(requests))
        if any("number 4" in request.question for request in requests):
            raise RuntimeError("out of tokens")
        return [json.dumps(TASK)] * len(requests)

    found = run(LocalModel(generate, "tiny", batch_size=6), pairs, tmp_path / "l.jsonl")
    assert sizes == [6, 1, 1, 1, 1, 1, 1]
    assert len(found.triplets) == 5
    assert [(one.where, one.reason, one.detail) for one in found.unparsed] == [
        ("p4", "failed", "RuntimeError: out of tokens")
    ]
    assert run(LocalModel(generate, "tiny"), pairs, tmp_path / "l.jsonl").asked.kept == 5


@pytest.mark.parametrize("answer", [lambda many: many[1:], lambda many: [7] * len(many), lambda many: 1 / 0])
def test_a_local_model_that_never_works_stops(pairs: list[Pair], tmp_path: Path, answer: Any) -> None:
    many = [Pair(f"x{number}", pairs[0].image, f"Caption {number}.") for number in range(50)]
    with pytest.raises(AdapterFailed, match="first"):
        run(LocalModel(answer, "broken", batch_size=8), many, tmp_path / "l.jsonl")


def test_only_served_models_are_loaded_from_the_command_line(tmp_path: Path) -> None:
    with Ledger.opened(tmp_path / "l.jsonl") as ledger, pytest.raises(UsageError, match="no served model"):
        load_served("qwen_seg", {}, ledger, {})
