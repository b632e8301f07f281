"""Reasoning from a served model: over real HTTP, through kills, failures, limits and nonsense, paid for once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from baselines.recipe_grounded import cot_data
from baselines.recipe_grounded.cot_data import actions_of, load, question_of, read_reply
from baselines.recipe_grounded.vocabulary import ActionVocabulary, build
from foodbench.core.errors import ExitCode
from foodbench.data.roots import open_dataset, resolve
from tests.adapters.endpoint_server import FAST, KEY, FakeServer, Received, Response, completion, serving
from tests.conftest import REPOSITORY

LIMIT = 8


@pytest.fixture(autouse=True)
def _set_up(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("foodbench.adapters.endpoint.RetryPolicy", lambda retries: FAST)


@pytest.fixture
def choice(kitchen):
    return resolve("recipe1m", "kitchen")


@pytest.fixture
def vocabulary(choice, tmp_path) -> ActionVocabulary:
    made = build(choice)
    made.save(tmp_path / "vocabulary.json")
    return made


def actions_told(got: Received) -> list[str]:
    return json.loads(got.question.split("\n")[1])


def writes(got: Received, confidence: object = 0.9) -> Response:
    plain = {"reasoning": "It is brown.", "actions": actions_told(got), "confidence": confidence}
    return completion(f"Sure:\n{json.dumps(plain)}")


def command(server: FakeServer, tmp_path: Path, **settings: object) -> list[str]:
    told = {"base_url": server.url, "timeout": 10, "concurrency": 2, "price_in": 1, "price_out": 1, **settings}
    arguments = ";".join(f"{name}={value}" for name, value in told.items())
    paths = ["--vocabulary", str(tmp_path / "vocabulary.json"), "--out", str(tmp_path / "cot.jsonl")]
    return [*paths, "--source", "endpoint:m", "--args", arguments, "--edition", "kitchen", "--limit", str(LIMIT)]


def asked(server: FakeServer) -> list[str]:
    """What was asked, one text per question: the picture and the prompt."""
    return [got.image_url + got.question for got in server.received]


def test_samples_are_written_and_counted(choice, vocabulary, tmp_path, capsys):
    with serving(writes) as server:
        assert cot_data.main(command(server, tmp_path)) == 0
        told = json.loads(capsys.readouterr().out)
        assert {"recipes": LIMIT, "kept": LIMIT, "asked": LIMIT, "requests": LIMIT, "unread": 0}.items() <= told.items()
        assert told["cost_usd"] == pytest.approx(LIMIT * 110 / 1e6)
        samples = load(tmp_path / "cot.jsonl")
        records = {record.recipe_id: record for record in open_dataset(choice).records("train")}
        assert all(sample.actions == actions_of(records[sample.recipe_id], vocabulary) for sample in samples)
        assert {sample.think for sample in samples} == {"It is brown."}
        # The same command again: nothing is asked.
        assert cot_data.main(command(server, tmp_path)) == 0
        assert len(server.received) == LIMIT
        assert load(tmp_path / "cot.jsonl") == samples


def test_kill_minus_nine_and_go_on_pays_for_nothing_twice(vocabulary, tmp_path):
    three, gate = threading.Event(), threading.Event()

    def respond(got: Received) -> Response:
        if len(server.received) > 3 and not gate.is_set():
            three.set()
            return Response(hang=True)
        return writes(got)

    with serving(respond) as server:
        run = [sys.executable, "-m", "baselines.recipe_grounded.cot_data", *command(server, tmp_path, concurrency=1)]
        child = subprocess.Popen(run, cwd=REPOSITORY, env=os.environ, stderr=subprocess.DEVNULL)
        try:
            assert three.wait(60)  # three replies are there, the fourth question is under way
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(30)
        assert child.returncode == -signal.SIGKILL
        assert not (tmp_path / "cot.jsonl").exists()
        kept = (tmp_path / "cot.replies.jsonl").read_text().splitlines()
        answered = asked(server)[:3]
        assert len(kept) == 3
        gate.set()
        assert subprocess.run(run, cwd=REPOSITORY, env=os.environ, timeout=100, check=False).returncode == 0
        assert len(load(tmp_path / "cot.jsonl")) == LIMIT
        # Only the question that was under way, and never answered, was asked again.
        later = asked(server)[4:]
        assert len(later) == LIMIT - 3
        assert not set(later) & set(answered)


@pytest.mark.parametrize("status", [400, 503])
def test_a_failure_midway_keeps_what_came_in(vocabulary, tmp_path, capsys, status):
    mended = False

    def respond(got: Received) -> Response:
        with lock:
            seen.append(got)
            working = mended or len(seen) <= 4
        return writes(got) if working else Response({"error": {"message": "busy"}}, status)

    seen: list[Received] = []
    lock = threading.Lock()
    with serving(respond) as server:
        assert cot_data.main(command(server, tmp_path)) == ExitCode.INCOMPLETE
        assert "busy" in capsys.readouterr().err
        assert len((tmp_path / "cot.replies.jsonl").read_text().splitlines()) == 4
        mended, before = True, len(seen)
        assert cot_data.main(command(server, tmp_path)) == 0
        assert len(seen) - before == LIMIT - 4
        assert len(load(tmp_path / "cot.jsonl")) == LIMIT


def test_the_cost_limit_stops_and_the_same_command_goes_on(vocabulary, tmp_path, capsys):
    with serving(writes) as server:
        limited = command(server, tmp_path, concurrency=1, max_cost=0.0004)  # three replies
        codes = [cot_data.main(limited) for _ in range(3)]
        assert codes == [ExitCode.INCOMPLETE, ExitCode.INCOMPLETE, 0]
        assert len(server.received) == LIMIT
        assert "cost limit" in capsys.readouterr().err


def test_nonsense_is_counted_and_not_paid_for_again(vocabulary, tmp_path, capsys):
    replies = [
        lambda got: completion("I cannot."),
        lambda got: writes(got, confidence="sure"),
        lambda got: writes(got, confidence=0.5),
        lambda got: writes(got, confidence=0.85),
        lambda got: writes(got, confidence=7),
        lambda got: completion(json.dumps({"reasoning": "x", "actions": ["fly"], "confidence": 1})),
        lambda got: completion(json.dumps({"reasoning": " ", "actions": ["fry"], "confidence": 1})),
    ]

    def respond(got: Received) -> Response:
        place = len(server.received) - 1
        return replies[place](got) if place < len(replies) else writes(got)

    with serving(respond) as server:
        for _ in range(2):
            assert cot_data.main(command(server, tmp_path, concurrency=1)) == 0
            told = json.loads(capsys.readouterr().out)
            assert {"unread": 3, "no_action": 1, "unsure": 2, "kept": 2}.items() <= told.items()
        assert len(server.received) == LIMIT
        assert {sample.confidence for sample in load(tmp_path / "cot.jsonl")} == {0.9, 1.0}


def test_only_actions_of_the_recipe_are_labels(choice, vocabulary):
    record = open_dataset(choice).records("train")[0]
    true = actions_of(record, vocabulary)
    said = {"reasoning": "<think>x</think>", "actions": [*true[::-1], "fly", 3, true[0].upper()], "confidence": 0.9}
    sample = read_reply(record, json.dumps(said), vocabulary, "m")
    assert sample.actions == true
    for wrong in (
        '{"reasoning"',
        "{}",
        json.dumps([said]) + json.dumps(said),
        json.dumps({**said, "confidence": True}),
    ):
        assert read_reply(record, wrong, vocabulary, "m") == "unread"
    assert json.dumps(list(true)) in question_of(record, vocabulary).prompt


def test_rules_need_no_server_and_real_recipes_need_one(vocabulary, tmp_path, capsys):
    paths = ["--vocabulary", str(tmp_path / "vocabulary.json"), "--out", str(tmp_path / "cot.jsonl")]
    assert cot_data.main([*paths, "--source", "rules", "--edition", "kitchen"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] == told["recipes"] == len(load(tmp_path / "cot.jsonl"))
    assert cot_data.main([*paths, "--source", "endpoint:m", "--args", "x"]) == ExitCode.USAGE
    other = ActionVocabulary(vocabulary.counts, vocabulary.recipes, "kitchen", "sha256:other")
    other.save(tmp_path / "vocabulary.json")
    assert cot_data.main([*paths, "--edition", "kitchen"]) == ExitCode.USAGE
    assert "other recipes" in capsys.readouterr().err
