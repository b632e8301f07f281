"""What `verify` looks at in a copy of FoodSeg103."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from foodbench.core.errors import FoodbenchError
from foodbench.data import foodseg103
from foodbench.data.catalog import DatasetCard
from foodbench.data.images import ImageFile
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results, compare_id_sets
from foodbench.data.layout import read_lines
from foodbench.data.records import MaskFile, SegmentationRecord


def _count(root: Path) -> dict[str, int]:
    counts = {"classes": len(read_lines(root / "category_id.txt"))}
    for split in foodseg103.SPLITS:
        photos, masks = foodseg103.present_stems(root, split)
        counts[split] = len(read_lines(root / "ImageSets" / f"{split}.txt"))
        counts[f"photos_{split}"], counts[f"masks_{split}"] = len(photos), len(masks)
    return counts


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    results.step("classes", lambda: foodseg103.read_classes(root), lambda names: f"The {len(names)} official classes.")
    stems = results.step("lists", lambda: foodseg103.read_stems(root), lambda _: "Well-formed and disjoint.")
    if stems is not None:
        compare_id_sets(results, card, stems)
        for split in foodseg103.SPLITS:
            listed = set(stems[split])
            for kind, present in zip(("photos", "masks"), foodseg103.present_stems(root, split), strict=True):
                results.none_of(f"missing {kind} of {split}", listed - present, "missing")
                results.none_of(f"{kind} of {split} in no list", present - listed, "warning")
    yield from results.findings


def _probes(root: Path) -> list[Probe]:
    probes: list[Probe] = []
    for split in foodseg103.SPLITS:
        photos, masks = foodseg103.present_stems(root, split)
        for stem in sorted(photos | masks):
            photo = ImageFile(foodseg103.photo_path(root, split, stem))
            mask = MaskFile(foodseg103.mask_path(root, split, stem), max_id=foodseg103.MAX_ID)
            if stem in photos:
                probes.append(Probe(photo.path.relative_to(root).as_posix(), photo.open))
            if stem in masks:
                pair = SegmentationRecord(stem, photo, mask, split)
                run = partial(_check_pair, pair) if stem in photos else mask.read
                probes.append(Probe(mask.path.relative_to(root).as_posix(), run))
    return probes


def _check_pair(pair: SegmentationRecord) -> None:
    pair.mask.read()
    try:
        pair.image.size()
    except FoodbenchError:
        return  # the photo has a probe of its own
    pair.check_sizes()


INSPECTOR = Inspector(
    foodseg103.REQUIRED,
    frozenset(f"{kind}_{split}" for kind in ("photos", "masks") for split in foodseg103.SPLITS),
    _count,
    _ids,
    _probes,
)
