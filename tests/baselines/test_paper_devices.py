"""Several devices train the same model as one."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from baselines.foodlmm.paper.training import Trainer
from tests.baselines import paper_devices
from tests.baselines.paper_model import Menu, converted, settings
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(tmp_path_factory.mktemp("start"))[1]


def two_processes(start: Path, out: Path, how: str, *stop_after: str) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*launch, paper_devices.__file__, str(start), str(out), how, *stop_after],
        check=True,
        capture_output=True,
        timeout=300,
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def rows(folder: Path) -> list[list[float]]:
    with (folder / "log.csv").open() as stream:
        return [[float(value) for key, value in row.items() if "second" not in key] for row in csv.DictReader(stream)]


@pytest.mark.parametrize("how", ["ddp", "fsdp2"])
def test_two_processes_train_like_one_and_resume_exactly(start: Path, tmp_path: Path, how: str) -> None:
    # Of the three examples one has no mask and no value: devices differ in what their micro-batches hold.
    Trainer(settings(start, optimiser={"batch": 4}), Menu(), tmp_path / "one").run()
    two_processes(start, tmp_path / "two", how)
    for one, two in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    two_processes(start, tmp_path / "torn", how, "3")
    two_processes(start, tmp_path / "torn", how)
    assert rows(tmp_path / "torn") == rows(tmp_path / "two")
    whole, torn = (load_file(tmp_path / name / "checkpoint" / "model.safetensors") for name in ("two", "torn"))
    assert whole.keys() == torn.keys()
    assert all(torch.equal(weight, torn[name]) for name, weight in whole.items())
