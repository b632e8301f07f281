"""VIREO Food-172: 110,241 photos of 172 Chinese dishes with 353 ingredient labels.

Layout:

    ready_chinese_food/<1..172>/<a>_<b>.jpg      the number of the folder is the class
    SplitAndIngreLabel/TR.txt VAL.txt TE.txt     lines such as "/1/4_41.jpg"
    SplitAndIngreLabel/IngreLabel.txt            "/1/4_41.jpg -1 1 ...", one number per ingredient
    SplitAndIngreLabel/FoodList.txt              line i (from 1) = name of folder i
    SplitAndIngreLabel/IngredientList.txt        line i (from 1) = name of the i-th number

Traps handled here: folders count from 1 while most code counts from 0; listed paths begin with a slash and would escape
the folder if they were joined as they are; rows of IngreLabel are joined by path, never by position, and have runs of
blanks; "no" is written -1 or 0; names may end with a semicolon. A blank line inside a list of names would shift all
names after it, so it is refused. How many numbers a row has follows from IngredientList.

The official names are in no public copy: they are read from the user's lists, and only their numbers are checked.

EXIF policy `ignore`: headers of some photos are broken, and all known loaders read the pixels as stored. Some photos
are grey or CMYK; `ImageFile.open` gives RGB.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.core.hashing import fingerprint
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    SHOWN,
    ListedSplits,
    absent_paths,
    is_synthetic,
    missing_error,
    nothing_usable,
    read_lines,
    require_disjoint,
    require_layout,
    unique_ids,
)
from foodbench.data.records import IngredientsRecord

NAME = "vireo172"
SPLITS = ("train", "val", "test")
LABELS = "SplitAndIngreLabel"
LISTS = MappingProxyType({"train": "TR.txt", "val": "VAL.txt", "test": "TE.txt"})
FOOD_LIST, INGREDIENT_LIST, ROWS = f"{LABELS}/FoodList.txt", f"{LABELS}/IngredientList.txt", f"{LABELS}/IngreLabel.txt"
OFFICIAL_CLASSES, OFFICIAL_INGREDIENTS = 172, 353

Photos = Literal["ready", "original"]
PHOTO_FOLDERS = MappingProxyType({"ready": "ready_chinese_food", "original": "ready_chinese_food_ori"})
"""Folder of each edition of the photos: the ones that published numbers use, and the same in high resolution."""

REQUIRED_LISTS = (*(f"{LABELS}/{name}" for name in LISTS.values()), FOOD_LIST, INGREDIENT_LIST, ROWS)

# No dot before the extension, so that no path leads out of the folder and macOS's `._` files are passed over.
_FILE = r"[A-Za-z0-9][A-Za-z0-9_-]*\.jpg"
_PATH = rf"[1-9][0-9]{{0,3}}/{_FILE}"
_EXAMPLE = "/1/4_41.jpg"


class Vireo172(ListedSplits):
    """Reader of one VIREO Food-172 folder.

    Attributes:
        root: the dataset's folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
        photos: which edition of the photos is used.
        classes: names of the dishes in the order of their folders; folder 1 is position 0.
        ingredients: names of the ingredients in the order of their numbers.
    """

    name = NAME
    splits = SPLITS

    def __init__(self, root: Path, *, allow_partial: bool = False, photos: Photos = "ready") -> None:
        """Read the lists and look which photos are there (none is opened).

        Args:
            root: the folder with `ready_chinese_food` and `SplitAndIngreLabel`.
            allow_partial: go on with the photos that are there.
            photos: `ready`, or `original` for the high-resolution edition in `ready_chinese_food_ori`.

        Raises:
            DataMissing: a required file is absent, or photos are missing and `allow_partial` is off.
            DataCorrupt: the lists are malformed or contradict each other, or a real copy has not the official numbers
                of classes and ingredients.
            UnknownName: no such edition of the photos.
        """
        if photos not in PHOTO_FOLDERS:
            raise UnknownName.of("edition of the photos", photos, PHOTO_FOLDERS)
        self.root = _require_root(Path(root), photos)
        self.allow_partial = allow_partial
        self.photos: Photos = photos
        self.synthetic = is_synthetic(self.root)
        self.classes = read_classes(self.root, official=not self.synthetic)
        self.ingredients = read_ingredients(self.root, official=not self.synthetic)
        self._ids = read_ids(self.root, len(self.classes))
        self._rows = read_rows(self.root, len(self.ingredients))
        _require_rows(self.root, self._ids, self._rows)
        present = present_photos(self.root / PHOTO_FOLDERS[photos], len(self.classes))
        self._missing = {split: tuple(one for one in ids if one not in present) for split, ids in self._ids.items()}
        absent = [image_id for split in SPLITS for image_id in self._missing[split]]
        if absent and not allow_partial:
            total = sum(len(ids) for ids in self._ids.values())
            raise missing_error(NAME, self.root, "photos", absent, total)

    def records(self, split: str) -> tuple[IngredientsRecord, ...]:
        """The photos of a split that are there, in the order of its list.

        Raises:
            UnknownName: no such split.
            DataMissing: not one of its photos is there.
        """
        absent = set(self.missing(split))
        folder = self.root / PHOTO_FOLDERS[self.photos]
        records = tuple(
            IngredientsRecord(
                image_id=image_id,
                label=self.classes[class_number(image_id) - 1],
                ingredients=tuple(self.ingredients[index] for index in self._rows[image_id]),
                image=ImageFile(folder / f"{image_id}.jpg", exif="ignore"),
                split=split,
            )
            for image_id in self._ids[split]
            if image_id not in absent
        )
        if not records:
            raise nothing_usable(NAME, self.root, f"photos of the {split} split", len(self._ids[split]))
        return records

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, edition of the photos, split and the ordered (id, dish, ingredients) that `records` gives.

        Raises:
            UnknownName, DataMissing: as `records`.
        """
        facts = [[record.image_id, record.label, list(record.ingredients)] for record in self.records(split)]
        return fingerprint({"dataset": NAME, "photos": self.photos, "split": split, "facts": facts})


def class_number(image_id: str) -> int:
    """The class of an image id: the number of its folder, counted from 1."""
    return int(image_id.partition("/")[0])


def _require_root(root: Path, photos: Photos) -> Path:
    """Check the layout; a copy with only the other edition of the photos gets a hint that names it."""
    other = next(name for name in PHOTO_FOLDERS if name != photos)
    here = Path(os.path.abspath(root.expanduser()))  # noqa: PTH100 - resolve() would replace the user's links
    wanted = f"{PHOTO_FOLDERS[photos]}/"
    if not absent_paths(here, (f"{PHOTO_FOLDERS[other]}/", *REQUIRED_LISTS)) and absent_paths(here, (wanted,)):
        raise DataMissing(
            f"{here} has the photos of {PHOTO_FOLDERS[other]}, not those of {PHOTO_FOLDERS[photos]}.",
            hint=f"Use them with the option photos={other}; results on the two editions of the photos differ.",
        )
    return require_layout(NAME, root, (wanted, *REQUIRED_LISTS))


def read_classes(root: Path, *, official: bool) -> tuple[str, ...]:
    """Names of the dishes; position 0 is folder 1.

    Args:
        root: the dataset's folder.
        official: refuse another number of names than the official one.

    Raises:
        DataMissing, DataCorrupt: the list is absent or malformed.
    """
    return _read_names(root / FOOD_LIST, OFFICIAL_CLASSES if official else None)


def read_ingredients(root: Path, *, official: bool) -> tuple[str, ...]:
    """Names of the ingredients in the order of the numbers in `IngreLabel.txt`.

    Args:
        root: the dataset's folder.
        official: refuse another number of names than the official one.

    Raises:
        DataMissing, DataCorrupt: the list is absent or malformed.
    """
    return _read_names(root / INGREDIENT_LIST, OFFICIAL_INGREDIENTS if official else None)


def _read_names(path: Path, expected: int | None) -> tuple[str, ...]:
    """Names by line. Their semicolons at the end and blanks around them are taken off; repeated names are kept."""
    names: list[str] = []
    for number, line in read_lines(path):
        name = line.rstrip("; \t").strip()
        if number != len(names) + 1 or not name:
            raise DataCorrupt(
                f"{path}: line {len(names) + 1} has no name.",
                hint="A name's number is its line, so that a gap shifts all names after it: restore the original list.",
            )
        names.append(name)
    if not names:
        raise DataCorrupt(f"{path} lists nothing.", hint="The file is empty: restore the original list.")
    if expected is not None and len(names) != expected:
        raise DataCorrupt(
            f"{path} has {len(names)} names; the official list has {expected}.",
            hint="The list was cut or edited, or is of another dataset (VIREO Food-251): restore the original list.",
        )
    return tuple(names)


def read_ids(root: Path, class_count: int) -> dict[str, tuple[str, ...]]:
    """Image ids of each split in the order of its list.

    Args:
        root: the dataset's folder.
        class_count: how many class folders there are.

    Raises:
        DataMissing, DataCorrupt: a list is absent or malformed, or names a folder that is no class, or two overlap.
    """
    ids: dict[str, tuple[str, ...]] = {}
    for split, name in LISTS.items():
        path = root / LABELS / name
        paths = [(number, _first_word(line).removeprefix("/")) for number, line in read_lines(path)]
        listed = tuple(one.removesuffix(".jpg") for one in unique_ids(path, paths, _PATH, _EXAMPLE))
        strange = sorted({class_number(one) for one in listed if class_number(one) > class_count})
        if strange:
            raise DataCorrupt(
                f"{path} lists photos of the folders {', '.join(map(str, strange[:SHOWN]))}, "
                f"but FoodList.txt names {class_count} dishes.",
                hint="Folders are numbered from 1. Restore the lists from one archive.",
            )
        ids[split] = listed
    pairs = (("train", "val"), ("train", "test"), ("val", "test"))
    for first, second in pairs:
        require_disjoint(*((root / LABELS / LISTS[split], ids[split]) for split in (first, second)))
    return ids


def _first_word(line: str) -> str:
    words = line.split(maxsplit=1)
    return words[0] if words else line


def read_rows(root: Path, ingredient_count: int) -> dict[str, tuple[int, ...]]:
    """Positions of the ingredients of every photo in `IngreLabel.txt`, by image id; empty where there are none.

    Args:
        root: the dataset's folder.
        ingredient_count: how many numbers a row has.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: a row is malformed, or a photo has two.
    """
    path = root / ROWS
    accept = re.compile(_PATH)
    rows: dict[str, tuple[int, ...]] = {}
    for number, line in read_lines(path):
        photo = _first_word(line)
        labels = line.lstrip()[len(photo) :]
        photo = photo.removeprefix("/")
        if not accept.fullmatch(photo):
            raise DataCorrupt(
                f"{path}, line {number}: {photo[:60]!r} is not the path of a photo.",
                hint=f"A right line begins with '{_EXAMPLE}'. Restore the original file.",
            )
        image_id = photo.removesuffix(".jpg")
        if image_id in rows:
            raise DataCorrupt(
                f"{path}, line {number}: '{photo}' has a row already.",
                hint="Restore the original file; files that were joined by hand show this.",
            )
        rows[image_id] = _positives(path, number, labels, ingredient_count)
    if not rows:
        raise DataCorrupt(f"{path} has no rows.", hint="The file is empty: restore the original file.")
    return rows


def _positives(path: Path, number: int, labels: str, count: int) -> tuple[int, ...]:
    """Positions of the ones in a row of 1, -1 and 0."""
    # 39 million labels in the real file: turning each row into one string of digits is three times as fast as looking
    # at each label. After the replacements every well-formed label is one character.
    words = labels.replace("-1", "0").replace("+1", "1").split()
    digits = "".join(words)
    if len(words) != count:
        raise DataCorrupt(
            f"{path}, line {number}: {len(words)} labels, but IngredientList.txt names {count} ingredients.",
            hint="Restore both files from one archive.",
        )
    if len(digits) != count or digits.strip("01"):
        bad = next((word for word in labels.split() if word not in ("1", "+1", "-1", "0")), "?")
        raise DataCorrupt(
            f"{path}, line {number}: {bad[:20]!r} is no label.",
            hint="Labels are 1, -1 or 0. Restore the original file.",
        )
    return tuple(_ones(digits))


def _ones(digits: str) -> Iterator[int]:
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)


def unlabelled(ids: Mapping[str, Sequence[str]], rows: Mapping[str, Sequence[int]]) -> tuple[set[str], set[str]]:
    """Listed image ids (without a row, with a row that has no ingredient)."""
    listed = [one for split in ids.values() for one in split]
    return {one for one in listed if one not in rows}, {one for one in listed if one in rows and not rows[one]}


def _require_rows(root: Path, ids: Mapping[str, Sequence[str]], rows: Mapping[str, Sequence[int]]) -> None:
    for faults, what in zip(unlabelled(ids, rows), ("have no row", "have no ingredient"), strict=True):
        if faults:
            shown = ", ".join(sorted(faults)[:SHOWN])
            raise DataCorrupt(
                f"{len(faults):,} photos of the lists {what} in {root / ROWS}: {shown}.",
                hint="Restore the lists from one archive.",
            )


def present_photos(folder: Path, class_count: int) -> set[str]:
    """Image ids of the photos in the class folders; other files and folders are passed over."""
    accept = re.compile(_FILE)
    found: set[str] = set()
    # One directory scan per class: asking for 110,000 files one by one takes seconds on a network disk.
    for number in range(1, class_count + 1):
        try:
            with os.scandir(folder / str(number)) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            continue
        found.update(f"{number}/{name.removesuffix('.jpg')}" for name in names if accept.fullmatch(name))
    return found
