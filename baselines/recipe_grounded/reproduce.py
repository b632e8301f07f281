"""All of the kitchen's grounded recipes from nothing: every stage, every evaluation, and the tables.

    python baselines/recipe_grounded/reproduce.py --out runs/recipes --cache runs/plates

What is finished is not done again, and an interrupted stage goes on: the same command continues. The stages begin with
a model that has learnt to see (`--seen`); without one it is trained first, which takes as long as all stages of one
seed together. `--ship` puts the first seed's checkpoints into the package.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.common.command import command
from baselines.recipe_grounded.kitchen_runs import EVALUATIONS, SHIPPED, STAGE_RUNS, Evaluation, StageRun
from baselines.recipe_grounded.reports import SEEDS, VOCABULARY, report_folder
from foodbench.core.errors import StorageFull
from foodbench.models.recipe_grounded.checkpoint import KITCHEN
from foodbench.runs.baseline_files import write_baseline
from foodbench.runs.store import RunFolder

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path("baselines/recipe_grounded")
LIMIT = 10 * 1000 * 1000
"""Bytes that the package's checkpoints may have together."""
_SEEN_RECIPE = "baselines/rl_segmentation/kitchen/sft.yaml"
_FINISHED = "training.json"


def _python(*arguments: str | Path) -> None:
    """Run a command of the repository.

    Raises:
        subprocess.CalledProcessError: it failed; it has said why.
    """
    command = [sys.executable, *map(str, arguments)]
    subprocess.run(command, check=True, cwd=REPOSITORY, env=os.environ.copy())  # noqa: S603


def _finished(checkpoint: Path) -> bool:
    return (REPOSITORY / checkpoint / _FINISHED).is_file()


def make_start(out: Path, seen: Path | None, cache: Path) -> Path:
    """The checkpoint that the stages begin with; returns its folder."""
    start = out / "start"
    if _finished(start):
        return start
    if seen is None:
        seen = out / "seen" / "checkpoint"
        if not _finished(seen):
            options = ("--config", _SEEN_RECIPE, "--out", seen.parent, "--cache", cache)
            _python("-m", "baselines.rl_segmentation.kitchen_model.sft", *options)
    _python("-m", "baselines.recipe_grounded.kitchen_start", "--seen", seen, "--out", start)
    return start


def stage_folder(out: Path, run: StageRun, seed: int) -> Path:
    """Where a stage is trained."""
    return out / f"seed{seed if run.seeds else SEEDS[0]}" / run.name


def train_stage(out: Path, run: StageRun, seed: int, start: Path, cache: Path) -> None:
    """Train a stage, if it is not finished."""
    folder = stage_folder(out, run, seed)
    if _finished(folder / "checkpoint"):
        return
    begins = start if run.start == "start" else folder.parent / run.start / "checkpoint"
    options: list[str | Path] = ["--stage", run.stage, "--config", HERE / "kitchen" / f"{run.recipe}.yaml"]
    options += ["--start", begins, "--out", folder, "--cache", cache, "--resume"]
    _python(HERE / "train.py", *options, *(() if run.judge else ("--seed", str(seed))))


def evaluate(out: Path, evaluation: Evaluation, seed: int, reports: Path) -> None:
    """Measure a model on the kitchen, if its report is not there."""
    target = report_folder(reports, evaluation.key, seed)
    if (target / "run.json").is_file():
        return
    checkpoints = {run.name: stage_folder(out, run, seed) / "checkpoint" for run in STAGE_RUNS}
    folder = out / f"seed{seed}" / "runs" / evaluation.key
    options: list[str | Path] = ["--tasks", ",".join(evaluation.tasks), "--edition", "kitchen", "--out", folder]
    model_args = evaluation.arguments(checkpoints)
    _python("-m", "foodbench", "run", "--model", "recipe_grounded", "--model-args", model_args, *options)
    latest = max((REPOSITORY / folder).glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    write_baseline(RunFolder(latest.parent), target)


def ship(out: Path, target: Path = KITCHEN) -> int:
    """Put the first seed's checkpoints, and the actions with their tiers, into the package; returns their bytes.

    Raises:
        StorageFull: they are larger together than they may be.
    """
    folders = {run.name: REPOSITORY / stage_folder(out, run, SEEDS[0]) for run in STAGE_RUNS}
    files = {
        target / part / path.name: path
        for part, stage in SHIPPED.items()
        for path in sorted((folders[stage] / "checkpoint").iterdir())
    }
    files[target / VOCABULARY] = folders[SHIPPED["actions"]] / VOCABULARY
    size = sum(path.stat().st_size for path in files.values())
    if size > LIMIT:
        raise StorageFull(
            f"The checkpoints have {size:,} bytes together, more than {LIMIT:,}.", hint="Make the models smaller."
        )
    for place, path in files.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return size


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"), help="folder for stages and runs")
    parser.add_argument("--cache", type=Path, default=Path("runs/plates"), help="folder for rendered plates")
    parser.add_argument("--seen", type=Path, help="a segmentation model of the kitchen's size, to begin with")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="e.g. 0, or 0,1,2")
    parser.add_argument("--only", help="train and measure only these stages and models: names and keys with commas")
    parser.add_argument("--reports", type=Path, help="folder for reports (default: OUT/reports)")
    parser.add_argument("--ship", action="store_true", help="put the first seed's checkpoints into the package")
    return parser.parse_args(argv)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    out, reports = arguments.out, REPOSITORY / (arguments.reports or arguments.out / "reports")
    only = None if arguments.only is None else set(arguments.only.split(","))
    try:
        start = make_start(out, arguments.seen, arguments.cache)
        for seed in map(int, arguments.seeds.split(",")):
            for run in STAGE_RUNS:
                if only is None or run.name in only:
                    train_stage(out, run, seed, start, arguments.cache)
            for evaluation in EVALUATIONS:
                if only is None or evaluation.key in only:
                    evaluate(out, evaluation, seed, reports)
        if arguments.ship:
            sys.stderr.write(f"the package's checkpoints have {ship(out):,} bytes\n")
        vocabulary = stage_folder(out, STAGE_RUNS[0], SEEDS[0]) / VOCABULARY
        _python(HERE / "compare.py", "--reports", reports, "--vocabulary", vocabulary)
    except subprocess.CalledProcessError as failed:  # it has said why
        return int(failed.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
