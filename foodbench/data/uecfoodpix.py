"""UEC-FoodPIX Complete: 9,000 training and 1,000 test photos with masks of 102 foods.

Layout:

    data/category.txt                                        "id<TAB>name", then "1<TAB>rice" ... "102<TAB>beverage"
    data/train9000.txt test1000.txt                          one image id per line
    data/UECFoodPIXCOMPLETE/{train,test}/img/<id>.jpg
    data/UECFoodPIXCOMPLETE/{train,test}/mask/<id>.png       red channel = class id

Traps handled here: the class id is in the red channel of an RGB or RGBA image, and nowhere else (OpenCV reads it as
channel 2; one public converter takes green where red is 0, which makes up foods). The folder inside `data` is spelt
differently by different code, so its case does not matter. Class numbers decide everything, so the names of a real copy
are compared with the official ones. A mask that does not fit its photo is an error, never resized.

EXIF policy `ignore`: some photos carry a rotation, which Pillow leaves alone and OpenCV applies; masks were drawn on
the pixels as stored.
"""

from __future__ import annotations

import os
from pathlib import Path

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.core.hashing import fingerprint
from foodbench.core.printable import printable
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    ListedSplits,
    file_stems,
    is_file,
    is_synthetic,
    missing_error,
    nothing_usable,
    once_per_split,
    read_lines,
    require_disjoint,
    require_layout,
    resource_lines,
    unique_ids,
)
from foodbench.data.records import IGNORE_LABEL, MaskFile, SegmentationRecord

NAME = "uecfoodpix"
SPLITS = ("train", "test")
LISTS = {"train": "data/train9000.txt", "test": "data/test1000.txt"}
CATEGORIES = "data/category.txt"
REQUIRED = (CATEGORIES, *LISTS.values())
INNER_FOLDER = "UECFoodPIXCOMPLETE"
"""Official name of the folder inside `data`. FoodLMM's README and others write it in other cases."""

BACKGROUND_ID = 0
BACKGROUND = "background"
OTHERS = "others"
"""Class 101: food that is none of the other classes, so that no question could name it. 102, beverage, is a food."""


class UecFoodPix(ListedSplits):
    """Reader of one UEC-FoodPIX Complete folder.

    Attributes:
        root: the dataset's folder, the one that has `data`.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
        classes: the class names (103 in the real dataset); position = mask value. 0 is `background`.
        not_referable: mask values that no question can name: background, others, and not annotated.
    """

    name = NAME
    splits = SPLITS

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        """Read the lists and look which photos and masks are there (none is opened).

        Args:
            root: the folder that has `data`, or that `data` itself.
            allow_partial: go on with the pairs that are there.

        Raises:
            DataMissing: a required file or folder is absent, or pairs are incomplete and `allow_partial` is off.
            DataCorrupt: the lists are malformed, or the classes of a real copy are not the official ones.
        """
        self.root = require_layout(NAME, dataset_folder(Path(root)), REQUIRED)
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        self.classes = read_classes(self.root, official=not self.synthetic)
        self.not_referable = frozenset(
            {BACKGROUND_ID, IGNORE_LABEL, *(number for number, name in enumerate(self.classes) if name == OTHERS)}
        )
        self._ids = read_ids(self.root)
        self._inner = inner_folder(self.root)
        self._missing = {split: self._find_missing(split) for split in SPLITS}
        absent = [name for split in SPLITS for name in self._missing[split]]
        if absent and not allow_partial:
            total = sum(len(ids) for ids in self._ids.values())
            raise missing_error(NAME, self.root, "pairs of photo and mask", absent, total)

    def _find_missing(self, split: str) -> tuple[str, ...]:
        photos, masks = present_ids(self._inner, split)
        return tuple(one for one in self._ids[split] if one not in photos or one not in masks)

    def records(self, split: str) -> tuple[SegmentationRecord, ...]:
        """The complete pairs of a split, in the order of its list.

        Raises:
            UnknownName: no such split.
            DataMissing: not one pair of it is complete.
        """
        absent = set(self.missing(split))
        records = tuple(
            pair(self._inner, split, image_id, len(self.classes) - 1)
            for image_id in self._ids[split]
            if image_id not in absent
        )
        if not records:
            what = f"pairs of photo and mask of the {split} split"
            raise nothing_usable(NAME, self.root, what, len(self._ids[split]))
        return records

    @once_per_split
    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split, class names and the ordered (id, digest of the mask) pairs that `records` gives.

        Official masks are digested as files, synthetic ones as class ids (another zlib packs the same pixels into other
        bytes). The names count because those of a synthetic copy are its own.

        Raises:
            UnknownName, DataMissing: as `records`.
            DataCorrupt: a synthetic mask cannot be decoded.
        """
        facts = [[record.stem, record.mask.fingerprint(pixels=self.synthetic)] for record in self.records(split)]
        return fingerprint({"dataset": NAME, "split": split, "classes": list(self.classes), "facts": facts})


def dataset_folder(root: Path) -> Path:
    """The folder that has `data`, also for somebody who named `data` itself."""
    root = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100 - resolve() would replace the user's links
    return root.parent if root.name == "data" and is_file(root / "category.txt") else root


def inner_folder(root: Path) -> Path:
    """The folder inside `data` that holds the pictures, whatever the case of its name; the official spelling first.

    Raises:
        DataMissing: there is none.
    """
    data = root / "data"
    try:
        with os.scandir(data) as entries:
            names = [entry.name for entry in entries if entry.is_dir() and entry.name.lower() == INNER_FOLDER.lower()]
    except OSError:
        names = []
    if not names:
        raise DataMissing(
            f"There is no folder {INNER_FOLDER} in {data}.",
            hint=f"`foodbench data info {NAME}` prints the expected layout. The older UEC-FoodPIX is another dataset.",
        )
    return data / (INNER_FOLDER if INNER_FOLDER in names else min(names))


def pair(inner: Path, split: str, image_id: str, max_id: int) -> SegmentationRecord:
    """The photo and the mask of an id, whether they are there or not.

    Args:
        inner: as from `inner_folder`.
        split: `train` or `test`.
        image_id: the id.
        max_id: the largest class id.
    """
    return SegmentationRecord(
        stem=image_id,
        image=ImageFile(inner / split / "img" / f"{image_id}.jpg", exif="ignore"),
        mask=MaskFile(inner / split / "mask" / f"{image_id}.png", max_id=max_id, channel="red"),
        split=split,
    )


def present_ids(inner: Path, split: str) -> tuple[set[str], set[str]]:
    """Ids of the photos and of the masks in a split's folders."""
    return file_stems(inner / split / "img", ".jpg"), file_stems(inner / split / "mask", ".png")


def read_ids(root: Path) -> dict[str, tuple[str, ...]]:
    """Image ids of each split in the order of its list.

    Raises:
        DataMissing, DataCorrupt: a list is absent or malformed, or the two overlap.
    """
    ids = {
        split: unique_ids(root / name, read_lines(root / name), r"[0-9]{1,9}", "10873") for split, name in LISTS.items()
    }
    require_disjoint((root / LISTS["train"], ids["train"]), (root / LISTS["test"], ids["test"]))
    return ids


def read_classes(root: Path, *, official: bool) -> tuple[str, ...]:
    """The class names by mask value, beginning with the background, which the file does not name.

    Args:
        root: the dataset's folder.
        official: whether the names must be the official ones.

    Raises:
        DataMissing: `category.txt` is absent.
        DataCorrupt: it is malformed, has a gap, or differs from the official list.
    """
    path = root / CATEGORIES
    names: dict[int, str] = {}
    for position, (number, line) in enumerate(read_lines(path)):
        class_id, _, name = line.partition("\t")
        class_id, name = class_id.strip(), " ".join(name.split())
        if position == 0 and not class_id.isdigit():
            continue  # the header
        if not (class_id.isascii() and class_id.isdigit() and len(class_id) < 4) or not name:
            raise DataCorrupt(
                f"{path}, line {number}: {line[:60]!r} is not a number, a tab and a name.",
                hint="A right line reads '7<TAB>sushi'. Restore the original file.",
            )
        if int(class_id) in names:
            raise DataCorrupt(f"{path}, line {number}: id {class_id} occurs twice.", hint="Restore the original file.")
        names[int(class_id)] = name
    names.setdefault(BACKGROUND_ID, BACKGROUND)
    found = tuple(names.get(class_id, "") for class_id in range(max(names) + 1))
    if official:
        return _require_official(path, found)
    if "" in found or len(found) < 2:
        raise DataCorrupt(
            f"{path} names no class {found.index('') if '' in found else 1}.", hint="Restore the original file."
        )
    return found


def _require_official(path: Path, found: tuple[str, ...]) -> tuple[str, ...]:
    """The official names, after making sure that the found ones are these (in any case of letters)."""
    official = resource_lines("uecfoodpix.txt")
    ours, theirs = ([name.casefold() for name in names] for names in (found, official))
    wrong = [class_id for class_id in range(len(theirs)) if ours[class_id : class_id + 1] != [theirs[class_id]]]
    if not wrong and len(ours) == len(theirs):
        return official
    if not wrong:
        raise DataCorrupt(
            f"{path} has {len(ours)} classes, the background included; officially there are {len(theirs)}.",
            hint="The list is of another dataset (UEC Food-256): restore the original file.",
        )
    first = wrong[0]
    name = f"'{printable(found[first], limit=60)}'" if first < len(found) and found[first] else "absent"
    hint = "Restore the original file."
    if len(wrong) > 1 and set(ours) == set(theirs):
        hint = "The same names have other numbers, so that the masks mean other foods: restore the original copy."
    raise DataCorrupt(
        f"{path} differs from the official list in {len(wrong)} of {len(official)} classes; "
        f"class {first} is {name} instead of '{official[first]}'.",
        hint=hint,
    )
