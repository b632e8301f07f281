"""An answer, what was read from it and its reference, as people read them: text, and masks by name.

Answers are model output and details are read from files: nothing in them is trusted; who prints the text escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foodbench.core.errors import AnswerInvalid, FoodbenchError
from foodbench.core.printable import printable
from foodbench.core.types import Answer, Mask, Sample
from foodbench.metrics.masks import area, intersection_union, iou, union_of
from foodbench.tasks.pointing import checked

if TYPE_CHECKING:
    from foodbench.runs.overlay import Region

SHOWN_CHARACTERS = 4000


def plain_text(values: Mapping[str, Any]) -> str:
    """Values by name, on one line."""
    return ", ".join(f"{name} {plain_number(value)}" for name, value in values.items())


def plain_number(value: Any) -> str:
    """A number in four significant digits; anything else as it is."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def reference_text(reference: Mapping[str, Any]) -> str:
    """The right answer; masks by their size."""
    rest = {name: each for name, each in reference.items() if name not in ("size", "masks") and each not in ([], None)}
    return "; ".join(filter(None, [plain_text(rest), *map(mask_text, reference_masks(reference))]))


def reference_masks(reference: Mapping[str, Any]) -> list[Mask]:
    """The masks of a reference; none if the task is not about masks."""
    return [Mask.from_mapping({**mask, "size": reference["size"]}) for mask in reference.get("masks", ())]


def mask_text(mask: Mask) -> str:
    """A mask's name and size."""
    height, width = mask.size
    label = "" if mask.label is None else f" '{mask.label[:80]}'"
    try:
        pixels = area(mask)
    except AnswerInvalid as error:
        return f"mask{label} that cannot be read: {error.message}"
    return f"mask{label} of {pixels:,} pixels, {100 * pixels / (height * width):.1f}% of {height} x {width} (h x w)"


def answer_text(raw: str) -> str:
    """The answer as people read it; model output, so the caller escapes it."""
    try:
        answer = Answer.from_text(raw)
    except AnswerInvalid as error:
        return f"{printable(raw, limit=SHOWN_CHARACTERS)}\n(malformed: {error.message})"
    text = printable(answer.text, limit=SHOWN_CHARACTERS, keep_lines=True)
    parts = [text or ("" if answer.masks or answer.nutrition else "(empty)")]
    if answer.nutrition is not None:
        parts.append(plain_text(answer.nutrition.as_dict()) or "no nutrition value")
    parts.extend(mask_text(mask) for mask in answer.masks[:10])
    if len(answer.masks) > 10:
        parts.append(f"and {len(answer.masks) - 10:,} more masks")
    return "\n".join(filter(None, parts))


def regions_of(sample: Sample, raw: str, detail: Mapping[str, Any]) -> tuple[Region, ...]:
    """The true masks by name, each beside those of the answer that were read as it; then what was marked besides."""
    from foodbench.runs.overlay import Region

    true = {str(mask.label): mask for mask in reference_masks(sample.reference)}
    given, read = _usable_masks(sample, raw), detail.get("masks")
    # Written by a run, so of whatever form.
    assigned = {
        str(name): [place for place in places if isinstance(place, int) and place in given]
        for name, places in (read.items() if isinstance(read, Mapping) else ())
        if isinstance(places, list)
    }
    drawn = {name: union_of([given[place] for place in places]) for name, places in assigned.items() if places}
    placed = {place for places in assigned.values() for place in places}
    strays = [mask for place, mask in given.items() if place not in placed]
    names = dict.fromkeys([*true, *drawn])
    regions = [Region(name, true.get(name), drawn.get(name)) for name in names]
    return (*regions, Region("nothing asked for", None, union_of(strays))) if strays else tuple(regions)


def _usable_masks(sample: Sample, raw: str) -> dict[int, Mask]:
    """The masks of the answer that fit the photo and have a pixel, by their place."""
    try:
        masks = Answer.from_text(raw).masks
    except AnswerInvalid:
        return {}
    height, width = sample.reference["size"]
    found = {place: checked(mask, (int(height), int(width))).mask for place, mask in enumerate(masks)}
    return {place: mask for place, mask in found.items() if mask is not None}


def overlap_text(region: Region) -> str:
    """The IoU of a region's two masks."""
    if region.true is None or region.predicted is None:
        return "marked, but not there" if region.true is None else "0 (no mask predicted)"
    return plain_number(iou(*intersection_union(region.predicted, region.true)))


def one_line(raw: str) -> str:
    """The text of an answer on one line, or its nutrition values if it has no text."""
    try:
        answer = Answer.from_text(raw)
    except FoodbenchError:
        return raw[:300]
    return " ".join(answer.text.split())[:300] or (plain_text(answer.nutrition.as_dict()) if answer.nutrition else "")
