"""Hugging Face copies of Food-101 (`ethz/food101`) and FoodSeg103 (`EduardoPacheco/FoodSeg103`), read from a folder.

The folder is what `save_to_disk` wrote of the hub's dataset, or the downloaded snapshot with its parquet shards. The
records have the classes, splits and pictures of the official archive, with these differences:

    split    the hub's `validation` is the official test split and is called `test` here
    ids      the hub's tables carry no file ids, so an item is `validation/<row>` or `train/<row>`, rows from 0
    order    that of the table, which is not that of the archive's lists

So results on such a copy cannot be joined item by item with results on the archive, and the dataset fingerprints
differ on purpose. They are the same for all forms of one copy (saved or parquet).

Class numbers are in the order of `classes.txt` there. A table whose names are sorted, or others, is refused: its
numbers mean other dishes to everybody who goes by number.

EXIF policy `ignore`, as for the archives (the `datasets` library itself would turn the pictures).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.core.hashing import fingerprint
from foodbench.core.printable import printable
from foodbench.data import food101, foodseg103
from foodbench.data.catalog import CATALOG
from foodbench.data.hub import HubImage, HubMask, HubTable, open_table
from foodbench.data.hub_files import find_splits, hub_root, is_hub_folder
from foodbench.data.layout import (
    absent_paths,
    is_file,
    is_synthetic,
    missing_error,
    nothing_usable,
    read_text,
    require_split,
    resource_lines,
)
from foodbench.data.records import DishRecord, SegmentationRecord

SPLITS = ("train", "test")
HUB_SPLITS = {"train": "train", "test": "validation"}
ID_LIST = "id2label.json"

_Record = TypeVar("_Record", DishRecord, SegmentationRecord)


class _Mirror(ABC, Generic[_Record]):
    """What the two readers share.

    Attributes:
        root: the table's folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it (it makes none in this form).
        source: the repository on the hub.
        about_copy: how this copy differs from the official archive, for people.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    picture_columns: ClassVar[tuple[str, ...]]
    splits = SPLITS

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        """Open the tables (no picture is read).

        Args:
            root: the folder.
            allow_partial: go on with fewer rows than the official split has.

        Raises:
            DataMissing: a split or rows of it are absent and `allow_partial` is off, or shards are absent.
            DataCorrupt: the tables are damaged, or are not this dataset.
            UsageError: the package `datasets` is not installed.
        """
        self.root = hub_root(Path(root).expanduser().absolute())
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        present = find_splits(self.root)
        self._tables = {name: open_table(self.root, hub) for name, hub in HUB_SPLITS.items() if hub in present}
        if not self._tables:
            found = ", ".join(f"'{name}'" if name else "one without a name" for name in present)
            raise DataMissing(
                f"{self.root} has neither of the splits 'train' and 'validation' of {self.source}, only: {found}.",
                hint="Save the whole DatasetDict: load_dataset(...).save_to_disk(FOLDER).",
            )
        for table in self._tables.values():
            self._check_pictures(table)
        self._rows = {name: self._tables[name].rows if name in self._tables else 0 for name in SPLITS}
        self._official = {name: CATALOG.get(self.name).splits[name] for name in SPLITS}
        self._check_counts()
        self.about_copy = _about(self.source)

    def _check_pictures(self, table: HubTable) -> None:
        for column in self.picture_columns:
            if not table.is_image(column):
                raise DataCorrupt(
                    f"{self.root}, split '{table.split}', has no picture column '{column}' as {self.source} has; its "
                    f"columns: {', '.join(table.columns)}.",
                    hint="This is another dataset.",
                )

    def _check_counts(self) -> None:
        for name in SPLITS:
            if self._rows[name] > self._official[name]:
                raise DataCorrupt(
                    f"{self.root} has {self._rows[name]:,} rows of {name}, officially there are "
                    f"{self._official[name]:,}.",
                    hint="Splits were joined or rows repeated: take the copy as it is on the hub.",
                )
        absent = [row for name in SPLITS for row in self.missing(name)]
        if absent and not self.allow_partial:
            raise missing_error(self.name, self.root, "rows", absent, sum(self._official.values()))

    def table(self, split: str) -> HubTable | None:
        """The table of a split; None if the copy has none.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return self._tables.get(split)

    def ids(self, split: str) -> tuple[str, ...]:
        """`validation/<row>` or `train/<row>` for all rows that the official split has.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return tuple(f"{HUB_SPLITS[split]}/{row}" for row in range(self._official[split]))

    def missing(self, split: str) -> tuple[str, ...]:
        """Ids beyond the rows that are there; which pictures a shortened table lacks cannot be known.

        Raises:
            UnknownName: no such split.
        """
        return self.ids(split)[self._rows[split] :]

    def records(self, split: str) -> tuple[_Record, ...]:
        """The rows of a split in the order of the table.

        Raises:
            UnknownName: no such split.
            DataMissing: there is none.
        """
        require_split(split, SPLITS)
        if not self._rows[split]:
            raise nothing_usable(self.name, self.root, f"rows of the {split} split", self._official[split])
        return self._build(split, self._tables[split])

    @abstractmethod
    def _build(self, split: str, table: HubTable) -> tuple[_Record, ...]:
        """The records of a table."""

    def _image(self, table: HubTable, row: int, column: str) -> HubImage:
        return HubImage(self.root, table.split, row, column)

    def _fingerprint(self, split: str, facts: Sequence[Any]) -> str:
        return fingerprint({"dataset": self.name, "copy": f"huggingface:{self.source}", "split": split, "facts": facts})


class HubFood101(_Mirror[DishRecord]):
    """Reader of a folder with `ethz/food101`.

    Attributes:
        classes: class names in the order of `classes.txt`, which is also that of the numbers in the table.
        labels: display name of each class.
    """

    name = food101.NAME
    source = "ethz/food101"
    picture_columns = ("image",)

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        super().__init__(root, allow_partial=allow_partial)
        self.classes = resource_lines("food101.txt")
        self.labels = {label: label.replace("_", " ").capitalize() for label in self.classes}
        for table in self._tables.values():
            self._check_names(table.class_names("label"))

    def _check_names(self, names: tuple[str, ...] | None) -> None:
        if names == self.classes:
            return
        if names is None:
            what = "numbers its classes without saying their names"
        elif names == tuple(sorted(self.classes)):
            what = "has the class names sorted (cheese_plate before cheesecake), not in the order of classes.txt"
        elif set(names) == set(self.classes):
            what = "has the class names in another order than classes.txt"
        else:
            strange = next((name for name in names if name not in set(self.classes)), "")
            what = f"has {len(names)} classes that are not those of Food-101" + (
                f" ('{printable(strange, limit=60)}')" if strange else ""
            )
        raise DataCorrupt(
            f"{self.root} {what}: its numbers mean other dishes.", hint=f"Take the original copy, {self.source}."
        )

    def _build(self, split: str, table: HubTable) -> tuple[DishRecord, ...]:
        numbers = table.values("label")
        for row, number in enumerate(numbers):
            if not isinstance(number, int) or not 0 <= number < len(self.classes):
                raise DataCorrupt(
                    f"Row {row:,} of {self.root}, split '{table.split}', has the label {number!r}, which is no class.",
                    hint=f"Take the original copy, {self.source}; copies for contests hide labels as -1.",
                )
        return tuple(
            DishRecord(f"{table.split}/{row}", self.classes[number], self._image(table, row, "image"), split)
            for row, number in enumerate(numbers)
        )

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, copy, split and the ordered (id, label) pairs that `records` gives.

        Raises:
            UnknownName, DataMissing, DataCorrupt: as `records`.
        """
        return self._fingerprint(split, [[record.image_id, record.label] for record in self.records(split)])


class HubFoodSeg103(_Mirror[SegmentationRecord]):
    """Reader of a folder with `EduardoPacheco/FoodSeg103`.

    The tables hold no class names: those of `id2label.json` are compared with the official ones if the file is beside
    them. (A saved dataset has lost it; `foodbench data verify --level decode` then compares each mask with the row's
    own list of classes.)

    Attributes:
        classes: the 104 official class names; position = mask value.
        not_referable: mask values that no question can name: background, other ingredients, and not annotated.
    """

    name = foodseg103.NAME
    source = "EduardoPacheco/FoodSeg103"
    picture_columns = ("image", "label")
    not_referable = foodseg103.FoodSeg103.not_referable

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        super().__init__(root, allow_partial=allow_partial)
        self.classes = resource_lines("foodseg103.txt")
        if is_file(self.root / ID_LIST):
            check_id_list(self.root / ID_LIST)

    def _build(self, split: str, table: HubTable) -> tuple[SegmentationRecord, ...]:
        return tuple(
            SegmentationRecord(
                stem=f"{table.split}/{row}",
                image=self._image(table, row, "image"),
                mask=HubMask(self._image(table, row, "label"), max_id=foodseg103.MAX_ID),
                split=split,
            )
            for row in range(table.rows)
        )

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, copy, split and the ordered (id, digest of the mask's bytes) pairs that `records` gives.

        Raises:
            UnknownName, DataMissing, DataCorrupt: as `records`, or a row has no mask.
        """
        facts = [[record.stem, record.mask.fingerprint(pixels=False)] for record in self.records(split)]
        return self._fingerprint(split, facts)


def check_id_list(path: Path) -> None:
    """Refuse an `id2label.json` whose numbers are not the official class ids. Capitals may differ.

    Raises:
        DataMissing, DataCorrupt: the file is unreadable or malformed, or says other names.
    """
    try:
        plain = json.loads(read_text(path))
        names = {int(number): str(name).lower() for number, name in plain.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataCorrupt(f"{path} is not an object of class names.", hint="Restore the file.") from error
    official = dict(enumerate(name.lower() for name in resource_lines("foodseg103.txt")))
    wrong = sorted(number for number in official.keys() | names.keys() if names.get(number) != official.get(number))
    if wrong:
        first = wrong[0]
        raise DataCorrupt(
            f"{path} differs from the official classes in {len(wrong)} places: {first} is "
            f"'{printable(names.get(first, 'nothing'), limit=60)}', officially '{official.get(first)}'.",
            hint="The masks of such a copy mean other ingredients: take the official archive.",
        )


def _about(source: str) -> tuple[str, ...]:
    return (
        f"This is the Hugging Face copy {source}: its 'validation' is the official test split.",
        "It carries no file ids: items are called 'validation/<row>', in the order of the table. Results cannot be "
        "joined item by item with results on the official archive, and the dataset fingerprints differ.",
    )


MIRRORS: dict[str, type[HubFood101] | type[HubFoodSeg103]] = {
    food101.NAME: HubFood101,
    foodseg103.NAME: HubFoodSeg103,
}


def mirror_of(root: Path) -> str | None:
    """Which dataset a folder is a Hugging Face copy of, by its columns; None if of none.

    Raises:
        DataMissing, DataCorrupt, UsageError: the folder holds tables that cannot be opened.
    """
    if not is_hub_folder(root):
        return None
    folder = hub_root(root.expanduser().absolute())
    table = open_table(folder, next(iter(find_splits(folder))))
    if not table.is_image("image") or "label" not in table.columns:
        return None
    return foodseg103.NAME if table.is_image("label") else food101.NAME if table.class_names("label") else None


def open_food101(root: Path, *, allow_partial: bool = False) -> food101.Food101 | HubFood101:
    """The reader of a Food-101 folder: the official archive, or a copy of `ethz/food101`.

    Raises:
        DataMissing, DataCorrupt, UsageError: as the reader's constructor.
    """
    if _is_mirror(Path(root), food101.REQUIRED):
        return HubFood101(root, allow_partial=allow_partial)
    return food101.Food101(root, allow_partial=allow_partial)


def open_foodseg103(root: Path, *, allow_partial: bool = False) -> foodseg103.FoodSeg103 | HubFoodSeg103:
    """The reader of a FoodSeg103 folder: the official archive, or a copy of `EduardoPacheco/FoodSeg103`.

    Raises:
        DataMissing, DataCorrupt, UsageError: as the reader's constructor.
    """
    if _is_mirror(Path(root), foodseg103.REQUIRED):
        return HubFoodSeg103(root, allow_partial=allow_partial)
    return foodseg103.FoodSeg103(root, allow_partial=allow_partial)


def _is_mirror(root: Path, required: Sequence[str]) -> bool:
    root = root.expanduser()
    return bool(absent_paths(root, required)) and is_hub_folder(root)
