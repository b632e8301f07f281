"""What `verify` looks at in a Hugging Face copy of Food-101 or FoodSeg103."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from foodbench.core.errors import DataCorrupt
from foodbench.data import food101, foodseg103
from foodbench.data.catalog import DatasetCard
from foodbench.data.hub_mirrors import ID_LIST, SPLITS, HubFood101, HubFoodSeg103, check_id_list
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results
from foodbench.data.layout import is_file
from foodbench.data.records import IGNORE_LABEL, SegmentationRecord

_Mirror = HubFood101 | HubFoodSeg103
_OFFICIAL_NAME = re.compile(r"[0-9]{8}\.(jpg|png)")


def _open(dataset: str, root: Path) -> _Mirror:
    reader: type[_Mirror] = HubFood101 if dataset == food101.NAME else HubFoodSeg103
    return reader(root, allow_partial=True)


def _rows(reader: _Mirror, split: str) -> int:
    table = reader.table(split)
    return 0 if table is None else table.rows


def _count_food101(root: Path) -> dict[str, int]:
    reader = _open(food101.NAME, root)
    rows = {split: _rows(reader, split) for split in SPLITS}
    return {"classes": len(reader.classes), **rows, "images": sum(rows.values())}


def _count_foodseg103(root: Path) -> dict[str, int]:
    reader = _open(foodseg103.NAME, root)
    rows = {split: _rows(reader, split) for split in SPLITS}
    pictures = {f"{kind}_{split}": rows[split] for kind in ("photos", "masks") for split in SPLITS}
    return {"classes": len(reader.classes), **rows, **pictures}


def _ids(dataset: str, root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    reader = results.step("tables", lambda: _open(dataset, root), lambda mirror: f"A copy of {mirror.source}.")
    if reader is not None:
        message = "Rows are numbered: the hub's tables carry no ids that the official lists could be compared with."
        results.note("official ids", True, message, "warning")
        for split in SPLITS:
            results.none_of(f"missing rows of {split}", set(reader.missing(split)), "missing")
        if isinstance(reader, HubFood101):
            _balance(results, reader, card)
        else:
            _class_list(results, reader)
            _file_names(results, reader)
    yield from results.findings


def _balance(results: Results, reader: HubFood101, card: DatasetCard | None) -> None:
    for split in SPLITS:
        if card is None or _rows(reader, split) != card.splits[split]:
            continue
        expected = card.splits[split] // card.counts["classes"]
        counted = Counter(record.label for record in reader.records(split))
        odd = {label for label in reader.classes if counted[label] != expected}
        results.none_of(f"classes of {split} with another number of photos than {expected}", odd, "failed")


def _class_list(results: Results, reader: HubFoodSeg103) -> None:
    path = reader.root / ID_LIST
    if is_file(path):
        results.step("classes", lambda: check_id_list(path), lambda _: f"{ID_LIST} has the official classes.")
    else:
        message = f"There is no {ID_LIST}; the level 'decode' compares masks with the rows' own lists of classes."
        results.note("classes", False, message, "warning")


def _file_names(results: Results, reader: HubFoodSeg103) -> None:
    for split in SPLITS:
        table = reader.table(split)
        if table is None:
            continue
        names = [Path(name).name for name in table.file_names("image") if name]
        official = sum(1 for name in names if _OFFICIAL_NAME.fullmatch(name))
        message = f"{official:,} of {table.rows:,} rows remember a name such as 00000048.jpg; names are not used."
        results.note(f"file names of {split}", True, message, "warning")


def _probes_food101(root: Path) -> list[Probe]:
    reader = HubFood101(root, allow_partial=True)
    return [
        Probe(record.image_id, record.image.open)
        for split in SPLITS
        if _rows(reader, split)
        for record in reader.records(split)
    ]


def _probes_foodseg103(root: Path) -> list[Probe]:
    reader = HubFoodSeg103(root, allow_partial=True)
    probes: list[Probe] = []
    for split in SPLITS:
        table = reader.table(split)
        if table is None or not table.rows:
            continue
        listed = table.values("classes_on_image") if "classes_on_image" in table.columns else [None] * table.rows
        for record, classes in zip(reader.records(split), listed, strict=True):
            probes.append(Probe(record.stem, partial(_check_pair, record, classes)))
    return probes


def _check_pair(record: SegmentationRecord, classes: list[Any] | None) -> None:
    import numpy as np

    record.image.open()
    present = set(np.unique(record.checked_mask()).tolist()) - {IGNORE_LABEL}
    if classes is not None and set(classes) - {IGNORE_LABEL} != present:
        raise DataCorrupt(
            f"The mask {record.mask.path} shows the classes {sorted(present)}, its row lists {sorted(set(classes))}.",
            hint="Masks and rows do not belong together: take the copy as it is on the hub.",
        )


def _inspector(
    dataset: str,
    files_counted: frozenset[str],
    count: Callable[[Path], dict[str, int]],
    probes: Callable[[Path], list[Probe]],
) -> Inspector:
    return Inspector((), files_counted, count, partial(_ids, dataset), probes, official_files=False)


HUB_INSPECTORS = {
    food101.NAME: _inspector(food101.NAME, frozenset({*SPLITS, "images"}), _count_food101, _probes_food101),
    foodseg103.NAME: _inspector(
        foodseg103.NAME,
        frozenset({*SPLITS, *(f"{kind}_{split}" for kind in ("photos", "masks") for split in SPLITS)}),
        _count_foodseg103,
        _probes_foodseg103,
    ),
}
