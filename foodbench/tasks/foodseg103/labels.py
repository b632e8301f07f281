"""`foodseg103.labels`: which of the 102 ingredient classes are in the photo (multi-label)?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.data.records import SegmentationRecord
from foodbench.tasks.naming import list_ingredients
from foodbench.tasks.regions import regions_of


def present_labels(
    reader: Any, records: Sequence[SegmentationRecord]
) -> Iterable[tuple[SegmentationRecord, Sequence[str]]]:
    """The classes in each photo's mask, without background and `other ingredients`."""
    if records:
        regions = regions_of(reader, records[0].split, records)
        for record in (each for each in records if each.stem in regions):
            present = [class_id for class_id in regions[record.stem].counts if class_id not in reader.not_referable]
            yield record, [reader.classes[class_id] for class_id in sorted(present)]


def _vocabulary(reader: Any) -> tuple[str, ...]:
    return tuple(name for class_id, name in enumerate(reader.classes) if class_id not in reader.not_referable)


TASK = list_ingredients("foodseg103", "labels", present_labels, _vocabulary, version=1, sample_id="stem")
