"""Two systems of a board side by side: made from the pairs that were tested, so that no number is computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from foodbench.site.model import Board, Comparison, Figure, System, TaskBoard

MOST_PAIRS = 300
"""Pairs with a page of their own: all of 24 systems. A page is some 60 kB."""


@dataclass(frozen=True, slots=True)
class FlipLine:
    """A sample on which the two differ."""

    sample_id: str
    page: int
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class CompareLine:
    """One task of two systems; differences are first minus second, in the metric's unit.

    Attributes:
        on: the task.
        first: value of the first system.
        second: value of the second.
        pair: as it was tested.
        value: the difference.
        low: lower end of its 95 % interval.
        high: upper end.
        sign: what turns the tested difference into one where more is better for the first.
        reach: difference at the edge of the drawing.
        place: the difference as drawn, from -1 to 1.
        ahead: `a`, `b` or empty.
        flips: the samples that differ most.
    """

    on: TaskBoard
    first: Figure
    second: Figure
    pair: Comparison
    value: float
    low: float | None
    high: float | None
    sign: float
    reach: float
    place: float
    ahead: str
    flips: tuple[FlipLine, ...]


@dataclass(frozen=True, slots=True)
class ComparePair:
    """Two systems and every task that both were ranked on."""

    stem: str
    first: System
    second: System
    lines: tuple[CompareLine, ...]

    @property
    def file(self) -> str:
        """The page below `compare/`."""
        return f"{self.stem}.html"

    @property
    def ahead(self) -> int:
        """Tasks on which the first is better beyond chance."""
        return sum(line.ahead == "a" for line in self.lines)

    @property
    def behind(self) -> int:
        """Tasks on which the second is."""
        return sum(line.ahead == "b" for line in self.lines)


def compare_pairs(board: Board) -> tuple[list[ComparePair], int]:
    """The pairs of a board that get a page, and how many do not.

    With more pairs than `MOST_PAIRS` those that share most tasks get one.
    """
    found = []
    for first, second in combinations(board.systems, 2):
        lines = _lines(board, first.name, second.name)
        if lines:
            found.append(ComparePair(f"{board.key}--{first.name}--{second.name}", first, second, lines))
    kept = found
    if len(found) > MOST_PAIRS:
        chosen = sorted(found, key=lambda pair: (-len(pair.lines), pair.stem))[:MOST_PAIRS]
        kept = [pair for pair in found if pair in chosen]
    return kept, len(found) - len(kept)


def _lines(board: Board, first: str, second: str) -> tuple[CompareLine, ...]:
    lines = []
    for suite in board.suites:
        for on in suite.tasks:
            pair = next(
                (each for each in on.comparisons if {each.better, each.worse} == {first, second}),
                None,
            )
            if pair is not None:
                lines.append(_line(on, first, second, pair))
    return tuple(lines)


def _line(on: TaskBoard, first: str, second: str, pair: Comparison) -> CompareLine:
    # Stored is worse minus better; shown is first minus second.
    turn = 1.0 if pair.worse == first else -1.0
    ends = sorted(turn * end for end in (pair.low, pair.high) if end is not None)
    floor, ceiling = on.floors.get(on.primary.id), on.ceilings.get(on.primary.id)
    reach = 0.0
    if floor is not None and ceiling is not None and floor.value is not None and ceiling.value is not None:
        reach = abs(ceiling.value - floor.value)
    if not reach:
        reach = max((abs(end) for end in (pair.low, pair.high, pair.value) if end is not None), default=1.0) or 1.0
    better = 1.0 if on.primary.higher_is_better else -1.0
    flips = []
    for flip in on.flips.get((pair.better, pair.worse), ()):
        one, other = (flip.better, flip.worse) if pair.better == first else (flip.worse, flip.better)
        flips.append(FlipLine(flip.sample_id, flip.page, one, other))
    return CompareLine(
        on=on,
        first=on.cells[first].figures[on.primary.id],
        second=on.cells[second].figures[on.primary.id],
        pair=pair,
        value=turn * pair.value,
        low=ends[0] if len(ends) == 2 else None,
        high=ends[1] if len(ends) == 2 else None,
        sign=turn * better,
        reach=reach,
        place=turn * better * pair.value / reach,
        ahead="" if not pair.separated else "a" if pair.better == first else "b",
        flips=tuple(flips),
    )


def pair_records(pair: ComparePair) -> list[dict[str, Any]]:
    """A comparison's table as plain records."""
    return [
        {
            "task": f"{line.on.task.name}@{line.on.task.version}",
            "metric": line.on.primary.id,
            "first": pair.first.name,
            "second": pair.second.name,
            "value_first": line.first.value,
            "value_second": line.second.value,
            "difference": line.value,
            "low": line.low,
            "high": line.high,
            "p": line.pair.p,
            "p_holm": line.pair.adjusted,
        }
        for line in pair.lines
    ]


def links_for(board: Board, pairs: Sequence[ComparePair]) -> dict[str, list[tuple[str, str]]]:
    """For each system the titles and pages of its comparisons."""
    links: dict[str, list[tuple[str, str]]] = {system.name: [] for system in board.systems}
    for pair in pairs:
        links[pair.first.name].append((pair.second.title, f"compare/{pair.file}"))
        links[pair.second.name].append((pair.first.title, f"compare/{pair.file}"))
    return links
