"""The functions that a task's lmms-eval YAML names, made from its `FoodTask`.

lmms-eval wants a Hugging Face dataset of documents and functions from documents. A document is one sample as plain
columns; the image stays a path, so that nothing is decoded before somebody looks at it. The same hooks serve both ways
of running: `lmms-eval --tasks foodbench_food101_dish` lets `process_docs` load the data chosen by the environment;
`foodbench run` builds `TaskHooks` on data that it has loaded itself.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foodbench.core.errors import UsageError
from foodbench.core.types import Sample, Score
from foodbench.data.images import ImageFile
from foodbench.data.roots import DatasetChoice, resolve
from foodbench.metrics.aggregate import Metric
from foodbench.tasks.base import FoodTask, TaskData

EDITION_VARIABLE = "FOODBENCH_EDITION"
PARTIAL_VARIABLE = "FOODBENCH_ALLOW_PARTIAL"


def sample_to_document(sample: Sample, task: str) -> dict[str, str]:
    """A sample of a task as plain string columns. Its image must be an `ImageFile`."""
    return {
        "task": task,
        "sample_id": sample.sample_id,
        "cluster": sample.cluster,
        "image_file": str(sample.image.path),
        "image_exif": getattr(sample.image, "exif", "ignore"),
        "question": sample.question,
        "slots": json.dumps(dict(sample.slots), ensure_ascii=False),
        "reference": json.dumps(dict(sample.reference), ensure_ascii=False),
    }


def document_to_sample(document: Any) -> Sample:
    """The inverse of `sample_to_document`."""
    return Sample(
        sample_id=document["sample_id"],
        cluster=document["cluster"],
        image=ImageFile(Path(document["image_file"]), exif=document["image_exif"]),
        question=document["question"],
        slots=json.loads(document["slots"]),
        reference=json.loads(document["reference"]),
    )


def choice_from_environment(dataset: str) -> DatasetChoice:
    """The edition and root that `FOODBENCH_EDITION` and `FOODBENCH_ALLOW_PARTIAL` choose for a dataset.

    Raises:
        UsageError: the edition is neither `real` nor `kitchen`.
        DataMissing: the real edition is asked for but not registered.
    """
    edition = os.environ.get(EDITION_VARIABLE) or None
    if edition not in (None, "real", "kitchen"):
        raise UsageError(f"{EDITION_VARIABLE} is '{edition}'.", hint="Use 'real' or 'kitchen'.")
    return resolve(dataset, edition, allow_partial=os.environ.get(PARTIAL_VARIABLE, "") not in ("", "0"))


class TaskHooks:
    """lmms-eval's view of one task.

    Attributes:
        task: the task.
        scores: every score given so far, by sample id.
    """

    def __init__(self, task: FoodTask, data: TaskData | None = None) -> None:
        """Make hooks for `task`; with `data`, those samples are used instead of what the environment chooses."""
        self.task = task
        self.scores: dict[str, Score] = {}
        self._data = data
        self._lock = threading.Lock()  # lmms-eval scores documents in several threads

    def __deepcopy__(self, memo: dict[int, Any]) -> TaskHooks:
        """Itself: lmms-eval deep-copies its configuration, functions included, but the scores are kept here."""
        return self

    @property
    def data(self) -> TaskData:
        """The loaded samples; loaded now, by the environment's choice, if nobody did before."""
        with self._lock:
            if self._data is None:
                self._data = self.task.load(choice_from_environment(self.task.dataset))
            return self._data

    def process_docs(self, _placeholder: Any) -> Any:
        """The documents as a `datasets.Dataset`; what lmms-eval read from the YAML's placeholder file is ignored."""
        from datasets import Dataset

        return Dataset.from_list([sample_to_document(sample, self.task.name) for sample in self.data.samples])

    def doc_to_visual(self, document: Any) -> list[Any]:
        """The document's image, decoded now, as lmms-eval's list of PIL images."""
        return [document_to_sample(document).image.open()]

    def doc_to_text(self, document: Any) -> str:
        """The question."""
        return document["question"]

    def doc_to_target(self, document: Any) -> str:
        """The reference as JSON text."""
        return document["reference"]

    def process_results(self, document: Any, results: list[str]) -> dict[str, list[float]]:
        """Score one answer.

        Returns:
            for each metric id the pair [numerator, denominator]; `ratio_of_sums` aggregates them.
        """
        score = self.task.score(document_to_sample(document), results[0], self.data.vocabulary)
        with self._lock:
            self.scores[score.sample_id] = score
        return {metric.id: metric_pair(metric, score.values) for metric in self.task.metrics}


def metric_pair(metric: Metric, values: Mapping[str, float]) -> list[float]:
    """One sample's share of a metric as [numerator, denominator]; a mean has denominators of 1."""
    denominator = 1.0 if metric.over is None else values[metric.over]
    return [metric.scale * values[metric.value], denominator]


def ratio_of_sums(pairs: list[list[float]]) -> float:
    """Aggregate [numerator, denominator] pairs: sum over sum. With denominators of 1 that is the mean.

    Every metric of foodbench has this form, so lmms-eval's table and foodbench's result agree by construction. 0 where
    the denominators sum to 0 (lmms-eval has no null).
    """
    denominator = math.fsum(pair[1] for pair in pairs)
    return math.fsum(pair[0] for pair in pairs) / denominator if denominator else 0.0


def ratio_of_sums_or_one(pairs: list[list[float]]) -> float:
    """`ratio_of_sums`, but 1 where the denominators sum to 0: an IoU of nothing with nothing."""
    return ratio_of_sums(pairs) if any(pair[1] for pair in pairs) else 1.0
