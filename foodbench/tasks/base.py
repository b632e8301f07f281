"""What a task is: a frozen description that joins a dataset, a question, a reading of the answer, and metrics.

A task file reads as data: it fills in a `FoodTask` and exports the hooks that lmms-eval's YAML names
(`foodbench.tasks.hooks`). Nothing here imports lmms-eval, torch or pandas.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from foodbench.core.errors import AnswerInvalid, DataMissing
from foodbench.core.hashing import fingerprint, stable_seed
from foodbench.core.types import Answer, Request, Sample, Score
from foodbench.data.manifest import copy_fingerprint
from foodbench.data.roots import DatasetChoice, StageProgress, open_dataset
from foodbench.metrics.aggregate import Metric
from foodbench.tasks.regions import unusable_of
from foodbench.tasks.text import without_reasoning

AnswerKind = Literal["label", "labels", "nutrition", "masks", "text"]
"""What an answer consists of, and with it the form of a sample's reference, which baselines fit themselves on:

* `label`: one name of a closed list; any reference.
* `labels`: a set of names; `{"labels": [...]}`.
* `nutrition`: kcal and grams; the values by nutrient.
* `masks`: labelled masks; `{"size": [h, w], "masks": [{"label", "counts"}], ...}`. What is asked for is the slot
  `ingredients`; without it, everything is.
* `text`: free text; `{"text": ...}`.
"""


_LIMIT_UNITS = {"nutrition5k": "dish", "recipe1m": "recipe", "fooddialogues": "dialogue"}
"""What a record is, of datasets whose records are more than a photo."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one answer.

    Attributes:
        parsed: whether the answer could be read; if not, the values are those of a wrong answer.
        values: the per-sample numbers that the task's metrics aggregate.
        detail: what was read, for people (plain JSON).
        error: what was wrong with the answer's form, if a part of it had to be refused.
    """

    parsed: bool
    values: Mapping[str, float]
    detail: Mapping[str, Any]
    error: str | None = None


@dataclass(frozen=True)
class FoodTask:
    """One question type on one dataset under one protocol.

    Attributes:
        name: `<dataset>.<question>`, e.g. `food101.dish`.
        version: raised whenever questions, reading or metrics change; old results then no longer compare.
        dataset: name in the data catalog.
        split: the dataset's split that is asked.
        train_split: the split that baselines may be fitted on.
        protocol: how the question is put and scored.
        summary: one line for people.
        questions: the wordings, with `{slot}` for what changes from sample to sample.
        answer_kind: what an answer consists of.
        metrics: what is reported; the first is the primary one.
        headline: how many of them, from the first, are shown in a table of several tasks: those that must not be shown
            apart (a refusal rate without the answered rate says nothing).
        selective: whether `build` leaves out records by what they hold (photos with too few ingredients, say); a limit
            then counts what is left.
        generation: settings for the model's decoding.
        floors: baselines that answer without looking; the best of them is the floor.
        build: turns records of a split into samples; given the open reader, the records and the task's version.
        vocabulary: the closed list of answers, if there is one.
        read: reads one answer against its sample (and the vocabulary).
        oracle: the reference as an answer, to be read by `read`: the ceiling.
    """

    name: str
    version: int
    dataset: str
    split: str
    train_split: str
    protocol: str
    summary: str
    questions: tuple[str, ...]
    answer_kind: AnswerKind
    metrics: tuple[Metric, ...]
    generation: Mapping[str, Any]
    floors: tuple[str, ...]
    build: Callable[[Any, Sequence[Any]], Iterable[Sample]]
    vocabulary: Callable[[Any], tuple[str, ...]]
    read: Callable[[Sample, Answer, tuple[str, ...]], Reading]
    oracle: Callable[[Sample], Answer]
    headline: int = 3
    selective: bool = False

    @property
    def versioned_name(self) -> str:
        """`name@version`: the name of the task's folder in a run."""
        return f"{self.name}@{self.version}"

    @property
    def limit_unit(self) -> str:
        """What a limit counts, in the singular: a photo, say, with all questions about it."""
        return _LIMIT_UNITS.get(self.dataset, "photo")

    @property
    def yaml_name(self) -> str:
        """The task's name in lmms-eval."""
        return "foodbench_" + self.name.replace(".", "_")

    @property
    def yaml_path(self) -> Path:
        """The lmms-eval YAML of this task."""
        dataset, _, question = self.name.partition(".")
        return Path(__file__).parent / dataset / f"{question}.yaml"

    def load(
        self,
        choice: DatasetChoice,
        *,
        limit: int | None = None,
        seed: int = 0,
        progress: StageProgress | None = None,
    ) -> TaskData:
        """Read the dataset and build the questions.

        Args:
            choice: which edition and root of the dataset.
            limit: keep this many records, with all questions about each, spread evenly over the ordered split from a
                seeded start (not the first ones: on class-sorted lists those are one class).
            seed: chooses the start.
            progress: called as (stage, done, total) while the dataset is indexed the first time.

        Raises:
            DataMissing, DataCorrupt: as the reader says; also if no sample is left.
        """
        reader = open_dataset(choice, progress=progress)
        records = reader.records(self.split)
        samples = self._samples(reader, records, limit=limit, seed=seed)
        if not samples:
            raise DataMissing(
                f"{self.name}: the {choice.edition} edition of {self.dataset} at {choice.root} has no usable "
                f"'{self.split}' sample.",
                hint=f"See what is there with: foodbench data verify {self.dataset}",
            )
        return TaskData(
            task=self,
            choice=choice,
            samples=samples,
            vocabulary=self.vocabulary(reader),
            dataset_fingerprint=copy_fingerprint(reader, self.split),
            available=len(records) - len(unusable_of(reader)),
            missing_ids=(*reader.missing(self.split), *unusable_of(reader)),
            # Kept if it could have left something out: a limited result compares with no full one.
            limit=limit if limit is not None and limit < len(records) else None,
        )

    def train_samples(self, choice: DatasetChoice, *, limit: int | None = None, seed: int = 0) -> tuple[Sample, ...]:
        """The train split asked in the same way, for fitting baselines."""
        reader = open_dataset(choice)
        return self._samples(reader, reader.records(self.train_split), limit=limit, seed=seed)

    def _samples(self, reader: Any, records: Sequence[Any], *, limit: int | None, seed: int) -> tuple[Sample, ...]:
        if self.selective and limit is not None:
            samples = sorted(self.build(reader, records), key=lambda sample: sample.sample_id)
            kept = set(spread(list(dict.fromkeys(sample.cluster for sample in samples)), limit, seed))
            return tuple(sample for sample in samples if sample.cluster in kept)
        chosen = spread(records, limit, seed)
        return tuple(sorted(self.build(reader, chosen), key=lambda sample: sample.sample_id))

    def request(self, sample: Sample) -> Request:
        """What a model is asked for this sample, without the reference.

        Ids and paths are the dataset's own, and some name a class (`apple_pie/1005649`): they are for messages. An
        adapter of the user's own machine could read those, or the references themselves; an answer must come from the
        picture and the question, which is all that a served model gets.
        """
        return Request(
            task=self.name,
            sample_id=sample.sample_id,
            image=sample.image,
            question=sample.question,
            slots=sample.slots,
            generation=self.generation,
        )

    def score(self, sample: Sample, raw: str, vocabulary: tuple[str, ...]) -> Score:
        """Score one answer as it came out of the text channel. Never raises for what a model wrote.

        Reasoning written before the answer (`<think>`) is not part of it. A malformed answer is scored as an empty one,
        marked as not parsed, with the reason.
        """
        try:
            # An envelope is read before its text is looked at: a mask's code or JSON must not lose a piece.
            answer = Answer.from_text(raw)
            reading = self.read(sample, replace(answer, text=without_reasoning(answer.text)), vocabulary)
            error = reading.error
        except Exception as failure:
            # Most are AnswerInvalid. Anything else is a bug in a task's reading that an answer has met: it costs that
            # answer, is recorded with it, and does not end the run.
            what = failure.message if isinstance(failure, AnswerInvalid) else f"{type(failure).__name__}: {failure}"
            error = what[:300]
            reading = replace(self.read(sample, Answer(text=""), vocabulary), parsed=False)
        return Score(
            sample_id=sample.sample_id,
            cluster=sample.cluster,
            parsed=reading.parsed,
            values=reading.values,
            detail=reading.detail,
            error=error,
        )

    @property
    def prompt_fingerprint(self) -> str:
        """Identity of the way of asking: changes with the version or the decoding settings."""
        return fingerprint([self.name, self.version, self.protocol, dict(self.generation)])


@dataclass(frozen=True)
class TaskData:
    """A task with its questions loaded.

    Attributes:
        task: the task.
        choice: which edition and root of the dataset they came from.
        samples: sorted by id.
        vocabulary: closed list of answers, or empty.
        dataset_fingerprint: identity of the split's ids and labels.
        available: number of records of the split that are there.
        missing_ids: ids of the records of the split that are not (a partial copy).
        limit: how many records (see `FoodTask.limit_unit`) were asked for at most; None for all.
        control: what is shown instead of the right pictures, if so (see `foodbench.tasks.controls`).
    """

    task: FoodTask
    choice: DatasetChoice
    samples: tuple[Sample, ...]
    vocabulary: tuple[str, ...]
    dataset_fingerprint: str
    available: int
    missing_ids: tuple[str, ...]
    limit: int | None = None
    control: str | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Identity of exactly these questions and references: results compare only if it is equal."""
        task = self.task
        manifest = fingerprint(self.manifest())
        references = fingerprint([dict(sample.reference) for sample in self.samples])
        shown = [] if self.control is None else [self.control]
        return fingerprint([task.prompt_fingerprint, self.dataset_fingerprint, manifest, references, *shown])

    def manifest(self) -> list[dict[str, Any]]:
        """The frozen queries: one plain record per sample, in order of id, without references."""
        return [
            {
                "sample_id": sample.sample_id,
                "cluster": sample.cluster,
                "question": sample.question,
                "slots": dict(sample.slots),
            }
            for sample in self.samples
        ]


def spread(records: Sequence[Any], limit: int | None, seed: int) -> Sequence[Any]:
    """Choose `limit` records evenly over the whole list: a systematic sample with a seeded start.

    The list is sorted by class in most datasets, so a systematic sample is nearly stratified by class.
    """
    total = len(records)
    if limit is None or limit >= total:
        return records
    start = random.Random(stable_seed("limit", seed)).random()  # noqa: S311 - sampling, not cryptography
    return [records[int((index + start) * total / limit)] for index in range(limit)]
