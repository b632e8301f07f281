"""`ratings.jsonl` of a task's folder: what judges, models or people, think of its answers.

The file is only ever appended to and outlives its task's results: scoring again, or running again, reads it. A rating
names the answer, the question and the reference that it is about by digest, and counts for nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from foodbench.core.errors import DataCorrupt
from foodbench.core.files import numbered_json_lines
from foodbench.runs.faults import first_fault
from foodbench.runs.schema import RatingRecord
from foodbench.runs.store import RATINGS, TaskFolder


class Rated(NamedTuple):
    """What a rating is about.

    Attributes:
        sample_id: the sample.
        answer_sha256: as in `RatingRecord`.
        question_sha256: as in `RatingRecord`.
    """

    sample_id: str
    answer_sha256: str
    question_sha256: str


def ratings_path(folder: TaskFolder) -> Path:
    """Where the ratings of a task's answers are."""
    return folder.path / RATINGS


def answer_digest(answer: str) -> str:
    """SHA-256 of an answer as `samples.jsonl` has it."""
    return hashlib.sha256(answer.encode()).hexdigest()


def read_ratings(folder: TaskFolder) -> list[RatingRecord]:
    """All ratings in order of their coming; none if there is no file. A torn last line is left out.

    Raises:
        DataCorrupt: a line is not a rating.
    """
    path = ratings_path(folder)
    if not path.is_file():
        return []
    records = []
    for number, line in numbered_json_lines(path):
        try:
            records.append(RatingRecord.model_validate(line))
        except ValidationError as error:
            raise DataCorrupt(
                f"{path}, line {number}: not a rating ({first_fault(error, 'record')}).",
                hint="It was written by another version of foodbench or edited; restore the file.",
            ) from error
    return records


def standing_ratings(records: Iterable[RatingRecord], rated: Iterable[Rated]) -> dict[tuple[str, str], RatingRecord]:
    """The ratings that count for the answers at hand, by (sample id, rater): each rater's last one on each.

    Args:
        records: in order of their coming.
        rated: the answers.
    """
    wanted = set(rated)
    return {
        (record.sample_id, record.rater): record
        for record in records
        if Rated(record.sample_id, record.answer_sha256, record.question_sha256) in wanted
    }
