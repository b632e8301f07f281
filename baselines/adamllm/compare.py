"""The kitchen's models beside each other, from their reports: rows of the paper's Tables 3, 4, 5, 7 and 14.

    python baselines/adamllm/compare.py
    python baselines/adamllm/compare.py --work runs/adamllm

Prints the Markdown that README.md of this folder holds between its markers; `--write` puts it there. The paper's own
numbers are printed by `foodbench table adamllm/3` (4, 5, 14); those of the kitchen compare with each other only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.adamllm.variants import load_variant
from baselines.common.command import command
from baselines.common.readme_tables import show_tables
from foodbench.runs.answered import answered_samples
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.stats.paired import paired_difference
from foodbench.tasks import TASKS

MEASURED = Path(__file__).parent / "kitchen" / "measured"
"""What is committed of a pipeline's run: reports, and the quality of its tasks."""
README = Path(__file__).parent / "README.md"
CONFIDENCE = 0.95
FOUR = {
    "Recipe1M": "recipe1m.recipe",
    "Nutrition5K": "nutrition5k.ingredients",
    "Food101": "food101.dish",
    "FoodSeg103": "foodseg103.labels",
}
"""The paper's columns."""
PROTOCOLS = {"adamllm": ".adamllm", "strict": ""}
BASE, OURS, CHEF = "base", "ours_single_stage", "rule_two_stage"
PIPELINES = ("rule_two_stage", "ours_two_stage", "rule_single_stage", OURS)
"""Tables 4 and 14, which have all four."""
ABLATIONS: Mapping[str, float] = {
    OURS: 42.0,
    "without_blank_images": 35.9,
    "without_filter_precise": 37.9,
    "without_filter_informative": 37.6,
    "without_synthetic_task": 25.6,
    "without_captions": 36.8,
    "general_task": 36.0,
    "general_task_and_captions": 38.6,
}
"""Table 5: variants with the paper's mean of the food tasks (LLaVA-v1.6-8B)."""
_DASH = "–"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval at 95 %; without one where `low` is None."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def half(self) -> float | None:
        """Half of the interval's width."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def text(self, *, sign: bool = False) -> str:
        """As printed."""
        told = f"{self.value:+.1f}" if sign else f"{self.value:.1f}"
        if self.low is None or self.high is None:
            return told
        return f"{told} ({self.low:.1f} to {self.high:.1f})"


def mean_of(parts: Sequence[Estimate]) -> Estimate:
    """The mean of numbers of different datasets, whose errors have nothing to do with each other.

    Half the width of its interval is the root of the sum of the parts' squared halves over their count.
    """
    value, halves = fmean(part.value for part in parts), [part.half for part in parts]
    if any(half is None for half in halves):
        return Estimate(value)
    half = sqrt(sum((one or 0.0) ** 2 for one in halves)) / len(parts)
    return Estimate(value, value - half, value + half)


def title_of(model: str) -> str:
    """What a row is called."""
    return "base" if model == BASE else load_variant(model).title


class Reports:
    """Looks figures up.

    Args:
        folder: of all reports.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._task = lru_cache(maxsize=None)(self._find)
        self._samples = lru_cache(maxsize=None)(lambda model, task: self._read(model, task))

    def _find(self, model: str, task: str) -> TaskFolder | None:
        folder = RunFolder(self._folder / model)
        found = [one for name, one in folder.finished().items() if name.partition("@")[0] == task]
        return found[-1] if found else None

    def _read(self, model: str, task: str) -> list[Any] | None:
        folder = self._task(model, task)
        return None if folder is None else [sample.score for sample in answered_samples(folder)]

    def value(self, model: str, task: str) -> Estimate | None:
        """The first metric of a task; None if there is no report of it."""
        folder = self._task(model, task)
        if folder is None:
            return None
        wanted = TASKS.get(task).metrics[0].id
        found = next((one for one in folder.result().metrics if one.id == wanted), None)
        return None if found is None or found.value is None else Estimate(found.value, found.low, found.high)

    def row(self, model: str, protocol: str) -> list[Estimate] | None:
        """The four tasks under a protocol; None unless all are there."""
        found = [self.value(model, f"{task}{PROTOCOLS[protocol]}") for task in FOUR.values()]
        known = [one for one in found if one is not None]
        return known if len(known) == len(FOUR) else None

    def gains(self, model: str, protocol: str, over: str = BASE) -> list[Estimate] | None:
        """How much better a model is than another in each task, sample by sample; None unless all are there."""
        found = []
        for task in FOUR.values():
            name = f"{task}{PROTOCOLS[protocol]}"
            sides = [self._samples(one, name) for one in (over, model)]
            if sides[0] is None or sides[1] is None:
                return None
            gain = paired_difference(TASKS.get(name).metrics[0], sides[0], sides[1], confidence=CONFIDENCE)
            if gain.value is None:
                return None
            found.append(Estimate(gain.value, gain.low, gain.high))
        return found


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _cells(row: Sequence[Estimate] | None) -> list[str]:
    if row is None:
        return [_DASH] * (len(FOUR) + 1)
    return [*(one.text() for one in row), mean_of(row).text()]


def models_table(reports: Reports, models: Sequence[str], protocol: str) -> list[str]:
    """Models over the four tasks and their mean (Tables 3 and 14; the last column is Table 4)."""
    rows = [[title_of(model), *_cells(reports.row(model, protocol))] for model in models]
    return _table(["", *FOUR, "mean"], rows)


def gains_table(reports: Reports) -> list[str]:
    """What post-training gains over the base, by task and in the mean, under both protocols."""
    rows = []
    for model in PIPELINES:
        for protocol in PROTOCOLS:
            gains = reports.gains(model, protocol)
            told = [_DASH] * (len(FOUR) + 1)
            if gains is not None:
                told = [one.text(sign=True) for one in (*gains, mean_of(gains))]
            rows.append([title_of(model), protocol, *told])
    return _table(["gain over the base", "protocol", *FOUR, "mean"], rows)


def ablations_table(reports: Reports) -> list[str]:
    """Means over the four tasks under both protocols, and the loss against the whole method (Table 5)."""
    rows = []
    for model, printed in ABLATIONS.items():
        told = [title_of(model)]
        for protocol in PROTOCOLS:
            row, lost = reports.row(model, protocol), reports.gains(model, protocol, OURS)
            told += [
                _DASH if row is None else mean_of(row).text(),
                _DASH if lost is None or model == OURS else mean_of(lost).text(sign=True),
            ]
        paper = "" if model == OURS else f"{printed - ABLATIONS[OURS]:+.1f}"
        rows.append([*told, f"{printed:.1f}", paper])
    columns = [heading for protocol in PROTOCOLS for heading in (f"mean, `{protocol}`", "against the first row")]
    return _table(["", *columns, "paper", "paper's difference"], rows)


def quality_table(work: Path) -> list[str]:
    """Synthetic tasks before and after the filter, by the kitchen's own knowledge (beside Table 7)."""
    rows = []
    for name, suffix in (("with blank images", ""), ("without blank images", "-without-blank")):
        paths = [
            work / f"synthesis{suffix}" / "report.json",
            work / f"synthesis{suffix}" / "accuracy.json",
            work / f"filter{suffix}" / "statistics.json",
            work / f"filter{suffix}" / "accuracy.json",
        ]
        if not all(path.is_file() for path in paths):
            continue
        made, before, judged, after = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
        kept = judged["by_type"]["all"]
        rows.append(
            [
                name,
                str(made["triplets"]),
                str(sum(made["unparsed"].values())),
                _share(kept["kept_share"], kept["interval"]),
                _share(before["accuracy"], before["interval"]),
                _share(after["accuracy"], after["interval"]),
            ]
        )
    headings = ["synthesiser tuned", "triplets", "unreadable", "kept", "accuracy of all", "accuracy of the kept"]
    return _table(headings, rows) if rows else []


def types_table(work: Path) -> list[str]:
    """What the filter keeps of each type of task (beside Table 6)."""
    path = work / "filter" / "statistics.json"
    if not path.is_file():
        return []
    by_type: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["by_type"]
    verdicts = ("consistent", "inconsistent", "open")
    rows = [
        [name, *(str(told[verdict]) for verdict in verdicts), _share(told["kept_share"], told["interval"])]
        for name, told in sorted(by_type.items(), key=lambda one: (one[0] != "all", -one[1]["judged"]))
    ]
    return _table(["type of task", *verdicts, "kept"], rows)


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return _DASH
    ends = (None, None) if interval is None else (100 * interval[0], 100 * interval[1])
    return f"{Estimate(100 * value, *ends).text()} %"


def markdown(work: Path) -> str:
    """All tables of a pipeline's run."""
    reports = Reports(work / "reports")
    parts = [
        ("Models (Table 3), protocol `adamllm`:", models_table(reports, (BASE, CHEF, OURS), "adamllm")),
        ("The same under `strict`:", models_table(reports, (BASE, CHEF, OURS), "strict")),
        ("Pipelines (Table 14; the mean is Table 4), protocol `adamllm`:", models_table(reports, PIPELINES, "adamllm")),
        ("Gains over the base, sample by sample:", gains_table(reports)),
        ("Ablations (Table 5):", ablations_table(reports)),
    ]
    quality = quality_table(work)
    if quality:
        parts.append(("Synthetic tasks (beside Table 7):", quality))
    types = types_table(work)
    if types:
        parts.append(("What the filter keeps, by type of task:", types))
    told = ["Intervals are at 95 %; a mean's treats the four datasets as independent."]
    for heading, lines in parts:
        told += ["", heading, "", *lines]
    return "\n".join(told)


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=MEASURED, help="folder of a pipeline's run")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    options = parser.parse_args(argv)
    show_tables(markdown(options.work), README, write=options.write)


if __name__ == "__main__":
    sys.exit(main())
