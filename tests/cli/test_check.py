"""`foodbench check`: what it finds in good, odd and broken adapters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.tasks import select
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]

ADAPTERS = """
import itertools

from foodbench.core.errors import ProviderDown, UnsupportedTask
from foodbench.core.types import Answer, Mask


class Polite:
    def __init__(self, word: str = "apple pie") -> None:
        self.word = word

    def prepare(self, task, choice):
        if task.answer_kind != "label":
            raise UnsupportedTask("names dishes only")

    def answer(self, requests):
        print("a model that chats on stdout")
        return [self.word for _ in requests]


class Moody:
    def __init__(self) -> None:
        self.count = itertools.count()

    def answer(self, requests):
        return [f"mood {next(self.count)}" for _ in requests]


class Sociable:
    def answer(self, requests):
        return [f"we are {len(requests)}" for _ in requests]


class Lazy:
    def answer(self, requests):
        return ["one for all"]


class Crashing:
    def answer(self, requests):
        raise ZeroDivisionError("no plate")


class Down:
    def answer(self, requests):
        raise ProviderDown("nobody listens on port 1", hint="start it")


class WrongSize:
    def answer(self, requests):
        return [Answer(text="", masks=(Mask(size=(2, 2), counts="04"),)) for _ in requests]


class Malformed:
    def answer(self, requests):
        return [Answer(text="", masks=(Mask(size=(2, 2), counts="no code \\x1b[31m"),)) for _ in requests]


class BadPrepare:
    def prepare(self, task, choice):
        raise KeyError("weights")

    def answer(self, requests):
        return ["" for _ in requests]


def function(requests):
    return ["rice" for _ in requests]
"""


@pytest.fixture
def check(
    foodbench: Foodbench, kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Output]:
    (tmp_path / "adapters_to_check.py").write_text(ADAPTERS)
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(name: str, *options: str) -> Output:
        spec = name if ":" in name else f"py:adapters_to_check:{name}"
        return foodbench("check", spec, *options)

    return call


def findings(output: Output) -> dict[tuple[str, str], str]:
    found = json.loads(output.out)
    assert found["schema"] == "foodbench.check/1"
    return {(each["task"], each["check"]): each["status"] for each in found["findings"]}


def test_oracle_passes_everything(check: Callable[..., Output]) -> None:
    output = check("baseline:oracle", "--json")
    assert output.code == 0, output.out
    found = findings(output)
    assert set(found.values()) == {"ok"}
    assert {task for task, _ in found} == set(select("all"))
    assert ("foodseg103.refer1", "masks fit") in found
    assert ("food101.dish", "masks fit") not in found


def test_unsupported_tasks_are_not_failures(check: Callable[..., Output]) -> None:
    output = check("Polite", "--model-args", "word=pizza")
    assert output.code == 0
    assert "not measured" in output.out
    assert "names dishes only" in output.out
    # What it printed is among the messages, and not in the result.
    assert "chats on stdout" not in output.out
    assert "chats on stdout" in output.err


@pytest.mark.parametrize(
    ("name", "task", "check_name", "status", "code"),
    [
        ("Moody", "food101.dish", "determinism", "failed", 4),
        ("Sociable", "food101.dish", "determinism", "ok", 0),
        ("Sociable", "food101.dish", "batch independence", "warning", 0),
        ("Sociable", "food101.dish", "answers read", "warning", 0),
        ("Lazy", "food101.dish", "contract", "failed", 4),
        ("Crashing", "food101.dish", "contract", "failed", 4),
        ("BadPrepare", "food101.dish", "contract", "failed", 4),
        ("WrongSize", "foodseg103.refer1", "masks fit", "failed", 4),
        ("Malformed", "foodseg103.refer1", "masks fit", "failed", 4),
        ("function", "foodseg103.refer1", "masks fit", "warning", 0),
    ],
)
def test_faults(check: Callable[..., Output], name: str, task: str, check_name: str, status: str, code: int) -> None:
    output = check(name, "--tasks", task, "--limit", "3", "--json")
    assert output.code == code, output.out
    assert findings(output)[task, check_name] == status


def test_a_server_that_is_down_is_not_asked_again(check: Callable[..., Output]) -> None:
    output = check("Down", "--json")
    assert output.code == 4
    assert findings(output) == {("food101.dish", "reachable"): "failed"}


def test_table_is_safe_to_print(check: Callable[..., Output]) -> None:
    output = check("Malformed", "--tasks", "foodseg103.refer1")
    assert "FAILED" in output.out
    assert "2 failed" in output.out
    assert "\x1b" not in output.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("baseline:orcale",), "Did you mean baseline:oracle"),
        (("py:no_such_module:X",), "no_such_module"),
        (("baseline:oracle", "--tasks", "food102.*"), "Unknown task"),
        (("baseline:oracle", "--model-args", "x"), "key=value"),
        (("lmms:qwen2_5_vl",), "foodbench run --model lmms:qwen2_5_vl"),
    ],
)
def test_wrong_usage(check: Callable[..., Output], arguments: tuple[str, ...], words: str) -> None:
    output = check(*arguments)
    assert output.code == 2
    assert words in output.err
    assert output.out == ""
