"""Figures of the kitchen's runs, from the folders of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import fsum
from pathlib import Path

from baselines.recipe_grounded.vocabulary import DATASET, TIERS, ActionVocabulary
from foodbench.core.errors import DataMissing
from foodbench.core.types import Score
from foodbench.data.roots import resolve
from foodbench.metrics.aggregate import Metric
from foodbench.models.recipe_grounded.checkpoint import KITCHEN
from foodbench.runs.answered import AnsweredSample, answered_samples
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.stats.paired import Difference, paired_difference
from foodbench.stats.summary import evaluate
from foodbench.tasks import TASKS

VOCABULARY = "vocabulary.json"
CONFIDENCE = 0.95
SEEDS = (0, 1, 2)
MEASURED = Path(__file__).parent / "kitchen" / "measured"
"""Reports of all seeds, as `reproduce.py` made them."""
_OTHERS = {"foodlmm": Path(__file__).resolve().parents[2] / "reports" / "foodlmm-kitchen"}
"""Reports of other models, by the keys that they have here."""
_RECALL = {f"recall.{tier}": tier for tier in TIERS}


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of a task; `recall.head`, `.mid` and `.tail` of recipe1m.actions are made here."""

    name: str
    task: str
    metric: str


@dataclass(frozen=True, slots=True)
class Value:
    """A figure over the answers of some seeds, with its interval, by recipe."""

    value: float
    low: float | None
    high: float | None


def report_folder(folder: Path, key: str, seed: int) -> Path:
    """Where a run's report is.

    Args:
        folder: of all reports of the kitchen's recipes.
        key: of the model.
        seed: of its training.
    """
    return _OTHERS.get(key) or folder / f"{key}-{seed}"


class Reports:
    """Looks figures up.

    Args:
        folder: of all reports.
        vocabulary: the actions with their tiers; None: those of the packaged models.
    """

    def __init__(self, folder: Path, vocabulary: Path | None = None) -> None:
        self._folder, self._vocabulary = folder, vocabulary or KITCHEN / VOCABULARY
        self._task = lru_cache(maxsize=None)(self._find_task)
        self._scores = lru_cache(maxsize=None)(self._read_scores)

    def seeds(self, key: str) -> list[int]:
        """The seeds of which there is a report."""
        seeds = (0,) if key in _OTHERS else SEEDS
        return [seed for seed in seeds if report_folder(self._folder, key, seed).is_dir()]

    def shared_seeds(self, *keys: str) -> list[int]:
        """The seeds of which there are reports of every one of some models."""
        return sorted(set(self.seeds(keys[0])).intersection(*map(self.seeds, keys[1:])))

    def value(self, key: str, column: Column, seeds: Sequence[int] | None = None) -> Value | None:
        """A figure; None if there is no report of it.

        Args:
            key: of the model.
            column: what is shown.
            seeds: those that count; None: all.
        """
        scores = self._answers(key, self.seeds(key) if seeds is None else seeds, column)
        if not scores:
            return None
        found = evaluate(self.metric(column), scores, confidence=CONFIDENCE)
        return None if found.value is None else Value(found.value, found.low, found.high)

    def metric(self, column: Column) -> Metric:
        """What a column shows."""
        if _made(column):
            tier = _RECALL[column.metric]
            return Metric(
                id=column.metric,
                kind="share",
                value=f"found/{tier}",
                over=f"due/{tier}",
                unit="%",
                scale=100.0,
                bounds=(0.0, 1.0),
            )
        return next(one for one in TASKS.get(column.task).metrics if one.id == column.metric)

    def difference(self, worse: str, better: str, column: Column) -> Difference | None:
        """How much better one model is than another, by recipe; each seed's recipes count once. None without both."""
        seeds = self.shared_seeds(worse, better)
        sides = [self._answers(key, seeds, column) for key in (worse, better)]
        if not all(sides):
            return None
        return paired_difference(self.metric(column), *sides, confidence=CONFIDENCE)

    def _answers(self, key: str, seeds: Sequence[int], column: Column) -> list[Score]:
        """Of all seeds. The same recipe under another seed is no other recipe: it stays in its cluster."""
        return [
            replace(score, sample_id=f"{score.sample_id}/{seed}")
            for seed in seeds
            for score in self._scores(key, seed, column.task, _made(column))
        ]

    def usage(self, key: str, seed: int, name: str) -> float:
        """A total of a run over its tasks, e.g. `scsr.fallbacks`; 0 where it was not counted."""
        folder = RunFolder(report_folder(self._folder, key, seed))
        return fsum(task.result().usage.get(name, 0.0) for task in folder.finished().values())

    def _find_task(self, key: str, seed: int, name: str) -> TaskFolder | None:
        folder = RunFolder(report_folder(self._folder, key, seed))
        found = [task for versioned, task in sorted(folder.tasks().items()) if versioned.partition("@")[0] == name]
        return found[-1] if found and found[-1].result_path.is_file() else None

    def _read_scores(self, key: str, seed: int, task: str, tiered: bool) -> tuple[Score, ...]:
        folder = self._task(key, seed, task)
        if folder is None:
            return ()
        samples = sorted(answered_samples(folder), key=lambda one: one.score.sample_id)
        return tuple(self._tiered(one) if tiered else one.score for one in samples)

    def _tiered(self, sample: AnsweredSample) -> Score:
        """How many of a recipe's actions of each tier were found."""
        found = set(sample.score.detail.get("actions", ()))
        due = self._due.get(sample.score.sample_id)
        if due is None:
            raise DataMissing(
                f"The recipe {sample.score.sample_id} is not in the kitchen of this machine.",
                hint="Compare reports of the default kitchen.",
            )
        values: dict[str, float] = {}
        for tier in TIERS:
            own = {action for action in due if self._tiers.tier(action) == tier}
            values |= {f"found/{tier}": float(len(own & found)), f"due/{tier}": float(len(own))}
        return replace(sample.score, values=values)

    @cached_property
    def _tiers(self) -> ActionVocabulary:
        return ActionVocabulary.load(self._vocabulary)

    @cached_property
    def _due(self) -> Mapping[str, Sequence[str]]:
        """The right actions of the kitchen's recipes."""
        data = TASKS.get("recipe1m.actions").load(resolve(DATASET, "kitchen"))
        return {sample.sample_id: sample.reference["actions"] for sample in data.samples}


def _made(column: Column) -> bool:
    return column.metric in _RECALL


__all__ = ["CONFIDENCE", "MEASURED", "SEEDS", "VOCABULARY", "Column", "Reports", "Value", "report_folder"]
