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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foodbench.core.errors import UsageError
from foodbench.core.types import Sample, Score
from foodbench.data.images import image_from_dict
from foodbench.data.roots import DatasetChoice, resolve
from foodbench.metrics.aggregate import Metric
from foodbench.tasks.base import FoodTask, TaskData

HOOKS = ("process_docs", "doc_to_visual", "doc_to_text", "doc_to_target", "process_results")
"""The methods of `TaskHooks` that lmms-eval calls."""
EDITION_VARIABLE = "FOODBENCH_EDITION"
PARTIAL_VARIABLE = "FOODBENCH_ALLOW_PARTIAL"


def sample_to_document(sample: Sample, task: str) -> dict[str, str]:
    """A sample of a task as plain string columns. Its image must have a plain form (`as_dict`)."""
    return {
        "task": task,
        "sample_id": sample.sample_id,
        "cluster": sample.cluster,
        "image": json.dumps(sample.image.as_dict(), ensure_ascii=False),  # type: ignore[attr-defined]
        "question": sample.question,
        "slots": json.dumps(dict(sample.slots), ensure_ascii=False),
        "reference": json.dumps(dict(sample.reference), ensure_ascii=False),
    }


def document_to_sample(document: Any) -> Sample:
    """The inverse of `sample_to_document`."""
    return Sample(
        sample_id=document["sample_id"],
        cluster=document["cluster"],
        image=image_from_dict(json.loads(document["image"])),
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

    def process_results(self, document: Any, results: list[str]) -> dict[str, dict[str, float]]:
        """Score one answer.

        Returns:
            for each metric id those of the sample's values that it is made of; `aggregation` makes the number of them.
        """
        score = self.task.score(document_to_sample(document), results[0], self.data.vocabulary)
        with self._lock:
            self.scores[score.sample_id] = score
        return {metric.id: metric.share(score.values) for metric in self.task.metrics}

    @staticmethod
    def aggregation(metric: Metric) -> Callable[[Sequence[Mapping[str, float]]], float]:
        """What makes a metric's number of the samples' values, for lmms-eval, which has no null: NaN for none.

        Its table prints `nan`; a number would be taken for a result, and 0 for a perfect one where less is better.
        """

        def aggregate(samples: Sequence[Mapping[str, float]]) -> float:
            number = metric.of_samples(samples)
            return math.nan if number is None else number

        return aggregate
