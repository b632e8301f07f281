"""What `verify` counts, compares and decodes of a dataset: the parts that all inspectors share.

Inspectors do not go through the readers, which refuse a copy at its first fault: here every fault is a finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from foodbench.core.errors import FoodbenchError
from foodbench.core.wording import counted
from foodbench.data.catalog import DatasetCard
from foodbench.data.layout import SHOWN

Status = Literal["ok", "warning", "failed"]
FaultStatus = Literal["warning", "failed", "missing"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about ids.

    Attributes:
        name: what was looked at.
        status: `missing` means files that a partial copy may lack.
        message: what was found.
        items: every id that is at fault.
    """

    name: str
    status: Literal["ok", "warning", "failed", "missing"]
    message: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One file (or pair) to decode: `run` raises a FoodbenchError if it is bad."""

    name: str
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Inspector:
    """How to look at one dataset.

    Attributes:
        required: paths that every copy has.
        files_counted: those of the counts that a partial copy may fall short of.
        count: counts by kind, named as in the card.
        ids: findings about ids; gets the card for a real copy and None for a synthetic one.
        probes: everything that can be decoded.
        official_files: whether the digests on the card are of this layout's files.
    """

    required: Sequence[str]
    files_counted: frozenset[str]
    count: Callable[[Path], dict[str, int]]
    ids: Callable[[Path, DatasetCard | None], Iterator[Finding]]
    probes: Callable[[Path], list[Probe]]
    official_files: bool = True


class Results:
    """Runs steps that may fail, turning errors into findings."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def step(self, name: str, run: Callable[[], _T], done: Callable[[_T], str]) -> _T | None:
        """The result of `run`, or None after noting why there is none."""
        try:
            result = run()
        except FoodbenchError as error:
            self.findings.append(Finding(name, "failed", f"{error.message} {error.hint}".strip()))
            return None
        self.findings.append(Finding(name, "ok", done(result)))
        return result

    def note(self, name: str, good: bool, message: str, otherwise: FaultStatus) -> None:
        """Add a finding."""
        self.findings.append(Finding(name, "ok" if good else otherwise, message))

    def none_of(self, name: str, ids: Iterable[str], otherwise: FaultStatus, tolerated: int = 0) -> None:
        """Add a finding that is good if there are no ids (or no more than are tolerated)."""
        items = tuple(sorted(ids))
        shown = ", ".join(items[:SHOWN]) + (", ..." if len(items) > SHOWN else "")
        message = f"{len(items):,}: {shown}" if items else "None."
        self.findings.append(Finding(name, "ok" if len(items) <= tolerated else otherwise, message, items))


def id_set_sha256(ids: Iterable[str]) -> str:
    """Digest of a set of ids as in `IdSet`: sorted, one per line, each line ended by LF."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(ids)).encode()).hexdigest()


def compare_id_sets(results: Results, card: DatasetCard | None, ids: Mapping[str, Sequence[str]]) -> None:
    """Add a finding for each official id set of the card; nothing for a synthetic copy (no card)."""
    if card is None:
        return
    for split, official in card.id_sets.items():
        same = id_set_sha256(ids[split]) == official.sha256
        message = f"{counted(len(ids[split]), 'id')}, " + ("the official ones." if same else "not the official ones.")
        results.note(f"official ids of {split}", same, message, "warning" if official.warn_only else "failed")
