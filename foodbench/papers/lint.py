"""The linter: recomputes what a paper's own numbers imply, and lists the cells that cannot be right together.

Every check is a rule on chosen cells. Numbers are intervals of what they can have been before they were rounded, so a
finding is no rounding error; where a rule needs a tolerance beyond that, the check states it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foodbench.core.errors import DataCorrupt
from foodbench.papers.catalog import ADDRESS, Cell, Check, Paper


@dataclass(frozen=True, slots=True)
class Finding:
    """Numbers of a paper that do not go together.

    Attributes:
        paper: id of the paper.
        tables: labels of the tables that they stand in.
        severity: `impossible` or `suspicious`.
        rule: which kind of relation does not hold.
        where: what the cells have in common.
        printed: the cells and their numbers.
        computed: the arithmetic.
        because: why it should hold.
        cells: the cells.
    """

    paper: str
    tables: tuple[str, ...]
    severity: str
    rule: str
    where: str
    printed: str
    computed: str
    because: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Deviation:
    """What a rule found.

    Attributes:
        cells: the numbers that do not go together.
        computed: the arithmetic.
        severity: if it is not the check's.
        printed: what to say of the numbers where they are too many to list.
    """

    cells: Sequence[Cell]
    computed: str
    severity: str | None = None
    printed: str = ""


PLAIN = "Value"
"""The heading of a column that needs none."""

Rule = Callable[[Paper, Mapping[str, Any]], Iterable[Deviation]]


def lint(paper: Paper) -> list[Finding]:
    """Apply all checks of a paper.

    Raises:
        DataCorrupt: a check names a rule, a setting or cells that do not exist.
    """
    from foodbench.papers.rules import RULES

    findings: list[Finding] = []
    for check in paper.checks:
        if check.rule not in RULES:
            raise DataCorrupt(
                f"Paper '{paper.id}' has a check by the unknown rule '{check.rule}'.",
                hint=f"Rules: {', '.join(RULES)}.",
            )
        try:
            deviations = list(RULES[check.rule](paper, check.settings))
        except (KeyError, ValueError) as error:
            raise DataCorrupt(
                f"Paper '{paper.id}': a check by '{check.rule}' cannot be made: {error}.",
                hint="The package's own data are damaged; install foodbench again.",
            ) from error
        findings.extend(_finding(paper, check, deviation) for deviation in deviations)
    return findings


def _finding(paper: Paper, check: Check, deviation: Deviation) -> Finding:
    cells = tuple(deviation.cells)
    common = [name for name in ADDRESS if all(cell.agrees(cells[0], (name,)) for cell in cells)]
    return Finding(
        paper=paper.id,
        tables=tuple(dict.fromkeys(paper.labels[cell.table] for cell in cells)),
        severity=deviation.severity or check.severity,
        rule=check.rule,
        where=_where(cells[0], common),
        printed=deviation.printed or "; ".join(_printed(paper, group, common) for group in _by_row(cells)),
        computed=deviation.computed,
        because=check.because,
        cells=cells,
    )


def _where(cell: Cell, common: Sequence[str]) -> str:
    names = [getattr(cell, name) for name in common if name != "table"]
    return ", ".join(name for name in names if name not in ("", PLAIN))


def _by_row(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells in their order, neighbours of one row and span together."""
    groups: list[list[Cell]] = []
    for cell in cells:
        if groups and cell.agrees(groups[-1][-1], ("table", "block", "group", "row", "span")):
            groups[-1].append(cell)
        else:
            groups.append([cell])
    return groups


def _printed(paper: Paper, cells: Sequence[Cell], common: Sequence[str]) -> str:
    first = cells[0]
    names = [paper.labels[first.table]] if "table" not in common else []
    rest = ("group", "row", "span")
    names += [getattr(first, name) for name in rest if name not in common and getattr(first, name)]
    numbers = ", ".join(cell.shown if _needs_no_name(cell, common) else f"{cell.column} {cell.shown}" for cell in cells)
    return f"{', '.join(names)}: {numbers}" if names else numbers


def _needs_no_name(cell: Cell, common: Sequence[str]) -> bool:
    """A percentage beside its error says by its unit what it is."""
    return "column" in common or cell.column in ("", "%", "MAE", PLAIN)
