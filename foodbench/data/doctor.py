"""How each dataset stands on this machine: registered, found, whole; and how a person gets what is missing.

Offline, and nothing is decoded or rendered. A registered copy is sound if it can be opened as it was registered: a
partial copy is sound only if it was registered with `--allow-partial`.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from foodbench.core.errors import FoodbenchError
from foodbench.data.catalog import CATALOG, DatasetCard
from foodbench.data.layout import is_synthetic
from foodbench.data.roots import (
    KITCHEN_VARIABLE,
    DatasetChoice,
    DatasetReader,
    RegisteredRoot,
    kitchen_folder,
    open_dataset,
    roots,
)

State = Literal["not registered", "complete", "partial", "incomplete", "broken", "gone", "no reader"]
"""`partial`: files are missing and that was accepted; `incomplete`: it was not. `no reader`: this version has none."""
SOUND: frozenset[State] = frozenset({"not registered", "complete", "partial", "no reader"})
KitchenState = Literal["made", "on demand", "not in the folder", "none"]

_SHOWN_MISSING = 5


@dataclass(frozen=True, slots=True)
class SplitState:
    """What is there of one split.

    Attributes:
        split: its name.
        usable: items with all their files.
        missing: items that lack files.
        examples: the first of those.
    """

    split: str
    usable: int
    missing: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatasetState:
    """How one dataset stands.

    Attributes:
        dataset: its name.
        title: the dataset's own name.
        state: see `State`.
        root: the registered folder; None if none is.
        problem: what is wrong, in a sentence.
        remedy: what to do about it.
        splits: what is there, where the copy can be opened.
        about_copy: how the copy differs from the official archive, if it is another form of it.
        kitchen: whether the kitchen edition is made; `not in the folder` if FOODBENCH_KITCHEN lacks it.
        licence: from the card, as the next four.
        terms: what one may do with it.
        source: where it comes from.
        download_size: in words.
        how_to_get: the steps.
    """

    dataset: str
    title: str
    state: State
    root: Path | None
    problem: str
    remedy: str
    splits: tuple[SplitState, ...]
    about_copy: tuple[str, ...]
    kitchen: KitchenState
    licence: str
    terms: str
    source: str
    download_size: str
    how_to_get: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it; a dataset that nobody registered is sound."""
        return self.state in SOUND

    @property
    def missing(self) -> int:
        """How many items of the splits `train` and `test` lack files (other lists repeat them)."""
        return sum(split.missing for split in self.splits if split.split in ("train", "test"))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {**asdict(self), "root": None if self.root is None else str(self.root), "sound": self.sound}


def examine() -> tuple[DatasetState, ...]:
    """How all datasets of the catalog stand, in its order.

    Raises:
        DataCorrupt: `datasets.json` is damaged.
    """
    registered = roots()
    return tuple(examine_dataset(name, registered.get(name)) for name in CATALOG.names())


def examine_dataset(name: str, registered: RegisteredRoot | None) -> DatasetState:
    """How one dataset stands.

    Args:
        name: the dataset.
        registered: its entry in the registry.

    Raises:
        UnknownName: no such dataset.
    """
    card = CATALOG.get(name)
    state, problem, remedy, reader = _look(card, registered)
    return DatasetState(
        dataset=name,
        title=card.title,
        state=state,
        root=None if registered is None else registered.root,
        problem=problem,
        remedy=remedy,
        splits=() if reader is None else split_states(reader),
        about_copy=tuple(getattr(reader, "about_copy", ())),
        kitchen=_kitchen(name),
        licence=card.licence,
        terms=card.terms,
        source=card.source,
        download_size=card.download_size,
        how_to_get=card.how_to_get,
    )


def split_states(reader: DatasetReader) -> tuple[SplitState, ...]:
    """For each split of an opened copy, how many items are usable and how many lack files."""
    states = []
    for split in getattr(reader, "splits", ()):
        missing = reader.missing(split)
        usable = len(reader.ids(split)) - len(missing)
        states.append(SplitState(split, usable, len(missing), tuple(missing[:_SHOWN_MISSING])))
    return tuple(states)


def kitchen_place(name: str) -> Path | None:
    """Where the kitchen edition of a dataset is, or will be once it is needed; None if the kitchen has none of it."""
    from foodbench.data.kitchen import DATASETS

    return kitchen_folder(name) if name in DATASETS else None


def is_cooked(root: Path | None) -> bool:
    """Whether that kitchen edition is there, complete."""
    return root is not None and is_synthetic(root)


def _kitchen(name: str) -> KitchenState:
    place = kitchen_place(name)
    if place is None:
        return "none"
    if is_cooked(place):
        return "made"
    return "not in the folder" if os.environ.get(KITCHEN_VARIABLE) else "on demand"


def _look(card: DatasetCard, registered: RegisteredRoot | None) -> tuple[State, str, str, DatasetReader | None]:
    """State, problem, remedy, and the reader if the copy can be opened."""
    name = card.name
    if registered is None:
        return ("not registered" if card.readable else "no reader"), "", "", None
    if not card.readable:
        problem = f"{registered.root} is registered, but this version of foodbench has no reader for it."
        return "no reader", problem, f"Update foodbench, or: foodbench data remove {name}", None
    if not registered.root.is_dir():
        problem = f"The registered folder {registered.root} is gone."
        return "gone", problem, f"Mount or restore it, or forget it: foodbench data remove {name}", None
    try:
        return "complete", "", "", _open(registered, allow_partial=False)
    except FoodbenchError as error:
        return _faulty(registered, error)


def _faulty(registered: RegisteredRoot, error: FoodbenchError) -> tuple[State, str, str, DatasetReader | None]:
    """What is left of a copy that is not whole."""
    try:
        reader = _open(registered, allow_partial=True)
    except FoodbenchError as worse:
        return "broken", worse.message, worse.hint, None
    if registered.allow_partial:
        return "partial", error.message, "Complete the copy; until then results say so and are not ranked.", reader
    return "incomplete", error.message, error.hint, reader


def _open(registered: RegisteredRoot, *, allow_partial: bool) -> DatasetReader:
    choice = DatasetChoice(registered.name, "real", registered.root, allow_partial, registered.options)
    reader = open_dataset(choice)
    for split in ("test",) if allow_partial else ("train", "test"):
        reader.records(split)  # some readers look for pictures only when a split is asked for
    return reader
