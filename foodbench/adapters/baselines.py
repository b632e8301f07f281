"""Trivial baselines: what can be had without looking at the picture, and the ceiling.

Each is a pure function of the train split, the sample's id, its question and the seed, so an answer depends neither on
the batch it is asked in nor on what was asked before. Answers are made by the task's own `oracle` from a reference (a
train sample's, or one with averaged values), so they have whatever form the task reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from foodbench.core.errors import UnsupportedTask, UsageError
from foodbench.core.hashing import stable_seed
from foodbench.core.types import NUTRIENTS, Answer, Request, Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

Answerer = Callable[[Request], Answer]


class Baseline(ABC):
    """An adapter that is fitted on a task's train split and then answers one request at a time.

    Attributes:
        name: as in `baseline:<name>`.
        kinds: the kinds of answer it can give.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self._answerers: dict[str, Answerer] = {}

    @property
    def identity(self) -> str:
        """`baseline:<name>` and the settings that change answers."""
        return f"baseline:{self.name}"

    @abstractmethod
    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Fit on the task's train split; returns what answers one request."""

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Fit for a task.

        Raises:
            UnsupportedTask: the task wants another kind of answer, or has no train sample to fit on.
            DataMissing, DataCorrupt: the dataset cannot be read.
        """
        if task.answer_kind not in self.kinds:
            raise UnsupportedTask(
                f"baseline:{self.name} answers {' and '.join(self.kinds)} tasks only; {task.name} is a "
                f"{task.answer_kind} task."
            )
        self._answerers[task.name] = self.fit(task, choice)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request on its own.

        Raises:
            UsageError: `prepare` was not called for the task.
        """
        return [self._answerer(request.task)(request) for request in requests]

    def _answerer(self, task_name: str) -> Answerer:
        if task_name not in self._answerers:
            raise UsageError(
                f"{self.identity} was asked about {task_name} before it was fitted.",
                hint="Call prepare(task, choice) first.",
            )
        return self._answerers[task_name]

    def train_samples(self, task: FoodTask, choice: DatasetChoice, limit: int | None = None) -> tuple[Sample, ...]:
        """The task's train samples, at least one.

        Raises:
            UnsupportedTask: there are none.
        """
        samples = task.train_samples(choice, limit=limit)
        if not samples:
            raise UnsupportedTask(
                f"baseline:{self.name} has nothing to be fitted on for {task.name}: the '{task.train_split}' split at "
                f"{choice.root} has no usable sample."
            )
        return samples


class Majority(Baseline):
    """`baseline:majority`: always the most frequent label of the train split; of equally frequent ones the first."""

    name = "majority"
    kinds = ("label",)

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Count the labels."""
        answer = _majority_answer(task, self.train_samples(task, choice))
        return lambda _request: answer


class Mean(Baseline):
    """`baseline:mean`: the train split's mean values, or the best mask that can be made of its mean mask."""

    name = "mean"
    kinds = ("nutrition", "mask")

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Average the references."""
        samples = self.train_samples(task, choice)
        if task.answer_kind == "nutrition":
            answer = _nutrition_answer(task, samples, _mean)
            return lambda _request: answer
        prior = LocationPrior.of(samples)
        return lambda request: mask_answer(task, samples[0], request, prior.region(None))


class RandomDraw(Baseline):
    """`baseline:random`: a label drawn evenly from the train split's labels, or the reference of a random train sample.

    The draw depends on seed, task and sample id only.
    """

    name = "random"
    kinds = ("label", "nutrition", "mask")

    def __init__(self, seed: int = 0) -> None:
        """Draw with this seed."""
        super().__init__()
        self.seed = seed

    @property
    def identity(self) -> str:
        """With the seed."""
        return f"baseline:random,seed={self.seed}"

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Collect what can be drawn."""
        samples = self.train_samples(task, choice)
        if task.answer_kind == "mask":
            return lambda request: self._random_mask(task, samples, request)
        answers = [task.oracle(sample) for sample in samples]
        if task.answer_kind == "label":
            by_text = {answer.text: answer for answer in answers}
            answers = [by_text[text] for text in sorted(by_text)]
        return lambda request: answers[self._draw(request, len(answers))]

    def _draw(self, request: Request, count: int) -> int:
        # The remainder's bias is count / 2**64.
        return stable_seed("baseline:random", self.seed, request.task, request.sample_id) % count

    def _random_mask(self, task: FoodTask, samples: Sequence[Sample], request: Request) -> Answer:
        from foodbench.adapters.location import reference_mask

        drawn = samples[self._draw(request, len(samples))]
        return mask_answer(task, drawn, request, reference_mask(drawn))


class Blind(Baseline):
    """`baseline:blind`: the best that can be said from the question alone.

    Labels: the most frequent one. Nutrition: the medians, which minimise the mean absolute error. Masks: where the
    asked ingredient lies in the train split.
    """

    name = "blind"
    kinds = ("label", "nutrition", "mask")

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Summarise the train split by question."""
        samples = self.train_samples(task, choice)
        if task.answer_kind == "mask":
            prior = LocationPrior.of(samples)
            return lambda request: mask_answer(task, samples[0], request, prior.region(request.slots.get("ingredient")))
        if task.answer_kind == "nutrition":
            answer = _nutrition_answer(task, samples, _median)
        else:
            answer = _majority_answer(task, samples)
        return lambda _request: answer


class Oracle(Baseline):
    """`baseline:oracle`: the reference itself. Shows the ceiling, and that a task can read a right answer."""

    name = "oracle"
    kinds = ("label", "nutrition", "mask")

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Look the answers up."""
        return self._answerer_of(task, task.load(choice).samples)

    def reveal(self, task: FoodTask, samples: Iterable[Sample]) -> None:
        """Tell it the answers directly, instead of `prepare`."""
        self._answerers[task.name] = self._answerer_of(task, samples)

    @staticmethod
    def _answerer_of(task: FoodTask, samples: Iterable[Sample]) -> Answerer:
        known = {sample.sample_id: sample for sample in samples}

        def answer(request: Request) -> Answer:
            if request.sample_id not in known:
                raise UsageError(f"baseline:oracle does not know {request.sample_id} of {request.task}.")
            return task.oracle(known[request.sample_id])

        return answer


@dataclass(frozen=True, slots=True)
class LocationPrior:
    """Mean masks of a train split on a common grid.

    Attributes:
        overall: mean over all samples, shape (GRID, GRID), in [0, 1].
        by_ingredient: the same per ingredient, drawn towards the overall mean where samples are few.
    """

    overall: npt.NDArray[np.float32]
    by_ingredient: Mapping[str, npt.NDArray[np.float32]]

    PSEUDO_SAMPLES: ClassVar[float] = 10.0
    """How many samples' weight the overall mean has in an ingredient's."""

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> LocationPrior:
        """Average the samples' reference masks."""
        from foodbench.adapters.location import foreground_map, reference_mask

        sums: dict[str, Any] = {}
        counts: Counter[str] = Counter()
        for sample in samples:
            ingredient = str(sample.slots.get("ingredient", ""))
            grid = foreground_map(reference_mask(sample))
            sums[ingredient] = sums[ingredient] + grid if ingredient in sums else grid
            counts[ingredient] += 1
        overall = sum(sums.values()) / len(samples)
        weight = cls.PSEUDO_SAMPLES
        by_ingredient = {
            name: (total + weight * overall) / (counts[name] + weight) for name, total in sorted(sums.items())
        }
        return cls(overall=overall, by_ingredient=by_ingredient)

    def probability(self, ingredient: str | None) -> npt.NDArray[np.float32]:
        """The ingredient's mean mask; the overall one if it is None or was never seen."""
        return self.by_ingredient.get(ingredient or "", self.overall)

    def region(self, ingredient: str | None) -> npt.NDArray[np.bool_]:
        """The mask on the grid that agrees best with the train split's."""
        from foodbench.adapters.location import best_region

        return best_region(self.probability(ingredient))


def mask_answer(task: FoodTask, pattern: Sample, request: Request, region: npt.NDArray[np.bool_]) -> Answer:
    """An answer whose mask is `region` stretched to the request's picture.

    Args:
        task: makes the answer's form.
        pattern: any sample of the task.
        request: gives the picture's size and the ingredient.
        region: boolean, any two-dimensional shape.
    """
    from foodbench.adapters.location import image_size, stretch
    from foodbench.metrics import masks

    coded = masks.encode(stretch(region, image_size(request.image)))
    reference = {**pattern.reference, "size": list(coded.size), "counts": coded.counts, **request.slots}
    return task.oracle(replace(pattern, sample_id=request.sample_id, slots=request.slots, reference=reference))


def _majority_answer(task: FoodTask, samples: Sequence[Sample]) -> Answer:
    answers: dict[str, list[Answer]] = defaultdict(list)
    for sample in samples:
        answer = task.oracle(sample)
        answers[answer.text].append(answer)
    text = min(answers, key=lambda text: (-len(answers[text]), text))
    return answers[text][0]


def _nutrition_answer(task: FoodTask, samples: Sequence[Sample], summary: Callable[[list[float]], float]) -> Answer:
    columns: dict[str, list[float]] = {}
    for name in NUTRIENTS:
        known = [float(sample.reference[name]) for sample in samples if sample.reference.get(name) is not None]
        if known:
            columns[name] = known
    return nutrition_answer(task, samples[0], {name: summary(values) for name, values in columns.items()})


def nutrition_answer(task: FoodTask, pattern: Sample, values: Mapping[str, float]) -> Answer:
    """An answer that states `values`."""
    return task.oracle(replace(pattern, reference={**pattern.reference, **values}))


def _mean(values: list[float]) -> float:
    from statistics import fmean

    return fmean(values)


def _median(values: list[float]) -> float:
    from statistics import median

    return median(values)
