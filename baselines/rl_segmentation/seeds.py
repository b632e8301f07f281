"""Measure what was trained: the start, and each seed of GRPO and DAPO.

    python baselines/rl_segmentation/seeds.py --runs runs

Asks `foodreasonseg.single` on the benchmark's kitchen and on one of 900 fresh test plates, and puts the results where
`compare.py` reads them. Two minutes on two cores once the kitchens are rendered.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.common.command import command
from baselines.rl_segmentation.compare import ALGORITHMS, KITCHENS, RUNS, SEEDS
from foodbench.core.errors import DataMissing

FRESH_SEED, FRESH_PLATES = 11, 900
TASK = "foodreasonseg.single"


def checkpoints(runs: Path) -> dict[str, Path]:
    """Each model's folder by its name in the table.

    Raises:
        DataMissing: one was not trained yet.
    """
    found = {"start": runs / "qwen-seg-start" / "checkpoint"}
    for algorithm in ALGORITHMS:
        for seed in SEEDS:
            found[f"{algorithm}-{seed}"] = runs / f"qwen-seg-{algorithm}-{seed}" / "checkpoint"
    for path in found.values():
        if not path.is_dir():
            raise DataMissing(f"There is no {path}.", hint="make qwen-seg-rl trains all of them.")
    return found


def fresh_kitchen(runs: Path) -> Path:
    """A kitchen with plates that neither training nor the benchmark has."""
    from foodbench.data.kitchen import make

    folder = runs / "kitchen-fresh"
    if not folder.is_dir():
        make(folder, seed=FRESH_SEED, train=20, test=FRESH_PLATES, datasets=("foodreasonseg",))
    return folder


def measure(checkpoint: Path, name: str, kitchen: Path | None, runs: Path) -> None:
    """Run the task and collect the result.

    Raises:
        CalledProcessError: the run failed.
    """
    from reports.collect import collect

    environment = dict(os.environ)
    if kitchen is not None:
        environment["FOODBENCH_KITCHEN"] = str(kitchen)
    folder = runs / "seeds" / name
    shutil.rmtree(folder, ignore_errors=True)
    spec = f"qwen_seg:{checkpoint}"
    command = ["-m", "foodbench", "run", "--model", spec, "--tasks", TASK, "--edition", "kitchen", "--out", str(folder)]
    subprocess.run([sys.executable, *command], check=True, env=environment)  # noqa: S603 - our own command
    (run,) = (path.parent for path in folder.glob("*/run.json"))
    collect(run, RUNS / name)


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder with the trained models")
    runs = parser.parse_args(argv).runs
    kitchens = dict(zip(KITCHENS, (None, fresh_kitchen(runs)), strict=True))
    for name, checkpoint in checkpoints(runs).items():
        for kitchen, folder in kitchens.items():
            measure(checkpoint, f"{name}-{kitchen}", folder, runs)


if __name__ == "__main__":
    sys.exit(main())
