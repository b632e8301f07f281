"""The tables of the kitchen's models follow from the committed reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from baselines.common.readme_tables import BEGIN, END
from baselines.foodlmm import compare
from baselines.foodlmm.compare import README, ROWS, STAGES, TABLE_X, Row, main, markdown, value_of
from tests.conftest import REPOSITORY


def test_the_readme_shows_the_reports(capsys: pytest.CaptureFixture[str]) -> None:
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == markdown()
    assert main([]) == 0
    assert capsys.readouterr().out.strip() == markdown()
    # Every model has its report, and every finding its answer.
    assert "–" not in shown.partition("Multi-task")[0]
    assert "–" not in shown.partition("the same way")[2]


def test_a_value_is_the_mean_over_its_cells() -> None:
    row = next(row for row in ROWS if row.name == "refer@3, cIoU")
    values = []
    for dataset in ("foodseg103", "uecfoodpix"):
        result = REPOSITORY / "reports" / STAGES["S1"] / f"{dataset}.refer3@1" / "result.json"
        values += [each["value"] for each in json.loads(result.read_text())["metrics"] if each["id"] == "ciou"]
    assert value_of(STAGES["S1"], row) == pytest.approx(sum(values) / 2)


def test_what_is_not_there_has_no_value() -> None:
    row = TABLE_X[0]
    assert value_of(None, row) is None
    assert value_of("nowhere", row) is None
    assert value_of(STAGES["Chat"], Row("x", (("food101.dish", "no.such.metric"),))) is None


def test_write_replaces_what_stands_between_the_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setattr(compare, "README", readme)
    for _ in range(2):
        assert main(["--write"]) == 0
        assert readme.read_text() == f"before\n{BEGIN}\n\n{markdown()}\n\n{END}\nafter\n"
