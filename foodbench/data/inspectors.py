"""Per dataset: what `verify` counts, compares and decodes.

Inspectors do not go through the readers, which refuse a copy at its first fault: here every fault is a finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from foodbench.core.errors import FoodbenchError
from foodbench.core.registry import Registry
from foodbench.data import food101, foodseg103, nutrition5k
from foodbench.data.catalog import DatasetCard
from foodbench.data.images import ImageFile
from foodbench.data.layout import SHOWN, file_stems, read_lines, resource_lines
from foodbench.data.nutrition5k_csv import read_dishes, read_ingredient_table
from foodbench.data.records import MaskFile, SegmentationRecord

Status = Literal["ok", "warning", "failed"]
FaultStatus = Literal["warning", "failed", "missing"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about ids.

    Attributes:
        name: what was looked at.
        status: `missing` means files that a partial copy may lack.
        message: what was found.
        items: every id that is at fault.
    """

    name: str
    status: Literal["ok", "warning", "failed", "missing"]
    message: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One file (or pair) to decode: `run` raises a FoodbenchError if it is bad."""

    name: str
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Inspector:
    """How to look at one dataset.

    Attributes:
        required: paths that every copy has.
        files_counted: those of the counts that a partial copy may fall short of.
        count: counts by kind, named as in the card.
        ids: findings about ids; gets the card for a real copy and None for a synthetic one.
        probes: everything that can be decoded.
    """

    required: Sequence[str]
    files_counted: frozenset[str]
    count: Callable[[Path], dict[str, int]]
    ids: Callable[[Path, DatasetCard | None], Iterator[Finding]]
    probes: Callable[[Path], list[Probe]]


class _Results:
    """Runs steps that may fail, turning errors into findings."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def step(self, name: str, run: Callable[[], _T], done: Callable[[_T], str]) -> _T | None:
        """The result of `run`, or None after noting why there is none."""
        try:
            result = run()
        except FoodbenchError as error:
            self.findings.append(Finding(name, "failed", f"{error.message} {error.hint}".strip()))
            return None
        self.findings.append(Finding(name, "ok", done(result)))
        return result

    def note(self, name: str, good: bool, message: str, otherwise: FaultStatus) -> None:
        """Add a finding."""
        self.findings.append(Finding(name, "ok" if good else otherwise, message))

    def none_of(self, name: str, ids: Iterable[str], otherwise: FaultStatus, tolerated: int = 0) -> None:
        """Add a finding that is good if there are no ids (or no more than are tolerated)."""
        items = tuple(sorted(ids))
        shown = ", ".join(items[:SHOWN]) + (", ..." if len(items) > SHOWN else "")
        message = f"{len(items):,}: {shown}" if items else "None."
        self.findings.append(Finding(name, "ok" if len(items) <= tolerated else otherwise, message, items))


def id_set_sha256(ids: Iterable[str]) -> str:
    """Digest of a set of ids as in `IdSet`: sorted, one per line, each line ended by LF."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(ids)).encode()).hexdigest()


def _compare_id_sets(results: _Results, card: DatasetCard | None, ids: Mapping[str, Sequence[str]]) -> None:
    if card is None:
        return
    for split, official in card.id_sets.items():
        same = id_set_sha256(ids[split]) == official.sha256
        message = f"{len(ids[split]):,} ids, " + ("the official ones." if same else "not the official ones.")
        results.note(f"official ids of {split}", same, message, "warning" if official.warn_only else "failed")


# --- Food-101 --------------------------------------------------------------------------------------------------------


def _food101_photos(root: Path) -> set[str]:
    folder = root / "images"
    labels = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return {f"{label}/{stem}" for label in labels for stem in file_stems(folder / label, ".jpg")}


def _food101_count(root: Path) -> dict[str, int]:
    meta = root / "meta"
    lists = {kind: len(read_lines(meta / f"{kind}.txt")) for kind in ("classes", "train", "test")}
    return {**lists, "images": len(_food101_photos(root))}


def _food101_ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = _Results()
    classes = results.step("classes", lambda: food101.read_classes(root), lambda names: f"{len(names)} class names.")
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
            _compare_id_sets(results, card, ids)
            photos, listed = _food101_photos(root), {one for split in ids.values() for one in split}
            results.none_of("missing photos", listed - photos, "missing")
            results.none_of("photos in no list", photos - listed, "warning")
            numbers = len({one.partition("/")[2] for one in listed})
            message = f"{len(listed):,} ids, {numbers:,} numbers."
            results.note("numbers are unique over classes", numbers == len(listed), message, "warning")
    yield from results.findings


def _official_classes(results: _Results, classes: Sequence[str]) -> None:
    official = resource_lines("food101.txt")
    same = tuple(classes) == official
    message = "The 101 official names in their order."
    if not same and set(classes) == set(official):
        message = "The official names in another order (the official one is not sorted: cheesecake, cheese_plate)."
    elif not same:
        message = f"{len(set(official) - set(classes))} of the 101 official names are not in the list."
    results.note("official classes", same, message, "failed")


def _food101_probes(root: Path) -> list[Probe]:
    return [
        Probe(f"images/{one}.jpg", ImageFile(root / "images" / f"{one}.jpg").open)
        for one in sorted(_food101_photos(root))
    ]


# --- Nutrition5k -----------------------------------------------------------------------------------------------------


def _overhead_dishes(root: Path) -> set[str]:
    folder = root / "imagery" / "realsense_overhead"
    if not folder.is_dir():
        return set()
    names = {path.name for path in folder.iterdir() if path.is_dir()}
    return {name for name in names if nutrition5k.overhead_path(root, name).is_file()}


def _nutrition5k_count(root: Path) -> dict[str, int]:
    metadata, splits = root / "metadata", root / "dish_ids" / "splits"
    return {
        **{cafe: len(read_lines(metadata / f"dish_metadata_{cafe}.csv")) for cafe in nutrition5k.CAFES},
        "ingredients": len(read_lines(root / nutrition5k.TABLE)) - 1,
        **{name: len(read_lines(splits / f"{name}_ids.txt")) for name in nutrition5k.LISTS},
        "overhead_images": len(_overhead_dishes(root)),
    }


def _nutrition5k_ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = _Results()
    table = results.step(
        "ingredient table",
        lambda: read_ingredient_table(root / nutrition5k.TABLE),
        lambda names: f"{len(names)} ingredients.",
    )
    by_cafe: dict[str, set[str]] = {}
    for cafe in nutrition5k.CAFES if table is not None else ():
        path = root / "metadata" / f"dish_metadata_{cafe}.csv"
        dishes = results.step(
            f"dishes of {cafe}",
            partial(read_dishes, path, cafe, table or {}),
            lambda rows: f"{len(rows):,} dishes.",
        )
        if dishes is not None:
            by_cafe[cafe] = set(dishes)
    lists = results.step(
        "lists", lambda: nutrition5k.read_lists(root), lambda _: "Well-formed; train and test disjoint."
    )
    if lists is not None:
        _compare_id_sets(results, card, lists)
        for kind in ("train", "test"):
            extra = set(lists[f"depth_{kind}"]) - set(lists[f"rgb_{kind}"])
            results.none_of(f"dishes of depth_{kind} that are not in rgb_{kind}", extra, "failed")
        if len(by_cafe) == len(nutrition5k.CAFES):
            _nutrition5k_joins(results, by_cafe, lists, card)
        _nutrition5k_pictures(results, root, lists, card)
    yield from results.findings


def _nutrition5k_joins(
    results: _Results, by_cafe: dict[str, set[str]], lists: Mapping[str, Sequence[str]], card: DatasetCard | None
) -> None:
    both = by_cafe["cafe1"] & by_cafe["cafe2"]
    results.none_of("dishes in both cafes", both, "failed")
    listed = {dish_id for ids in lists.values() for dish_id in ids}
    unknown = listed - by_cafe["cafe1"] - by_cafe["cafe2"]
    results.none_of("listed dishes without metadata", unknown, "failed")
    if card is not None:
        unlisted = by_cafe["cafe1"] ^ (set(lists["rgb_train"]) | set(lists["rgb_test"]))
        results.none_of("dishes that are either in cafe1 or in the rgb lists", unlisted, "failed")


def _nutrition5k_pictures(
    results: _Results, root: Path, lists: Mapping[str, Sequence[str]], card: DatasetCard | None
) -> None:
    overhead = _overhead_dishes(root)
    for name in ("depth_train", "depth_test"):
        absent = set(lists[name]) - overhead
        tolerated = nutrition5k.NEVER_FILMED_OVERHEAD.get(name, 0) if card is not None else 0
        # What matters is the dishes that the tasks use: the rgb lists are known to have no overhead picture for many.
        results.none_of(f"dishes of {name} without rgb.png", absent, "missing", tolerated)
    sideways = sum(1 for one in lists["rgb_test"] if one not in overhead and nutrition5k.side_frames(root, one))
    total = sum(1 for one in lists["rgb_test"] if one in overhead) + sideways
    message = (
        f"{total:,} of {len(lists['rgb_test']):,} dishes of rgb_test have a picture, {sideways:,} only from the side."
    )
    results.note("pictures for view='any'", True, message, "warning")


def _nutrition5k_probes(root: Path) -> list[Probe]:
    """Overhead pictures and extracted side frames. Depth images and videos are not decoded: no task reads them."""
    paths = [nutrition5k.overhead_path(root, dish_id) for dish_id in sorted(_overhead_dishes(root))]
    side = root / "imagery" / "side_angles"
    for folder in sorted(side.iterdir()) if side.is_dir() else ():
        paths.extend(nutrition5k.side_frames(root, folder.name))
    return [Probe(path.relative_to(root).as_posix(), ImageFile(path).open) for path in paths]


# --- FoodSeg103 ------------------------------------------------------------------------------------------------------


def _foodseg103_count(root: Path) -> dict[str, int]:
    counts = {"classes": len(read_lines(root / "category_id.txt"))}
    for split in foodseg103.SPLITS:
        photos, masks = foodseg103.present_stems(root, split)
        counts[split] = len(read_lines(root / "ImageSets" / f"{split}.txt"))
        counts[f"photos_{split}"], counts[f"masks_{split}"] = len(photos), len(masks)
    return counts


def _foodseg103_ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = _Results()
    results.step("classes", lambda: foodseg103.read_classes(root), lambda names: f"The {len(names)} official classes.")
    stems = results.step("lists", lambda: foodseg103.read_stems(root), lambda _: "Well-formed and disjoint.")
    if stems is not None:
        _compare_id_sets(results, card, stems)
        for split in foodseg103.SPLITS:
            listed = set(stems[split])
            for kind, present in zip(("photos", "masks"), foodseg103.present_stems(root, split), strict=True):
                results.none_of(f"missing {kind} of {split}", listed - present, "missing")
                results.none_of(f"{kind} of {split} in no list", present - listed, "warning")
    yield from results.findings


def _foodseg103_probes(root: Path) -> list[Probe]:
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


INSPECTORS: Registry[Inspector] = Registry("inspector")
"""How `verify` looks at each dataset that has a reader."""

INSPECTORS.register(
    food101.NAME,
    Inspector(food101.REQUIRED, frozenset({"images"}), _food101_count, _food101_ids, _food101_probes),
)
INSPECTORS.register(
    nutrition5k.NAME,
    Inspector(
        nutrition5k.REQUIRED,
        frozenset({"overhead_images"}),
        _nutrition5k_count,
        _nutrition5k_ids,
        _nutrition5k_probes,
    ),
)
INSPECTORS.register(
    foodseg103.NAME,
    Inspector(
        foodseg103.REQUIRED,
        frozenset(f"{kind}_{split}" for kind in ("photos", "masks") for split in foodseg103.SPLITS),
        _foodseg103_count,
        _foodseg103_ids,
        _foodseg103_probes,
    ),
)
