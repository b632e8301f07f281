"""What foodbench knows about each dataset: terms, where to get it, how to check a copy. Importing this is light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foodbench.core.registry import Registry


@dataclass(frozen=True, slots=True)
class FileChecksum:
    """Digest of one file of the official copy.

    Attributes:
        path: relative to the dataset's folder (or the archive's name).
        sha256: hexadecimal SHA-256 of its bytes.
        size: bytes.
        warn_only: the digest comes from a third party's copy, so that a difference is a warning and not a failure.
    """

    path: str
    sha256: str
    size: int | None
    warn_only: bool


@dataclass(frozen=True, slots=True)
class IdSet:
    """Digest of which ids a list holds, whatever their order and line endings.

    Attributes:
        count: how many ids.
        sha256: hexadecimal SHA-256 of the sorted ids, one per line, each line ended by LF.
        warn_only: the ids come from a third party's copy of the list.
    """

    count: int
    sha256: str
    warn_only: bool


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """Everything a person needs to know before using a dataset. No field has a default: nothing is left unsaid.

    Attributes:
        name: foodbench's name, e.g. `food101`.
        title: the dataset's own name.
        licence: licence in a few words, or that none is stated.
        terms: what one may do with it.
        source: host or institution and name of the archive.
        how_to_get: steps that a person does.
        download_size: size in words; says so if it is not stated anywhere.
        layout: tree of the official copy.
        splits: items per official split.
        counts: what `verify` counts, by kind; empty for a dataset without reader.
        checksums: digests of files below the root.
        archives: digests of what is downloaded.
        id_sets: digests of the id lists by split.
        facts: properties and traps that change results.
        citation: the paper to cite.
        used_by: papers whose numbers use it, and on which items.
    """

    name: str
    title: str
    licence: str
    terms: str
    source: str
    how_to_get: tuple[str, ...]
    download_size: str
    layout: str
    splits: Mapping[str, int]
    counts: Mapping[str, int]
    checksums: tuple[FileChecksum, ...]
    archives: tuple[FileChecksum, ...]
    id_sets: Mapping[str, IdSet]
    facts: tuple[str, ...]
    citation: str
    used_by: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """Whether foodbench has a reader for it."""
        return self.name in READERS

    def how_to_get_text(self) -> str:
        """The steps in one line, for the hint of an error."""
        return " ".join(f"({number}) {step}" for number, step in enumerate(self.how_to_get, start=1))


CATALOG: Registry[DatasetCard] = Registry("dataset")
"""Cards of all datasets, by name."""

READERS: Registry[Any] = Registry("dataset reader")
"""What opens the datasets that can be read: `reader(root, *, allow_partial=False)`, a class or a function."""

for _name in (
    "food101",
    "vireo172",
    "recipe1m",
    "nutrition5k",
    "foodseg103",
    "uecfoodpix",
    "foodreasonseg",
    "fooddialogues",
):
    CATALOG.register(_name, f"foodbench.data.cards.{_name}:CARD")

READERS.register("food101", "foodbench.data.hub_mirrors:open_food101")
READERS.register("nutrition5k", "foodbench.data.nutrition5k:Nutrition5k")
READERS.register("foodseg103", "foodbench.data.hub_mirrors:open_foodseg103")
READERS.register("vireo172", "foodbench.data.vireo172:Vireo172")
READERS.register("uecfoodpix", "foodbench.data.uecfoodpix:UecFoodPix")
READERS.register("recipe1m", "foodbench.data.recipe1m:Recipe1M")
READERS.register("foodreasonseg", "foodbench.data.foodreasonseg:FoodReasonSeg")
READERS.register("fooddialogues", "foodbench.data.fooddialogues:FoodDialogues")


def cards() -> tuple[DatasetCard, ...]:
    """All cards in the order of the catalog."""
    return tuple(CATALOG.get(name) for name in CATALOG.names())
