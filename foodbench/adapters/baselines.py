"""Trivial baselines: what can be had without looking at the picture, and the ceiling.

Each is a pure function of the train split, the sample's id, its question and the seed, so an answer depends neither on
the batch it is asked in nor on what was asked before. Answers are made by the task's own `oracle` from a reference (a
train sample's, or one with averaged values), so they have whatever form the task reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
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

TEXTS_COMPARED = 200
"""Train texts that `baseline:blind` chooses the most typical one from: 20,000 comparisons, about half a second."""
SETS_COUNTED = 5_000
"""Train texts whose sets `baseline:usual` counts: enough to know what is usual, of a million recipes too."""
SET_KEYS = ("labels", "classes", "actions")
"""Where a reference keeps the set of names that an answer is compared with."""
FEW = 5
"""With fewer train samples of an ingredient than this, `baseline:blind` uses those of all ingredients."""


class Baseline(ABC):
    """An adapter that is fitted on a task's train split and then answers one request at a time.

    Attributes:
        name: as in `baseline:<name>`.
        kinds: the kinds of answer it can give.
        fitted_on: by task, how many train samples it has learned from; absent where it needs none.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    reads_forced_answers = True

    def __init__(self) -> None:
        self._answerers: dict[str, Answerer] = {}
        self.fitted_on: dict[str, int] = {}

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
        self.fitted_on[task.name] = len(samples)
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
    """`baseline:mean`: the train split's mean values, or the best mask that can be made of its mean mask.

    Where the parts of a plate are asked for too, its only one is the ingredient that is most often the heaviest.
    """

    name = "mean"
    kinds = ("nutrition", "masks")

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Average the references."""
        samples = self.train_samples(task, choice)
        if task.answer_kind == "nutrition":
            answer = _nutrition_answer(task, samples, _mean, _usual_part(samples, _heaviest))
            return lambda _request: answer
        from foodbench.adapters.location import LocationPrior

        region = LocationPrior.of(samples).region(None)
        usual = usual_labels(samples)
        return lambda request: masks_answer(task, samples[0], request, dict.fromkeys(asked(request, usual), region))


class RandomDraw(Baseline):
    """`baseline:random`: a label drawn evenly from the train split's labels, or the reference of a random train sample.

    For a text or a set of labels that is the shuffled-reference floor. The draw depends on seed, task and sample id
    only.
    """

    name = "random"
    kinds = ("label", "labels", "nutrition", "masks", "text")

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
        if task.answer_kind == "masks":
            return lambda request: self._random_masks(task, samples, request)
        if task.answer_kind == "label":
            by_text = {answer.text: answer for answer in map(task.oracle, samples)}
            answers = [by_text[text] for text in sorted(by_text)]
            return lambda request: answers[self._draw(request, len(answers))]
        return lambda request: task.oracle(samples[self._draw(request, len(samples))])

    def _draw(self, request: Request, count: int, *parts: str | int) -> int:
        # The remainder's bias is count / 2**64.
        return stable_seed("baseline:random", self.seed, request.task, request.sample_id, *parts) % count

    def _random_masks(self, task: FoodTask, samples: Sequence[Sample], request: Request) -> Answer:
        from foodbench.adapters.location import reference_masks

        names = request.slots.get("ingredients")
        if names is None:
            drawn = samples[self._draw(request, len(samples))]
            return masks_answer(task, drawn, request, reference_masks(drawn))
        shown = [sample for sample in samples if sample.reference["masks"]]
        regions = {}
        for name in names if shown else ():
            masks = reference_masks(shown[self._draw(request, len(shown), name)])
            regions[name] = masks[sorted(masks)[self._draw(request, len(masks), name, "mask")]]
        return masks_answer(task, samples[0], request, regions)


class Blind(Baseline):
    """`baseline:blind`: the best that can be said from the question alone.

    Labels: the most frequent one, or the set that agrees best with the train split's sets. Nutrition: the medians,
    which minimise the mean absolute error, of the asked ingredient if one is named; where the parts of a plate are
    asked for too, its only one is the ingredient that is on most plates. Masks: where the asked ingredient lies in the
    train split. Texts: the train text that agrees best with the others.
    """

    name = "blind"
    kinds = ("label", "labels", "nutrition", "masks", "text")

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Summarise the train split by question."""
        if task.answer_kind == "text":
            answer = task.oracle(_most_typical(self.train_samples(task, choice, TEXTS_COMPARED)))
            return lambda _request: answer
        samples = self.train_samples(task, choice)
        if task.answer_kind == "masks":
            return _blind_masks(task, samples)
        if task.answer_kind == "nutrition":
            return _blind_nutrition(task, samples)
        if task.answer_kind == "labels":
            answer = labels_answer(task, samples[0], usual_labels(samples))
        else:
            answer = _majority_answer(task, samples)
        return lambda _request: answer


class Usual(Baseline):
    """`baseline:usual`: names what is usual, in a list or as a text.

    The constant set with the best F1 against the train split's sets. `baseline:blind` answers such tasks with the most
    typical text, which was not written to name what is usual, or with the set that has the best mean F1: for labels it
    is the best pooled F1 here, and for texts whichever the task reports first.
    """

    name = "usual"
    kinds = ("labels", "text")

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Count the names in the train split.

        Raises:
            UnsupportedTask: the task's texts are not compared by the names in them.
        """
        limit = SETS_COUNTED if task.answer_kind == "text" else None
        samples = self.train_samples(task, choice, limit)
        key = next((key for key in SET_KEYS if key in samples[0].reference), None)
        if key is None:
            raise UnsupportedTask(f"baseline:usual has no names to count for {task.name}: its references hold no set.")
        sets = [sample.reference[key] for sample in samples]
        if task.answer_kind == "labels":
            answer = labels_answer(task, samples[0], best_set(sets, pooled=True))
        else:
            first = next((metric.id for metric in task.metrics if "f1." in metric.id), "")
            names = best_set(sets, pooled=not first.endswith("f1.sample"))
            text = naming_text([name.replace("_", " ") for name in names])
            answer = task.oracle(replace(samples[0], reference={**samples[0].reference, "text": text}))
        return lambda _request: answer


class Refuse(Baseline):
    """`baseline:refuse`: says of everything that it is not in the picture. What refusing earns without looking."""

    name = "refuse"
    kinds = ("masks",)

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Nothing to fit."""
        return lambda request: Answer(
            " ".join(f"The {name} is not found in this picture." for name in request.slots.get("ingredients", ()))
        )


class Oracle(Baseline):
    """`baseline:oracle`: the reference itself. Shows the ceiling, and that a task can read a right answer."""

    name = "oracle"
    kinds = ("label", "labels", "nutrition", "masks", "text")

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


def asked(request: Request, otherwise: Sequence[str]) -> tuple[str, ...]:
    """The names that a request for masks asks for; where it asks for everything, the given ones."""
    return tuple(request.slots.get("ingredients", otherwise))


def masks_answer(
    task: FoodTask, pattern: Sample, request: Request, regions: Mapping[str, npt.NDArray[np.bool_]]
) -> Answer:
    """An answer whose masks are `regions`, each stretched to the request's picture.

    Args:
        task: makes the answer's form.
        pattern: any sample of the task.
        request: gives the picture's size.
        regions: boolean, of any two-dimensional shape, by name.
    """
    from foodbench.adapters.location import image_size, stretch
    from foodbench.metrics import masks

    size = image_size(request.image)
    coded = [{"label": name, "counts": masks.encode(stretch(region, size)).counts} for name, region in regions.items()]
    reference = {**pattern.reference, "size": list(size), "masks": coded, "absent": []}
    return task.oracle(replace(pattern, sample_id=request.sample_id, slots=request.slots, reference=reference))


def labels_answer(task: FoodTask, pattern: Sample, labels: Sequence[str]) -> Answer:
    """An answer that names `labels`."""
    return task.oracle(replace(pattern, reference={**pattern.reference, "labels": list(labels)}))


def labels_of(sample: Sample) -> list[str]:
    """The names in a sample's reference, of labels or of masks."""
    plain = sample.reference.get("labels")
    return [mask["label"] for mask in sample.reference["masks"]] if plain is None else list(plain)


def usual_labels(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The set of names with the highest mean F1 against the samples' sets, among the sets of the k most frequent."""
    return best_set([labels_of(sample) for sample in samples], pooled=False)


def best_set(samples: Sequence[Collection[str]], *, pooled: bool) -> tuple[str, ...]:
    """The constant set of names with the highest F1 against the samples' sets, among the sets of the k most frequent.

    Args:
        samples: the names of each sample.
        pooled: hits and misses of all samples make one F1 (`f1.micro`), not the mean of each sample's (`f1.sample`).
    """
    import numpy as np

    sets = [set(names) for names in samples]
    frequency = Counter(name for names in sets for name in names)
    ranked = sorted(frequency, key=lambda name: (-frequency[name], name))
    if not ranked:
        return ()
    sizes, hits = np.array([len(names) for names in sets]), np.zeros(len(sets))
    f1, found = [], 0
    for count, name in enumerate(ranked, start=1):
        if pooled:
            found += frequency[name]
            f1.append(2 * found / (int(sizes.sum()) + count * len(sets)))
        else:
            hits += np.fromiter((name in names for names in sets), float, len(sets))
            f1.append(float((2 * hits / (sizes + count)).mean()))
    return tuple(ranked[: int(np.argmax(f1)) + 1])


def naming_text(names: Sequence[str]) -> str:
    """A text that names each once as an ingredient and once as what to do, for readings that look for either."""
    lines = [f"- {name}" for name in names]
    # "it" makes a verb of what may also be a noun: "Oil it."
    steps = [f"- {name[:1].upper()}{name[1:]} it." for name in names]
    return "\n".join(["Ingredients:", *lines, "Steps:", *steps])


def _blind_masks(task: FoodTask, samples: Sequence[Sample]) -> Answerer:
    from foodbench.adapters.location import LocationPrior

    prior, usual = LocationPrior.of(samples), usual_labels(samples)
    known = {name: prior.region(name) for name in prior.by_ingredient}
    other = prior.region(None)
    return lambda request: masks_answer(
        task, samples[0], request, {name: known.get(name, other) for name in asked(request, usual)}
    )


def _blind_nutrition(task: FoodTask, samples: Sequence[Sample]) -> Answerer:
    by_ingredient: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_ingredient[str(sample.slots.get("ingredient", ""))].append(sample)
    part = _usual_part(samples, tuple)
    answers = {
        name: _nutrition_answer(task, group, _median, part)
        for name, group in by_ingredient.items()
        if len(group) >= FEW
    }
    overall = _nutrition_answer(task, samples, _median, part)
    return lambda request: answers.get(str(request.slots.get("ingredient", "")), overall)


def _most_typical(samples: Sequence[Sample]) -> Sample:
    """The sample whose text has the highest mean ROUGE-L with the others'; the first of equals."""
    from foodbench.metrics.rouge import rouge_l

    texts = [str(sample.reference["text"]) for sample in samples]
    totals = [0.0] * len(texts)
    for first in range(len(texts)):
        for second in range(first):
            agreement = rouge_l(texts[first], texts[second])
            totals[first] += agreement
            totals[second] += agreement
    return samples[max(range(len(texts)), key=lambda index: (totals[index], -index))]


def _majority_answer(task: FoodTask, samples: Sequence[Sample]) -> Answer:
    answers: dict[str, list[Answer]] = defaultdict(list)
    for sample in samples:
        answer = task.oracle(sample)
        answers[answer.text].append(answer)
    text = min(answers, key=lambda text: (-len(answers[text]), text))
    return answers[text][0]


def _usual_part(
    samples: Sequence[Sample], counted: Callable[[Mapping[str, Mapping[str, float]]], Iterable[str]]
) -> str | None:
    """The ingredient that is counted most often among the parts of the samples' plates; None where none are asked for.

    Args:
        samples: with the nutrition of each part by name in the reference's `parts`, if there are any.
        counted: given a plate's parts, those that count.
    """
    frequency = Counter(name for sample in samples for name in counted(sample.reference.get("parts", {})))
    return min(frequency, key=lambda name: (-frequency[name], name), default=None)


def _heaviest(parts: Mapping[str, Mapping[str, float]]) -> list[str]:
    return sorted(parts, key=lambda name: (-parts[name].get("mass", 0.0), name))[:1]


def _nutrition_answer(
    task: FoodTask, samples: Sequence[Sample], summary: Callable[[list[float]], float], part: str | None
) -> Answer:
    """The summary of each nutrient; all of it in one part, if there is one to name."""
    columns: dict[str, list[float]] = {}
    for name in NUTRIENTS:
        known = [float(sample.reference[name]) for sample in samples if sample.reference.get(name) is not None]
        if known:
            columns[name] = known
    values = {name: summary(known) for name, known in columns.items()}
    parts = {} if part is None else {"parts": {part: values}}
    return nutrition_answer(task, samples[0], {**values, **parts})


def nutrition_answer(task: FoodTask, pattern: Sample, values: Mapping[str, Any]) -> Answer:
    """An answer that states `values`, and the parts that they or the pattern hold."""
    return task.oracle(replace(pattern, reference={**pattern.reference, **values}))


def _mean(values: list[float]) -> float:
    from statistics import fmean

    return fmean(values)


def _median(values: list[float]) -> float:
    from statistics import median

    return median(values)
