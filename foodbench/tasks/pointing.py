"""Asking for masks of named ingredients, and reading them: shared by all segmentation tasks.

Which ingredients a query names, in which order and wording, is a pure function of the photo's stem, the task's name and
its version, so that every model is asked the same and a partial copy asks the same of what it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from foodbench.core.errors import AnswerInvalid
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Mask, Sample
from foodbench.metrics.reading.names import find_names, normalise
from foodbench.metrics.segmentation import pair_values
from foodbench.tasks import prompts
from foodbench.tasks.base import Reading
from foodbench.tasks.regions import Regions

_NEGATION = re.compile(r"\b(?:not|no|none|neither|nor|never|cannot|can't|isn't|aren't|don't|doesn't|without|absent)\b")
_SENTENCE_END = re.compile(r"[.;!?\n]+")


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
    """Whether a sentence of the text denies that `name` is there."""
    return any(
        _NEGATION.search(sentence.lower()) and find_names(sentence, [name]) for sentence in _SENTENCE_END.split(text)
    )


def assign(answer: Answer, names: Sequence[str]) -> dict[str, int]:
    """Which of the answer's masks stands for which name.

    By the noun phrase first (the very name, then a phrase that contains it: "onion" is also a word of "spring onion"),
    each mask for one name. Masks without a phrase then go, in their order, to the names that are left and that the
    text does not deny. A name without a mask is not in the result.
    """
    free = {index: mask.label for index, mask in enumerate(answer.masks) if mask.label is not None}
    found: dict[str, int] = {}
    wanted = {name: normalise(name) for name in names}
    fits: tuple[Callable[[str, str], bool], ...] = (
        lambda name, label: normalise(label) == wanted[name],
        lambda name, label: _same_noun(normalise(label), wanted[name]),
        lambda name, label: bool(find_names(label, [name])),
    )
    for fit in fits:
        for name in names:
            index = next((index for index, label in free.items() if name not in found and fit(name, label)), None)
            if index is not None:
                found[name] = index
                del free[index]
    unlabelled = iter([index for index, mask in enumerate(answer.masks) if mask.label is None])
    for name in names:
        if name not in found and not refused(answer.text, name):
            index = next(unlabelled, None)
            if index is None:
                break
            found[name] = index
    return {name: found[name] for name in names if name in found}


def _same_noun(label: str, name: str) -> bool:
    """Equal but for the plural."""
    forms = {name, name + "s", name + "es", name.removesuffix("y") + "ies"}
    return label in forms or name in {label + "s", label + "es", label.removesuffix("y") + "ies"}


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


def read_query(sample: Sample, answer: Answer, _vocabulary: tuple[str, ...] = ()) -> Reading:
    """Read the answer to a query for names, some of which may not be in the photo.

    A missing mask is an empty one (intersection 0, union the reference's area); a mask for an absent name adds its
    area to the union. What is counted is described at the metrics (`foodbench.metrics.segmentation`).
    """
    from foodbench.metrics import masks

    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    names = list(sample.slots["ingredients"])
    places = assign(answer, names)
    given = {name: checked(answer.masks[places[name]] if name in places else None, size) for name in names}
    true = {str(mask.label): mask for mask in reference_masks(sample)}
    pairs = [masks.intersection_union(given[name].mask or masks.empty(size), mask) for name, mask in true.items()]
    extra = sum(found.area for name, found in given.items() if name not in true)
    answered = sum(given[name].mask is not None for name in true)
    absent = [name for name in names if name not in true]
    denied = sum(given[name].mask is None and given[name].error is None for name in absent)
    spoke = bool(answer.text.strip()) or any(found.mask is not None for found in given.values())
    error = next((found.error for found in given.values() if found.error), None)
    if not spoke:
        denied = 0  # silence refuses nothing
    return Reading(
        parsed=error is None and spoke,
        values={
            **_pair_values(pairs, extra),
            "answered": float(answered),
            "absent": float(len(absent)),
            "refused": float(denied),
            "right": float(answered == len(true) and denied == len(absent)),
            "answered_query": float(bool(true) and answered == len(true)),
            "present_query": float(bool(true)),
            "absent_query": float(not true),
            "refused_query": float(not true and denied == len(absent)),
        },
        detail={"masks": {name: places.get(name) for name in names}, "given": len(answer.masks)},
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
    stray = strays = 0
    error = None
    for mask in answer.masks:
        found = checked(mask, size)
        error = error or found.error
        named = find_names(mask.label or "", vocabulary)
        if found.mask is not None and named:
            given.setdefault(named[0], []).append(found.mask)
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
        detail={"classes": sorted(given), "wrong": wrong, "stray": strays},
        error=error,
    )
