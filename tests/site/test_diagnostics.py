"""The page of diagnoses: there if there is one, linked, sound, and safe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from foodbench.core.errors import DataCorrupt
from foodbench.runs.diagnostics import read_diagnosis
from foodbench.site.builder import BuildOptions, build
from foodbench.site.check import check_site
from tests.conftest import REPOSITORY
from tests.site.made_reports import loaded, right, write_answers

COMMITTED = REPOSITORY / "leaderboard" / "diagnostics" / "recipes-kitchen.json"


def built(reports: Path, folder: Path, diagnosis: str | None) -> Path:
    if diagnosis is not None:
        path = folder / "config" / "diagnostics" / "recipes-kitchen.json"
        path.parent.mkdir(parents=True)
        path.write_text(diagnosis, encoding="utf-8")
    out = folder / "dist"
    build(BuildOptions(reports, out, folder / "config", pictures=False, workers=1))
    return out


@pytest.fixture
def one_report(made_reports: Path, tmp_path: Path) -> Path:
    shutil.copytree(made_reports / "one-task", tmp_path / "reports" / "one-task")
    return tmp_path / "reports"


def test_the_page_is_linked_and_sound(one_report: Path, tmp_path: Path) -> None:
    site = built(one_report, tmp_path, COMMITTED.read_text(encoding="utf-8"))
    assert check_site(site).findings == ()
    page = (site / "diagnostics.html").read_text(encoding="utf-8")
    assert "ingredients_listed" in page
    assert "like rewording" in page
    assert 'href="diagnostics.html"' in (site / "about.html").read_text(encoding="utf-8")
    records = json.loads((site / "data" / "diagnostics" / "recipes-kitchen.json").read_text(encoding="utf-8"))
    assert len(records) == sum(len(each.metrics) for each in read_diagnosis(COMMITTED).results)


def test_the_tasks_of_recipes_link_to_it(kitchen: Path, tmp_path: Path) -> None:
    write_answers(tmp_path / "reports", "right", loaded(("recipe1m.recipe", "food101.dish")), right)
    site = built(tmp_path / "reports", tmp_path, COMMITTED.read_text(encoding="utf-8"))
    assert check_site(site).findings == ()
    assert 'href="../diagnostics.html"' in (site / "tasks" / "recipe1m.recipe.html").read_text(encoding="utf-8")
    assert "diagnostics.html" not in (site / "tasks" / "food101.dish.html").read_text(encoding="utf-8")
    assert 'href="tasks/recipe1m.recipe.html"' in (site / "diagnostics.html").read_text(encoding="utf-8")


def test_without_a_diagnosis_there_is_no_page_and_no_link(one_report: Path, tmp_path: Path) -> None:
    site = built(one_report, tmp_path, None)
    assert not (site / "diagnostics.html").exists()
    assert "diagnostics.html" not in (site / "about.html").read_text(encoding="utf-8")
    assert check_site(site).findings == ()


def test_hostile_text_is_shown_and_not_obeyed(one_report: Path, tmp_path: Path) -> None:
    plain = json.loads(COMMITTED.read_text(encoding="utf-8"))
    evil = '<script>alert(1)</script>\u202e"><img src=x onerror=y>'
    plain["answers"] = plain["dataset"] = plain["variant"] = evil
    for example in plain["examples"]:
        example["before"] = example["after"] = evil
        example["swaps"] = [[evil, evil]]
    for each in plain["results"]:
        each["unchanged"] = {evil: 3}
    site = built(one_report, tmp_path, json.dumps(plain))
    page = (site / "diagnostics.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert check_site(site).findings == ()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "{" * 100_000, '{"schema": "foodbench.diagnosis/2"}'])
def test_a_damaged_file_is_named(one_report: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(DataCorrupt, match=r"recipes-kitchen\.json"):
        built(one_report, tmp_path, text)
