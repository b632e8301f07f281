"""The examples of CONTRIBUTING.md run as they stand, and are as short as it promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text()
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", TEXT, flags=re.DOTALL))


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples register things for one test only."""
    from foodbench.data import catalog
    from foodbench.tasks import TASKS

    for registry in (catalog.CATALOG, catalog.READERS, TASKS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def test_there_is_one_of_each_and_each_is_short() -> None:
    assert set(EXAMPLES) == {"adapter", "task", "dataset"}
    for name, code in EXAMPLES.items():
        lines = [line for line in code.splitlines() if line.strip()]
        assert len(lines) < 30, name


def test_adapter(kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foodbench.adapters.base import ask
    from foodbench.adapters.resolve import load_adapter
    from foodbench.data.roots import resolve
    from foodbench.tasks import TASKS

    (tmp_path / "my_model.py").write_text(EXAMPLES["adapter"])
    monkeypatch.chdir(tmp_path)
    task = TASKS.get("food101.dish")
    data = task.load(resolve("food101", "kitchen"))
    answers = ask(load_adapter("py:my_model:BrightnessModel"), [task.request(sample) for sample in data.samples])
    assert {answer.text for answer in answers} == {"garden salad", "steak and fries"}


def test_task(kitchen: Path, registries: None) -> None:
    from foodbench.data.roots import resolve
    from foodbench.stats.summary import point_values
    from foodbench.tasks import TASKS

    exec(compile(EXAMPLES["task"], "CONTRIBUTING.md", "exec"), {})
    task = TASKS.get("nutrition5k.energy")
    data = task.load(resolve("nutrition5k", "kitchen"))
    oracle = [task.score(sample, task.oracle(sample).to_text(), ()) for sample in data.samples]
    assert point_values(task.metrics, oracle) == {"pmae.kcal": 0.0, "mae.kcal": 0.0}
    (worst,) = {score.parsed for score in [task.score(sample, "no idea", ()) for sample in data.samples]}
    assert worst is False


def test_dataset(tmp_path: Path, registries: None) -> None:
    from PIL import Image

    from foodbench.data.roots import add_root, open_dataset, resolve

    folder = tmp_path / "menu"
    folder.mkdir()
    for name in ("pizza__1", "pizza__2", "soup__1"):
        Image.new("RGB", (8, 8)).save(folder / f"{name}.jpg")
    exec(compile(EXAMPLES["dataset"], "CONTRIBUTING.md", "exec"), {})
    add_root("menu", folder)
    reader = open_dataset(resolve("menu"))
    assert [record.label for record in reader.records("test")] == ["pizza", "pizza", "soup"]
