"""Which copies of a dataset are on this machine, and which one a run would use. Nothing is cooked or decoded here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from foodbench.core.errors import FoodbenchError
from foodbench.data.catalog import CATALOG
from foodbench.data.doctor import is_cooked, kitchen_place, split_states
from foodbench.data.roots import KITCHEN_VARIABLE, DatasetChoice, RegisteredRoot, open_dataset, resolve, roots


def split_counts(choice: DatasetChoice) -> list[dict[str, Any]]:
    """For each split of a copy, how many records are usable and how many lack files.

    Raises:
        DataMissing, DataCorrupt: the copy cannot be opened.
    """
    return [
        {"split": state.split, "usable": state.usable, "missing": state.missing}
        for state in split_states(open_dataset(choice))
    ]


def dataset_status(name: str) -> dict[str, Any]:
    """What `foodbench data status` says of one dataset, as plain JSON.

    Raises:
        UnknownName: no such dataset.
        DataCorrupt: `datasets.json` is damaged.
    """
    card, registered, cooked = CATALOG.get(name), roots().get(name), kitchen_place(name)
    real = None if registered is None else _real(registered)
    made = is_cooked(cooked)
    edition, used = _used(card.readable, real, cooked, made=made)
    return {
        "dataset": name,
        "title": card.title,
        "licence": card.licence,
        "readable": card.readable,
        "real": real,
        "kitchen": None if cooked is None else {"root": str(cooked), "made": made},
        "edition_used": edition,
        "used": used,
        "how_to_get": list(card.how_to_get),
    }


def _real(registered: RegisteredRoot) -> dict[str, Any]:
    found: dict[str, Any] = {
        "root": str(registered.root),
        "allow_partial": registered.allow_partial,
        "splits": [],
        "problem": None,
    }
    if not registered.root.is_dir():
        found["problem"] = "the folder is gone"
        return found
    try:
        found["splits"] = split_counts(resolve(registered.name, "real"))
    except FoodbenchError as error:
        found["problem"] = error.message
    return found


def lacking(real: dict[str, Any]) -> int:
    """How many records of the train and test splits have no file; 0 for a copy that was accepted as complete.

    Other splits overlap with these in some datasets, and a complete Nutrition5k lacks a few pictures in any copy.
    """
    if not real["allow_partial"]:
        return 0
    return sum(split["missing"] for split in real["splits"] if split["split"] in ("train", "test"))


def _used(readable: bool, real: dict[str, Any] | None, cooked: Path | None, *, made: bool) -> tuple[str | None, str]:
    if not readable:
        return None, "nothing: foodbench has no reader for it yet"
    if real is not None:
        problem = f", but {real['problem']}" if real["problem"] else ""
        partial = ", incomplete" if lacking(real) else ""
        return "real", f"the real copy in {real['root']}{partial}{problem}"
    if cooked is None:
        return None, "nothing: register a real copy"
    if not made and os.environ.get(KITCHEN_VARIABLE):
        return None, f"nothing: {KITCHEN_VARIABLE} names a folder without it ({cooked})"
    return "kitchen", f"the kitchen edition ({f'in {cooked}' if made else 'made when it is first used'})"
