"""The published tables: reading them, naming them, choosing cells of them.

The data are part of the package, one CSV of numbers and one TOML of facts about them per paper.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from foodbench.core.errors import DataCorrupt, UnknownName
from foodbench.papers.numbers import Interval

PAPERS = ("foodlmm", "rl", "recipes", "adamllm")
ALIASES = {"rl_reasonseg": "rl", "recipe_grounded": "recipes"}
"""Longer names, which say what a paper is about."""
ADDRESS = ("table", "block", "group", "row", "span", "column")
"""What a cell is found by."""
QUANTITIES = frozenset({"count", "setting", "claim", "mean", "rating", "score", "hours"})
"""What a number is that no metric of a task stands beside."""
EXACT = frozenset({"setting"})
Selector = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One published number.

    Attributes:
        paper: id of the paper.
        table: id of the table, `7`, or `text` for numbers that the paper's text states.
        block: the part of the table that it stands in; parts have columns of their own.
        group: the rows that it stands among, e.g. a dataset; may be empty.
        row: usually the model.
        span: the columns that it stands among, e.g. `refer@3`; may be empty.
        column: its own heading; may be empty if `span` says it.
        task: foodbench's task whose result stands beside it; empty if none does.
        metric: that task's metric, or one of `QUANTITIES`.
        protocol: how the task asks and scores.
        items: test items of the paper where that is known, else empty.
        value: as printed, digits included.
        unit: `%`, `kcal`, `g`, `h`, `k` (thousands), `items`, or empty.
        note: what is doubtful about it.
    """

    paper: str
    table: str
    block: str
    group: str
    row: str
    span: str
    column: str
    task: str
    metric: str
    protocol: str
    items: str
    value: str
    unit: str
    note: str

    @property
    def exact(self) -> bool:
        """Whether the number was not rounded."""
        return self.unit == "items" or self.metric in EXACT

    @property
    def interval(self) -> Interval:
        """What the number can have been before it was rounded; thousands are multiplied out."""
        found = Interval.printed(self.value, exact=self.exact)
        return found.times(1000) if self.unit == "k" else found

    @property
    def shown(self) -> str:
        """The number with its unit, as people read it."""
        if self.unit == "%":
            return f"{self.value}%"
        if self.unit == "items":
            return f"{int(self.value):,}"
        return f"{self.value} {self.unit}".strip()

    def matches(self, selector: Selector) -> bool:
        """Whether every field of the selector is the cell's, or has it among its values."""
        return all(
            getattr(self, field) == wanted if isinstance(wanted, str) else getattr(self, field) in wanted
            for field, wanted in selector.items()
        )

    def agrees(self, other: Cell, names: Iterable[str]) -> bool:
        """Whether these fields are equal in both."""
        return all(getattr(self, name) == getattr(other, name) for name in names)


@dataclass(frozen=True, slots=True)
class TableCard:
    """What a table is.

    Attributes:
        id: what it is called here, `7`.
        label: what the paper calls it, `Table VII`.
        title: what it shows.
    """

    id: str
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that holds for the cells of a selector."""

    cells: Selector
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """A relation that must hold between the paper's own numbers.

    Attributes:
        rule: the kind of relation, a name in `foodbench.papers.lint.RULES`.
        severity: what it means if it does not hold: `impossible` or `suspicious`.
        because: why it must hold, in one sentence.
        settings: what the rule is applied to.
    """

    rule: str
    severity: str
    because: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Paper:
    """A paper: its numbers and what is known about them."""

    id: str
    title: str
    source: str
    url: str
    tables: tuple[TableCard, ...]
    cells: tuple[Cell, ...]
    minds: tuple[Remark, ...]
    unmeasured: tuple[Remark, ...]
    checks: tuple[Check, ...]

    @cached_property
    def labels(self) -> dict[str, str]:
        """What the paper calls its tables, by id."""
        return {table.id: table.label for table in self.tables}

    def select(self, selector: Selector) -> list[Cell]:
        """The cells that a selector chooses.

        Raises:
            DataCorrupt: a field does not exist, or nothing is chosen: the data contradict themselves.
        """
        unknown = set(selector) - set(ADDRESS)
        if unknown:
            raise DataCorrupt(f"Paper '{self.id}': cells have no field '{min(unknown)}'.", hint=_REINSTALL)
        found = [cell for cell in self.cells if cell.matches(selector)]
        if not found:
            raise DataCorrupt(f"Paper '{self.id}' has no cells {dict(selector)}.", hint=_REINSTALL)
        return found

    def table(self, name: str) -> TableCard:
        """The table with this id or label (`7`, `VII`, `Table VII`).

        Raises:
            UnknownName: there is none.
        """
        wanted = name.casefold().removeprefix("table").strip()
        for table in self.tables:
            if wanted in (table.id, table.label.casefold().removeprefix("table").strip()):
                return table
        raise UnknownName.of("table", f"{self.id}/{name}", [f"{self.id}/{table.id}" for table in self.tables])


_REINSTALL = "The package's own data are damaged; install foodbench again."


def find_table(name: str) -> tuple[Paper, TableCard]:
    """The table that `foodlmm/7` names.

    Raises:
        UnknownName: no such paper or table.
    """
    paper, separator, table = name.strip().partition("/")
    paper = ALIASES.get(paper, paper)
    if paper not in PAPERS:
        known = PAPERS if not separator else [f"{each.id}/{one.id}" for each in all_papers() for one in each.tables]
        raise UnknownName.of("table" if separator else "paper", name, known)
    found = load(paper)
    if not separator:
        names = ", ".join(f"{paper}/{each.id}" for each in found.tables)
        raise UnknownName(f"'{name}' is a paper, not a table.", hint=f"Its tables: {names}.")
    return found, found.table(table)


def find_paper(name: str) -> Paper:
    """The paper with this id.

    Raises:
        UnknownName: there is none.
    """
    name = ALIASES.get(name, name)
    if name not in PAPERS:
        raise UnknownName.of("paper", name, PAPERS)
    return load(name)


def all_papers() -> list[Paper]:
    """Every paper."""
    return [load(name) for name in PAPERS]


@lru_cache
def load(name: str) -> Paper:
    """Read a paper's data from the package.

    Raises:
        DataCorrupt: they are damaged.
    """
    folder = files("foodbench.papers") / "data"
    try:
        numbers = (folder / f"{name}.csv").read_text(encoding="utf-8")
        facts = (folder / f"{name}.toml").read_text(encoding="utf-8")
    except OSError as error:
        raise DataCorrupt(f"The data of paper '{name}' cannot be read: {error}.", hint=_REINSTALL) from error
    return parse(numbers, facts)


def parse(numbers: str, facts: str) -> Paper:
    """A paper from the text of its CSV and its TOML.

    Raises:
        DataCorrupt: a column or a key is absent or unknown, or a number is none.
    """
    try:
        document = tomllib.loads(facts)
        head = document["paper"]
        return Paper(
            id=head["id"],
            title=head["title"],
            source=head["source"],
            url=head["url"],
            tables=tuple(TableCard(**table) for table in document["tables"]),
            cells=_cells(numbers),
            minds=tuple(Remark(**remark) for remark in document.get("minds", ())),
            unmeasured=tuple(Remark(**remark) for remark in document.get("unmeasured", ())),
            checks=tuple(_check(dict(check)) for check in document.get("checks", ())),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataCorrupt(f"The data of a paper are damaged: {error}.", hint=_REINSTALL) from error


def _cells(numbers: str) -> tuple[Cell, ...]:
    reader = csv.DictReader(io.StringIO(numbers), strict=True)
    names = [field.name for field in fields(Cell)]
    if reader.fieldnames != names:
        raise ValueError(f"the columns are {reader.fieldnames}, not {names}")
    cells = []
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num} has another number of columns")
        cell = Cell(**row)
        _ = cell.interval  # a number, or the file is refused
        cells.append(cell)
    return tuple(cells)


def _check(plain: dict[str, Any]) -> Check:
    rule, severity, because = plain.pop("rule"), plain.pop("severity"), plain.pop("because")
    if severity not in ("impossible", "suspicious"):
        raise ValueError(f"a check's severity cannot be '{severity}'")
    return Check(rule, severity, because, plain)
