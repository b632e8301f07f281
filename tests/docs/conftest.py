"""Fixtures of the documentation's tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from foodbench.core.files import atomic_write
from foodbench.data.roots import add_root
from tests.adapters.endpoint_server import serving
from tests.conftest import REPOSITORY
from tests.docs.examples import example
from tests.docs.sandbox import Sandbox, World, make_copies, make_kitchen, make_runs, respond


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What the sandboxes share."""
    folder = tmp_path_factory.mktemp("documented")
    kitchen = make_kitchen(folder / "kitchen")
    data = make_copies(folder / "data", kitchen)
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FOODBENCH_HOME", str(home))
        for name, root in data.items():
            add_root(name, root)
    return World(kitchen, data, make_runs(folder / "runs", kitchen), home)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of the stub server."""
    with serving(respond) as running:
        yield running.url


@pytest.fixture
def sandbox(world: World, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A current folder for one command, with the models that the pages show."""
    made = Sandbox(world, tmp_path / "work", server)
    atomic_write(made.folder / "my_module.py", example("docs/your-model.md", "class"))
    atomic_write(made.folder / "my_model.py", example("CONTRIBUTING.md", "adapter"))
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(world.kitchen))
    monkeypatch.setenv("FOODBENCH_RUNS", str(made.folder / "runs"))
    monkeypatch.syspath_prepend(str(REPOSITORY))
    return made


@pytest.fixture
def registered(world: World) -> None:
    """Every dataset has a real copy."""
    shutil.copytree(world.home, os.environ["FOODBENCH_HOME"])
