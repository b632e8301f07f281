"""`foodseg103.semantic`: the class of every pixel, from the named masks of the answer. mIoU as the benchmark's code.

All 104 classes count, background and `other ingredients` among them; pixels marked 255 count nowhere. Masks are painted
in the order of the answer, later over earlier; what no mask covers is background. Published models of FoodSeg103 give a
class map and reach 45.1 mIoU at best (its leaderboard, `miou.with_background`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Mask, Sample
from foodbench.data.records import IGNORE_LABEL, SegmentationRecord
from foodbench.metrics.segmentation import SEMANTIC
from foodbench.tasks import pointing, prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.regions import regions_of
from foodbench.tasks.text import says_something

NAME = "foodseg103.semantic"
VERSION = 1


def _build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
    regions = regions_of(reader, records[0].split, records) if records else {}
    for record in records:
        if record.stem not in regions:
            continue
        found = regions[record.stem]
        wording = prompts.EVERYTHING[stable_seed(NAME, VERSION, "wording", record.stem) % len(prompts.EVERYTHING)]
        masks = [
            {"label": reader.classes[class_id], "counts": found.counts[class_id]}
            for class_id in sorted(found.counts)
            if class_id not in (0, IGNORE_LABEL)
        ]
        yield Sample(
            sample_id=record.stem,
            cluster=record.stem,
            image=record.image,
            question=wording,
            slots={},
            reference={
                "size": list(found.size),
                "masks": masks,
                "absent": [],
                "ignored": found.counts.get(IGNORE_LABEL),
            },
        )


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    from foodbench.metrics import semantic

    ids = {name: class_id for class_id, name in enumerate(vocabulary)}
    true = [(ids[str(mask.label)], mask) for mask in pointing.reference_masks(sample)]
    size = (int(sample.reference["size"][0]), int(sample.reference["size"][1]))
    if sample.reference["ignored"] is not None:
        true.append((IGNORE_LABEL, Mask(size, sample.reference["ignored"])))
    painted, errors = [], []
    places: dict[str, list[int]] = {}
    for index, mask in enumerate(answer.masks):
        found = pointing.checked(mask, size)
        named = pointing.class_of(mask.label, vocabulary[1:])
        if found.error:
            errors.append(found.error)
        elif found.mask is not None and named:
            painted.append((ids[named], found.mask))
            places.setdefault(named, []).append(index)
    values = semantic.sample_values(semantic.class_map(painted, size), semantic.class_map(true, size), vocabulary)
    return Reading(
        parsed=(bool(painted) or says_something(answer.text)) and not errors,
        values=values,
        detail={"masks": places, "given": len(answer.masks)},
        error=errors[0] if errors else None,
    )


TASK = FoodTask(
    name=NAME,
    version=VERSION,
    dataset="foodseg103",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Give every pixel its class: segment every ingredient and name it.",
    questions=prompts.EVERYTHING,
    answer_kind="masks",
    metrics=(SEMANTIC[1], SEMANTIC[0], *SEMANTIC[2:]),
    generation={"max_new_tokens": 256, "do_sample": False},
    floors=("baseline:blind", "baseline:random"),
    build=_build,
    vocabulary=lambda reader: tuple(reader.classes),
    read=_read,
    oracle=pointing.oracle,
    headline=2,
)
