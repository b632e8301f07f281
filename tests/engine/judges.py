"""Judges played by a real local server, and finished runs of conversations for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foodbench.core.types import Sample
from foodbench.runs.schema import TaskStatus
from foodbench.runs.store import RunFolder
from tests.adapters.endpoint_server import FakeServer, Received, Response, completion
from tests.cli.stored_runs import finish_run, load_task, store_task

CHAT = "fooddialogues.chat"
FOLDER = f"{CHAT}@1"


def store_chat(run: Path, kitchen: Path, answer: Callable[[Sample], str] = lambda sample: sample.sample_id) -> Path:
    """A run with finished conversations; what was answered is made from the sample."""
    folder = RunFolder(run)
    store_task(folder, load_task(CHAT, kitchen), answer)
    finish_run(folder, {FOLDER: TaskStatus(status="complete", result=f"{FOLDER}/result.json")})
    return run


def material(got: Received) -> dict[str, Any]:
    """The JSON object that a judge was given to look at."""
    system, user = got.body["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    found: dict[str, Any] = json.loads(user["content"])
    return found


def rates(rating: Any, reason: str = "because") -> Response:
    """A judge's reply in the form that is asked for."""
    return completion(json.dumps({"reason": reason, "rating": rating}), input_tokens=200, output_tokens=20)


def arguments(server: FakeServer, **settings: object) -> list[str]:
    """How a judge is named on the command line."""
    told = {"base_url": server.url, "timeout": 5, **settings}
    return ["--model", "endpoint:j", "--model-args", ",".join(f"{name}={value}" for name, value in told.items())]


def ratings(run: Path) -> list[dict[str, Any]]:
    """The lines of the run's file of ratings."""
    return [json.loads(line) for line in (run / FOLDER / "ratings.jsonl").read_text().splitlines()]


def metrics(run: Path) -> dict[str, Any]:
    """Values of the stored result by metric."""
    result = json.loads((run / FOLDER / "result.json").read_text())
    return {metric["id"]: metric["value"] for metric in result["metrics"]}


def samples(run: Path) -> dict[str, Any]:
    """The stored samples by id."""
    lines = (run / FOLDER / "samples.jsonl").read_text().splitlines()
    return {plain["sample_id"]: plain for plain in map(json.loads, lines)}
