"""What `verify` looks at in a copy of Food-101."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foodbench.core.wording import counted
from foodbench.data import food101
from foodbench.data.catalog import DatasetCard
from foodbench.data.images import ImageFile
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results, compare_id_sets
from foodbench.data.layout import entries, file_stems, read_lines, resource_lines


def _food101_photos(root: Path) -> set[str]:
    folder = root / "images"
    labels = [path.name for path in entries(folder) if not path.name.startswith(".")]
    return {f"{label}/{stem}" for label in labels for stem in file_stems(folder / label, ".jpg")}


def _count(root: Path) -> dict[str, int]:
    meta = root / "meta"
    lists = {kind: len(read_lines(meta / f"{kind}.txt")) for kind in ("classes", "train", "test")}
    return {**lists, "images": len(_food101_photos(root))}


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    classes = results.step(
        "classes", lambda: food101.read_classes(root), lambda names: f"{counted(len(names), 'class name')}."
    )
    if classes is not None:
        results.step("labels", lambda: food101.read_labels(root, classes), lambda names: f"{len(names)} display names.")
        if card is not None:
            _official_classes(results, classes)
        ids = results.step(
            "lists",
            lambda: food101.read_ids(root, classes),
            lambda _: "Well-formed, equal to the JSON lists, disjoint.",
        )
        if ids is not None:
            compare_id_sets(results, card, ids)
            photos, listed = _food101_photos(root), {one for split in ids.values() for one in split}
            results.none_of("missing photos", listed - photos, "missing")
            results.none_of("photos in no list", photos - listed, "warning")
            numbers = len({one.partition("/")[2] for one in listed})
            message = f"{counted(len(listed), 'id')}, {counted(numbers, 'number')}."
            results.note("numbers are unique over classes", numbers == len(listed), message, "warning")
    yield from results.findings


def _official_classes(results: Results, classes: Sequence[str]) -> None:
    official = resource_lines("food101.txt")
    same = tuple(classes) == official
    message = "The 101 official names in their order."
    if not same and set(classes) == set(official):
        message = "The official names in another order (the official one is not sorted: cheesecake, cheese_plate)."
    elif not same:
        message = f"{len(set(official) - set(classes))} of the 101 official names are not in the list."
    results.note("official classes", same, message, "failed")


def _probes(root: Path) -> list[Probe]:
    return [
        Probe(f"images/{one}.jpg", ImageFile(root / "images" / f"{one}.jpg").open)
        for one in sorted(_food101_photos(root))
    ]


INSPECTOR = Inspector(food101.REQUIRED, frozenset({"images"}), _count, _ids, _probes)
