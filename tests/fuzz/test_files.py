"""Damaged files under the command line: a message of what, where and what to do, a code that is not 0, no traceback."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.hashing import stable_seed
from foodbench.core.types import Sample
from foodbench.data.kitchen import FOLDERS
from foodbench.data.roots import DatasetChoice, registry_path
from foodbench.engine.rated import rated_of
from foodbench.runs.schema import RatingRecord, RatingTime, TaskStatus
from foodbench.runs.store import RunFolder
from foodbench.tasks import TASKS
from tests.cli.conftest import foodbench as foodbench
from tests.cli.stored_runs import Output, finish_run, load_task, store_task
from tests.fuzz.damage import BYTES, PLACES, Bytes, broken_document, watched

Foodbench = Callable[..., Output]
CHAT = "fooddialogues.chat"
PREDICTED = ("food101.dish", "nutrition5k.total", "foodseg103.refer1")
BUG = 70
TASK_FILES = ("run.json", "result.json", "samples.jsonl", "ratings.jsonl", "ids.json")
KEPT = {"time", "provenance", "samples_sha256"}
"""Of a result: what may differ between two scorings of the same answers."""

pytestmark = pytest.mark.usefixtures("_watchdog", "_tiny")


@pytest.fixture
def _watchdog() -> Iterator[None]:
    with watched(seconds=300):
        yield


@pytest.fixture
def _tiny(tiny_kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tiny_kitchen))


def answer_of(sample: Sample) -> str:
    return TASKS.get(CHAT).oracle(sample).text


@pytest.fixture(scope="module")
def finished(tiny_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose one task takes ratings and has some."""
    path = tmp_path_factory.mktemp("runs") / "parrot-11aa"
    data, folder = load_task(CHAT, tiny_kitchen), RunFolder(path)
    store_task(folder, data, answer_of)
    name = data.task.versioned_name
    finish_run(folder, {name: TaskStatus(status="complete", result=f"{name}/result.json")})
    lines = []
    for sample in data.samples:
        about = rated_of(sample, answer_of(sample))
        record = RatingRecord(**about._asdict(), rater="ada", rating=7, time=RatingTime(given="2026-01-01T00:00:00"))
        lines.append(record.model_dump_json() + "\n")
    (folder.task(name).path / "ratings.jsonl").write_text("".join(lines))
    return path


@pytest.fixture
def run(finished: Path) -> Path:
    """A copy of the run in this test's folder of runs."""
    copy = Path(os.environ["FOODBENCH_RUNS"]) / finished.name
    shutil.copytree(finished, copy)
    return copy


def file_of(run: Path, name: str) -> Path:
    return next(iter(run.rglob(name)))


def assert_refused(output: Output, way: str) -> None:
    """Two lines: what and where, and what to do."""
    assert output.code not in (0, BUG), (way, output.err[-2_000:])
    assert "Traceback" not in output.err, way
    assert [line.partition(":")[0] for line in output.error] == ["error", "hint"], (way, output.err[-2_000:])
    assert len(output.err) < 5_000, way
    assert output.error[0].isprintable(), way


def damages(name: str, shares: int = 1, share: int = 0) -> Iterator[tuple[str, Bytes]]:
    for number, (way, damage) in enumerate(BYTES.items()):
        if number % shares == share:
            yield way, damage
    for number in range(30 // shares):
        yield f"document {number}", broken_lines if name.endswith(".jsonl") else broken_document


def broken_lines(data: bytes, chance: random.Random) -> bytes:
    """JSON Lines, one of which has one thing in it replaced, dropped, or under another key."""
    lines = data.splitlines()
    place = chance.randrange(len(lines))
    lines[place] = broken_document(lines[place], chance)
    return b"\n".join(lines) + b"\n"


def result_of(run: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(file_of(run, "result.json").read_text())
    return result


def told_apart(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in result.items() if key not in KEPT} for result in results]


def scored(output: Output) -> list[dict[str, Any]]:
    return told_apart(json.loads(output.out))


def predictions_of(task: str) -> bytes:
    """Right answers, in the three ways in which they may be written."""
    loaded = TASKS.get(task).load(DatasetChoice(TASKS.get(task).dataset, "kitchen", _kitchen(task), False))
    lines = []
    for number, sample in enumerate(loaded.samples):
        answer = loaded.task.oracle(sample)
        line: dict[str, Any] = {"sample_id": sample.sample_id}
        if number % 2:
            line["answer"] = answer.to_text()
        else:
            line["text"] = answer.text
            line["masks"] = [mask.as_dict() for mask in answer.masks] or None
            line["nutrition"] = answer.nutrition.as_dict() if answer.nutrition else None
        lines.append(json.dumps({key: value for key, value in line.items() if value is not None}) + "\n")
    return "".join(lines).encode()


def _kitchen(task: str) -> Path:
    return Path(os.environ["FOODBENCH_KITCHEN"]) / FOLDERS[TASKS.get(task).dataset]


@pytest.mark.parametrize("task", PREDICTED)
def test_damaged_predictions(task: str, foodbench: Foodbench, tmp_path: Path) -> None:
    """Refused as a whole; or scored, where the damage is to what a model may have said."""
    path = tmp_path / "mine.jsonl"
    data = predictions_of(task)
    path.write_bytes(data)
    best = scored(foodbench("score", path, "--task", task, "--json"))[0]
    for place, (way, damage) in enumerate(damages(path.name, shares=2, share=PREDICTED.index(task) % 2)):
        bad = damage(data, random.Random(stable_seed(task, way)))
        path.write_bytes(bad)
        output = foodbench("score", path, "--task", task, "--json")
        if output.code:
            assert_refused(output, f"{place}: {way}")
            assert str(path) in output.error[0], way
            continue
        (result,) = scored(output)
        assert result["n"] == best["n"], way  # nobody is left out
        assert len([line for line in bad.split(b"\n") if line.strip()]) == result["n"], way  # no line is passed over


@pytest.mark.parametrize("way", PLACES)
def test_something_else_in_the_place_of_predictions(way: str, foodbench: Foodbench, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    PLACES[way](path)
    assert_refused(foodbench("score", path, "--task", "food101.dish"), way)


def changed(run: Path, name: str) -> Iterator[tuple[str, Path, bytes]]:
    """A file of the run in one damaged state after the other."""
    path = file_of(run, name)
    data = path.read_bytes()
    for way, damage in damages(name, shares=4, share=TASK_FILES.index(name) % 4):
        bad = damage(data, random.Random(stable_seed(name, way)))
        if bad != data:
            yield way, path, bad


@pytest.mark.parametrize("name", TASK_FILES)
def test_damaged_files_of_a_run(name: str, foodbench: Foodbench, run: Path, finished: Path) -> None:
    """Scoring again, showing, listing, rating: every command says what is wrong, or uses what is there."""
    sheet = run.parent / "sheet.csv"
    commands: Mapping[str, tuple[object, ...]] = {
        "score": ("score", run),
        "show": ("show", run),
        "list": ("list", "runs"),
        "judge": ("judge", run, "--export", sheet),
    }
    for way, path, bad in changed(run, name):
        codes = {}
        lines = len([line for line in bad.split(b"\n") if line.strip()])
        for command, arguments in commands.items():
            shutil.rmtree(run)
            shutil.copytree(finished, run)
            path.write_bytes(bad)
            sheet.unlink(missing_ok=True)
            output = foodbench(*arguments)
            codes[command] = output.code
            if output.code:
                assert_refused(output, f"{command}: {way}")
        assert codes["list"] == 0, way  # one bad run does not hide the others
        if name in ("run.json", "result.json") and way in ("blank", "null", "noise", "cut off", "nested lists"):
            assert codes["score"], way
            assert codes["show"], way
        if name == "samples.jsonl" and not codes["score"]:
            assert lines == result_of(finished)["n"], way  # no answer is passed over, none counts twice


@pytest.mark.parametrize("way", PLACES)
@pytest.mark.parametrize("name", TASK_FILES)
def test_something_else_in_the_place_of_a_file_of_a_run(name: str, way: str, foodbench: Foodbench, run: Path) -> None:
    path = file_of(run, name)
    path.unlink()
    PLACES[way](path)
    for arguments in (("score", run), ("show", run), ("list", "runs"), ("judge", run, "--export", run / "sheet.csv")):
        output = foodbench(*arguments)
        if output.code:
            assert_refused(output, f"{arguments[0]}: {way}")


def test_damaged_sheets_of_ratings(foodbench: Foodbench, run: Path, tmp_path: Path) -> None:
    """All of a sheet is read in, or nothing."""
    sheet = tmp_path / "sheet.csv"
    assert foodbench("judge", run, "--export", sheet).code == 0
    ratings = file_of(run, "ratings.jsonl")
    before = ratings.read_bytes()
    lines = sheet.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    filled = "".join(
        [lines[0], *(line.rstrip("\r\n") + "8\r\n" if line.endswith(",\r\n") else line for line in lines[1:])]
    )
    data = filled.encode()
    for number, (way, damage) in enumerate(BYTES.items()):
        sheet.write_bytes(damage(data, random.Random(stable_seed("sheet", way))))
        output = foodbench("judge", run, "--import", sheet, "--rater", f"rater {number}")
        if output.code:
            assert_refused(output, way)
            assert ratings.read_bytes() == before, way
        ratings.write_bytes(before)


@pytest.mark.parametrize(
    "way", ["cut off", "nested objects", "null", "NUL", "UTF-16", "blank", "noise", "another format"]
)
def test_a_damaged_list_of_folders(way: str, foodbench: Foodbench) -> None:
    path = registry_path()
    path.parent.mkdir(parents=True)
    data = json.dumps({"schema": 1, "datasets": {"food101": {"root": "/data/food-101"}}}).encode()
    path.write_bytes(BYTES[way](data, random.Random(0)))
    for arguments in (
        ("list", "datasets"),
        ("data", "status"),
        ("run", "--model", "baseline:random", "--tasks", "food101.dish"),
    ):
        output = foodbench(*arguments)
        assert_refused(output, f"{arguments}: {way}")
        assert str(path) in output.error[0]


@pytest.mark.parametrize(
    "name", ["", " ", "..", "../outside", "/etc/passwd", "a" * 5_000, "\udcff", "\x1b[2J", "~root", "*"]
)
@pytest.mark.parametrize("verb", ["score", "show", "judge"])
def test_runs_that_are_none(verb: str, name: str, foodbench: Foodbench, tmp_path: Path) -> None:
    extra = ("--export", tmp_path / "sheet.csv") if verb == "judge" else ()
    output = foodbench(verb, name, *extra)
    assert output.code not in (0, BUG), output.err[-1_000:]
    assert len(output.err) < 7_000
