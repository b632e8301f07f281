"""GRPO and DAPO beside what they began with: every seed, on the benchmark's questions and on fresh ones.

    python baselines/rl_segmentation/compare.py

Prints the Markdown that README.md of this folder holds between its markers; `--write` puts it there. The runs that it
reads are made by `seeds.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.common.readme_tables import show_tables
from foodbench.core.types import Score
from foodbench.metrics.segmentation import GENERALIZED_IOU
from foodbench.runs.answered import answered_samples
from foodbench.runs.store import RunFolder
from foodbench.stats.paired import Difference, paired_difference
from foodbench.stats.summary import summarise

HERE = Path(__file__).parent
RUNS = HERE / "kitchen" / "seeds"
README = HERE / "README.md"
TASK = "foodreasonseg.single@1"
SEEDS = (0, 1, 2)
ALGORITHMS = ("grpo", "dapo")
KITCHENS = ("benchmark", "fresh")
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what it is called, and each kitchen's scores."""

    name: str
    scores: dict[str, tuple[Score, ...]]


def read(name: str) -> dict[str, tuple[Score, ...]]:
    """A model's scores in both kitchens.

    Raises:
        DataMissing, DataCorrupt: a run is not there or damaged.
    """
    return {
        kitchen: tuple(sample.score for sample in answered_samples(RunFolder(RUNS / f"{name}-{kitchen}").task(TASK)))
        for kitchen in KITCHENS
    }


def mean_of(runs: Sequence[dict[str, tuple[Score, ...]]]) -> dict[str, tuple[Score, ...]]:
    """Each question's mean IoU over seeds."""
    return {
        kitchen: tuple(
            replace(several[0], values={**several[0].values, "iou": fmean(each.values["iou"] for each in several)})
            for several in zip(*(run[kitchen] for run in runs), strict=True)
        )
        for kitchen in KITCHENS
    }


def difference(before: Sequence[Score], after: Sequence[Score]) -> Difference:
    """The paired difference in gIoU, by photo."""
    return paired_difference(GENERALIZED_IOU, before, after, confidence=CONFIDENCE)


def markdown() -> str:
    """The table, and how DAPO compares with GRPO."""
    start = read("start")
    of_seed = {algorithm: [read(f"{algorithm}-{seed}") for seed in SEEDS] for algorithm in ALGORITHMS}
    means = {algorithm: mean_of(runs) for algorithm, runs in of_seed.items()}
    lines = [Line("supervised start", start)]
    for algorithm in ALGORITHMS:
        named = algorithm.upper()
        lines += [Line(f"{named}, seed {seed}", run) for seed, run in zip(SEEDS, of_seed[algorithm], strict=True)]
        lines.append(Line(f"**{named}, mean of {len(SEEDS)} seeds**", means[algorithm]))
    counts = [len(start[kitchen]) for kitchen in KITCHENS]
    header = "| | " + " | ".join(
        f"gIoU, {kitchen} ({count} questions) | over the start" for kitchen, count in zip(KITCHENS, counts, strict=True)
    )
    rows = [header + " |", "|---" * 5 + "|"]
    rows += [f"| {line.name} | {' | '.join(_cells(line, start))} |" for line in lines]
    apart = "; ".join(
        f"{kitchen} {_signed(difference(means['grpo'][kitchen], means['dapo'][kitchen]))}" for kitchen in KITCHENS
    )
    return "\n".join([*rows, "", f"DAPO less GRPO, means of the seeds: {apart}."])


def _cells(line: Line, start: dict[str, tuple[Score, ...]]) -> list[str]:
    cells = []
    for kitchen in KITCHENS:
        (value,) = summarise((GENERALIZED_IOU,), line.scores[kitchen])
        cells.append(f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})")
        same = line.scores[kitchen] == start[kitchen]
        cells.append("" if same else _signed(difference(start[kitchen], line.scores[kitchen])))
    return cells


def _signed(found: Difference) -> str:
    if found.value is None:
        return "–"
    interval = "" if found.low is None or found.high is None else f" ({found.low:+.3f} to {found.high:+.3f})"
    return f"{found.value:+.3f}{interval}"


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    write = parser.parse_args(argv).write
    show_tables(markdown(), README, write=write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
