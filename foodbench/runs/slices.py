"""Slices of a task: the samples grouped by what the pictures show, to see where two runs differ.

A sample's own values say much of it (true mass, number of true ingredients); the rest comes from the task's questions
and references, if the dataset is on this machine and is the one that the run was made on. A slice that a task does not
have is not left out in silence: it comes with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foodbench.core.errors import FoodbenchError, UnknownName
from foodbench.core.types import Sample
from foodbench.data.layout import is_synthetic
from foodbench.data.roots import KITCHEN_VARIABLE, kitchen_folder, resolve
from foodbench.runs.differences import MetricDifference, subset_difference
from foodbench.runs.pairs import TaskPair
from foodbench.tasks.controls import controlled

NAMES = ("dish", "ingredients", "presence", "mass", "cuisine", "difficulty")
RESAMPLES = 2_000
"""Of a slice's interval, where it is a bootstrap: slices are looked at, not gated."""
_MASS_BANDS = ((100.0, "below 100 g"), (250.0, "100 to 250 g"), (500.0, "250 to 500 g"))
_MANY = 6
# The folder that an id begins with is the dish: a name in one, a number in the other.
_DISH_IN_ID = {"food101": "", "vireo172": "class "}
_WHOLE_PLATES = frozenset({"foodseg103", "uecfoodpix"})

Questions = Mapping[str, Sample]
AskQuestions = Callable[[], Questions | str]
"""`load_questions`, called only where a slice needs it: reading a dataset takes longer than all the rest."""
Labels = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice of a task.

    Attributes:
        name: by what the samples are grouped.
        label: which group.
        order: its place among the groups.
        n: number of samples in it.
        result: the primary metric on it.
    """

    name: str
    label: str
    order: int
    n: int
    result: MetricDifference


@dataclass(frozen=True, slots=True)
class Slicing:
    """The groups of one slice, or why there are none."""

    name: str
    rows: tuple[SliceRow, ...] = ()
    reason: str = ""


def load_questions(pair: TaskPair) -> Questions | str:
    """The questions and references of a pair, by sample id; or why they cannot be had here.

    Nothing is rendered or fetched for it, and another copy of the dataset than the run's does not count.
    """
    result = pair.candidate
    if result.dataset.edition == "kitchen" and not is_synthetic(kitchen_folder(pair.task.dataset)):
        return f"the kitchen's {pair.task.dataset} is not on this machine (it is made when a task of it is run)"
    try:
        choice = resolve(pair.task.dataset, result.dataset.edition, allow_partial=result.dataset.missing > 0)
        seed = int(result.provenance.get("seed", 0))
        data = controlled(pair.task.load(choice, limit=result.limit, seed=seed), result.task.control, seed=seed)
    except FoodbenchError as error:
        return error.message
    if data.fingerprint != result.task.fingerprint:
        hint = f" (does {KITCHEN_VARIABLE} name the run's kitchen?)" if result.dataset.edition == "kitchen" else ""
        return f"the copy of {pair.task.dataset} on this machine is not the one that the run was made on{hint}"
    return {sample.sample_id: sample for sample in data.samples}


def slice_pair(pair: TaskPair, name: str, ask: AskQuestions) -> Slicing:
    """The primary metric on each group of a slice, the groups in their order.

    Args:
        pair: the two runs' answers.
        name: one of `NAMES`.
        ask: gives what `load_questions` gives.

    Raises:
        UnknownName: no such slice.
    """
    if name not in _SLICERS:
        raise UnknownName.of("slice", name, NAMES)
    found = _SLICERS[name](pair, ask)
    if isinstance(found, str):
        return Slicing(name, reason=found)
    groups: dict[str, list[int]] = {}
    for index, label in enumerate(found):
        if label is not None:
            groups.setdefault(label, []).append(index)
    metric = pair.metrics("primary")[0]
    rows = []
    for place, label in enumerate(sorted(groups, key=_order)):
        indices = groups[label]
        result = subset_difference(pair, metric, indices, resamples=RESAMPLES)
        rows.append(SliceRow(name, label, place, len(indices), result))
    return Slicing(name, tuple(rows))


def _order(label: str) -> tuple[float, str]:
    """Numbers and bands by size, names by the alphabet."""
    if label.startswith("below"):
        return -1.0, label
    number = next((word for word in label.split() if word.isdecimal()), None)
    return (math.inf if number is None else float(number)), label


def _references(pair: TaskPair, ask: AskQuestions) -> list[Mapping[str, Any]] | str:
    questions = ask()
    if isinstance(questions, str):
        return questions
    try:
        return [questions[sample.score.sample_id].reference for sample in pair.baseline_samples]
    except KeyError as error:
        return f"the dataset on this machine has no sample {error.args[0]}"


def _by_dish(pair: TaskPair, ask: AskQuestions) -> Labels | str:
    references = _references(pair, ask)
    named = [] if isinstance(references, str) else [each.get("dish") or each.get("title") for each in references]
    if any(named):
        return named
    if pair.task.dataset in _DISH_IN_ID:
        prefix = _DISH_IN_ID[pair.task.dataset]
        return [prefix + sample.score.sample_id.partition("/")[0] for sample in pair.baseline_samples]
    if isinstance(references, str):
        return references
    return f"the references of {pair.name} do not name the dish"


def _by_ingredients(pair: TaskPair, ask: AskQuestions) -> Labels | str:
    if pair.task.answer_kind == "labels" and all("due" in each.score.values for each in pair.baseline_samples):
        return [_counted(int(sample.score.values["due"])) for sample in pair.baseline_samples]
    questions = ask()
    references = _references(pair, ask)
    if isinstance(references, str) or isinstance(questions, str):
        return str(references)
    counts = [_ingredient_count(pair, questions[sample.score.sample_id]) for sample in pair.baseline_samples]
    if all(count is None for count in counts):
        return f"the references of {pair.name} do not list what is on the plate"
    return [None if count is None else _counted(count) for count in counts]


def _ingredient_count(pair: TaskPair, sample: Sample) -> int | None:
    for name in ("classes", "parts"):
        if name in sample.reference:
            return len(sample.reference[name])
    # Where names are asked for, the reference holds the masks of those alone.
    if pair.task.dataset in _WHOLE_PLATES and "masks" in sample.reference and not sample.slots:
        return len({mask.get("label") for mask in sample.reference["masks"]})
    return None


def _counted(count: int) -> str:
    return f"{_MANY} or more ingredients" if count >= _MANY else f"{count} ingredient{'' if count == 1 else 's'}"


def _by_presence(pair: TaskPair, ask: AskQuestions) -> Labels | str:
    asked = [
        (sample.score.values.get("present"), sample.score.values.get("absent")) for sample in pair.baseline_samples
    ]
    if any(present is None or absent is None for present, absent in asked) or not any(absent for _, absent in asked):
        return f"{pair.name} asks for nothing that is not there"
    labels = {(True, False): "all that is asked for is there", (False, True): "nothing of it is there"}
    return [labels.get((bool(present), bool(absent)), "some of it is there") for present, absent in asked]


def _by_mass(pair: TaskPair, ask: AskQuestions) -> Labels | str:
    own = [sample.score.values.get("true.mass") for sample in pair.baseline_samples]
    if all(mass is None for mass in own):
        references = _references(pair, ask)
        if isinstance(references, str):
            return references
        own = [reference.get("mass") for reference in references]
    if all(mass is None for mass in own):
        return f"the references of {pair.name} do not say how heavy the food is"
    return [None if mass is None else _band(mass) for mass in own]


def _band(mass: float) -> str:
    return next((label for limit, label in _MASS_BANDS if mass < limit), "500 g and more")


def _by_cuisine(pair: TaskPair, ask: AskQuestions) -> Labels | str:
    references = _references(pair, ask)
    if isinstance(references, str):
        return references
    named = [reference.get("cuisine") for reference in references]
    return named if any(named) else f"the references of {pair.name} do not name a cuisine"


def _by_difficulty(pair: TaskPair, ask: AskQuestions) -> Labels | str:
    references = _references(pair, ask)
    stated = [] if isinstance(references, str) else [reference.get("difficulty") for reference in references]
    if any(stated):
        return stated
    return f"all samples of this run are of one kind: {pair.candidate.dataset.label}"


_SLICERS: dict[str, Callable[[TaskPair, AskQuestions], Labels | str]] = {
    "dish": _by_dish,
    "ingredients": _by_ingredients,
    "presence": _by_presence,
    "mass": _by_mass,
    "cuisine": _by_cuisine,
    "difficulty": _by_difficulty,
}
