"""Measure the included FoodLMM on kitchens of 500 test plates, beside what it should reach.

    python baselines/foodlmm/reproduce.py --out runs/reproduce-foodlmm

Two kitchens are rendered (once): of the benchmark's seed, and of a fresh one. No plate of either is in the training
data, which is drawn from seeds of its own. Exits with 1 if a mark is missed, or if the fresh kitchen differs by more
than two points.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SEEDS = {"benchmark": 0, "fresh": 20_261_121}
PLATES = {"train": 24, "test": 500}
TOLERANCE = 2.0
"""Points between the kitchens; figures in percent count as they are, shares of one hundredfold."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the model should reach.

    Attributes:
        name: for people.
        task: the benchmark's task.
        metric: its metric.
        target: in the metric's unit.
        less: whether less is better.
    """

    name: str
    task: str
    metric: str
    target: float
    less: bool = False

    def reached(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value <= self.target if self.less else value >= self.target

    def points(self, value: float) -> float:
        """The value on a scale of one hundred."""
        return value * 100 if self.target <= 1 else value


MARKS = (
    Mark("dish", "food101.dish", "top1_accuracy", 95),
    Mark("ingredient F1", "vireo172.ingredients", "f1.sample", 93),
    Mark("refer@1 cIoU", "foodseg103.refer1", "ciou", 0.80),
    Mark("refer@3 cIoU", "foodseg103.refer3", "ciou", 0.78),
    Mark("one-to-zero@1", "foodseg103.absent1", "refusal_accuracy.query", 93),
    Mark("calories, % of mean", "nutrition5k.total", "pmae.kcal", 14, less=True),
    Mark("reasoning gIoU, dialogues", "foodreasonseg.dialogue", "giou.dialogue", 0.70),
    Mark("reasoning gIoU, single", "foodreasonseg.single", "giou.sample", 0.70),
)


def _foodbench(*arguments: str, environment: dict[str, str] | None = None) -> None:
    command = [sys.executable, "-m", "foodbench", *arguments]
    subprocess.run(command, check=True, cwd=REPOSITORY, env={**os.environ, **(environment or {})})  # noqa: S603


def measure(out: Path, name: str, seed: int, model_args: list[str]) -> dict[tuple[str, str], float]:
    """Render one of the kitchens, ask the model, and return its figures by task and metric."""
    kitchen, run = out / f"kitchen-{name}", out / f"run-{name}"
    plates = [part for split, count in PLATES.items() for part in (f"--{split}", str(count))]
    _foodbench("data", "make", "kitchen", "--out", str(kitchen), "--seed", str(seed), *plates)
    tasks = ",".join(dict.fromkeys(mark.task for mark in MARKS))
    _foodbench(
        *("run", "--model", "foodlmm", *model_args, "--tasks", tasks, "--edition", "kitchen", "--out", str(run)),
        environment={"FOODBENCH_KITCHEN": str(kitchen)},
    )
    latest = max(run.glob("*/run.json"), key=lambda path: path.stat().st_mtime).parent
    results = [json.loads(path.read_text(encoding="utf-8")) for path in latest.glob("*/result.json")]
    return {
        (result["task"]["name"], metric["id"]): float(metric["value"])
        for result in results
        for metric in result["metrics"]
        if metric["value"] is not None
    }


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for kitchens and runs")
    parser.add_argument("--model-args", action="append", default=[], help="as of foodbench run")
    arguments = parser.parse_args(argv)
    model_args = [part for given in arguments.model_args for part in ("--model-args", given)]
    try:
        figures = {name: measure(arguments.out.absolute(), name, seed, model_args) for name, seed in SEEDS.items()}
    except subprocess.CalledProcessError as failed:  # it has said why
        return int(failed.returncode)
    missed = 0
    sys.stdout.write(f"{'':28}{'mark':>8}{'benchmark':>12}{'fresh':>10}{'apart':>8}\n")
    for mark in MARKS:
        seen, fresh = (figures[name][mark.task, mark.metric] for name in SEEDS)
        apart = abs(mark.points(seen) - mark.points(fresh))
        verdict = "" if mark.reached(seen) and apart <= TOLERANCE else "  missed"
        missed += bool(verdict)
        sign = "<=" if mark.less else ">="
        sys.stdout.write(f"{mark.name:28}{sign}{mark.target:>6g}{seen:>12.3f}{fresh:>10.3f}{apart:>8.1f}{verdict}\n")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
