"""`foodbench judge`: what can be asked of it, and what it refuses before it asks anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.endpoint_server import KEY, serving
from tests.cli.stored_runs import Output
from tests.engine.judges import CHAT, arguments, rates, store_chat

Foodbench = Callable[..., Output]
JUDGE = ("--model", "endpoint:j", "--model-args", "base_url=http://127.0.0.1:9/v1")


@pytest.fixture
def chat(kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return store_chat(tmp_path / "runs" / "talker-33cc", kitchen)


def test_a_judge_is_asked_by_the_runs_id(foodbench: Foodbench, chat: Path) -> None:
    with serving(lambda _: rates(7)) as server:
        output = foodbench("judge", chat.name, *arguments(server), "--limit", "4", "--task", CHAT)
        assert output.code == 0, output.err
        assert "rating" in output.out
        assert "4 new; 0 from before." in output.out
        assert "answers rated by endpoint:j@127.0.0.1" in output.out
        assert f"{CHAT}: judging: 4" in output.err
        plain = json.loads(foodbench("judge", chat, *arguments(server), "--limit", "4", "--json", "--quiet").out)
    assert (plain["schema"], plain["new"], plain["kept"], plain["exit_code"]) == ("foodbench.judge/1", 0, 4, 0)
    assert plain["result"]["task"]["name"] == CHAT
    shown = foodbench("show", chat.name)
    assert "4 of" in shown.out
    assert "mean 7.0" in shown.out


def test_settings_may_stand_in_a_file(foodbench: Foodbench, chat: Path, tmp_path: Path) -> None:
    with serving(lambda _: rates(7)) as server:
        config = tmp_path / "judge.toml"
        config.write_text(f'model = "endpoint:j"\nlimit = 2\n[model-args]\nbase_url = "{server.url}"\n')
        assert foodbench("judge", chat, "--config", config, "--quiet").code == 0
        assert len(server.received) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Who rates?"),
        (("--export", "a.csv", "--import", "b.csv", "--rater", "Ann"), "do not go together"),
        (("--import", "b.csv"), "--import and --rater go together"),
        (("--model", "endpoint:j", "--rater", "Ann"), "--import and --rater go together"),
        (("--model", "baseline:random"), "'baseline:random' is not"),
        (("--model", "endpoint:j", "--model-args", "model=k"), "given twice"),
        (("--model", "endpoint:j", "--model-args", "max_side=64"), "shown no picture"),
        (("--model", "endpoint:j", "--model-args", "colour=red"), "no argument 'colour'"),
        (("--model", "endpoint:j", "--task", "food101.dish"), "not rated by judges"),
        (("--model", "endpoint:j", "--task", "fooddialogues.chta"), "Unknown task"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    foodbench: Foodbench, chat: Path, options: tuple[str, ...], words: str
) -> None:
    output = foodbench("judge", chat, *options)
    assert output.code == 2
    assert words in output.err


def test_runs_without_anything_to_rate(foodbench: Foodbench, runs: Path) -> None:
    assert foodbench("judge", "parrot-11aa", *JUDGE).code == 5
    assert foodbench("judge", "parrot-11aa", *JUDGE, "--task", CHAT).code == 5
    missing = foodbench("judge", "nobody", *JUDGE)
    assert missing.code == 2
    assert missing.error[0] == "error: Unknown run 'nobody'."
    no_sheet = foodbench("judge", "parrot-11aa", "--import", "no.csv", "--rater", "Ann")
    assert no_sheet.code == 2
    assert "no.csv" in no_sheet.error[0]
