"""Rows, CSV, JSON Lines and data frames: the same numbers and texts come back, and nothing in them does anything."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.errors import DataCorrupt, DataMissing, RunIncomplete, UnknownName
from foodbench.runs.export import (
    METRIC_COLUMNS,
    SAMPLE_COLUMNS,
    flattened,
    load_results,
    metric_rows,
    sample_rows,
    to_frame,
)
from foodbench.runs.export_text import to_csv, to_jsonl
from foodbench.runs.schema import TaskStatus
from foodbench.runs.store import RunFolder
from tests.conftest import REPOSITORY
from tests.runs.export_runs import AWKWARD, HOSTILE, finish, metric, sample, store

REPORT = REPOSITORY / "reports" / "foodlmm-kitchen"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run-1")


def awkward(folder: RunFolder) -> Path:
    metrics = [metric(f"m{number}", value) for number, value in enumerate(AWKWARD)]
    store(folder, metrics=[*metrics, metric("none", None)])
    return finish(folder)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_numbers_come_back_from_csv(folder: RunFolder) -> None:
    rows = list(metric_rows(load_results(awkward(folder))))
    found = read_csv(to_csv(rows, METRIC_COLUMNS))
    assert [tuple(row) for row in found] == [METRIC_COLUMNS] * len(rows)
    for row, read in zip(rows, found, strict=True):
        for name, value in row.items():
            if value is None:
                assert read[name] == ""
            elif isinstance(value, bool):
                assert read[name] == str(value).lower()
            elif isinstance(value, float | int):
                assert float(read[name]) == value
    assert float(found[3]["value"]) == -2.5e300, "a negative number is a number and no formula"


def test_rows_come_back_from_json_lines(folder: RunFolder) -> None:
    rows = list(metric_rows(load_results(awkward(folder))))
    text = to_jsonl(rows)
    assert text.count("\n") == len(rows)
    assert [json.loads(line) for line in text.splitlines()] == rows


def test_what_a_model_wrote_stays_text(folder: RunFolder) -> None:
    samples = [sample(f"{number:02} {text}", answer=text) for number, text in enumerate(HOSTILE)]
    store(folder, samples=samples)
    rows = list(sample_rows(load_results(finish(folder))))
    lines = to_jsonl(rows).split("\n")
    assert [json.loads(line)["answer"] for line in lines[:-1]] == list(HOSTILE)
    assert all(line.isprintable() for line in lines)
    assert "Crème brûlée 🍮" in lines[-2]

    flat = flattened(rows)
    cells = [row["answer"] for row in read_csv(to_csv(flat, list(flat[0])))]
    for text, cell in zip(HOSTILE, cells, strict=True):
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝")), cell
        assert all(char.isprintable() or char == "\n" for char in cell), cell
        if text.isprintable():
            assert cell.removeprefix("'") == text, "dropping one apostrophe gives the text back"
    assert cells[8] == "\\x00\\x1b[31mred\\x07"


def test_headings_are_cells_too(folder: RunFolder) -> None:
    store(folder, samples=[sample("a", **{"=1+1": 1.0})])
    rows = flattened(list(sample_rows(load_results(finish(folder)))))
    assert "values.=1+1" in to_csv(rows, list(rows[0])).splitlines()[0]
    assert to_csv([{"=x": 1}], ["=x"]).splitlines() == ["'=x", "1"]


def test_samples_of_several_tasks_share_columns(folder: RunFolder) -> None:
    store(folder, samples=[sample("a", correct=1.0)])
    store(folder, "nutrition5k.total", samples=[sample("b", kcal=2.5)])
    rows = list(sample_rows(load_results(finish(folder))))
    assert [tuple(row) for row in rows] == [SAMPLE_COLUMNS] * 2
    flat = flattened(rows)
    assert [(row["values.correct"], row["values.kcal"]) for row in flat] == [(1.0, None), (None, 2.5)]
    assert read_csv(to_csv(flat, list(flat[0])))[0]["values.kcal"] == ""


def test_frames_hold_the_same(folder: RunFolder) -> None:
    path = awkward(folder)
    frame = to_frame(path)
    assert tuple(frame.columns) == METRIC_COLUMNS
    assert list(frame["value"][: len(AWKWARD)]) == list(AWKWARD)
    assert math.isnan(frame["value"][len(AWKWARD)])
    assert len(to_frame(str(path), metrics="primary")) == 1
    samples = to_frame(RunFolder(path), samples=True)
    assert list(samples["values.correct"]) == [1.0, 1.0, 1.0]
    assert list(samples["sample_id"]) == ["a", "b", "c"]


def test_a_report_is_a_run(tmp_path: Path) -> None:
    frame = to_frame(REPORT, tasks="food101.*")
    assert frame["value"].to_list() == [100.0]
    assert len(to_frame(REPORT, samples=True, tasks="food101.dish")) == 204
    everything = list(metric_rows(load_results(REPORT)))
    stored = [json.loads(path.read_text()) for path in REPORT.glob("*/result.json")]
    assert len(everything) == sum(len(result["metrics"]) for result in stored)
    values = {(row["task"], row["metric"]): row["value"] for row in everything}
    assert values == {
        (result["task"]["name"], found["id"]): found["value"] for result in stored for found in result["metrics"]
    }


def test_the_latest_version_of_a_task_counts(folder: RunFolder) -> None:
    for version in (1, 2, 10):
        store(folder, version=version)
    results = load_results(finish(folder))
    assert [result.task.version for result in results.results.values()] == [10]
    assert dict(results.left_out) == {
        "food101.dish@1": "version 10 stands",
        "food101.dish@2": "version 10 stands",
    }


def test_what_was_not_measured_is_told(folder: RunFolder) -> None:
    store(folder)
    reason = TaskStatus(status="not_measured", reason="no data")
    results = load_results(finish(folder, **{"vireo172.dish@1": reason}))
    assert dict(results.left_out) == {"vireo172.dish@1": "not measured: no data"}


def unfinished(folder: RunFolder) -> Path:
    store(folder)
    (folder.path / "nutrition5k.total@2").mkdir()
    return finish(folder)


def failed(folder: RunFolder) -> Path:
    store(folder)
    status = TaskStatus(status="failed", reason="the server is down", code="provider.down")
    return finish(folder, **{"nutrition5k.total@2": status})


@pytest.mark.parametrize(("make", "why"), [(unfinished, "is not finished"), (failed, "the server is down")])
def test_a_run_that_is_not_finished_is_refused_unless_finished_tasks_are_chosen(
    folder: RunFolder, make: Any, why: str
) -> None:
    path = make(folder)
    with pytest.raises(RunIncomplete, match=why):
        load_results(path)
    assert list(load_results(path, tasks="food101.*").results) == ["food101.dish"]


def test_names_that_fit_nothing_are_refused(folder: RunFolder) -> None:
    store(folder)
    path = finish(folder)
    with pytest.raises(UnknownName, match=r"food101\.dihs"):
        load_results(path, tasks="food101.dihs")
    with pytest.raises(UnknownName):
        load_results(path, tasks=" , ")


def test_no_run_and_an_empty_one(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        load_results(tmp_path / "nothing")
    with pytest.raises(DataMissing, match="no finished task"):
        load_results(finish(folder))


def test_samples_of_another_result_are_refused(folder: RunFolder) -> None:
    store(folder)
    path = finish(folder)
    lines = folder.task("food101.dish@1").samples_path
    for text in ("", lines.read_text().replace("soup", "soap"), lines.read_text()[:40]):
        lines.write_text(text)
        with pytest.raises(DataCorrupt):
            list(sample_rows(load_results(path)))
    lines.unlink()
    with pytest.raises(DataMissing):
        list(sample_rows(load_results(path)))
    lines.with_name("samples.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 9)[:-5])
    with pytest.raises(DataCorrupt):
        list(sample_rows(load_results(path)))


def test_a_folder_under_another_tasks_name_is_refused(folder: RunFolder) -> None:
    store(folder)
    (folder.path / "food101.dish@1").rename(folder.path / "vireo172.dish@1")
    with pytest.raises(DataCorrupt, match="is of food101.dish@1"):
        load_results(finish(folder))
    (folder.path / "vireo172.dish@1").rename(folder.path / "vireo172.dish@one")
    with pytest.raises(DataCorrupt, match="'one' is no version"):
        load_results(folder)
