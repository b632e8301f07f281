"""Where settings come from, and that a run remembers it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]
COMMAND = ("run", "--tasks", "food101.dish", "--quiet")


def remembered() -> dict[str, tuple[object, str]]:
    (path,) = Path(os.environ["FOODBENCH_RUNS"]).rglob("run.json")
    config = json.loads(path.read_text())["config"]
    return {name: (entry["value"], entry["origin"]) for name, entry in config.items()}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a foodbench.toml, a config file that overrides some of it, and a variable above both."""
    monkeypatch.chdir(tmp_path)
    Path("foodbench.toml").write_text('[run]\nmodel = "baseline:random"\nlimit = 20\nseed = 3\nbatch-size = 5\n')
    config = Path("mine.toml")
    config.write_text('model = "baseline:majority"\nlimit = 12\n')
    monkeypatch.setenv("FOODBENCH_RUN_LIMIT", "10")
    return config


def test_flag_over_variable_over_config_over_project_over_default(
    foodbench: Foodbench, kitchen: Path, settings: Path
) -> None:
    assert foodbench(*COMMAND, "--config", settings, "--seed", "8").code == 0
    config = remembered()
    assert config["seed"] == (8, "command line")
    assert config["limit"] == (10, "environment")
    assert config["model"] == ("baseline:majority", "mine.toml")
    assert config["batch_size"] == (5, "foodbench.toml")
    assert config["fresh"] == (False, "default")


def test_the_project_file_is_read_by_itself(foodbench: Foodbench, kitchen: Path, settings: Path) -> None:
    assert foodbench(*COMMAND).code == 0
    assert remembered()["model"] == ("baseline:random", "foodbench.toml")


def test_tables_and_lists_of_a_project_file(
    foodbench: Foodbench, kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("foodbench.toml").write_text(
        '[run]\nmodel = "baseline:random"\ntasks = ["food101.dish", "nutrition5k.t*"]\n[run.model-args]\nseed = 3\n'
    )
    assert foodbench("run", "--quiet").code == 0
    (path,) = Path(os.environ["FOODBENCH_RUNS"]).rglob("run.json")
    run = json.loads(path.read_text())
    assert run["model"]["args"] == {"seed": "3"}
    assert set(run["tasks"]) == {"food101.dish@1", "nutrition5k.total@2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "not valid TOML"),
        ('modle = "x"', "unknown setting 'modle'"),
        ("limit = 0", "--limit"),
        ('limit = "many"', "--limit"),
        ("[limit]\nmost = 3", "must not be a table"),
        ("run = 3", "must be a table"),
    ],
)
def test_bad_files_are_usage_errors(foodbench: Foodbench, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text(text + "\n")
    output = foodbench("run", "--model", "baseline:mean", "--config", tmp_path / "bad.toml")
    assert output.code == 2
    assert message in output.error[0]
    assert len(output.error) == 2


def test_settings_that_change_answers_make_another_run(foodbench: Foodbench, kitchen: Path) -> None:
    for extra in ([], ["--batch-size", "3"], ["--seed", "1"], ["--limit", "5"], ["--model-args", "seed=4"]):
        assert foodbench(*COMMAND, "--model", "baseline:random", *extra).code == 0
    # A batch size changes nothing; seed, limit and the model's own seed do.
    assert len(list(Path(os.environ["FOODBENCH_RUNS"]).iterdir())) == 4
