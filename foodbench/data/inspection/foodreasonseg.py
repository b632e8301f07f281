"""What `verify` looks at in a copy of FoodReasonSeg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from foodbench.core.errors import FoodbenchError
from foodbench.data import foodreasonseg, foodseg103
from foodbench.data.catalog import DatasetCard
from foodbench.data.dialogues import read_dialogues, read_entries
from foodbench.data.foodreasonseg import STEM, ReasoningDialogue
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results
from foodbench.data.inspection.dialogues import well_formed_dialogues
from foodbench.data.layout import is_file, read_lines
from foodbench.data.records import SegmentationRecord

# The paper's tables count photos in one place and dialogues in another; which of the two the files list is not known.
_LENGTHS = {"train": (3_907, 3_997), "test": (1_620, 1_703)}


def _stems(root: Path, split: str) -> list[str]:
    """Stems with a dialogue, as far as the file can be read."""
    dialogues = read_dialogues(foodreasonseg.dialogue_path(root, split), (STEM,))
    return sorted({dialogue.ids[STEM.name] for dialogue in dialogues})


def _count(root: Path) -> dict[str, int]:
    counts = {"classes": len(read_lines(root / "category_id.txt"))}
    for split in foodreasonseg.SPLITS:
        counts[f"dialogues_{split}"] = len(read_entries(foodreasonseg.dialogue_path(root, split)))
        photos, masks = foodseg103.present_stems(root, split)
        counts[f"pairs_{split}"] = len(photos & masks & set(_stems(root, split)))
    return counts


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    classes = results.step(
        "classes", lambda: foodseg103.read_classes(root), lambda names: f"The {len(names)} official classes."
    )
    stems: dict[str, set[str]] = {}
    for split in foodreasonseg.SPLITS:
        path = foodreasonseg.dialogue_path(root, split)
        dialogues = well_formed_dialogues(results, split, path, (STEM,))
        if dialogues is None:
            continue
        if card is not None:
            _length(results, split, len(dialogues))
        stems[split] = {dialogue.ids[STEM.name] for dialogue in dialogues}
        photos, masks = foodseg103.present_stems(root, split)
        results.none_of(f"missing photos of {split}", stems[split] - photos, "missing")
        results.none_of(f"missing masks of {split}", stems[split] - masks, "missing")
        if classes is not None:
            resolved = results.step(
                f"{split} answers",
                partial(foodreasonseg.number_dialogues, path, dialogues, classes),
                lambda _: "All readable.",
            )
            _names(results, split, resolved or ())
    if len(stems) == len(foodreasonseg.SPLITS):
        results.none_of("photos with dialogues in both splits", stems["train"] & stems["test"], "failed")
        _lists(results, root, stems)
    yield from results.findings


def _length(results: Results, split: str, found: int) -> None:
    photos, dialogues = _LENGTHS[split]
    message = f"{found:,}; the paper has {photos:,} photos and {dialogues:,} dialogues."
    results.note(f"number of {split} dialogues", found in _LENGTHS[split], message, "warning")


def _names(results: Results, split: str, dialogues: tuple[ReasoningDialogue, ...]) -> None:
    """Say how many names are classes. Unresolved ones are a property of the official files, not a fault of a copy."""
    resolved, total = foodreasonseg.resolution(dialogues)
    names = {
        segment.name
        for one in dialogues
        for segments in one.segments
        for segment in segments
        if segment.class_id is None
    }
    message = f"{resolved:,} of {total:,} marked names are classes."
    results.findings.append(Finding(f"names in {split} answers", "ok", message, tuple(sorted(names))))


def _lists(results: Results, root: Path, stems: Mapping[str, set[str]]) -> None:
    """Compare with FoodSeg103's own lists, where the copy has them: a test question about a training photo leaks."""
    if not all(is_file(root / "ImageSets" / f"{split}.txt") for split in foodseg103.SPLITS):
        return
    lists = results.step("FoodSeg103 lists", lambda: foodseg103.read_stems(root), lambda _: "Well-formed and disjoint.")
    for split, listed in (lists or {}).items():
        results.none_of(f"{split} dialogues about photos of no or another list", stems[split] - set(listed), "failed")


def _probes(root: Path) -> list[Probe]:
    """Photos and masks that have a dialogue; the others are FoodSeg103's business."""
    probes: list[Probe] = []
    for split in foodreasonseg.SPLITS:
        photos, masks = foodseg103.present_stems(root, split)
        for stem in _stems(root, split):
            pair = foodreasonseg.pair(root, split, stem)
            if stem in photos:
                probes.append(Probe(pair.image.path.relative_to(root).as_posix(), pair.image.open))
            if stem in masks:
                run = partial(_check_pair, pair) if stem in photos else pair.mask.read
                probes.append(Probe(pair.mask.path.relative_to(root).as_posix(), run))
    return probes


def _check_pair(pair: SegmentationRecord) -> None:
    pair.mask.read()
    try:
        pair.image.size()
    except FoodbenchError:
        return  # the photo has a probe of its own
    pair.check_sizes()


INSPECTOR = Inspector(
    foodreasonseg.REQUIRED,
    frozenset(f"pairs_{split}" for split in foodreasonseg.SPLITS),
    _count,
    _ids,
    _probes,
)
