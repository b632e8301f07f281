"""The published JSON Schemas are current, and the files of a run obey them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from foodbench.cli.main import run_command
from foodbench.runs.schema import SCHEMAS, SampleRecord, json_schema
from foodbench.tasks import select
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_current(name: str) -> None:
    published = json.loads((REPOSITORY / "docs" / "schema" / f"{name}.schema.json").read_text())
    assert published == json_schema(name), f"run: foodbench schema {name} > docs/schema/{name}.schema.json"


def test_a_runs_files_obey_their_schemas(kitchen: Path) -> None:
    assert run_command(["run", "--model", "baseline:random", "--tasks", "all", "--limit", "9", "--quiet"]) == 0
    (run,) = Path(os.environ["FOODBENCH_RUNS"]).iterdir()
    jsonschema.validate(json.loads((run / "run.json").read_text()), json_schema("run"))
    results = sorted(run.rglob("result.json"))
    assert len(results) == len(select("all"))
    for path in results:
        result = json.loads(path.read_text())
        jsonschema.validate(result, json_schema("result"))
        assert result["n"] == len({*json.loads((path.parent / "ids.json").read_text())["scored"]})
        assert result["limit"] in (9, None)
        samples = [json.loads(line) for line in (path.parent / "samples.jsonl").read_text().splitlines()]
        assert [sample["sample_id"] for sample in samples] == sorted(sample["sample_id"] for sample in samples)
        for sample in samples:
            jsonschema.validate(sample, json_schema("sample"))


def test_records_refuse_what_they_do_not_know() -> None:
    good = {"sample_id": "a", "cluster": "a", "key": "k", "answer": "", "parsed": False, "values": {"x": 1.0}}
    SampleRecord.model_validate(good)
    for bad in ({**good, "surprise": 1}, {**good, "values": {"x": float("nan")}}, {**good, "parsed": "maybe"}):
        with pytest.raises(ValidationError):
            SampleRecord.model_validate(bad)
