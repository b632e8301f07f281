"""Masks of named classes, of everything, and refusals: FoodSeg103 and UEC-FoodPIX.

After FoodLMM's released code: of FoodSeg103 a share of the examples asks for everything; the others name some of the
classes in the photo, any number of them equally likely. In one branch of them that number may be 0, and up to three
things are named that are not in the photo. Where nothing is named that is there, at least one thing is named that is
not: that is the "one-to-zero" question. A photo without a class that has a name (which the released code replaces by
the first photo of its list) gets such a question too.

The released code draws a third of the absent things from the dataset's other classes, as is done here; but a class that
has a word in common with one in the photo is not drawn, because whether "beef bowl" is there may be a matter of opinion
where "beef steak" is.

LISA is asked for one class that is there, and answers with its one token (`ONE_TO_ONE`), as in its released code with
semantic segmentation; that code asks up to three such questions per photo, each a conversation of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from baselines.foodlmm.paper.absent_nouns import ABSENT_NOUNS
from baselines.foodlmm.paper.examples import (
    MAX_SEGMENTS,
    Example,
    NothingToAsk,
    RecordPool,
    Turn,
    one_of,
    shuffled,
)
from baselines.foodlmm.paper.wordings import (
    ABSENT_ANSWER,
    EVERYTHING_QUESTIONS,
    MASK_ANSWERS,
    ONE_ANSWERS,
    ONE_QUESTIONS,
    REFER_QUESTIONS,
)
from foodbench.core.types import Mask
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.records import SegmentationRecord
from foodbench.data.uecfoodpix import UecFoodPix
from foodbench.metrics import masks
from foodbench.models.foodlmm.tokens import segment_token
from foodbench.tasks import prompts
from foodbench.tasks.pointing import shares_word


@dataclass(frozen=True, slots=True)
class Rules:
    """How often what is asked for.

    Attributes:
        everything: share of examples that ask for everything in the photo (0 for UEC-FoodPIX, whatever this says).
        absent_branch: share of the others in which absent things may be named.
        absent: chances in that branch of 0, 1, 2, ... absent things.
        absent_food: share of absent things that are other classes of the dataset; the rest are everyday nouns.
        one_to_one: LISA's questions instead: each for one class in the photo, each answered with `[SEG]`.
    """

    everything: float = 0.4
    absent_branch: float = 0.1
    absent: tuple[float, ...] = (0.8, 0.1, 0.05, 0.05)
    absent_food: float = 1 / 3
    one_to_one: bool = False


PUBLISHED = Rules()
ONE_TO_ONE = Rules(everything=0.0, absent_branch=0.0, one_to_one=True)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The classes that questions can name.

    Attributes:
        source: the dataset.
        names: by mask value; background, collective classes and unannotated pixels are not among them.
    """

    source: str
    names: Mapping[int, str]


def present_names(ids: NDArray[np.uint8], vocabulary: Vocabulary) -> dict[str, int]:
    """Mask values by name of the classes in a photo, by class number; of more than `MAX_SEGMENTS` the largest."""
    areas = np.bincount(ids.ravel())
    there = [class_id for class_id in np.flatnonzero(areas).tolist() if class_id in vocabulary.names]
    largest = sorted(there, key=lambda class_id: (-int(areas[class_id]), class_id))[:MAX_SEGMENTS]
    return {vocabulary.names[class_id]: class_id for class_id in sorted(largest)}


def segmentation_example(
    record: SegmentationRecord, rng: np.random.Generator, vocabulary: Vocabulary, rules: Rules
) -> Example:
    """One question about a photo.

    Args:
        record: photo and mask.
        rng: randomness.
        vocabulary: of its dataset.
        rules: what is asked for.

    Raises:
        DataMissing, DataCorrupt: photo or mask cannot be read, or they do not fit.
        NothingToAsk: one class that is there is to be asked for, and none is.
    """
    ids = record.checked_mask()
    present = present_names(ids, vocabulary)
    if rules.one_to_one:
        turn, shown = _one_to_one(record, present, rng, vocabulary)
    else:
        turn, shown = _one_to_any(present, rng, vocabulary, rules)
    drawn = tuple(_mask(ids, present[name], name) for name in shown)
    return Example(record.image, (turn,), drawn, (), vocabulary.source, record.stem)


def _one_to_one(
    record: SegmentationRecord, present: Mapping[str, int], rng: np.random.Generator, vocabulary: Vocabulary
) -> tuple[Turn, list[str]]:
    """A turn for one class in the photo."""
    if not present:
        raise NothingToAsk(
            f"{vocabulary.source}, record {record.stem}: no class of the photo has a name.", hint="Leave it out."
        )
    name = one_of(rng, list(present))
    return Turn(refer_question(one_of(rng, ONE_QUESTIONS), [name]), one_of(rng, ONE_ANSWERS)), [name]


def _one_to_any(
    present: Mapping[str, int], rng: np.random.Generator, vocabulary: Vocabulary, rules: Rules
) -> tuple[Turn, list[str]]:
    """A turn for everything or for some names, and which of them are in the photo."""
    if present and rng.random() < rules.everything:
        shown, absent = list(present), list[str]()
        question = one_of(rng, EVERYTHING_QUESTIONS)
    else:
        shown, absent = draw_names(present, vocabulary, rules, rng)
        asked = shuffled(rng, [*shown, *absent])
        shown, absent = ([name for name in asked if name in kind] for kind in (shown, absent))
        question = refer_question(one_of(rng, REFER_QUESTIONS), asked)
    return Turn(question, refer_answer(one_of(rng, MASK_ANSWERS), shown, absent)), shown


def _mask(ids: NDArray[np.uint8], class_id: int, name: str) -> Mask:
    return replace(masks.encode(ids == class_id), label=name)


def draw_names(
    present: Mapping[str, int], vocabulary: Vocabulary, rules: Rules, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """What a question names: classes in the photo, and things that are not.

    Args:
        present: the classes in the photo.
        vocabulary: of the dataset.
        rules: how often what.
        rng: randomness.
    """
    strange = rng.random() < rules.absent_branch or not present
    count = int(rng.integers(0 if strange else 1, len(present) + 1))
    shown = shuffled(rng, list(present), count)
    if not strange:
        return shown, []
    chances = np.array(rules.absent)
    if not shown:
        chances[0] = 0.0  # a question must name something
    missing = int(rng.choice(len(chances), p=chances / chances.sum()))
    return shown, _absent_names(missing, present, vocabulary, rules, rng)


def _absent_names(
    count: int, present: Mapping[str, int], vocabulary: Vocabulary, rules: Rules, rng: np.random.Generator
) -> list[str]:
    foods = int(rng.binomial(count, rules.absent_food))
    names: list[str] = []
    for name in shuffled(rng, list(vocabulary.names.values())):
        if len(names) == foods:
            break
        if not shares_word(name, [*present, *names]):
            names.append(name)
    return names + shuffled(rng, ABSENT_NOUNS, count - len(names))


def refer_question(wording: str, names: Sequence[str]) -> str:
    """A question for these names."""
    verb = "are" if len(names) > 1 or prompts.is_plural(names[0]) else "is"
    return wording.format(names=prompts.enumerate_names(names), verb=verb, Verb=verb.capitalize())


def refer_answer(wording: str, shown: Sequence[str], absent: Sequence[str]) -> str:
    """The answer: a mask for each name that is there, then one refusal for all the others.

    Args:
        wording: of the first part, one of `MASK_ANSWERS`.
        shown: in the order of their tokens; the verb agrees with the first one, as in the released code.
        absent: what is not there.
    """
    parts = []
    if shown:
        verb = "are" if prompts.is_plural(shown[0]) else "is"
        pieces = [f"{shown[0]} {verb} masked as {segment_token(1)}"]
        pieces += [f"{name} as {segment_token(number)}" for number, name in enumerate(shown[1:], start=2)]
        parts.append(wording.format(masks=prompts.enumerate_names(pieces)))
    if absent:
        verb = "are" if len(absent) > 1 or prompts.is_plural(absent[0]) else "is"
        parts.append(ABSENT_ANSWER.format(names=prompts.enumerate_names(absent), verb=verb))
    return " ".join(parts)


def _pool(reader: FoodSeg103 | UecFoodPix, rules: Rules) -> RecordPool[SegmentationRecord]:
    names = {number: name for number, name in enumerate(reader.classes) if number not in reader.not_referable}
    make = partial(segmentation_example, vocabulary=Vocabulary(reader.name, names), rules=rules)
    return RecordPool(reader.records("train"), make)


def foodseg103_pool(reader: FoodSeg103, rules: Rules = PUBLISHED) -> RecordPool[SegmentationRecord]:
    """The training photos of FoodSeg103."""
    return _pool(reader, rules)


def uecfoodpix_pool(reader: UecFoodPix, rules: Rules = PUBLISHED) -> RecordPool[SegmentationRecord]:
    """The training photos of UEC-FoodPIX, of which nobody asks for everything."""
    return _pool(reader, replace(rules, everything=0.0))
