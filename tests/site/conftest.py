"""Three systems on a small kitchen, built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foodbench.site.builder import BuildOptions, build
from tests.site.made_reports import loaded, right, write_answers, wrong_each

TASKS = ("food101.dish", "vireo172.dish", "nutrition5k.total", "foodseg103.refer1", "foodseg103.absent1")
CARD = """schema_version: 1
name: Model <b>Bold</b> & سلطة
summary: "Right about everything: <script>alert(1)</script>"
parameters: 1234567
licence: Apache-2.0
training_data: nothing
overlap: {"*": none, "foodseg103.*": half of it}
"""


@pytest.fixture(scope="session")
def made_reports(small_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of three systems: all right, every fifth wrong, and one with a single task."""
    os.environ["FOODBENCH_KITCHEN"] = str(small_kitchen)
    try:
        data = loaded(TASKS)
    finally:
        del os.environ["FOODBENCH_KITCHEN"]
    root = tmp_path_factory.mktemp("reports")
    write_answers(root, "all-right", data, right)
    write_answers(root, "some-wrong", data, wrong_each(5), spec="endpoint:some-model")
    write_answers(root, "one-task", {"food101.dish": data["food101.dish"]}, wrong_each(2))
    return root


@pytest.fixture(scope="session")
def made_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one card and no `site.yaml`."""
    folder = tmp_path_factory.mktemp("leaderboard")
    (folder / "models").mkdir()
    (folder / "models" / "all-right.yaml").write_text(CARD, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def made_site(
    made_reports: Path, made_config: Path, small_kitchen: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The site of these reports."""
    out = tmp_path_factory.mktemp("site") / "dist"
    os.environ["FOODBENCH_KITCHEN"] = str(small_kitchen)
    try:
        build(BuildOptions(made_reports, out, made_config, workers=1))
    finally:
        del os.environ["FOODBENCH_KITCHEN"]
    return out
