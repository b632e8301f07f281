"""Scoring stored answers again: what differs is written beside what was, and nothing is lost on the way."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from foodbench.cli.main import run_command
from foodbench.core.types import Sample
from foodbench.engine.scoring import question_key
from foodbench.metrics.aggregate import Metric
from foodbench.runs import history
from foodbench.runs.provenance import code_digest
from foodbench.runs.schema import TaskStatus, json_schema
from foodbench.runs.store import RunFolder, TaskFolder, samples_digest
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask
from tests.cli.stored_runs import finish_run, load_task, right_dish, shifted_mask, store_task
from tests.conftest import REPOSITORY
from tests.engine.judges import CHAT, store_chat
from tests.engine.rescore_killing import stricter

DISH, REFER = "food101.dish", "foodseg103.refer1"


def store(folder: Path, kitchen: Path, answers: dict[str, Callable[[Sample], str]]) -> Path:
    """A finished run of these tasks, with floors that no scoring measures."""
    run = RunFolder(folder)
    statuses = {}
    for name, answer in answers.items():
        data = load_task(name, kitchen)
        store_task(run, data, answer)
        path = f"{data.task.versioned_name}/result.json"
        statuses[data.task.versioned_name] = TaskStatus(status="complete", result=path)
    finish_run(run, statuses)
    return folder


@pytest.fixture
def run(kitchen: Path) -> Path:
    return store(Path(os.environ["FOODBENCH_RUNS"]) / "parrot-11aa", kitchen, {DISH: right_dish})


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[[FoodTask], None]:
    """Put another task in the place of the registered one of its name."""

    def put(task: FoodTask) -> None:
        monkeypatch.setattr(TASKS, "_entries", {**TASKS._entries, task.name: task})

    return put


def score(run: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run_command(["score", str(run), *arguments]) == code
    printed = capsys.readouterr()
    return json.loads(printed.out) if "--json" in arguments else printed.out + printed.err


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_nothing_new_is_written_if_nothing_changed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score(run, capsys)  # the stored run was made with other floors than a scoring measures
    before = files(run)
    (result,) = score(run, capsys, "--json")
    assert files(run) == before
    assert result["rescoring"]["written"] is False
    assert result["rescoring"]["samples_changed"] == 0
    assert "Unchanged, nothing written: 1 task, 24 answers." in score(run, capsys)


def test_the_last_bits_of_numbers_are_no_change(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score(run, capsys)
    path = run / f"{DISH}@1" / "result.json"
    result = json.loads(path.read_text())
    result["metrics"][0]["low"] *= 1 + 1e-14
    path.write_text(json.dumps(result))
    assert score(run, capsys, "--json")[0]["rescoring"]["written"] is False
    result["metrics"][0]["low"] *= 1 + 1e-6
    path.write_text(json.dumps(result))
    (found,) = score(run, capsys, "--json")
    assert found["rescoring"]["fields_changed"] == ["metrics"]
    assert found["rescoring"]["samples_changed"] == 0


def test_a_parser_fix_keeps_what_was(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    score(run, capsys)
    shutil.rmtree(run / f"{DISH}@1" / "history")
    folder = TaskFolder(run / f"{DISH}@1")
    plain = json.loads(folder.result_path.read_text())
    plain["rescored_from"] = None
    plain["provenance"].update(foodbench="0.0.9", git={"commit": "c" * 40, "dirty": False})
    folder.result_path.write_text(json.dumps(plain))
    old, samples = folder.result(), folder.samples_path.read_bytes()

    change(stricter(1))
    text = score(run, capsys)
    new = folder.result()
    assert new.rescored_from is not None
    kept = TaskFolder(run / new.rescored_from.kept)
    assert kept.result() == old
    assert gzip.decompress(kept.stored_samples_path.read_bytes()) == samples
    assert kept.ids_path.read_bytes() == folder.ids_path.read_bytes()
    assert new.rescored_from.result_sha256 == history.result_digest(old)
    assert kept.path.name == f"1-{history.result_digest(old)[:12]}"
    assert (new.rescored_from.foodbench, new.rescored_from.commit) == ("0.0.9", "c" * 40)
    assert new.rescored_from.scoring == old.provenance["scoring"]
    assert new.provenance["scoring"] == code_digest()
    jsonschema.validate(json.loads(folder.result_path.read_text()), json_schema("result"))

    unread = sum(record.sample_id.endswith("1") for record in folder.samples())
    assert 0 < unread < 24
    assert new.metrics[0].value == pytest.approx(100 * (24 - unread) / 24)
    assert new.samples_sha256 == samples_digest(folder.samples())
    assert f"{DISH}@1: {unread} of 24 samples read or scored otherwise" in text
    assert "top1_accuracy  100.0%  →  " in " ".join(text.split("\n")).replace("    ", "  ")
    assert "by foodbench 0.0.9 (commit cccccccccccc), kept in" in text
    capsys.readouterr()
    assert run_command(["show", str(run)]) == 0
    assert "scored again from stored answers; before: food101.dish@1 by foodbench 0.0.9" in capsys.readouterr().out


def test_each_scoring_adds_one_to_the_history_and_going_back_is_a_change_too(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    original = TASKS.get(DISH)
    score(run, capsys)
    folder = TaskFolder(run / f"{DISH}@1")
    first = len(history.earlier(folder))
    change(stricter(1))
    (harsh,) = score(run, capsys, "--json")
    change(original)
    (mild,) = score(run, capsys, "--json")
    (metric,) = mild["rescoring"]["metrics"]
    assert (metric["old"], metric["new"]) == (harsh["metrics"][0]["value"], 100.0)
    entries = history.earlier(folder)
    assert [entry.path.name.partition("-")[0] for entry in entries] == [str(n + 1) for n in range(first + 2)]
    assert [entry.result().metrics[0].value for entry in entries[first:]] == [100.0, metric["old"]]
    assert all(samples_digest(entry.samples()) == entry.result().samples_sha256 for entry in entries)


def test_a_new_metric_has_no_value_before(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    task = TASKS.get(DISH)
    error = Metric(id="error", kind="proportion", value="correct", unit="%", scale=100.0, higher_is_better=False)
    change(replace(task, metrics=(*task.metrics, error)))
    (result,) = score(run, capsys, "--json")
    assert result["rescoring"]["metrics"][1] == {"id": "error", "unit": "%", "old": None, "new": 100.0}


def test_a_raised_version_gets_a_folder_of_its_own(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(run / f"{DISH}@1")
    change(stricter(2))
    text = score(run, capsys)
    assert files(run / f"{DISH}@1") == before
    new = TaskFolder(run / f"{DISH}@2").result()
    assert new.task.version == 2
    assert new.rescored_from is not None
    assert (new.rescored_from.task, new.rescored_from.kept) == (f"{DISH}@1", f"{DISH}@1")
    assert RunFolder(run).read().tasks[f"{DISH}@2"].status == "complete"
    assert f"before: {DISH}@1" in text
    again = score(run, capsys)
    assert f"{DISH}@1: left as it is; {DISH}@2 stands." in again
    assert "Unchanged, nothing written: 1 task" in again
    assert files(run / f"{DISH}@1") == before


def test_a_run_goes_on_from_answers_scored_as_a_new_version(
    kitchen: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same question of the same model has the new version's key, so nobody asks it again."""
    assert run_command(["run", "--model", "baseline:random", "--tasks", DISH, "--quiet"]) == 0
    (path,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    identity = RunFolder(path).read().model.identity
    change(replace(TASKS.get(DISH), version=2))
    score(path, capsys)
    data = load_task(DISH, kitchen)
    stored = {record.sample_id: record.key for record in TaskFolder(path / f"{DISH}@2").samples()}
    assert stored == {sample.sample_id: question_key(data, sample, identity) for sample in data.samples}


def test_corrected_references_count_under_a_new_version_only(
    kitchen: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", "--model", "baseline:oracle", "--tasks", DISH, "--quiet"]) == 0
    (path,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    task = TASKS.get(DISH)
    wrong = load_task(DISH, kitchen).samples[0]

    def build(*arguments: Any) -> list[Sample]:
        samples = list(task.build(*arguments))
        other = next(sample.reference for sample in samples if sample.reference != wrong.reference)
        return [replace(s, reference=other) if s.sample_id == wrong.sample_id else s for s in samples]

    before = files(path)
    change(replace(task, build=build))
    assert "the questions are not the ones that were answered" in score(path, capsys, code=5)
    assert files(path) == before
    change(replace(task, build=build, version=2))
    (result,) = score(path, capsys, "--json")
    assert result["metrics"][0]["value"] == pytest.approx(100 * 23 / 24)
    assert result["rescoring"]["samples_changed"] == 1


def other_question(task: FoodTask) -> FoodTask:
    def build(*arguments: Any) -> list[Sample]:
        return [replace(sample, question="What is it?") for sample in task.build(*arguments)]

    return replace(task, build=build, version=2)


def test_other_questions_are_refused_under_any_version(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(run)
    change(other_question(TASKS.get(DISH)))
    text = score(run, capsys, code=5)
    assert "the questions are not the ones that were answered" in text
    assert files(run) == before


def test_a_version_yet_to_come_is_refused(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(replace(TASKS.get(DISH), version=2))
    score(run, capsys)
    shutil.rmtree(run / f"{DISH}@1")
    change(replace(TASKS.get(DISH), version=1))
    assert "of version 2 of food101.dish; this foodbench has version 1" in score(run, capsys, code=5)


def test_answers_under_way_of_the_new_version_are_left_alone(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    journal = run / f"{DISH}@2" / "answers.jsonl"
    journal.parent.mkdir()
    journal.write_text('{"key": "k", "answer": "soup"}\n')
    before = files(run)
    change(replace(TASKS.get(DISH), version=2))
    assert f"{DISH}@1: left as it is" in score(run, capsys)
    assert files(run) == before


def test_one_task_that_is_refused_does_not_keep_the_others(
    kitchen: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run = store(Path(os.environ["FOODBENCH_RUNS"]) / "parrot-11aa", kitchen, {DISH: right_dish, REFER: shifted_mask})
    change(other_question(TASKS.get(DISH)))
    capsys.readouterr()
    assert run_command(["score", str(run), "--json"]) == 5
    printed = capsys.readouterr()
    assert [result["task"]["name"] for result in json.loads(printed.out)] == ["foodseg103.refer1"]
    assert [line.partition(":")[0] for line in printed.err.splitlines()] == ["error", "hint"]


def test_ratings_go_with_the_answers_and_are_no_other_scoring(
    kitchen: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run = store_chat(Path(os.environ["FOODBENCH_RUNS"]) / "talker", kitchen)
    (folder,) = RunFolder(run).tasks().values()
    score(run, capsys)
    sheet = run.parent / "sheet.csv"
    earlier = len(history.earlier(folder))
    assert run_command(["judge", str(run), "--export", str(sheet), "--limit", "4"]) == 0
    lines = sheet.read_bytes().decode("utf-8-sig").splitlines(keepends=True)
    filled = "".join(line.rstrip("\r\n") + "8\r\n" if line.endswith(",\r\n") else line for line in lines)
    sheet.write_bytes(filled.encode())
    capsys.readouterr()
    assert run_command(["judge", str(run), "--import", str(sheet), "--rater", "Ann"]) == 0
    rated = {metric.id: metric.value for metric in folder.result().metrics}
    assert rated["rating"] == 8.0
    assert len(history.earlier(folder)) == earlier
    task = TASKS.get(CHAT)
    change(replace(task, version=task.version + 1))
    (result,) = score(run, capsys, "--json")
    assert {metric["id"]: metric["value"] for metric in result["metrics"]} == rated


def test_a_folder_of_reports_stays_packed(
    run: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = TaskFolder(run / f"{DISH}@1")
    packed = folder.path / "samples.jsonl.gz"
    packed.write_bytes(gzip.compress(folder.samples_path.read_bytes()))
    folder.samples_path.unlink()
    change(stricter(1))
    score(run, capsys)
    assert not (folder.path / "samples.jsonl").exists()
    assert samples_digest(folder.samples()) == folder.result().samples_sha256


def test_predictions_scored_otherwise_than_before_keep_what_was(
    kitchen: Path, tmp_path: Path, change: Callable[[FoodTask], None], capsys: pytest.CaptureFixture[str]
) -> None:
    data = load_task(DISH, kitchen)
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "".join(
            json.dumps({"sample_id": sample.sample_id, "answer": data.task.oracle(sample).text}) + "\n"
            for sample in data.samples
        )
    )
    command = [str(path), "--task", DISH, "--json"]
    (first,) = score(*command[:1], capsys, *command[1:])
    assert first["rescored_from"] is None
    (same,) = score(*command[:1], capsys, *command[1:])
    assert same == first, "nothing new"
    change(stricter(1))
    (second,) = score(*command[:1], capsys, *command[1:])
    assert second["rescored_from"]["samples_sha256"] == first["samples_sha256"]


def test_no_model_is_asked(kitchen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = "py:tests.engine.models_for_tests:Steady"
    assert run_command(["run", "--model", model, "--tasks", DISH, "--quiet"]) == 0
    (path,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    monkeypatch.setattr("tests.engine.models_for_tests.Steady.answer", None)
    score(path, capsys)


@pytest.mark.parametrize("version", [1, 2])
def test_killed_before_every_change_it_leaves_the_old_or_the_new(
    version: int, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score(run, capsys)
    shutil.rmtree(run / f"{DISH}@1" / "history")
    old = TaskFolder(run / f"{DISH}@1").result().metrics[0].value
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.rescore_killing", str(run), str(tmp_path / "out"), str(version)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    name, whole, kills = f"{DISH}@{version}", report["whole"], report["kills"]
    new = whole["last"][name][0]
    assert new != old
    assert len(kills) > 10
    stood = []
    for kill in kills:
        assert all(consistent for _, consistent in kill["after"].values()), kill
        values = {task: value for task, (value, _) in kill["after"].items()}
        assert values[f"{DISH}@1"] in ((old, new) if version == 1 else (old,))
        stood.append(values.get(name, old))
        assert {key: kill[key] for key in whole} == whole, "the next scoring ends in the same files"
    assert stood == sorted(stood, key=lambda value: value == new), "old, then new, and never back"
    assert {old, new} == set(stood)
    assert whole["left"] == []
    assert len(whole["kept"]) == (1 if version == 1 else 0)
