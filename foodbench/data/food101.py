"""Food-101: 101 dishes, 75,750 training and 25,250 test photos.

Layout (the archive's root is `food-101/`; its README calls it `pec/`):

    images/<class>/<number>.jpg
    meta/classes.txt labels.txt train.txt test.txt train.json test.json

Traps handled here: `classes.txt` is not in sorted order (`cheesecake` stands before `cheese_plate`), so that class
numbers differ between loaders: names are used everywhere. `test.txt` has no final newline. Training labels are noisy
by design; the test split was reviewed by hand.

EXIF policy `ignore`: the published photos are thumbnails that all known loaders read as stored, and so do the
published numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from foodbench.core.errors import DataCorrupt
from foodbench.core.hashing import fingerprint
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    ListedSplits,
    file_stems,
    is_synthetic,
    missing_error,
    nothing_usable,
    read_lines,
    read_text,
    require_disjoint,
    require_layout,
    unique_ids,
)
from foodbench.data.records import DishRecord

NAME = "food101"
SPLITS = ("train", "test")
REQUIRED = (
    "images/",
    "meta/classes.txt",
    "meta/labels.txt",
    "meta/train.txt",
    "meta/test.txt",
    "meta/train.json",
    "meta/test.json",
)
ID_PATTERN = r"[a-z0-9_]+/[0-9]+"


class Food101(ListedSplits):
    """Reader of one Food-101 folder.

    Attributes:
        root: the dataset's folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
        classes: class names in the order of `classes.txt`. Their positions are not ids: other loaders sort.
        labels: display name of each class, e.g. `apple_pie` -> `Apple pie`.
    """

    name = NAME
    splits = SPLITS

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        """Read the lists and look which photos are there (none is opened).

        Args:
            root: the folder with `images` and `meta`.
            allow_partial: go on with the photos that are there.

        Raises:
            DataMissing: a required file is absent, or photos are missing and `allow_partial` is off.
            DataCorrupt: the lists are malformed or contradict each other.
        """
        self.root = require_layout(NAME, Path(root), REQUIRED)
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        self.classes = read_classes(self.root)
        self.labels = read_labels(self.root, self.classes)
        self._ids = read_ids(self.root, self.classes)
        self._missing = self._find_missing()
        absent = [image_id for split in SPLITS for image_id in self._missing[split]]
        if absent and not allow_partial:
            total = sum(len(ids) for ids in self._ids.values())
            raise missing_error(NAME, self.root, "photos", absent, total)

    def _find_missing(self) -> dict[str, tuple[str, ...]]:
        # One directory scan per class: asking for 101,000 files one by one takes seconds on a network disk.
        folder = self.root / "images"
        present = {f"{label}/{stem}" for label in self.classes for stem in file_stems(folder / label, ".jpg")}
        return {
            split: tuple(image_id for image_id in ids if image_id not in present) for split, ids in self._ids.items()
        }

    def records(self, split: str) -> tuple[DishRecord, ...]:
        """The photos of a split that are there, in the order of its list.

        Raises:
            UnknownName: no such split.
            DataMissing: not one of its photos is there.
        """
        absent = set(self.missing(split))
        records = tuple(
            DishRecord(
                image_id=image_id,
                label=image_id.partition("/")[0],
                image=ImageFile(self.root / "images" / f"{image_id}.jpg", exif="ignore"),
                split=split,
            )
            for image_id in self._ids[split]
            if image_id not in absent
        )
        if not records:
            raise nothing_usable(NAME, self.root, f"photos of the {split} split", len(self._ids[split]))
        return records

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split and the ordered (id, label) pairs that `records` gives.

        Raises:
            UnknownName, DataMissing: as `records`.
        """
        facts = [[record.image_id, record.label] for record in self.records(split)]
        return fingerprint({"dataset": NAME, "split": split, "facts": facts})


def read_classes(root: Path) -> tuple[str, ...]:
    """Class names in the order of `classes.txt`.

    Raises:
        DataMissing, DataCorrupt: the list is absent or malformed.
    """
    path = root / "meta" / "classes.txt"
    return unique_ids(path, read_lines(path), r"[a-z0-9_]+", "apple_pie")


def read_labels(root: Path, classes: tuple[str, ...]) -> dict[str, str]:
    """Display name of each class; `labels.txt` has the order of `classes.txt`.

    Raises:
        DataMissing, DataCorrupt: the list is absent, or has another length.
    """
    path = root / "meta" / "labels.txt"
    lines = read_lines(path)
    if len(lines) != len(classes):
        raise DataCorrupt(
            f"{path} has {len(lines)} names for the {len(classes)} classes of classes.txt.",
            hint="Restore both lists from the archive; they must have the same order.",
        )
    return {label: text for label, (_, text) in zip(classes, lines, strict=True)}


def read_ids(root: Path, classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Image ids of each split, checked against the JSON lists and against each other.

    Raises:
        DataMissing, DataCorrupt: a list is absent, malformed, or contradicts another.
    """
    meta = root / "meta"
    known = set(classes)
    ids: dict[str, tuple[str, ...]] = {}
    for split in SPLITS:
        path = meta / f"{split}.txt"
        ids[split] = unique_ids(path, read_lines(path), ID_PATTERN, "apple_pie/1005649")
        strange = sorted({image_id.partition("/")[0] for image_id in ids[split]} - known)
        if strange:
            raise DataCorrupt(
                f"{path} has ids of classes that classes.txt does not know: {', '.join(strange[:5])}.",
                hint="Restore the lists from one archive.",
            )
        _cross_check(path, set(ids[split]), json_ids(meta / f"{split}.json"))
    require_disjoint((meta / "train.txt", ids["train"]), (meta / "test.txt", ids["test"]))
    return ids


def json_ids(path: Path) -> set[str]:
    """The union of the id lists in `train.json` or `test.json` (whose class order means nothing).

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: it is not an object of string lists.
    """
    try:
        plain = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataCorrupt(f"{path} is not valid JSON.", hint="Restore the file from the archive.") from error
    if not isinstance(plain, Mapping) or not all(
        isinstance(ids, list) and all(isinstance(image_id, str) for image_id in ids) for ids in plain.values()
    ):
        raise DataCorrupt(f"{path} is not an object of lists of ids.", hint="Restore the file from the archive.")
    return {image_id for ids in plain.values() for image_id in ids}


def _cross_check(path: Path, listed: set[str], in_json: set[str]) -> None:
    if listed == in_json:
        return
    only_list, only_json = sorted(listed - in_json), sorted(in_json - listed)
    example = (only_list or only_json)[0]
    raise DataCorrupt(
        f"{path} and its .json disagree: {len(only_list):,} ids only in the first, {len(only_json):,} only in the "
        f"second (such as '{example}').",
        hint="Restore both from the archive; one of them was cut or edited.",
    )
