"""Nutrition5k: 5,006 cafeteria dishes with energy, mass, fat, carbohydrate and protein, in total and per ingredient.

Layout:

    metadata/dish_metadata_cafe1.csv dish_metadata_cafe2.csv ingredients_metadata.csv
    dish_ids/splits/{rgb,depth}_{train,test}_ids.txt
    imagery/realsense_overhead/dish_<10 digits>/rgb.png
    imagery/side_angles/dish_<10 digits>/frames/camera_<A..D>_frame_<3 digits>.jpeg    (extracted by the user)

Which dishes `train` and `test` are depends on the view:

    view="overhead" (default)   train, test = depth_train (2,758), depth_test (507)
    view="any"                  train, test = rgb_train (4,059), rgb_test (709)

The overhead camera was not running for every dish: 202 of the 709 dishes of rgb_test have only side videos, in every
copy of the dataset. The remaining 507 are exactly depth_test, so that is the test set of models that see one overhead
picture. All four official lists are available under their own names in both views. Three dishes of depth_train have no
overhead picture either; they are passed over (and listed by `missing`), not an error. All dishes of cafe2 are in none
of the lists.

`view="any"` takes the overhead picture where there is one, otherwise the first extracted side frame, and the record
says which (`view`). The raw videos are not decoded here.

EXIF policy `ignore`: the pictures are PNGs of a depth camera and frames of a video, neither has a meaningful tag.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.core.hashing import fingerprint
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    entries,
    is_file,
    is_synthetic,
    missing_error,
    nothing_usable,
    read_lines,
    require_disjoint,
    require_layout,
    require_split,
    unique_ids,
)
from foodbench.data.nutrition5k_csv import (
    DISH_PATTERN,
    NOTE_DEPRECATED,
    NOTE_MASS_MISMATCH,
    NOTE_NAME_RESOLVED,
    NOTE_TOTALS_REPAIRED,
    NOTE_ZERO_ENERGY,
    DishRow,
    read_dishes,
    read_ingredient_table,
)
from foodbench.data.records import ImageView, NutritionRecord

NAME = "nutrition5k"
View = Literal["overhead", "any"]
LISTS = ("rgb_train", "rgb_test", "depth_train", "depth_test")
SPLITS = ("train", "test", *LISTS)
CAFES = ("cafe1", "cafe2")
TABLE = "metadata/ingredients_metadata.csv"
REQUIRED = (
    "metadata/dish_metadata_cafe1.csv",
    "metadata/dish_metadata_cafe2.csv",
    TABLE,
    *(f"dish_ids/splits/{name}_ids.txt" for name in LISTS),
)

NEVER_FILMED_OVERHEAD = MappingProxyType({"depth_train": 3})
"""Dishes of a list without overhead picture even in a complete copy, as far as they are tolerated."""


def _dish_ids(*numbers: int) -> frozenset[str]:
    return frozenset(f"dish_{number:010d}" for number in numbers)


OUTLIER_FILTERS: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "n5k-11": _dish_ids(
            1564159636, 1551138237, 1551232973, 1551381990, 1551389458, 1551389551, 1551389588, 1551567508, 1551567573,
            1551567604, 1560974769,
        ),
        "n5k-5": _dish_ids(1551232973, 1551138237, 1551389458, 1551381990, 1560974769),
    }
)  # fmt: skip
"""Two removal lists that public code applies (scale and label errors). There is no official removal: off by default."""


class Nutrition5k:
    """Reader of one Nutrition5k folder.

    Attributes:
        root: the dataset's folder.
        splits: names that `records` accepts: `train`, `test` and the four official lists.
        synthetic: whether the kitchen made it.
        view: which pictures are used.
        ingredients: ingredient names by id.
    """

    name = NAME
    splits = SPLITS

    def __init__(
        self, root: Path, *, allow_partial: bool = False, view: View = "overhead", outliers: str | None = None
    ) -> None:
        """Read metadata and id lists; pictures are looked for when a split is asked for.

        Args:
            root: the folder with `metadata`, `dish_ids` and `imagery`.
            allow_partial: go on with the dishes whose pictures are there.
            view: `overhead` or `any`; see the module's description.
            outliers: name of a removal list of `OUTLIER_FILTERS`; None removes nothing.

        Raises:
            DataMissing: a metadata file or id list is absent.
            DataCorrupt: one is malformed, or they contradict each other.
            UnknownName: no such view or removal list.
        """
        if view not in ("overhead", "any"):
            raise UnknownName.of("view", view, ("overhead", "any"))
        if outliers is not None and outliers not in OUTLIER_FILTERS:
            raise UnknownName.of("outlier filter", outliers, OUTLIER_FILTERS)
        self.root = require_layout(NAME, Path(root), REQUIRED)
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        self.view: View = view
        self.outliers = outliers
        self.ingredients = read_ingredient_table(self.root / TABLE)
        self._dishes = read_all_dishes(self.root, self.ingredients)
        self._lists = read_lists(self.root)
        require_known(self.root, self._lists, self._dishes)

    def list_name(self, split: str) -> str:
        """The official id list that a split stands for in this view, e.g. `depth_test` for `test`.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        if split in LISTS:
            return split
        return f"{'depth' if self.view == 'overhead' else 'rgb'}_{split}"

    def ids(self, split: str) -> tuple[str, ...]:
        """All dish ids of a split in the order of its list (less the removal list), with or without picture.

        Raises:
            UnknownName: no such split.
        """
        removed = OUTLIER_FILTERS[self.outliers] if self.outliers else frozenset[str]()
        return tuple(dish_id for dish_id in self._lists[self.list_name(split)] if dish_id not in removed)

    def annotations(self, split: str) -> tuple[NutritionRecord, ...]:
        """All dishes of a split; `image` is None where this copy has no picture for the view.

        For statistics of the annotations (denominators of percentages, baselines), which need no pictures.

        Raises:
            UnknownName: no such split.
        """
        name = self.list_name(split)
        return tuple(self.dish(dish_id, split=name) for dish_id in self.ids(split))

    def dish(self, dish_id: str, *, split: str = "") -> NutritionRecord:
        """One dish by id, whether it is in a list or not.

        Raises:
            UnknownName: no such dish.
        """
        row = self._dishes.get(dish_id)
        if row is None:
            raise UnknownName("Unknown dish '" + dish_id + "'.", hint="Dish ids read like 'dish_1561662216'.")
        image, view = self._picture(dish_id)
        return NutritionRecord(
            dish_id=dish_id,
            image=image,
            total=row.total,
            portions=row.portions,
            split=split,
            cafe=row.cafe,
            notes=row.notes,
            view=view,
        )

    def dish_ids(self) -> tuple[str, ...]:
        """All dish ids in file order, cafe1 first."""
        return tuple(self._dishes)

    def _picture(self, dish_id: str) -> tuple[ImageFile | None, ImageView | None]:
        overhead = overhead_path(self.root, dish_id)
        if is_file(overhead):
            return ImageFile(overhead, exif="ignore"), "overhead"
        if self.view == "any":
            frame = first_side_frame(self.root, dish_id)
            if frame is not None:
                return ImageFile(frame, exif="ignore"), "side"
        return None, None

    def missing(self, split: str) -> tuple[str, ...]:
        """Ids of a split that have no picture for the view.

        Raises:
            UnknownName: no such split.
        """
        return tuple(record.dish_id for record in self.annotations(split) if record.image is None)

    def records(self, split: str) -> tuple[NutritionRecord, ...]:
        """The dishes of a split that have a picture, in the order of its list.

        Raises:
            UnknownName: no such split.
            DataMissing: pictures are missing and `allow_partial` is off, or there is not one.
        """
        everything = self.annotations(split)
        records = tuple(record for record in everything if record.image is not None)
        absent = [record.dish_id for record in everything if record.image is None]
        if len(absent) > self._tolerated(split) and not self.allow_partial:
            raise self._incomplete(split, absent, len(everything))
        if not records:
            what = f"pictures of {self.list_name(split)} ({self.view} view)"
            raise nothing_usable(NAME, self.root, what, len(everything), self._hint(split))
        return records

    def _tolerated(self, split: str) -> int:
        # A synthetic copy has no such history: there every gap is an error.
        return 0 if self.synthetic else NEVER_FILMED_OVERHEAD.get(self.list_name(split), 0)

    def _incomplete(self, split: str, absent: list[str], total: int) -> DataMissing:
        name = self.list_name(split)
        error = missing_error(NAME, self.root, f"pictures of {name} ({self.view} view)", absent, total)
        extra = self._hint(split)
        return DataMissing(error.message, hint=f"{extra} {error.hint}" if extra else error.hint)

    def _hint(self, split: str) -> str:
        if self.view == "overhead" and self.list_name(split).startswith("rgb_"):
            depth = self.list_name(split).replace("rgb_", "depth_")
            return (
                "Many dishes of the rgb lists were never filmed from above (202 of 709 in rgb_test): use "
                f"{depth}, or view='any' with frames extracted from the side videos."
            )
        if self.view == "any":
            return "Side frames are looked for in imagery/side_angles/<dish>/frames/camera_A_frame_001.jpeg."
        return ""

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split and the ordered (id, view, totals, portions) facts that `records` gives.

        Raises:
            UnknownName, DataMissing: as `records`.
        """
        facts = [
            [
                record.dish_id,
                record.view,
                record.total.as_dict(),
                [[portion.ingredient_id, portion.name, portion.nutrition.as_dict()] for portion in record.portions],
            ]
            for record in self.records(split)
        ]
        return fingerprint({"dataset": NAME, "split": self.list_name(split), "facts": facts})


def overhead_path(root: Path, dish_id: str) -> Path:
    """Where the overhead picture of a dish belongs."""
    return root / "imagery" / "realsense_overhead" / dish_id / "rgb.png"


def first_side_frame(root: Path, dish_id: str) -> Path | None:
    """The first extracted side frame by camera and frame number, `camera_A_frame_001.jpeg` if it is there."""
    folder = root / "imagery" / "side_angles" / dish_id / "frames"
    first = folder / "camera_A_frame_001.jpeg"
    if is_file(first):
        return first
    frames = side_frames(root, dish_id)
    return frames[0] if frames else None


def side_frames(root: Path, dish_id: str) -> list[Path]:
    """All extracted side frames of a dish by camera and frame number."""
    folder = root / "imagery" / "side_angles" / dish_id / "frames"
    accept = re.compile(r"camera_[A-D]_frame_[0-9]{3}\.jpe?g")
    return [path for path in entries(folder) if accept.fullmatch(path.name)]


def read_all_dishes(root: Path, ingredients: dict[int, str]) -> dict[str, DishRow]:
    """The dishes of both cafes by id.

    Raises:
        DataMissing, DataCorrupt: a file is absent or malformed, or both hold the same dish.
    """
    dishes: dict[str, DishRow] = {}
    for cafe in CAFES:
        path = root / "metadata" / f"dish_metadata_{cafe}.csv"
        rows = read_dishes(path, cafe, ingredients)
        again = sorted(set(rows) & set(dishes))
        if again:
            raise DataCorrupt(
                f"{path}: {len(again)} dishes are also in another cafe's file (such as {again[0]}).",
                hint="Restore both metadata files.",
            )
        dishes.update(rows)
    return dishes


def read_lists(root: Path) -> dict[str, tuple[str, ...]]:
    """The four official id lists.

    Raises:
        DataMissing, DataCorrupt: a list is absent or malformed, or training and test dishes overlap.
    """
    paths = {name: root / "dish_ids" / "splits" / f"{name}_ids.txt" for name in LISTS}
    lists = {name: unique_ids(path, read_lines(path), DISH_PATTERN, "dish_1561662216") for name, path in paths.items()}
    for train, test in (("rgb_train", "rgb_test"), ("depth_train", "depth_test")):
        require_disjoint((paths[train], lists[train]), (paths[test], lists[test]))
    return lists


def require_known(root: Path, lists: dict[str, tuple[str, ...]], dishes: dict[str, DishRow]) -> None:
    """Refuse id lists that name dishes without metadata.

    Raises:
        DataCorrupt: they do.
    """
    for name, ids in lists.items():
        unknown = [dish_id for dish_id in ids if dish_id not in dishes]
        if unknown:
            raise DataCorrupt(
                f"{root / 'dish_ids' / 'splits' / name}_ids.txt lists {len(unknown):,} dishes without metadata "
                f"(such as {unknown[0]}).",
                hint="Restore the metadata files and the lists from one copy.",
            )


__all__ = [
    "LISTS",
    "NAME",
    "NOTE_DEPRECATED",
    "NOTE_MASS_MISMATCH",
    "NOTE_NAME_RESOLVED",
    "NOTE_TOTALS_REPAIRED",
    "NOTE_ZERO_ENERGY",
    "OUTLIER_FILTERS",
    "SPLITS",
    "Nutrition5k",
]
