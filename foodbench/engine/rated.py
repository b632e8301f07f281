"""Ratings put to scores: the one way in which `foodbench run`, `score` and `judge` bring them into a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from foodbench.core.hashing import fingerprint
from foodbench.core.types import Sample, Score
from foodbench.metrics import ratings
from foodbench.runs.ratings import Rated, answer_digest, read_ratings, standing_ratings
from foodbench.runs.schema import RaterSummary, RatingRecord
from foodbench.runs.store import TaskFolder
from foodbench.tasks.base import FoodTask, TaskData

USAGE_PREFIX = "judge."
"""Of the keys in a result's `usage` that judges add; the others are the measured model's."""


@dataclass(frozen=True, slots=True)
class RatedScores:
    """Scores with what raters say.

    Attributes:
        scores: by sample id; with the values of `foodbench.metrics.ratings`, and each rater's rating in the detail.
        raters: each rater's summary, by name.
        usage: what all judging of this folder has taken, for the result's `usage`.
    """

    scores: Mapping[str, Score]
    raters: Sequence[RaterSummary] = ()
    usage: Mapping[str, float] | None = None

    def add_usage(self, usage: Mapping[str, float]) -> dict[str, float]:
        """A result's usage with the judges' part brought up to date."""
        own = {name: total for name, total in usage.items() if not name.startswith(USAGE_PREFIX)}
        return {**own, **(self.usage or {})}


def takes_ratings(task: FoodTask) -> bool:
    """Whether a task's answers can be rated: whether it has the metric."""
    return any(metric.id == ratings.RATING.id for metric in task.metrics)


def rated_of(sample: Sample, answer: str) -> Rated:
    """What a rating of this answer is about."""
    question = fingerprint([sample.question, dict(sample.reference)]).removeprefix("sha256:")
    return Rated(sample.sample_id, answer_digest(answer), question)


def with_ratings(
    data: TaskData, scores: Mapping[str, Score], answers: Mapping[str, str], folder: TaskFolder
) -> RatedScores:
    """The scores of a task with the ratings that its folder holds; as they are if the task takes none.

    Args:
        data: the samples.
        scores: by sample id, without ratings.
        answers: raw answer by sample id.
        folder: the task's folder.

    Raises:
        DataCorrupt: the file of ratings is damaged.
    """
    if not takes_ratings(data.task):
        return RatedScores(scores)
    records = read_ratings(folder)
    about = [rated_of(sample, answers[sample.sample_id]) for sample in data.samples] if records else []
    standing = standing_ratings(records, about)
    given: dict[str, dict[str, float]] = {}
    for (sample_id, rater), record in sorted(standing.items()):
        if record.rating is not None:
            given.setdefault(sample_id, {})[rater] = record.rating
    found = {sample_id: _rated(score, given.get(sample_id, {})) for sample_id, score in scores.items()}
    return RatedScores(found, _summaries(standing.values()), _usage(records))


def _rated(score: Score, by_rater: Mapping[str, float]) -> Score:
    values = {**score.values, **ratings.sample_values(list(by_rater.values()))}
    detail = {**score.detail, "ratings": dict(by_rater)} if by_rater else score.detail
    return replace(score, values=values, detail=detail)


def _summaries(standing: Iterable[RatingRecord]) -> list[RaterSummary]:
    by_rater: dict[str, list[RatingRecord]] = {}
    for record in standing:
        by_rater.setdefault(record.rater, []).append(record)
    summaries = []
    for rater, records in sorted(by_rater.items()):
        given = [record.rating for record in records if record.rating is not None]
        mean = fsum(given) / len(given) if given else None
        summaries.append(RaterSummary(rater=rater, rated=len(given), unread=len(records) - len(given), mean=mean))
    return summaries


def _usage(records: Sequence[RatingRecord]) -> dict[str, float]:
    """Sums over everything that was ever paid for; a total that is not known of all of it is left out."""
    spent = [record.usage for record in records if record.usage is not None]
    known = set.intersection(*(set(usage) for usage in spent)) if spent else set()
    return {USAGE_PREFIX + name: fsum(usage[name] for usage in spent) for name in sorted(known)}
