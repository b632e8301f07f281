"""Shared fixtures: no test touches the user's home, the network, or the process-wide random state."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Before anything imports torch, datasets or the hub client: offline, one thread per test process, no spinning threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

# Of fixtures that outlive a test; tests themselves get a home each (`_own_home`).
os.environ["FOODBENCH_HOME"] = tempfile.mkdtemp(prefix="foodbench-tests-")

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a foodbench home and a runs folder of its own."""
    monkeypatch.setenv("FOODBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FOODBENCH_RUNS", str(tmp_path / "runs"))
    for name in ("FOODBENCH_EDITION", "FOODBENCH_ALLOW_PARTIAL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine from no test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if self.family in (socket.AF_INET, socket.AF_INET6) and host not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder with small pieces of the real datasets; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("FOODBENCH_REALDATA") or REPOSITORY.parent / "shared" / "realdata")
    if not folder.is_dir():
        pytest.skip("the pieces of the real datasets are not here (FOODBENCH_REALDATA)")
    return folder


@pytest.fixture(scope="session")
def small_kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kitchen edition of 24 train and 24 test plates per dataset, made once per test process."""
    from foodbench.data.kitchen import make

    folder = tmp_path_factory.mktemp("kitchen")
    make(folder, seed=7, size=224, train=24, test=24, workers=1)
    return folder


@pytest.fixture
def kitchen(small_kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the small kitchen the one that everything uses, in this process and its children."""
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(small_kitchen))
    return small_kitchen


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium (FOODBENCH_CHROMIUM names another)."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: test)")
    path = os.environ.get("FOODBENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium (Debian package chromium, or FOODBENCH_CHROMIUM)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()
