"""Test items that a model may have met in training: near-duplicates between the splits, and links between datasets.

Three rules, each exact in what it compares:

    pictures    photos that look alike (`foodbench.data.perceptual`), whatever the dataset
    texts       recipes whose title and steps are the same but for case, punctuation and blanks (Recipe1M)
    scans       dishes of Nutrition5k with the same ingredients and almost the same totals, scanned shortly after each
                other: the same plate, put under the camera again
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from foodbench.core.errors import DataMissing, UnknownName
from foodbench.data.images import Picture
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.data.records import NutritionRecord, RecipeRecord
from foodbench.data.roots import DatasetChoice, DatasetReader, open_dataset

RULES = ("pictures", "texts", "scans")
Progress = Callable[[str, int, int], None]
"""Called as (stage, done, total)."""

_SCAN_LISTS = (("rgb_test", "rgb_train"), ("depth_test", "depth_train"))
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What counts as alike. The defaults for pictures are measured (see `foodbench.data.perceptual`).

    Attributes:
        distance: most bits of 64 in which two pictures' hashes differ.
        similarity: least correlation of the pictures' thumbnails.
        seconds: most seconds between two scans.
        kcal: most difference in energy of two scans.
        grams: most difference in mass of two scans.
    """

    distance: int = 8
    similarity: float = 0.9
    seconds: int = 120
    kcal: float = 0.5
    grams: float = 1.5


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A test item and a training item that are alike.

    Attributes:
        test_id: the test item.
        train_id: the training item.
        measures: how alike they are, by name; empty for texts, which are equal.
    """

    test_id: str
    train_id: str
    measures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One test list against one training list by one rule.

    Attributes:
        rule: `pictures`, `texts` or `scans`.
        test: the test list, as `dataset split`.
        train: the training list.
        test_count: items compared of the test list.
        train_count: items compared of the training list.
        duplicates: the pairs, in the order of the test list.
        unreadable: pictures that could not be decoded and so were not compared.
        problem: why nothing was compared, if so.
    """

    rule: str
    test: str
    train: str
    test_count: int
    train_count: int
    duplicates: tuple[Duplicate, ...] = ()
    unreadable: tuple[str, ...] = ()
    problem: str = ""

    @property
    def test_ids(self) -> tuple[str, ...]:
        """The test items that have a duplicate, each once, in their order."""
        return tuple(dict.fromkeys(pair.test_id for pair in self.duplicates))

    def as_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Plain JSON form, with at most `limit` pairs."""
        plain = asdict(self)
        pairs = [
            {"test": pair.test_id, "train": pair.train_id, **dict(pair.measures)} for pair in self.duplicates[:limit]
        ]
        return {**plain, "duplicates": pairs, "pairs": len(self.duplicates), "test_ids": list(self.test_ids)}


@dataclass(frozen=True, slots=True)
class Link:
    """Two datasets that share items.

    Attributes:
        dataset: the dataset that builds on the other.
        other: the other dataset.
        fact: what they share.
    """

    dataset: str
    other: str
    fact: str


LINKS = (
    Link(
        "foodseg103",
        "recipe1m",
        "FoodSeg103's photos are Recipe1M photos, of its training and its test recipes: a model trained on Recipe1M "
        "has met photos of FoodSeg103's test split. test_recipe1m_id.txt and train_test_recipe1m_id.txt in the archive "
        "name Recipe1M images, more than are used.",
    ),
    Link(
        "foodreasonseg",
        "foodseg103",
        "FoodReasonSeg asks about FoodSeg103's photos and masks; each split uses photos of the split of the same name.",
    ),
    Link("foodreasonseg", "recipe1m", "FoodReasonSeg's photos are FoodSeg103's, which are Recipe1M photos."),
    Link(
        "fooddialogues",
        "nutrition5k",
        "FoodDialogues talks about Nutrition5k's dishes: test dialogues about all 709 of rgb_test, training dialogues "
        "about 4,047 of the 4,059 of rgb_train. The values in the answers are Nutrition5k's.",
    ),
)


def links_of(datasets: Iterable[str]) -> tuple[Link, ...]:
    """The links that touch one of the datasets."""
    named = set(datasets)
    return tuple(link for link in LINKS if link.dataset in named or link.other in named)


def compare_splits(
    choices: Sequence[DatasetChoice],
    *,
    rules: Sequence[str] = RULES,
    settings: Settings | None = None,
    across: bool = False,
    progress: Progress | None = None,
) -> tuple[Comparison, ...]:
    """Compare the test split of each dataset with its training split.

    Args:
        choices: the datasets.
        rules: which rules to apply; one that does not fit a dataset is passed over.
        settings: what counts as alike.
        across: compare pictures also with the training split of every other dataset of `choices`.
        progress: told how far the hashing of pictures is.

    Raises:
        UnknownName: no such rule.
        DataMissing, DataCorrupt: a dataset cannot be opened.
    """
    for rule in rules:
        if rule not in RULES:
            raise UnknownName.of("rule", rule, RULES)
    settings = settings or Settings()
    readers = {choice.name: open_dataset(choice) for choice in choices}
    found: list[Comparison] = []
    for name, reader in readers.items():
        if "scans" in rules and isinstance(reader, Nutrition5k):
            found.extend(_compare_scans(name, reader, settings))
        if "texts" in rules and name == "recipe1m":
            found.append(_compare_texts(name, reader))
    if "pictures" in rules:
        found.extend(_compare_pictures(readers, settings, across, progress))
    return tuple(found)


# Pictures


def picture_of(record: Any) -> tuple[str, Picture] | None:
    """Id and picture of a record of any dataset; None if it has no picture.

    Dialogues about one photo all give that photo, under its own id.
    """
    record = getattr(record, "pair", record)
    for field in ("image_id", "dish_id", "stem", "recipe_id"):
        name = getattr(record, field, None)
        if name is not None:
            return None if record.image is None else (name, record.image)
    raise TypeError(f"{type(record).__name__} has no id")


def _compare_pictures(
    readers: dict[str, DatasetReader], settings: Settings, across: bool, progress: Progress | None
) -> list[Comparison]:
    from foodbench.data.perceptual import HashedPictures, alike, hash_pictures

    def hashed(name: str, split: str) -> HashedPictures | str:
        try:
            found = (picture_of(record) for record in readers[name].records(split))
            pictures = list(dict(pair for pair in found if pair is not None).items())
        except DataMissing as error:
            return error.message
        stage = f"hashing pictures of {name} {split}"
        told = None if progress is None else lambda done, total: progress(stage, done, total)
        return hash_pictures(pictures, told)

    sides = {(name, split): hashed(name, split) for name in readers for split in ("test", "train")}
    found: list[Comparison] = []
    for mine in readers:
        for other in readers if across else (mine,):
            test, train = sides[mine, "test"], sides[other, "train"]
            titles = (f"{mine} test", f"{other} train")
            if isinstance(test, str) or isinstance(train, str):
                problem = test if isinstance(test, str) else str(train)
                found.append(Comparison("pictures", *titles, 0, 0, problem=problem))
                continue
            pairs = alike(test, train, distance=settings.distance, similarity=settings.similarity)
            duplicates = tuple(
                Duplicate(test.ids[i], train.ids[j], (("distance", bits), ("similarity", round(near, 4))))
                for i, j, bits, near in pairs
            )
            unreadable = (*test.unreadable, *train.unreadable)
            found.append(
                Comparison("pictures", *titles, len(test.ids), len(train.ids), duplicates, unreadable=unreadable)
            )
    return found


# Texts


def text_key(title: str, steps: Iterable[str]) -> str:
    """A digest that two recipes share if title and steps have the same words in the same order.

    Case, punctuation, blanks, the division into steps and compatibility forms of characters (ligatures, wide letters)
    make no difference; a number does.
    """
    text = unicodedata.normalize("NFKC", "\n".join((title, *steps))).casefold()
    return hashlib.sha256(" ".join(_WORD.findall(text)).encode()).hexdigest()


def equal_texts(test: Iterable[RecipeRecord], train: Iterable[RecipeRecord]) -> tuple[Duplicate, ...]:
    """Pairs of recipes with the same text."""
    by_key: dict[str, list[str]] = {}
    for record in test:
        by_key.setdefault(text_key(record.title, record.steps), []).append(record.recipe_id)
    pairs: dict[str, list[str]] = {}
    for record in train:
        for test_id in by_key.get(text_key(record.title, record.steps), ()):
            pairs.setdefault(test_id, []).append(record.recipe_id)
    ordered = [test_id for ids in by_key.values() for test_id in ids if test_id in pairs]
    return tuple(Duplicate(test_id, train_id) for test_id in ordered for train_id in pairs[test_id])


def _compare_texts(name: str, reader: DatasetReader) -> Comparison:
    try:
        test, train = reader.records("test"), reader.records("train")
    except DataMissing as error:
        return Comparison("texts", f"{name} test", f"{name} train", 0, 0, problem=error.message)
    return Comparison("texts", f"{name} test", f"{name} train", len(test), len(train), equal_texts(test, train))


# Scans


def scanned_at(dish_id: str) -> int:
    """When a dish was scanned, in seconds since 1970: the number in its id."""
    return int(dish_id.removeprefix("dish_"))


def repeated_scans(
    test: Iterable[NutritionRecord], train: Iterable[NutritionRecord], settings: Settings | None = None
) -> tuple[Duplicate, ...]:
    """Pairs of dishes with the same set of ingredients, almost the same totals, and close times of scanning."""
    limits = settings or Settings()
    by_ingredients: dict[frozenset[int], list[NutritionRecord]] = {}
    for record in train:
        by_ingredients.setdefault(_ingredients(record), []).append(record)
    pairs: list[Duplicate] = []
    for record in test:
        for other in by_ingredients.get(_ingredients(record), ()):
            seconds = abs(scanned_at(record.dish_id) - scanned_at(other.dish_id))
            kcal = abs((record.total.kcal or 0.0) - (other.total.kcal or 0.0))
            grams = abs((record.total.mass or 0.0) - (other.total.mass or 0.0))
            if seconds <= limits.seconds and kcal <= limits.kcal and grams <= limits.grams:
                measures = (("seconds", seconds), ("kcal", round(kcal, 3)), ("grams", round(grams, 3)))
                pairs.append(Duplicate(record.dish_id, other.dish_id, measures))
    return tuple(pairs)


def _ingredients(record: NutritionRecord) -> frozenset[int]:
    return frozenset(portion.ingredient_id for portion in record.portions)


def _compare_scans(name: str, reader: Nutrition5k, settings: Settings) -> list[Comparison]:
    found = []
    for test_list, train_list in _SCAN_LISTS:
        test, train = reader.annotations(test_list), reader.annotations(train_list)
        pairs = repeated_scans(test, train, settings)
        found.append(Comparison("scans", f"{name} {test_list}", f"{name} {train_list}", len(test), len(train), pairs))
    return found
