"""The regions of each class in a photo, as run-length code; computed once per mask and kept.

Decoding a mask and coding its classes takes 5 to 50 ms, and eight tasks ask about the same photos: so the codes are
kept in foodbench's home under a digest of the masks, and a second task, or scoring again, reads them instead.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.core.errors import DataCorrupt, DataMissing, StorageFull
from foodbench.core.files import atomic_write
from foodbench.core.hashing import fingerprint
from foodbench.core.paths import home
from foodbench.core.types import Mask
from foodbench.data.records import SegmentationRecord

VERSION = 1
"""Of the kept files; raise it when what they hold changes."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Where each class is in one photo.

    Attributes:
        size: (height, width) of the photo in pixels.
        counts: run-length code by class id, background and ignored pixels (255) included; only classes that occur.
    """

    size: tuple[int, int]
    counts: Mapping[int, str]

    def mask(self, class_id: int, label: str | None = None) -> Mask:
        """A class's region; the class must occur."""
        return Mask(size=self.size, counts=self.counts[class_id], label=label)


_LOADED: dict[str, dict[str, Regions]] = {}
"""By digest: what this process has read or computed, so that the tasks of one run share it."""


def regions_of(reader: Any, split: str, records: Sequence[SegmentationRecord]) -> dict[str, Regions]:
    """The regions of these records by stem.

    Of a partial copy, pairs that cannot be used (truncated, or mask and photo do not fit) are left out and noted in
    `unusable_of(reader)`, so that one bad pair of thousands does not end the task, and is told.

    Args:
        reader: of the dataset; its fingerprint of the split identifies the masks.
        split: the split that the records are of.
        records: any of the split's records.

    Raises:
        DataMissing, DataCorrupt: a mask or its photo cannot be read, or they do not fit, and partial copies are not
            accepted.
    """
    digest = fingerprint([VERSION, reader.fingerprint(split)]).removeprefix("sha256:")
    path = home() / "regions" / f"{digest}.json"
    known = _LOADED.setdefault(digest, {})
    kept = _read(path) if any(record.stem not in known for record in records) else {}
    measured = False
    for record in records:
        try:
            if record.stem not in known and record.stem in kept:
                known[record.stem] = kept[record.stem]
            elif record.stem not in known:
                known[record.stem], measured = _measure(record), True
                continue
            record.check_sizes()  # the digest is of the masks; the photo may be another one by now
        except (DataCorrupt, DataMissing) as error:
            if not reader.allow_partial:
                raise
            unusable_of(reader)[record.stem] = error.message
    if measured:
        with contextlib.suppress(StorageFull):  # what cannot be kept is computed again
            _write(path, {**kept, **known})
    unusable = unusable_of(reader)
    return {record.stem: known[record.stem] for record in records if record.stem not in unusable}


def unusable_of(reader: Any) -> dict[str, str]:
    """What could not be used of a reader's records so far: the reason by id."""
    found: dict[str, str] = reader.__dict__.setdefault("_unusable", {})
    return found


def _measure(record: SegmentationRecord) -> Regions:
    import numpy as np

    from foodbench.metrics import masks

    class_map = record.checked_mask()
    height, width = class_map.shape
    counts = {int(class_id): masks.encode(class_map == class_id).counts for class_id in np.unique(class_map)}
    return Regions((height, width), counts)


def _read(path: Path) -> dict[str, Regions]:
    """What was kept; nothing if there is no such file or it is damaged (it is then written anew)."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return {
            stem: Regions((size[0], size[1]), {int(class_id): code for class_id, code in counts.items()})
            for stem, (size, counts) in plain.items()
        }
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}


def _write(path: Path, known: Mapping[str, Regions]) -> None:
    plain = {stem: [list(regions.size), regions.counts] for stem, regions in sorted(known.items())}
    atomic_write(path, json.dumps(plain, separators=(",", ":")))
