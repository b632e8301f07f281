"""Asking for masks of named ingredients, and reading them: shared by all segmentation tasks.

Which ingredients a query names, in which order and wording, is a pure function of the photo's stem, the task's name and
its version, so that every model is asked the same and a partial copy asks the same of what it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from foodbench.core.errors import AnswerInvalid
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Mask, Sample
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS, find_names, normalise
from foodbench.metrics.segmentation import pair_values
from foodbench.tasks import prompts
from foodbench.tasks.base import Reading
from foodbench.tasks.naming import finder
from foodbench.tasks.regions import Regions
from foodbench.tasks.text import says_something

_NEGATION = re.compile(r"\b(?:not|no|none|neither|nor|never|cannot|can't|isn't|aren't|don't|doesn't|without|absent)\b")
_SENTENCE_END = re.compile(r"[.;!?\n]+")
_SEGMENT = re.compile(r"\[SEG\d*\]")


def ordered(names: Sequence[str], *parts: str | int) -> list[str]:
    """The names in an order that is a pure function of `parts`, each name's place independent of the others."""
    return sorted(names, key=lambda name: (stable_seed(*parts, name), name))


def shares_word(name: str, others: Sequence[str]) -> bool:
    """Whether a name has a word in common with one of the others, as `shiitake mushroom` and `oyster mushroom` have.

    Such a name is not asked for as an absent one: whether a photo has it is a matter of opinion.
    """
    return any(not _words(name).isdisjoint(_words(other)) for other in others)


@lru_cache(maxsize=4096)
def _words(name: str) -> frozenset[str]:
    return frozenset(word.rstrip("s") for word in normalise(name).split())


def query(stem: str, present: Sequence[str], absent: Sequence[str], identity: tuple[str | int, ...]) -> dict[str, Any]:
    """The question and slots of a query for these names.

    Args:
        stem: the photo.
        present: names that are in the photo.
        absent: names that are not.
        identity: what the order and the wording depend on besides the stem.
    """
    names = ordered([*present, *absent], *identity, "order", stem)
    wordings = prompts.REFER if len(names) == 1 else prompts.REFER_SEVERAL
    wording = wordings[stable_seed(*identity, "wording", stem) % len(wordings)]
    asked = prompts.enumerate_names(names)
    return {"question": wording.format(ingredient=asked, ingredients=asked), "slots": {"ingredients": names}}


def masks_reference(
    regions: Regions, class_ids: Mapping[str, int], present: Sequence[str], absent: Sequence[str] = ()
) -> dict[str, Any]:
    """The reference of a query: the region of each present name, and the names that are not there."""
    masks = [{"label": name, "counts": regions.counts[class_ids[name]]} for name in present]
    return {"size": list(regions.size), "masks": masks, "absent": list(absent)}


def reference_masks(sample: Sample) -> tuple[Mask, ...]:
    """The true masks of a sample, labelled."""
    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    return tuple(Mask(size, plain["counts"], plain["label"]) for plain in sample.reference["masks"])


def oracle(sample: Sample) -> Answer:
    """The right answer: a mask for each present name, a refusal for each absent one."""
    refusals = [f"The {name} is not found in this picture." for name in sample.reference["absent"]]
    masks = reference_masks(sample)
    return Answer(text=" ".join(refusals) or ("" if masks else prompts.NOTHING), masks=masks)


def refused(text: str, name: str) -> bool:
    """Whether a sentence of the text denies that `name` is there; of a very long text its beginning counts."""
    return any(
        _NEGATION.search(sentence.lower()) and find_names(sentence, [name])
        for sentence in _SENTENCE_END.split(text[:MAX_ANSWER_CHARS])
    )


def class_of(label: str | None, vocabulary: tuple[str, ...]) -> str | None:
    """The class that a mask's noun phrase names, read as ingredients are: plurals and synonyms count.

    Args:
        label: the phrase; None or one that names no class gives None.
        vocabulary: all names that a mask could have: "spring onion" is no "onion" where the dataset has both.
    """
    found = finder(vocabulary).find(label or "").names
    return found[0] if found else None


def assign(answer: Answer, names: Sequence[str], vocabulary: tuple[str, ...]) -> dict[str, list[int]]:
    """Which of the answer's masks stand for which name.

    By the noun phrase first: a mask whose phrase names a class stands for it, and for nothing else; several masks of
    one name are parts of it. Masks whose phrase names no class (or that have none) then go, in their order, to the
    names that are left and that the text does not deny; all of them to it if only one is left.

    Args:
        answer: the answer.
        names: what was asked for.
        vocabulary: all names that a mask could have.

    Returns:
        positions of masks by name; names without a mask are not in it.
    """
    classes = [class_of(mask.label, tuple(dict.fromkeys([*vocabulary, *names]))) for mask in answer.masks]
    found = {name: [index for index, named in enumerate(classes) if named == name] for name in names}
    nameless = [index for index, named in enumerate(classes) if named is None]
    left = [name for name in names if not found[name] and not refused(answer.text, name)]
    if len(left) == 1:
        found[left[0]] = nameless
    else:
        found |= {name: [index] for name, index in zip(left, nameless, strict=False)}
    return {name: places for name, places in found.items() if places}


@dataclass(frozen=True, slots=True)
class Checked:
    """A mask that passed its checks, or none.

    Attributes:
        mask: the mask; None if there is none, it is empty, or it is malformed.
        area: its pixels; 0 without one.
        error: why a mask was refused.
    """

    mask: Mask | None = None
    area: int = 0
    error: str | None = None


def checked(mask: Mask | None, size: tuple[int, int]) -> Checked:
    """Check a mask of an answer. One without a pixel is no mask: it says that nothing is there."""
    from foodbench.metrics import masks

    if mask is None:
        return Checked()
    try:
        masks.validate(mask, size)
        area = masks.area(mask)
    except AnswerInvalid as invalid:
        return Checked(error=invalid.message)
    return Checked(mask if area else None, area)


def read_query(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    """Read the answer to a query for names, some of which may not be in the photo.

    A missing mask is an empty one (intersection 0, union the reference's area). A mask for an absent name, or for
    nothing that was asked, adds its area to the union. A query for absent things only is refused by words and without
    any mask or `[SEG]`. What else is counted is described at the metrics (`foodbench.metrics.queries`).
    """
    places = assign(answer, sample.slots["ingredients"], vocabulary)
    return read_assigned(sample, answer, sample.slots["ingredients"], places)


def read_assigned(sample: Sample, answer: Answer, names: Sequence[str], places: Mapping[str, Sequence[int]]) -> Reading:
    """`read_query` where it is known which masks stand for which name."""
    from foodbench.metrics import masks

    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    given = [checked(mask, size) for mask in answer.masks]
    usable = {index: found.mask for index, found in enumerate(given) if found.mask is not None}
    parts = {name: [usable[index] for index in places.get(name, ()) if index in usable] for name in names}
    # Most names have one mask; making a union of it would double the time of the whole reading.
    drawn = {name: found[0] if len(found) == 1 else masks.union_of(found) for name, found in parts.items() if found}
    true = {str(mask.label): mask for mask in reference_masks(sample)}
    strays = [mask for index, mask in usable.items() if not any(index in found for found in places.values())]
    unasked = sum(masks.area(mask) for mask in [*strays, *(drawn[name] for name in drawn if name not in true)])
    pairs = [masks.intersection_union(drawn.get(name) or masks.empty(size), mask) for name, mask in true.items()]
    absent = [name for name in names if name not in true]
    error = next((found.error for found in given if found.error), None)
    spoke = says_something(answer.text) or bool(usable)
    denied = sum(name not in drawn for name in absent) if spoke and error is None else 0
    if not true and (usable or _SEGMENT.search(answer.text)):
        denied = 0  # something was drawn, or promised, where nothing is
    answered = sum(name in drawn for name in true)
    return Reading(
        parsed=error is None and spoke,
        values={
            **_pair_values(pairs, unasked),
            "answered": float(answered),
            "strays": float(len(strays)),
            "drawn": float(len(drawn) + len(strays)),
            "absent": float(len(absent)),
            "refused": float(denied),
            "right": float(answered == len(true) and denied == len(absent) and not strays),
            "answered_query": float(bool(true) and answered == len(true)),
            "present_query": float(bool(true)),
            "absent_query": float(not true),
            "refused_query": float(not true and denied == len(absent)),
        },
        detail={"masks": {name: list(found) for name, found in places.items()}, "given": len(answer.masks)},
        error=error,
    )


def _pair_values(pairs: Sequence[tuple[int, int]], extra: int) -> dict[str, float]:
    """What the masks that are due earn; `extra` pixels were marked where nothing is due."""
    if not pairs:
        return {"intersection": 0.0, "union": float(extra), "iou": 0.0, "iou_sum": 0.0, "present": 0.0}
    values = pair_values(pairs)
    return {**values, "union": values["union"] + extra}


def read_everything(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    """Read the answer to "segment everything": each mask stands for the class that its noun phrase names.

    Masks of one class are joined. A mask of a class that is not in the photo adds its area to the union; one whose
    phrase names no class of the dataset is counted, and its area likewise added.
    """
    from foodbench.metrics import boundary, masks

    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    given: dict[str, list[Mask]] = {}
    places: dict[str, list[int]] = {}
    stray = strays = 0
    error = None
    for index, mask in enumerate(answer.masks):
        found = checked(mask, size)
        error = error or found.error
        named = class_of(mask.label, vocabulary)
        if found.mask is not None and named:
            given.setdefault(named, []).append(found.mask)
            places.setdefault(named, []).append(index)
        elif found.mask is not None:
            stray, strays = stray + found.area, strays + 1
    true = {str(mask.label): mask for mask in reference_masks(sample)}
    wrong = [name for name in given if name not in true]
    extra = stray + sum(masks.area(masks.union_of(given[name])) for name in wrong)
    joined = {name: masks.union_of(given.get(name, []), size) for name in true}
    pairs = [masks.intersection_union(joined[name], mask) for name, mask in true.items()]
    rims = [boundary.sample_values(joined[name], mask)["boundary_iou"] for name, mask in true.items()]
    named_right = len(given) - len(wrong)
    return Reading(
        parsed=error is None and bool(given),
        values={
            **_pair_values(pairs, extra),
            "boundary_iou": sum(rims) / len(rims),
            "answered": float(named_right),
            "named": float(len(given) + strays),
            "hallucinated": float(len(wrong) + strays),
        },
        detail={"masks": places, "wrong": wrong, "stray": strays},
        error=error,
    )
