"""Scoring without a model: again, and from a file of predictions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.data.roots import resolve
from foodbench.tasks import TASKS
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]


def the_run() -> Path:
    (run,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    return run


def without_time(path: Path) -> object:
    document = json.loads(path.read_text())
    return {key: value for key, value in document.items() if key not in ("time", "provenance")}


def test_scoring_again_changes_nothing(foodbench: Foodbench, kitchen: Path) -> None:
    assert foodbench("run", "--model", "baseline:random", "--tasks", "all").code == 0
    before = {path: without_time(path) for path in the_run().rglob("result.json")}
    samples = {path: path.read_bytes() for path in the_run().rglob("samples.jsonl")}
    again = foodbench("score", the_run())
    assert again.code == 0
    assert {path: without_time(path) for path in before} == before
    assert {path: path.read_bytes() for path in samples} == samples


def test_scoring_again_reads_with_todays_parser(foodbench: Foodbench, kitchen: Path) -> None:
    assert foodbench("run", "--model", "baseline:oracle", "--tasks", "food101.dish").code == 0
    (path,) = the_run().rglob("samples.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["answer"] = "no idea"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = json.loads(foodbench("score", the_run(), "--json").out)
    assert results[0]["metrics"][0]["value"] == pytest.approx(100 * 23 / 24)


def predictions(task: str, path: Path, change: Callable[[list[dict]], list[dict]] = lambda lines: lines) -> Path:
    loaded = TASKS.get(task).load(resolve(TASKS.get(task).dataset, "kitchen"))
    lines = []
    for sample in loaded.samples:
        answer = TASKS.get(task).oracle(sample)
        line: dict = {"sample_id": sample.sample_id, "text": answer.text}
        if answer.masks:
            line["masks"] = [mask.as_dict() for mask in answer.masks]
        if answer.nutrition:
            line["nutrition"] = answer.nutrition.as_dict()
        lines.append(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))
    return path


@pytest.mark.parametrize(
    ("task", "best"), [("food101.dish", 100.0), ("nutrition5k.total", 0.0), ("foodseg103.refer1", 1.0)]
)
def test_predictions_made_elsewhere(
    foodbench: Foodbench, kitchen: Path, tmp_path: Path, task: str, best: float
) -> None:
    output = foodbench("score", predictions(task, tmp_path / "mine.jsonl"), "--task", task, "--json")
    assert output.code == 0, output.err
    (result,) = json.loads(output.out)
    assert result["metrics"][0]["value"] == best
    assert result["model"]["spec"] == "predictions:mine"
    shown = foodbench("show", the_run().name)
    assert shown.code == 0
    assert task in shown.out


def test_the_last_line_counts_without_a_line_feed(foodbench: Foodbench, kitchen: Path, tmp_path: Path) -> None:
    path = predictions("food101.dish", tmp_path / "mine.jsonl")
    path.write_text(path.read_text().rstrip("\n"))
    (result,) = json.loads(foodbench("score", path, "--task", "food101.dish", "--json").out)
    assert result["metrics"][0]["value"] == 100.0
    path.write_text(path.read_text() + " garbage")
    refused = foodbench("score", path, "--task", "food101.dish", "--allow-missing")
    assert refused.code == 2
    assert "line 24: not valid JSON" in refused.error[0]
    assert "one JSON object per line" in refused.error[1]


def test_incomplete_predictions_are_refused_or_counted_as_wrong(
    foodbench: Foodbench, kitchen: Path, tmp_path: Path
) -> None:
    path = predictions("food101.dish", tmp_path / "mine.jsonl", lambda lines: lines[:18])
    refused = foodbench("score", path, "--task", "food101.dish")
    assert refused.code == 2
    assert "no prediction for 6 of 24" in refused.error[0]
    counted = foodbench("score", path, "--task", "food101.dish", "--allow-missing", "--json")
    (result,) = json.loads(counted.out)
    assert result["n"] == 24
    assert result["metrics"][0]["value"] == 75.0
    assert result["parse_rate"] == 0.75
    assert result["n_missing"] == 6
    shown = foodbench("show", the_run().name)
    assert "food101.dish: 6 of 24 answers missing from the predictions, counted as wrong." in shown.out
    again = foodbench("score", the_run().name)
    assert "6 of 24 answers missing" in again.out
    (listed,) = json.loads(foodbench("list", "runs", "--json").out)
    assert listed["missing_answers"] == 6


def test_a_line_without_an_answer_is_as_good_as_none(foodbench: Foodbench, kitchen: Path, tmp_path: Path) -> None:
    path = predictions(
        "food101.dish",
        tmp_path / "mine.jsonl",
        lambda lines: [{"sample_id": lines[0]["sample_id"]}, {**lines[1], "text": None}, *lines[2:]],
    )
    assert "no prediction for 2 of 24" in foodbench("score", path, "--task", "food101.dish").error[0]
    (result,) = json.loads(foodbench("score", path, "--task", "food101.dish", "--allow-missing", "--json").out)
    assert result["n_missing"] == 2


def test_nothing_is_missing_from_a_full_file(foodbench: Foodbench, kitchen: Path, tmp_path: Path) -> None:
    output = foodbench("score", predictions("food101.dish", tmp_path / "mine.jsonl"), "--task", "food101.dish")
    assert "missing" not in output.out


def test_lines_are_counted_as_an_editor_does(foodbench: Foodbench, kitchen: Path, tmp_path: Path) -> None:
    path = predictions("food101.dish", tmp_path / "mine.jsonl", lambda lines: [{**lines[0], "confidence": 1}])
    path.write_text("\n\n" + path.read_text())
    output = foodbench("score", path, "--task", "food101.dish")
    assert "line 3: unknown field 'confidence'." in output.error[0]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda lines: [*lines, lines[0]], 2, "comes twice"),
        (lambda lines: [{**lines[0], "sample_id": lines[0]["sample_id"] + "0"}, *lines[1:]], 2, "Unknown sample"),
        (lambda lines: [lines[0], {**lines[1], "confidence": 1}], 2, "line 2: unknown field 'confidence'."),
        (lambda lines: [{**lines[0], "dish": 1, "p": 2}], 2, "line 1: unknown fields 'dish' and 'p'."),
        (lambda lines: [{"sample_id": 7}, *lines[1:]], 2, "line 1: field 'sample_id'"),
        (lambda lines: [7, *lines[1:]], 2, "line 1: is 7, not an object."),
        (lambda lines: [{**lines[0], "answer": "rice"}], 2, "line 1: has an answer and text."),
    ],
)
def test_wrong_predictions_are_named(
    foodbench: Foodbench, kitchen: Path, tmp_path: Path, change: Callable[[list], list], code: int, message: str
) -> None:
    output = foodbench("score", predictions("food101.dish", tmp_path / "mine.jsonl", change), "--task", "food101.dish")
    assert output.code == code
    assert message in output.error[0]
    assert len(output.error) == 2
    if "field" in message:
        assert "sample_id, answer, text, masks, nutrition" in output.error[1]


def test_a_run_is_named_alike_everywhere(foodbench: Foodbench, runs: Path) -> None:
    assert foodbench("score", "parrot-2").code == 0
    for command in (["show"], ["score"], ["judge", "--export", "sheet.csv"]):
        unknown = foodbench(command[0], "parot-22bb", *command[1:])
        assert unknown.code == 2
        assert "parrot-22bb" in unknown.error[1]
        ambiguous = foodbench(command[0], "parrot", *command[1:])
        assert ambiguous.code == 2
        assert "parrot-11aa, parrot-22bb" in ambiguous.error[1]


def test_a_file_without_its_task_and_a_folder_without_a_run(foodbench: Foodbench, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("")
    assert foodbench("score", tmp_path / "p.jsonl").code == 2
    assert foodbench("score", tmp_path / "nothing").code == 2
    assert foodbench("score", tmp_path / "nothing.jsonl", "--task", "food101.dish", "--edition", "kitchen").code == 2
