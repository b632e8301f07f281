"""Small kitchens and loaded tasks for the fuzz tests, and hypothesis without chance or clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from foodbench.data.kitchen import FOLDERS, make
from foodbench.data.roots import DatasetChoice
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData

settings.register_profile(
    "fuzz",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture(scope="session")
def tiny_kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kitchen of 8 train and 12 test plates per dataset: the smallest of which every task has a sample."""
    folder = tmp_path_factory.mktemp("tiny-kitchen")
    make(folder, seed=7, size=96, train=8, test=12, workers=1)
    return folder


@pytest.fixture(scope="session")
def loaded(tiny_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, TaskData]]:
    """Every task over the tiny kitchen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOODBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        yield {
            name: task.load(DatasetChoice(task.dataset, "kitchen", tiny_kitchen / FOLDERS[task.dataset], False))
            for name in TASKS.names()
            if (task := TASKS.get(name))
        }
