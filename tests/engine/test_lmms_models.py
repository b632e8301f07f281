"""lmms-eval's own models through `--model lmms:NAME`: simple and chat ones, journaled like any other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from foodbench.cli.main import run_command


def test_a_simple_model_of_lmms_eval(kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model-args", "adapter=baseline:oracle", "--tasks", "food101.dish", "--json", "--quiet"]
    assert run_command(["run", "--model", "lmms:foodbench", *arguments]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["metrics"][0]["value"] == 100.0
    assert result["model"]["identity"] == "lmms:foodbench(adapter=baseline:oracle)"


def test_a_chat_model_of_lmms_eval(
    kitchen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmms_eval import models
    from lmms_eval.api.model import lmms

    seen: list[Any] = []

    class Chat(lmms):
        """Reads the messages that lmms-eval makes of our documents, as its own chat models do."""

        is_simple = False

        def __init__(self, batch_size: int = 1) -> None:
            super().__init__()

        def generate_until(self, requests: Any) -> list[str]:
            answers = []
            for request in requests:
                _, doc_to_messages, _, doc_id, task, split = request.args
                (turn,) = doc_to_messages(self.task_dict[task][split][doc_id])
                kinds = [part["type"] for part in turn["content"]]
                picture = next(part["url"] for part in turn["content"] if part["type"] == "image")
                seen.append((kinds, picture.mode, turn["content"][-1]["text"]))
                answers.append("<think>steak and fries? no.</think>It is curry rice.")
            return answers

        def loglikelihood(self, requests: Any) -> Any:
            raise AssertionError

        def generate_until_multi_round(self, requests: Any) -> Any:
            raise AssertionError

    monkeypatch.setattr(models, "list_available_models", lambda include_aliases=False: ["tiny_chat"])
    monkeypatch.setattr(models, "get_model", lambda name: Chat)
    arguments = ["run", "--model", "lmms:tiny_chat", "--tasks", "food101.dish", "--json", "--quiet"]
    assert run_command(arguments) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert len(seen) == 24
    assert seen[0][0] == ["image", "text"]
    assert seen[0][1] == "RGB"
    assert seen[0][2].startswith("What is the name of the dish")
    # Reasoning is not the answer: each names one dish, and is right on the 2 of 24 plates that are curry rice.
    assert result["parse_rate"] == 1.0
    assert result["metrics"][0]["value"] == pytest.approx(100 * 2 / 24)
    assert run_command(arguments) == 0
    assert len(seen) == 24, "nothing is asked twice"
    (run,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    assert not list(run.rglob("answers*"))
    capsys.readouterr()
    assert run_command(["score", str(run), "--json"]) == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert again["metrics"] == result["metrics"], "scoring again leaves reasoning out in the same way"
