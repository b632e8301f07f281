"""One answer as a person reads it: the question, the truth, what the model said, and where it pointed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import NUTRIENTS, Answer, Mask, Sample
from foodbench.metrics.masks import decode, intersection_union, iou, union_of
from foodbench.runs.answered import AnsweredSample
from foodbench.site.outcomes import Outcome
from foodbench.site.outlines import grid_size, outline
from foodbench.site.pictures import Thumbnail
from foodbench.site.wording import number, slug, visible
from foodbench.tasks.pointing import checked

SHOWN_CHARACTERS = 2000
_SHOWN_NAMES = 24
_UNITS = {"kcal": "kcal", "mass": "g", "fat": "g", "carb": "g", "protein": "g"}
_NUTRIENT_NAMES = {"kcal": "energy", "mass": "mass", "fat": "fat", "carb": "carbohydrate", "protein": "protein"}


@dataclass(frozen=True, slots=True)
class Overlay:
    """A picture with what is there and what was marked.

    Attributes:
        thumbnail: the picture.
        width: of the coordinates.
        height: of the coordinates.
        true: outline of what is there, SVG path data; empty if nothing is, or if the task has no masks.
        predicted: outline of what the model marked.
        marked: whether the task is about masks at all.
    """

    thumbnail: Thumbnail
    width: int
    height: int
    true: str
    predicted: str
    marked: bool


@dataclass(frozen=True, slots=True)
class SampleView:
    """One entry of the sample browser; every text in it may come from a model and is escaped by the page."""

    id: str
    anchor: str
    question: str
    history: tuple[str, ...]
    truth: str
    answer: str
    parts: tuple[tuple[str, str], ...]
    outcome: Outcome
    shown_value: str
    error: str
    overlay: Overlay | None


def view_of(
    answered: AnsweredSample,
    sample: Sample | None,
    outcome: Outcome,
    unit: str,
    thumbnail: Thumbnail | None,
    true_outline: str,
    *,
    masks: bool,
) -> SampleView:
    """Make the entry of one answer.

    Args:
        answered: the stored answer.
        sample: its question and reference; None where the dataset is not shown.
        outcome: what became of it.
        unit: of the outcome's value.
        thumbnail: its picture, if it is shown.
        true_outline: outline of all that is there (the same for every system).
        masks: whether the task is about masks.
    """
    score = answered.score
    try:
        answer = Answer.from_text(answered.answer)
        said, given = answer_text(answer), answer.masks
    except AnswerInvalid as error:
        said, given = f"{visible(answered.answer, SHOWN_CHARACTERS, keep_lines=True)}\n({error.message})", ()
    overlay: Overlay | None = None
    parts: tuple[tuple[str, str], ...] = ()
    if masks and sample is not None:
        usable = _usable(given, sample.reference)
        parts = _parts(sample.reference, score.detail, usable)
        if thumbnail is not None:
            height, width = grid_size(size_of(sample.reference))
            predicted = outline(decode(union_of(list(usable.values())))) if usable else ""
            overlay = Overlay(thumbnail, 2 * width, 2 * height, true_outline, predicted, True)
    elif thumbnail is not None:
        overlay = Overlay(thumbnail, thumbnail.width, thumbnail.height, "", "", False)
    return SampleView(
        id=visible(score.sample_id, 120),
        anchor=f"s-{slug(score.sample_id)}",
        question="" if sample is None else visible(_question(sample), SHOWN_CHARACTERS, keep_lines=True),
        history=() if sample is None else _history(sample.slots),
        truth="" if sample is None else truth_text(sample.reference),
        answer=said or ("(marks only)" if given else "(empty)"),
        parts=parts,
        outcome=outcome,
        shown_value="" if outcome.value is None else f"{number(outcome.value, unit)}{f' {unit}' if unit else ''}",
        error=visible(score.error or "", 300),
        overlay=overlay,
    )


def size_of(reference: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of the picture that a reference's masks are of."""
    height, width = reference["size"]
    return int(height), int(width)


def true_masks(reference: Mapping[str, Any]) -> list[Mask]:
    """The masks of a reference; none if it has none."""
    return [Mask.from_mapping({**mask, "size": reference["size"]}) for mask in reference.get("masks", ())]


def true_outline(reference: Mapping[str, Any]) -> str:
    """The outline of everything that is there: each name's own, so that neighbours stay apart."""
    return "".join(outline(decode(mask)) for mask in true_masks(reference))


def _usable(masks: Sequence[Mask], reference: Mapping[str, Any]) -> dict[int, Mask]:
    found = {place: checked(mask, size_of(reference)).mask for place, mask in enumerate(masks)}
    return {place: mask for place, mask in found.items() if mask is not None}


def _parts(
    reference: Mapping[str, Any], detail: Mapping[str, Any], usable: Mapping[int, Mask]
) -> tuple[tuple[str, str], ...]:
    """Each name with what became of it: its IoU, or why it has none."""
    true = {str(mask.label): mask for mask in true_masks(reference)}
    read = detail.get("masks")
    # Written by a run, so of whatever form.
    assigned = {
        str(name): [usable[place] for place in places if place in usable]
        for name, places in (read.items() if isinstance(read, Mapping) else ())
        if isinstance(places, list)
    }
    parts = []
    for name in list(dict.fromkeys([*true, *(name for name, masks in assigned.items() if masks)]))[:_SHOWN_NAMES]:
        masks = assigned.get(name)
        if name not in true:
            text = "not there, but marked"
        elif not masks:
            text = "not marked"
        else:
            text = f"IoU {iou(*intersection_union(union_of(masks), true[name])):.2f}"
        parts.append((visible(name, 60), text))
    for name in reference.get("absent", ()):
        if name not in assigned or not assigned[name]:
            parts.append((visible(str(name), 60), "not there, not marked"))
    return tuple(parts)


def _question(sample: Sample) -> str:
    turn = sample.slots.get("turn")
    return turn if isinstance(turn, str) else sample.question


def _history(slots: Mapping[str, Any]) -> tuple[str, ...]:
    """The turns of a dialogue before this one, one text each."""
    turns: list[str] = []
    for turn in slots.get("history", ()):
        texts = [turn] if isinstance(turn, str) else list(turn.values()) if isinstance(turn, Mapping) else list(turn)
        turns.extend(visible(str(text), 400) for text in texts if text)
    return tuple(turns)


def _nutrition(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{_NUTRIENT_NAMES[name]} {number(float(values[name]), _UNITS[name])} {_UNITS[name]}"
        for name in NUTRIENTS
        if isinstance(values.get(name), (int, float))
    )


def answer_text(answer: Answer) -> str:
    """What the model said, with its numbers if it gave any beside the text."""
    parts = [visible(answer.text, SHOWN_CHARACTERS, keep_lines=True).strip()]
    if answer.nutrition is not None and not parts[0]:
        parts.append(_nutrition(answer.nutrition.as_dict()))
    return "\n".join(filter(None, parts))


def truth_text(reference: Mapping[str, Any]) -> str:
    """The reference in words."""
    if isinstance(reference.get("dish"), str):
        return visible(reference["dish"].replace("_", " "), 200)
    if isinstance(reference.get("text"), str):
        return visible(reference["text"], SHOWN_CHARACTERS, keep_lines=True)
    if isinstance(reference.get("labels"), (list, tuple)):
        return visible(", ".join(map(str, reference["labels"])), 600)
    if "masks" in reference:
        names = [str(mask.get("label")) for mask in reference["masks"]]
        absent = [f"{name} (not there)" for name in reference.get("absent", ())]
        return visible(", ".join([*names, *absent]) or "nothing to mark", 600)
    return _nutrition(reference)
