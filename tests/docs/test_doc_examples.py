"""The examples of docs/your-model.md work as they stand; those of checkpoints at small size."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from foodbench.cli.main import run_command
from tests.conftest import REPOSITORY
from tests.docs.examples import example, examples
from tests.docs.sandbox import Sandbox

PAGE = "docs/your-model.md"
SERVER_STARTS = 30.0


def foodbench(line: str, capsys: pytest.CaptureFixture[str], **replaced: str) -> str:
    """Run a command line of the page; what it prints."""
    for old, new in replaced.items():
        line = line.replace(old, new)
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "foodbench"
    capsys.readouterr()
    code = run_command(words[1:])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


def results(line: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run `foodbench run`; the results by task."""
    plain = json.loads(foodbench(f"{line.strip()} --json --quiet", capsys))
    return {result["task"]["name"]: result for result in plain["results"]}


def primary(result: dict[str, Any]) -> float:
    return result["metrics"][0]["value"]


def test_there_is_an_example_of_each_way() -> None:
    assert set(examples(PAGE)) == {"lmms", "server", "class", "class commands", "questions", "predict", "score"}


def test_examples_are_short() -> None:
    for name, code in examples(PAGE).items():
        assert len(code.splitlines()) <= 40, name


def test_a_name_of_lmms_eval(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = results(example(PAGE, "lmms"), capsys).values()
    assert result["model"]["identity"] == "lmms:foodbench(adapter=baseline:colour)"
    assert primary(result) > 100 / 12


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_stub_server(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    script = sandbox.folder / "stub_server.py"
    script.write_text(example(PAGE, "server"))
    port = free_port()
    process = subprocess.Popen([sys.executable, str(script), str(port)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + SERVER_STARTS
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        found = results(
            f"foodbench run --model endpoint:my-model --model-args base_url=http://127.0.0.1:{port}/v1 "
            "--tasks food101.dish,nutrition5k.total",
            capsys,
        )
    finally:
        process.kill()
        process.wait()
    assert primary(found["food101.dish"]) == pytest.approx(100 / 12), "one dish of twelve is curry rice"
    assert found["nutrition5k.total"]["parse_rate"] == 1.0


def test_a_class(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    check, measure = example(PAGE, "class commands").splitlines()
    assert "0 failed, 0 warnings" in foodbench(check, capsys)
    found = results(measure, capsys)
    assert set(found) == {"food101.dish", "nutrition5k.total", "foodseg103.refer1"}
    assert all(result["parse_rate"] == 1.0 for result in found.values())
    assert 0.05 < primary(found["foodseg103.refer1"]) < 0.5


def test_a_file_of_predictions(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    asked = foodbench(example(PAGE, "questions"), capsys)
    (sandbox.folder / "questions.jsonl").write_text(asked)
    (sandbox.folder / "predict.py").write_text(example(PAGE, "predict"))
    subprocess.run([sys.executable, "predict.py"], check=True, cwd=sandbox.folder)
    (result,) = json.loads(foodbench(f"{example(PAGE, 'score').strip()} --json", capsys))
    assert primary(result) == pytest.approx(100 / 12)
    assert result["model"]["spec"] == "predictions:my-model"


def test_a_trained_checkpoint(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sandbox.folder / "runs" / "foodlmm-chat" / "checkpoint"
    shutil.copytree(REPOSITORY / "foodbench" / "models" / "foodlmm" / "kitchen", folder)
    line = f"foodbench run --model foodlmm --model-args checkpoint={folder} --tasks food101.dish --limit 4"
    assert primary(results(line, capsys)["food101.dish"]) >= 50


@pytest.mark.parametrize("model", ["foodlmm", "lisa"])
def test_a_converted_checkpoint(model: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    from foodbench.models.foodlmm.convert import main
    from tests.models.released_layout import sam_config, write_released

    released = write_released(sandbox.folder / "downloads", nutrition=model == "foodlmm")
    converted = sandbox.folder / "converted"
    arguments = ["--source", str(released.folder), "--vision-tower", str(released.vision), "--out", str(converted)]
    assert main(arguments, sam=sam_config()) == 0
    line = f"foodbench run --model {model} --model-args pretrained={converted} --tasks foodseg103.refer1 --limit 2"
    assert results(line, capsys)["foodseg103.refer1"]["n"] == 2


def test_the_first_table_of_getting_started_is_the_reports(capsys: pytest.CaptureFixture[str]) -> None:
    shown = foodbench(f"foodbench show {REPOSITORY / 'reports' / 'foodlmm-kitchen'} --metrics headline", capsys)
    rows = {" ".join(line.split()) for line in shown.splitlines()}
    page = Path(REPOSITORY / "docs" / "getting-started.md").read_text(encoding="utf-8")
    table = page.partition("task                         metric                   value")[2].partition("36 more")[0]
    pasted = [" ".join(line.split()) for line in table.splitlines()[1:]]
    assert len(pasted) == 8
    assert not [row for row in pasted if row not in rows]
