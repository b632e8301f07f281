"""FoodSeg103: 4,983 training and 2,135 test photos with masks of 103 ingredients.

Layout:

    category_id.txt                                   "0<TAB>background" ... "103<TAB>other ingredients"
    ImageSets/train.txt test.txt                      lines such as "00000048.jpg"
    Images/img_dir/{train,test}/<8 digits>.jpg
    Images/ann_dir/{train,test}/<8 digits>.png        pixel value = class id; 255 = not annotated

Traps handled here: a copy that circulates in another annotation format numbers the classes alphabetically (its mask
values mean other things), so the names are compared with the official order. Masks are read by value, never converted
to grey. Sizes vary widely; a mask that does not fit its photo is an error, never resized.

EXIF policy `ignore`: masks were drawn on the pixels as stored.
"""

from __future__ import annotations

from pathlib import Path

from foodbench.core.errors import DataCorrupt
from foodbench.core.hashing import fingerprint
from foodbench.core.printable import printable
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    ListedSplits,
    file_stems,
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

NAME = "foodseg103"
SPLITS = ("train", "test")
REQUIRED = ("category_id.txt", "ImageSets/train.txt", "ImageSets/test.txt", "Images/img_dir/", "Images/ann_dir/")

BACKGROUND_ID = 0
OTHER_ID = 103
"""`other ingredients`: like the background, no single ingredient that a question could name."""
MAX_ID = 103


class FoodSeg103(ListedSplits):
    """Reader of one FoodSeg103 folder.

    Attributes:
        root: the dataset's folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
        classes: the 104 class names; position = mask value. 0 is `background`, 103 `other ingredients`.
        not_referable: mask values that no question can name: background, other ingredients, and not annotated.
    """

    name = NAME
    splits = SPLITS
    not_referable = frozenset({BACKGROUND_ID, OTHER_ID, IGNORE_LABEL})

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        """Read the lists and look which photos and masks are there (none is opened).

        Args:
            root: the folder with `category_id.txt`, `ImageSets` and `Images`.
            allow_partial: go on with the pairs that are there.

        Raises:
            DataMissing: a required file is absent, or pairs are incomplete and `allow_partial` is off.
            DataCorrupt: the lists are malformed, or the classes are not the official ones.
        """
        self.root = require_layout(NAME, Path(root), REQUIRED)
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        self.classes = read_classes(self.root)
        self._ids = read_stems(self.root)
        self._missing = {split: self._find_missing(split) for split in SPLITS}
        absent = [name for split in SPLITS for name in self._missing[split]]
        if absent and not allow_partial:
            total = sum(len(stems) for stems in self._ids.values())
            raise missing_error(NAME, self.root, "pairs of photo and mask", absent, total)

    def _find_missing(self, split: str) -> tuple[str, ...]:
        photos, masks = present_stems(self.root, split)
        return tuple(stem for stem in self._ids[split] if stem not in photos or stem not in masks)

    def records(self, split: str) -> tuple[SegmentationRecord, ...]:
        """The complete pairs of a split, in the order of its list.

        Raises:
            UnknownName: no such split.
            DataMissing: not one pair of it is complete.
        """
        absent = set(self.missing(split))
        records = tuple(
            SegmentationRecord(
                stem=stem,
                image=ImageFile(photo_path(self.root, split, stem), exif="ignore"),
                mask=MaskFile(mask_path(self.root, split, stem), max_id=MAX_ID),
                split=split,
            )
            for stem in self._ids[split]
            if stem not in absent
        )
        if not records:
            what = f"pairs of photo and mask of the {split} split"
            raise nothing_usable(NAME, self.root, what, len(self._ids[split]))
        return records

    @once_per_split
    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split and the ordered (stem, digest of the mask) pairs that `records` gives.

        Official masks are digested as files (decoding 2,135 of them takes half a minute). Synthetic ones are digested
        as pixels: they are written on every machine anew, and another zlib packs the same pixels into other bytes.

        Raises:
            UnknownName, DataMissing: as `records`.
            DataCorrupt: a synthetic mask cannot be decoded.
        """
        facts = [[record.stem, record.mask.fingerprint(pixels=self.synthetic)] for record in self.records(split)]
        return fingerprint({"dataset": NAME, "split": split, "facts": facts})


def photo_path(root: Path, split: str, stem: str) -> Path:
    """Where the photo of a stem belongs."""
    return root / "Images" / "img_dir" / split / f"{stem}.jpg"


def mask_path(root: Path, split: str, stem: str) -> Path:
    """Where the mask of a stem belongs."""
    return root / "Images" / "ann_dir" / split / f"{stem}.png"


def present_stems(root: Path, split: str) -> tuple[set[str], set[str]]:
    """Stems of the photos and of the masks in a split's folders."""
    images = root / "Images"
    return file_stems(images / "img_dir" / split, ".jpg"), file_stems(images / "ann_dir" / split, ".png")


def read_stems(root: Path) -> dict[str, tuple[str, ...]]:
    """Stems of each split in the order of its list.

    Raises:
        DataMissing, DataCorrupt: a list is absent or malformed, or the two overlap.
    """
    folder = root / "ImageSets"
    stems: dict[str, tuple[str, ...]] = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        names = unique_ids(path, read_lines(path), r"[0-9]{8}\.jpg", "00000048.jpg")
        stems[split] = tuple(name.removesuffix(".jpg") for name in names)
    require_disjoint((folder / "train.txt", stems["train"]), (folder / "test.txt", stems["test"]))
    return stems


def read_classes(root: Path) -> tuple[str, ...]:
    """The class names by mask value, which must be the official ones.

    Raises:
        DataMissing: `category_id.txt` is absent.
        DataCorrupt: it is malformed, or names or numbers differ from the official list.
    """
    path = root / "category_id.txt"
    official = resource_lines("foodseg103.txt")
    names: dict[int, str] = {}
    for number, line in read_lines(path):
        class_id, tab, name = line.partition("\t")
        if not tab or not (class_id.isascii() and class_id.isdigit() and len(class_id) < 4) or not name:
            raise DataCorrupt(
                f"{path}, line {number}: {line[:60]!r} is not a number, a tab and a name.",
                hint="A right line reads '48<TAB>steak'. Restore the original file.",
            )
        if int(class_id) in names:
            raise DataCorrupt(f"{path}, line {number}: id {class_id} occurs twice.", hint="Restore the original file.")
        names[int(class_id)] = name
    if names != dict(enumerate(official)):
        _refuse_classes(path, names, official)
    return official


def _refuse_classes(path: Path, names: dict[int, str], official: tuple[str, ...]) -> None:
    """Say how the classes differ from the official ones."""
    wrong = [class_id for class_id in range(len(official)) if names.get(class_id) != official[class_id]]
    if {name.lower() for name in names.values()} == {name.lower() for name in official} and len(wrong) > 1:
        first = wrong[0]
        raise DataCorrupt(
            f"{path} numbers the classes differently ({first} is '{names.get(first)}', officially "
            f"'{official[first]}'): the masks of such a copy mean other ingredients.",
            hint="Re-indexed copies (alphabetical, as in Dataset Ninja's) cannot be used: get the official archive.",
        )
    if not wrong:
        extra = sorted(set(names) - set(range(len(official))))
        raise DataCorrupt(f"{path} has unknown class ids: {extra[:5]}.", hint="Restore the original file.")
    first = wrong[0]
    found = f"'{printable(names[first], limit=60)}'" if first in names else "absent"
    raise DataCorrupt(
        f"{path} differs from the official list in {len(wrong)} of {len(official)} classes; "
        f"class {first} is {found} instead of '{official[first]}'.",
        hint="Restore the original file.",
    )


__all__ = ["BACKGROUND_ID", "IGNORE_LABEL", "MAX_ID", "NAME", "OTHER_ID", "SPLITS", "FoodSeg103"]
