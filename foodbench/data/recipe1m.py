"""Recipe1M: a million recipes, 402,760 of them with photos, in three JSON files of 1.8 GB.

Layout:

    layer1.json layer2.json det_ingrs.json           texts, photo ids, detected ingredients: JSON arrays, joined by id
    images/{train,val,test}/a/b/c/d/<image id>.jpg   a..d: the first four digits of the IMAGE's id
    remove1M.txt                                     optional: ids to drop, whose recipes are in several splits

Which recipes count: by default those that Inverse Cooking (Salvador et al., CVPR 2019) uses, as most papers do after
it: a photo is listed, 2..19 ingredient classes, 2..19 steps that are not blank and do not begin with a digit, and at
least 20 characters of steps. `filter="none"` takes every recipe that has a photo, and `subset` names them one by one.

Traps handled here: nothing is joined by position; photo ids are other hashes than recipe ids; detected ingredients may
be empty texts; the text is damaged in places (`14 cup` stands for `1/4 cup`) and is given as it is. Validation and test
recipes are asked about their first photo only; a training recipe may fall back on another one.

The first opening of a copy makes an index (see `recipe1m_index`); after that it opens in milliseconds. Which photos are
there is looked up when a split is first asked for.

EXIF policy `ignore`: all known loaders read the photos as stored.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import overload

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.core.hashing import fingerprint
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    is_file,
    is_folder,
    is_synthetic,
    missing_error,
    nothing_usable,
    read_lines,
    require_layout,
    require_split,
    unique_ids,
)
from foodbench.data.recipe1m_build import Progress, id_of, number_of
from foodbench.data.recipe1m_index import RecipeIndex, SplitColumns, open_index
from foodbench.data.recipe1m_rows import DETECTIONS, IMAGES, RECIPE_ID, SPLITS, TEXTS, well_formed
from foodbench.data.recipe1m_vocabulary import IngredientVocabulary, official_vocabulary
from foodbench.data.records import RecipeRecord

NAME = "recipe1m"
REQUIRED = (TEXTS, IMAGES, DETECTIONS, "images/")
FILTERS = ("inverse_cooking", "none")
CLASSES_FILE = "ingredient_classes.txt"
"""The class names of a synthetic copy; real copies use the official list."""

USABLE = {"train": 252_547, "val": 54_255, "test": 54_506}
"""Recipes that Inverse Cooking's filter leaves of the official copy (their sum is FoodLMM's "361k")."""

_CHUNK = 512
_THREADS = 8


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which recipes of a split have their photo.

    Attributes:
        ids: of those that have, as numbers.
        first_images: their first photos, as numbers.
        digests: of their texts.
        missing: ids of the others.
        other_photos: the photo of those training recipes whose first one is absent.
    """

    ids: array[int]
    first_images: array[int]
    digests: array[int]
    missing: tuple[str, ...]
    other_photos: Mapping[int, int]


class RecipeRecords(Sequence[RecipeRecord]):
    """The recipes of a split in the order of their ids, each read from the files when it is asked for."""

    def __init__(self, reader: Recipe1M, ids: array[int], other_photos: Mapping[int, int]) -> None:
        self._reader = reader
        self._ids = ids
        self._other_photos = other_photos

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, position: int) -> RecipeRecord: ...

    @overload
    def __getitem__(self, position: slice) -> RecipeRecords: ...

    def __getitem__(self, position: int | slice) -> RecipeRecord | RecipeRecords:
        """One recipe, or a view of several.

        Raises:
            IndexError: no such position.
            DataMissing, DataCorrupt: a file went away or changed.
        """
        if isinstance(position, slice):
            return RecipeRecords(self._reader, self._ids[position], self._other_photos)
        number = self._ids[position]
        return self._reader.record(number, self._other_photos.get(number))


class Recipe1M:
    """Reader of one Recipe1M folder.

    Attributes:
        root: the dataset's folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
        ingredient_classes: names of the ingredient classes: the 1,486 of Inverse Cooking, or the kitchen's twenty.
        index: the index of the three files, with counts of everything in them.
    """

    name = NAME
    splits = SPLITS

    def __init__(
        self,
        root: Path,
        *,
        allow_partial: bool = False,
        filter: str | None = None,
        subset: str | Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Open the index of the copy; the first time this takes about a minute per million recipes.

        Args:
            root: the folder with the three JSON files and `images`.
            allow_partial: go on with the recipes whose photo is there.
            filter: `inverse_cooking` (the default) or `none`. With a subset the default is `none`: a list is a list.
            subset: file of recipe ids, one per line: exactly these are used. A split of which it names none stays
                whole.
            progress: called as (stage, bytes done, bytes in all) while the index is made.

        Raises:
            UnknownName: no such filter.
            DataMissing: a required file is absent, or a recipe of the subset has no photo in the dataset.
            DataCorrupt: a file is malformed, the files contradict each other, or the subset names unknown recipes.
            StorageFull: the index cannot be written.
        """
        self.root = require_layout(NAME, Path(root), REQUIRED)
        self.allow_partial = allow_partial
        self.filter = filter if filter is not None else ("none" if subset else "inverse_cooking")
        if self.filter not in FILTERS:
            raise UnknownName.of("filter", self.filter, FILTERS)
        self.synthetic = is_synthetic(self.root)
        self._vocabulary = vocabulary_of(self.root)
        self.ingredient_classes = self._vocabulary.names
        self.index = open_index(self.root, self._vocabulary, progress)
        _refuse_contradictions(self.root, self.index)
        self._columns: dict[str, SplitColumns] = {}
        self._chosen: dict[str, _Chosen] = {}
        self._subset = self._read_subset(Path(subset)) if subset else {}

    def _read_subset(self, path: Path) -> dict[str, frozenset[int]]:
        ids = unique_ids(path, read_lines(path), RECIPE_ID, "000018c8a5")
        by_split: dict[str, set[int]] = {}
        unknown: list[str] = []
        for recipe_id in ids:
            split = self.index.split_of(recipe_id)
            if split is None:
                unknown.append(recipe_id)
            else:
                by_split.setdefault(split, set()).add(number_of(recipe_id))
        if unknown:
            raise DataCorrupt(
                f"{path} names {len(unknown):,} recipes that {self.root / TEXTS} does not have: {_some(unknown)}.",
                hint="The list belongs to another version of the dataset, or names images instead of recipes.",
            )
        photographed = {number for split in by_split for number in self.index.split(split).ids}
        bare = sorted(id_of(number) for numbers in by_split.values() for number in numbers - photographed)
        if bare:
            raise DataMissing(
                f"{path} names {len(bare):,} recipes without photo in {IMAGES}, or that remove1M.txt drops: "
                f"{_some(bare)}.",
                hint="Take them from the list: nobody can be asked about them.",
            )
        return {split: frozenset(numbers) for split, numbers in by_split.items()}

    def _listed(self, split: str) -> SplitColumns:
        """The recipes of a split after filter and subset."""
        require_split(split, SPLITS)
        if split not in self._columns:
            columns = self.index.split(split)
            keep: Iterable[object] = columns.usable if self.filter != "none" else (1 for _ in columns.ids)
            names = self._subset.get(split)
            if names is not None:
                keep = [wanted and number in names for wanted, number in zip(keep, columns.ids, strict=True)]
            keep = list(keep)
            self._columns[split] = SplitColumns(
                ids=array("Q", compress(columns.ids, keep)),
                first_images=array("Q", compress(columns.first_images, keep)),
                digests=array("Q", compress(columns.digests, keep)),
                usable=bytes(compress(columns.usable, keep)),
            )
        return self._columns[split]

    def _look(self, split: str) -> _Chosen:
        """Look for the photos of a split, once."""
        listed = self._listed(split)
        if split in self._chosen:
            return self._chosen[split]
        there = bytearray(photos_present(self.root, split, listed.first_images))
        others: dict[int, int] = {}
        if split == "train" and is_folder(self.root / "images" / split):
            for position, number in enumerate(listed.ids):
                other = None if there[position] else self._other_photo(number)
                if other is not None:
                    others[number] = other
                    there[position] = 1
        self._chosen[split] = _Chosen(
            ids=array("Q", compress(listed.ids, there)),
            first_images=array("Q", compress(listed.first_images, there)),
            digests=array("Q", compress(listed.digests, there)),
            missing=tuple(id_of(number) for number, is_there in zip(listed.ids, there, strict=True) if not is_there),
            other_photos=others,
        )
        return self._chosen[split]

    def _other_photo(self, number: int) -> int | None:
        rows = self.index.fetch(number)
        for image_id in rows.images.image_ids if rows.images else ():
            if is_file(photo_path(self.root, "train", image_id)):
                return number_of(image_id.removesuffix(".jpg"))
        return None

    def ids(self, split: str) -> tuple[str, ...]:
        """Ids of the recipes of a split that count (filter, subset) and list a photo, there or not; ascending.

        Raises:
            UnknownName: no such split.
        """
        return tuple(map(id_of, self._listed(split).ids))

    def missing(self, split: str) -> tuple[str, ...]:
        """Those of `ids` whose photo is absent.

        Raises:
            UnknownName: no such split.
        """
        return self._look(split).missing

    def records(self, split: str) -> RecipeRecords:
        """The recipes of a split whose photo is there, in the order of their ids; each is read when it is asked for.

        Raises:
            UnknownName: no such split.
            DataMissing: photos are absent and `allow_partial` is off, or there is none at all.
        """
        chosen = self._look(split)
        total = len(chosen.ids) + len(chosen.missing)
        if not chosen.ids:
            raise nothing_usable(NAME, self.root, f"photos of the {split} split", total)
        if chosen.missing and not self.allow_partial:
            raise missing_error(NAME, self.root, f"photos of the {split} split", chosen.missing, total)
        return RecipeRecords(self, chosen.ids, chosen.other_photos)

    def photos(self, split: str) -> tuple[Path, ...]:
        """The photos that `records` asks about, without reading the recipes; empty if there are none.

        Raises:
            UnknownName: no such split.
        """
        chosen = self._look(split)
        return tuple(
            photo_path(self.root, split, f"{id_of(chosen.other_photos.get(number, first))}.jpg")
            for number, first in zip(chosen.ids, chosen.first_images, strict=True)
        )

    def record(self, number: int, other_photo: int | None = None) -> RecipeRecord:
        """Read one recipe.

        Args:
            number: its id as a number.
            other_photo: the photo to ask about, as a number, if it is not the first.

        Raises:
            DataMissing, DataCorrupt: a file went away or changed, or the recipe lists no photo.
        """
        texts, detections, images = self.index.fetch(number)
        if images is None or not images.image_ids or detections is None:
            raise self.index.absent(number, f"The recipe {texts.recipe_id} has no photo in {self.root / IMAGES}.")
        image_id = images.image_ids[0] if other_photo is None else f"{id_of(other_photo)}.jpg"
        detected = well_formed(detections.detected)
        return RecipeRecord(
            recipe_id=texts.recipe_id,
            title=well_formed((texts.title,))[0],
            ingredients=well_formed([line for line in texts.ingredients if line.strip()]),
            steps=well_formed([step for step in texts.steps if step.strip()]),
            detected=detected,
            classes=self._vocabulary.classes_of(detected),
            image=ImageFile(photo_path(self.root, texts.split, image_id), exif="ignore"),
            image_ids=tuple(images.image_ids),
            split=texts.split,
        )

    def classes_of(self, record: RecipeRecord) -> tuple[str, ...]:
        """The ingredient classes of a record, as `record.classes`."""
        return self._vocabulary.classes_of(record.detected)

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split, class names, and the ids, texts and photo ids of what `records` gives.

        The texts were digested when the index was made; this takes milliseconds.

        Raises:
            UnknownName, DataMissing: as `records`.
        """
        self.records(split)
        chosen = self._look(split)
        columns = sha256()
        for column in (chosen.ids, chosen.digests):
            same_everywhere = array("Q", column)
            if sys.byteorder == "big":
                same_everywhere.byteswap()
            columns.update(same_everywhere.tobytes())
        return fingerprint(
            {
                "dataset": NAME,
                "split": split,
                "classes": self._vocabulary.fingerprint,
                "recipes": columns.hexdigest(),
                "other_photos": sorted(map(list, chosen.other_photos.items())),
            }
        )


def vocabulary_of(root: Path) -> IngredientVocabulary:
    """The ingredient classes of a copy: its own list if it is synthetic, else the official ones.

    Raises:
        DataMissing, DataCorrupt: the list of a synthetic copy is absent or malformed.
    """
    if not is_synthetic(root):
        return official_vocabulary()
    path = root / CLASSES_FILE
    return IngredientVocabulary(unique_ids(path, read_lines(path), r"[a-z]+( [a-z]+)*", "green beans"))


def photo_path(root: Path, split: str, image_id: str) -> Path:
    """Where a photo belongs; `image_id` with its `.jpg`."""
    return root / f"images/{split}/{'/'.join(image_id[:4])}/{image_id}"


def photos_present(root: Path, split: str, numbers: Sequence[int]) -> list[bool]:
    """Which photos of a split are there.

    Asking for 250,000 files takes a second on a local disk; on a network disk it is waiting, which threads share.
    """
    folder = os.path.join(root, "images", split)  # noqa: PTH118 - a quarter of a million Path objects take seconds
    if not is_folder(Path(folder)):
        return [False] * len(numbers)
    chunks = [numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [present for chunk in pool.map(partial(_files_present, folder), chunks) for present in chunk]


def _files_present(folder: str, numbers: Iterable[int]) -> list[bool]:
    names = map(id_of, numbers)
    return [
        os.path.isfile(f"{folder}/{name[0]}/{name[1]}/{name[2]}/{name[3]}/{name}.jpg")  # noqa: PTH113
        for name in names
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _refuse_contradictions(root: Path, index: RecipeIndex) -> None:
    """Refuse files that do not belong together. Rows of recipes that layer1.json does not have do no harm."""
    for kind, what in (
        ("without_detections", f"has no entry for {{count:,}} recipes of {TEXTS}"),
        ("misaligned", f"has another number of ingredients than {TEXTS} for {{count:,}} recipes"),
    ):
        problem = index.facts["problems"][kind]
        if problem["count"]:
            raise DataCorrupt(
                f"{root / DETECTIONS} {what.format(count=problem['count'])}: {_some(problem['ids'])}.",
                hint="The two files come from different versions of the dataset, or one was cut: restore both.",
            )
