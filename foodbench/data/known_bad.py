"""Items of the datasets that are known to be wrong: which, why, and who says so.

Nothing is left out on its own account: published numbers include these items. Results can be computed with and without
them. Only the real editions have any; where a dataset's authors published no list, the notes say so.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from foodbench.core.errors import UnknownName
from foodbench.data.catalog import CATALOG

SCHEMA = 1
SCORED = frozenset({"picture", "annotation"})
"""What makes an item wrong for tasks that show a colour picture; `depth` matters to depth models only."""


@dataclass(frozen=True, slots=True)
class KnownBad:
    """One item that is known to be wrong.

    Attributes:
        id: a dish id (`dish_1551567508`) or the name of an image (`393efa5963.jpg`), as `names` says.
        reason: what is wrong.
        evidence: who says so, or how it was found.
        lists: the named lists that it is on.
        names: what the id names: `dish` or `image`.
        affects: what of the item is wrong: `annotation`, `picture`, `depth`.
        splits: the official lists that it is in.
    """

    id: str
    reason: str
    evidence: str
    lists: tuple[str, ...]
    names: str
    affects: tuple[str, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A fault of a dataset of which no ids are known."""

    text: str
    evidence: str


@dataclass(frozen=True, slots=True)
class KnownBadReport:
    """All that is known of one dataset.

    Attributes:
        dataset: its name.
        lists: description of each named list.
        entries: the items by id; those of a dataset that it builds on included.
        notes: faults without ids.
    """

    dataset: str
    lists: Mapping[str, str]
    entries: tuple[KnownBad, ...]
    notes: tuple[Note, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "dataset": self.dataset,
            "lists": dict(self.lists),
            "entries": [asdict(entry) for entry in self.entries],
            "notes": [asdict(note) for note in self.notes],
        }


@functools.cache
def report(dataset: str) -> KnownBadReport:
    """What is known of a dataset.

    Raises:
        UnknownName: no such dataset.
    """
    if dataset not in CATALOG:
        raise UnknownName.of("dataset", dataset, CATALOG.names())
    resource = files("foodbench.data") / "resources" / "known_bad" / f"{dataset}.json"
    plain = json.loads(resource.read_text(encoding="utf-8"))
    inherited = [report(name) for name in plain.get("inherits", ())]
    entries = [entry for base in inherited for entry in base.entries]
    for fields in plain["entries"]:
        several = {name: tuple(fields[name]) for name in ("lists", "affects", "splits")}
        entries.append(KnownBad(**{**fields, **several}))
    return KnownBadReport(
        dataset=dataset,
        lists={**{name: text for base in inherited for name, text in base.lists.items()}, **plain["lists"]},
        entries=tuple(sorted(entries, key=lambda entry: entry.id)),
        notes=tuple(Note(**fields) for fields in plain["notes"]),
    )


def known_bad(dataset: str) -> tuple[KnownBad, ...]:
    """The items of a dataset that are known to be wrong, by id.

    Raises:
        UnknownName: no such dataset.
    """
    return report(dataset).entries


def bad_ids(dataset: str, *, lists: Collection[str] | None = None, affects: Collection[str] = SCORED) -> frozenset[str]:
    """Ids to leave out of a computation.

    Args:
        dataset: its name.
        lists: only items on one of these lists, whatever is wrong with them; None: all whose fault matters.
        affects: which faults matter, if no list is named.

    Raises:
        UnknownName: no such dataset or list.
    """
    found = report(dataset)
    if lists is None:
        return frozenset(entry.id for entry in found.entries if not set(affects).isdisjoint(entry.affects))
    for name in lists:
        if name not in found.lists:
            raise UnknownName.of(f"list of {dataset}", name, found.lists)
    return frozenset(entry.id for entry in found.entries if not set(lists).isdisjoint(entry.lists))
