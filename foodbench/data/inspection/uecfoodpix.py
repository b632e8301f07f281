"""What `verify` looks at in a copy of UEC-FoodPIX Complete."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from foodbench.core.errors import FoodbenchError
from foodbench.data import uecfoodpix
from foodbench.data.catalog import DatasetCard
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results, compare_id_sets
from foodbench.data.layout import is_synthetic, read_lines
from foodbench.data.records import SegmentationRecord


def _count(root: Path) -> dict[str, int]:
    lines = [line for _, line in read_lines(root / uecfoodpix.CATEGORIES)]
    # The header line is no class.
    counts = {"classes": sum(1 for line in lines if line.partition("\t")[0].strip().isdigit())}
    inner = uecfoodpix.inner_folder(root)
    for split, name in uecfoodpix.LISTS.items():
        photos, masks = uecfoodpix.present_ids(inner, split)
        counts[split] = len(read_lines(root / name))
        counts[f"photos_{split}"], counts[f"masks_{split}"] = len(photos), len(masks)
    return counts


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    official = card is not None
    what = "The official names." if official else "Names of its own."
    results.step("classes", lambda: uecfoodpix.read_classes(root, official=official), lambda _: what)
    ids = results.step("lists", lambda: uecfoodpix.read_ids(root), lambda _: "Well-formed and disjoint.")
    inner = results.step("folder of pictures", lambda: uecfoodpix.inner_folder(root), lambda _: "It is there.")
    if inner is not None:
        same = inner.name == uecfoodpix.INNER_FOLDER
        message = f"{inner.name}." if same else f"{inner.name}; officially {uecfoodpix.INNER_FOLDER}."
        results.note("name of the folder", same, message, "warning")
    if ids is not None:
        compare_id_sets(results, card, ids)
    if ids is not None and inner is not None:
        for split in uecfoodpix.SPLITS:
            listed = set(ids[split])
            for kind, present in zip(("photos", "masks"), uecfoodpix.present_ids(inner, split), strict=True):
                results.none_of(f"missing {kind} of {split}", listed - present, "missing")
                results.none_of(f"{kind} of {split} in no list", present - listed, "warning")
    yield from results.findings


def _probes(root: Path) -> list[Probe]:
    max_id = len(uecfoodpix.read_classes(root, official=not is_synthetic(root))) - 1
    inner = uecfoodpix.inner_folder(root)
    probes: list[Probe] = []
    for split in uecfoodpix.SPLITS:
        photos, masks = uecfoodpix.present_ids(inner, split)
        for image_id in sorted(photos | masks, key=lambda one: (len(one), one)):
            record = uecfoodpix.pair(inner, split, image_id, max_id)
            if image_id in photos:
                probes.append(Probe(record.image.path.relative_to(root).as_posix(), record.image.open))
            if image_id in masks:
                run = partial(_check_mask, record, with_photo=image_id in photos)
                probes.append(Probe(record.mask.path.relative_to(root).as_posix(), run))
    return probes


def _check_mask(record: SegmentationRecord, *, with_photo: bool) -> None:
    record.mask.read(ignore=None)  # unlike FoodSeg103, no pixel is without annotation
    if not with_photo:
        return
    try:
        record.image.size()
    except FoodbenchError:
        return  # the photo has a probe of its own
    record.check_sizes()


INSPECTOR = Inspector(
    uecfoodpix.REQUIRED,
    frozenset(f"{kind}_{split}" for kind in ("photos", "masks") for split in uecfoodpix.SPLITS),
    _count,
    _ids,
    _probes,
)
