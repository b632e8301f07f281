"""A published table laid out for people: the paper's rows and columns, and measured numbers beside them.

Below a reported row stands, for each run that claims to reproduce it, what the run measured and the difference. A run
without a claim has a row of its own below the others of its group. What is not comparable with any paper (the kitchen
edition, a limit, a control, a partial copy) stands in a panel of its own, without differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from foodbench.papers.catalog import Cell, Paper, TableCard
from foodbench.papers.measured import MeasuredRun, Measurement, measure, minds, why_unmeasured

REPORTED, MEASURED, DIFFERENCE, UNMEASURED, APART = (
    "reported",
    "measured",
    "difference",
    "not measured",
    "set apart",
)
NO_RUN = "no run was given (--with RUN)"
Column = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A cell as it is shown: its text, what it is, and the numbers of the notes about it."""

    text: str = ""
    status: str = ""
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is shown; `source` says where its numbers are from."""

    group: str
    row: str
    source: str
    status: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a table with columns of its own.

    Attributes:
        title: what it shows.
        columns: span and heading of each.
        lines: its rows.
        apart: why it is not comparable with the paper; empty if it is.
        remarks: what to know about it.
    """

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    apart: str
    remarks: tuple[str, ...]

    @property
    def spans(self) -> list[tuple[str, int]]:
        """What stands above the headings, with how many of them; none if nothing does."""
        spans: list[tuple[str, int]] = []
        for span, _ in self.columns:
            if spans and spans[-1][0] == span:
                spans[-1] = (span, spans[-1][1] + 1)
            else:
                spans.append((span, 1))
        return spans if any(span for span, _ in spans) else []


@dataclass(frozen=True, slots=True)
class Record:
    """A reported cell and what one run measured for it, or a run's number in its own row."""

    cell: Cell
    status: str
    measurement: Measurement | None
    reported: bool = True

    @property
    def difference(self) -> float | None:
        """Measured minus reported; None where they do not compare."""
        found = self.measurement
        if not self.reported or found is None or found.value is None or found.apart:
            return None
        return found.value - float(self.cell.value)

    @property
    def why(self) -> str:
        """Why there is no measured number, or why it does not compare."""
        if self.measurement is None:
            return NO_RUN
        found = self.measurement
        return found.why or found.apart or (f"the run has no result of {found.lacks}" if found.lacks else "")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table and everything to say about it."""

    paper: Paper
    table: TableCard
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]
    runs: tuple[str, ...]
    records: tuple[Record, ...]

    @property
    def title(self) -> str:
        """What the table is."""
        label = "" if self.table.id == "text" else f"{self.table.label}: "
        return f"{self.paper.title}. {label}{self.table.title}"


@dataclass
class _Notes:
    """Notes, each with its number, in the order of their first use."""

    texts: list[str] = field(default_factory=list)

    def __call__(self, *texts: str) -> tuple[int, ...]:
        for text in texts:
            if text and text not in self.texts:
                self.texts.append(text)
        return tuple(self.texts.index(text) + 1 for text in texts if text)


def build(paper: Paper, table: TableCard, runs: Sequence[MeasuredRun] = ()) -> Sheet:
    """Lay out a table.

    Args:
        paper: the paper.
        table: one of its tables.
        runs: the runs to put beside it.
    """
    cells = paper.select({"table": table.id})
    notes = _Notes()
    panels: list[Panel] = []
    records: list[Record] = []
    for title in dict.fromkeys(cell.block for cell in cells):
        block = _Block(paper, [cell for cell in cells if cell.block == title], runs, notes)
        panels += block.panels(title)
        records += block.records
    described = tuple(f"{run.name}: {run.model}" + (f", for the row {run.row}" if run.row else "") for run in runs)
    return Sheet(paper, table, tuple(panels), tuple(notes.texts), described, tuple(records))


class _Block:
    """The panels of one part of a table."""

    def __init__(self, paper: Paper, cells: Sequence[Cell], runs: Sequence[MeasuredRun], notes: _Notes) -> None:
        self.paper, self.cells, self.runs, self.notes = paper, cells, runs, notes
        self.columns = _columns(cells)
        self.by_group = _tasks_differ(cells)
        self.records: list[Record] = []
        self.unclaimed: list[str] = []
        self.absent: dict[tuple[str, str], tuple[list[str], list[str]]] = {}

    def panels(self, title: str) -> list[Panel]:
        """The comparable panel, and one for each reason for which results are set apart."""
        lines: list[Line] = []
        for group in dict.fromkeys(cell.group for cell in self.cells):
            members = [cell for cell in self.cells if cell.group == group]
            for row in dict.fromkeys(cell.row for cell in members):
                lines += self._row([cell for cell in members if cell.row == row])
            lines += self._own_rows(members) if self.by_group else []
        lines += [] if self.by_group else self._own_rows(self.cells)
        reasons = dict.fromkeys(found.apart for record, found in self._set_apart())
        panels = [Panel(title, self.columns, tuple(lines), "", tuple(self._remarks()))]
        panels += [
            Panel(f"{title}: {reason}", self.columns, tuple(self._apart(reason)), reason, ()) for reason in reasons
        ]
        return panels

    def _row(self, cells: Sequence[Cell]) -> list[Line]:
        """A reported row, and below it what runs measured for it."""
        first = cells[0]
        lines = [Line(first.group, first.row, REPORTED, REPORTED, self._fields(cells, self._reported))]
        claims = [run for run in self.runs if run.claims(first)]
        if not claims:
            self.records += [Record(cell, UNMEASURED, _unclaimed(self.paper, cell)) for cell in cells]
            if any(cell.task for cell in cells):
                self.unclaimed.append(", ".join(filter(None, (first.group, first.row))))
        for run in claims:
            records = [self._record(cell, run) for cell in cells]
            self.records += records
            if not any(record.status == MEASURED for record in records):
                self._note_absence(run, records, ", ".join(filter(None, (first.group, first.row))))
                continue
            shown = self._fields(cells, _by_cell(records, self._measured))
            apart = self._fields(cells, _by_cell(records, _difference))
            lines.append(Line("", "", f"{MEASURED}: {run.name}", MEASURED, shown))
            lines.append(Line("", "", DIFFERENCE, DIFFERENCE, apart))
        return lines

    def _own_rows(self, members: Sequence[Cell]) -> list[Line]:
        """A row for each run that claims none: its numbers by the tasks that stand beside these cells."""
        group = members[0].group if self.by_group else ""
        cells = list({(cell.span, cell.column): cell for cell in reversed(members)}.values())
        lines = []
        for run in self.runs:
            if run.row is not None:
                continue
            records = [self._record(cell, run, reported=False) for cell in cells]
            self.records += [record for record in records if record.cell.task]
            if any(record.status == MEASURED for record in records):
                shown = self._fields(cells, _by_cell(records, self._measured))
                lines.append(Line(group, run.name, MEASURED, MEASURED, shown))
            else:
                self._note_absence(run, records, group)
        return lines

    def _record(self, cell: Cell, run: MeasuredRun, *, reported: bool = True) -> Record:
        found = measure(self.paper, cell, run)
        status = UNMEASURED if found.value is None else APART if found.apart else MEASURED
        return Record(cell, status, found, reported)

    def _note_absence(self, run: MeasuredRun, records: Iterable[Record], where: str) -> None:
        for record in records:
            if record.cell.task and record.measurement is not None:
                found = record.measurement
                reason = "it is set apart below" if record.status == APART else found.why or "no result of"
                places, tasks = self.absent.setdefault((run.name, reason), ([], []))
                places += [where] if where and where not in places else []
                tasks += [found.lacks] if found.lacks and found.lacks not in tasks else []

    def _fields(self, cells: Sequence[Cell], show: Callable[[Cell], Field]) -> tuple[Field, ...]:
        at = {(cell.span, cell.column): cell for cell in cells}
        return tuple(show(at[column]) if column in at else Field("–") for column in self.columns)

    def _reported(self, cell: Cell) -> Field:
        return Field(cell.shown, REPORTED, self.notes(cell.note))

    def _measured(self, record: Record) -> Field:
        found = record.measurement
        if found is None or record.status != MEASURED:
            return Field(UNMEASURED, UNMEASURED, self.notes(_sentence(record.why)))
        return Field(shown_measurement(record.cell, found), MEASURED, self.notes(*self._doubts(record)))

    def _doubts(self, record: Record) -> list[str]:
        """What to mind with a measured number, and whether it is of as many samples as the paper's."""
        found, cell = record.measurement, record.cell
        texts = minds(self.paper, cell)
        if found is not None and cell.items and found.n is not None and int(cell.items) != found.n:
            texts.append(f"Measured on {found.n:,} samples, the paper's {int(cell.items):,}.")
        return texts

    def _remarks(self) -> list[str]:
        """Which cells have no measured number, and why."""
        remarks = []
        if self.unclaimed and not self.runs:
            remarks.append(f"Not measured: {NO_RUN}.")
        elif self.unclaimed and any(run.row is not None for run in self.runs):
            remarks.append(f"Not measured: {'; '.join(self.unclaimed)}: no run was given for the row (--with ROW=RUN).")
        elif self.unclaimed:
            remarks.append("Not measured: the reported rows; a run stands beside one with --with ROW=RUN.")
        for (run, reason), (places, tasks) in self.absent.items():
            where = f" for {'; '.join(places)}" if places else ""
            remarks.append(f"Not measured{where} by {run}: {' '.join(filter(None, (reason, ', '.join(tasks))))}.")
        reasons: dict[str, list[str]] = {}
        for cell in self.cells:
            if not cell.task:
                name = ", ".join(filter(None, (cell.span, cell.column)))
                names = reasons.setdefault(why_unmeasured(self.paper, cell), [])
                names += [name] if name not in names else []
        for reason, names in reasons.items():
            where = "" if len(names) == len(self.columns) else f"{'; '.join(names)}: "
            remarks.append(f"Not measured: {where}{reason}.")
        return remarks

    def _set_apart(self) -> list[tuple[Record, Measurement]]:
        return [(one, one.measurement) for one in self.records if one.status == APART and one.measurement is not None]

    def _apart(self, reason: str) -> list[Line]:
        """The runs' numbers that are set apart for this reason; never beside a reported one."""
        rows: dict[tuple[str, str, str], dict[Column, Field]] = {}
        for record, found in self._set_apart():
            if found.apart == reason:
                cell = record.cell
                key = (cell.group, found.run, cell.row if record.reported else "")
                rows.setdefault(key, {})[cell.span, cell.column] = Field(shown_measurement(cell, found), APART)
        return [
            Line(
                group,
                f"{run}, for {row}" if row else run,
                f"{MEASURED}, {APART}",
                APART,
                tuple(fields.get(column, Field("–")) for column in self.columns),
            )
            for (group, run, row), fields in rows.items()
        ]


def _columns(cells: Sequence[Cell]) -> tuple[Column, ...]:
    """The columns, in the order of the fullest rows: a row with a gap does not move a column to the end."""
    rows: dict[tuple[str, str], list[Column]] = {}
    for cell in cells:
        rows.setdefault((cell.group, cell.row), []).append((cell.span, cell.column))
    fullest = sorted(rows.values(), key=len, reverse=True)
    return tuple(dict.fromkeys(column for row in fullest for column in row))


def _tasks_differ(cells: Sequence[Cell]) -> bool:
    """Whether groups are datasets or ranks, each with tasks of its own, and not models measured on the same."""
    tasks: dict[Column, dict[str, str]] = {}
    for cell in cells:
        tasks.setdefault((cell.span, cell.column), {}).setdefault(cell.group, cell.task)
    return any(len(set(of_groups.values())) > 1 for of_groups in tasks.values())


def _by_cell(records: Sequence[Record], show: Callable[[Record], Field]) -> Callable[[Cell], Field]:
    known = {record.cell: record for record in records}
    return lambda cell: show(known[cell])


def _difference(record: Record) -> Field:
    difference = record.difference
    if difference is None:
        return Field("–", DIFFERENCE)
    text = f"{difference:+.{_decimals(record.cell)}f}".replace("-", "−")
    unit = " points" if record.cell.unit == "%" else f" {record.cell.unit}".rstrip()
    return Field(text + unit, DIFFERENCE)


def _unclaimed(paper: Paper, cell: Cell) -> Measurement | None:
    return None if cell.task else Measurement("", why=why_unmeasured(paper, cell))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _decimals(cell: Cell) -> int:
    return len(cell.value.partition(".")[2])


def shown_measurement(cell: Cell, found: Measurement | None) -> str:
    """A measured number with as many decimals as the paper's, and its interval."""
    if found is None or found.value is None:
        return "–"
    digits = _decimals(cell)
    unit = "%" if cell.unit == "%" else f" {cell.unit}".rstrip()
    text = f"{found.value:.{digits}f}{unit}"
    if found.low is None or found.high is None:
        return f"{text} [no interval]"
    return f"{text} [{found.low:.{digits}f}, {found.high:.{digits}f}]"
