"""Ratings by people: a sheet of answers to be filled in with any spreadsheet program, and back.

The sheet does not say whose answers they are. What a model wrote goes into cells as text and nothing else: control
characters are written out, and a cell that a spreadsheet program would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.files import AppendLog, atomic_write
from foodbench.core.printable import printable
from foodbench.core.wording import counted
from foodbench.engine.judge_prompt import cut
from foodbench.engine.judging import Judged, RatableAnswer, ratable_answers, ratable_task
from foodbench.engine.rescore import load_answered, rescore_task
from foodbench.metrics.ratings import HIGHEST, LOWEST
from foodbench.runs.provenance import now
from foodbench.runs.ratings import ratings_path, read_ratings, standing_ratings
from foodbench.runs.schema import RatingRecord, RatingTime
from foodbench.runs.store import RunFolder

COLUMNS = ("sample_id", "picture", "history", "question", "answer", "reference", "rating")
_NEEDED = ("sample_id", "answer", "rating")
_OPTIONAL = ("reason",)
_DELIMITERS = ",;\t"
_FORMULA = ("=", "+", "-", "@")
_RATER = re.compile(r"[^\W_](?:[\w .'-]{0,62}[\w.])?")
_NUMBER = re.compile(r"\d{1,2}(?:[.,]\d{1,6})?", re.ASCII)
_UTF8 = "Save it as CSV in UTF-8 and try again."


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    sample_id: str
    answer: str
    rating: float | None
    reason: str


def export_sheet(path: Path, task: str | None, sheet: Path, *, limit: int | None = None) -> int:
    """Write a task's answers as a CSV file (UTF-8) to be rated by people, with an empty column `rating`.

    Args:
        path: the run's folder.
        task: the task; None if only one of the run takes ratings.
        sheet: the file, which must not exist: it could hold somebody's ratings.
        limit: at most this many answers, spread evenly, always the same ones.

    Returns:
        number of answers in it.

    Raises:
        UsageError: the file exists; or as `ratable_task`.
        DataMissing, DataCorrupt: as `load_answered`.
        StorageFull: the file cannot be written.
    """
    if sheet.exists():
        raise UsageError(f"{sheet} exists already; it may hold ratings.", hint="Give another name, or delete it.")
    run = RunFolder(path)
    run.read()
    answers = ratable_answers(load_answered(ratable_task(run, task)), limit)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(one) for one in answers)
    atomic_write(sheet, "\ufeff" + text.getvalue())  # without the mark, Excel takes UTF-8 for something else
    return len(answers)


def _cells(one: RatableAnswer) -> tuple[str, ...]:
    history = "\n".join(f"Question: {asked}\nAnswer: {answered}" for asked, answered in one.history)
    texts = (history, one.question, one.answer, one.reference)
    return one.sample.sample_id, str(one.sample.image.path), *map(_cell, texts), ""


def _cell(text: str) -> str:
    shown = printable(cut(text), keep_lines=True)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def import_sheet(path: Path, task: str | None, sheet: Path, rater: str) -> Judged:
    """Read a filled-in sheet, keep its ratings, and put them into the task's result. All of it, or nothing.

    Args:
        path: the run's folder.
        task: the task; None if only one of the run takes ratings.
        sheet: a file written by `export_sheet`; rows without a rating are left out, other columns ignored. A column
            `reason` is read if there is one.
        rater: the person's name.

    Raises:
        UsageError: the name cannot be one; the file cannot be read or is no such sheet; a rating is no number from 1 to
            10; an answer is not the one in this run; or nothing is rated.
        UnknownName: a sample that the task does not have.
        DataMissing, DataCorrupt: as `load_answered`.
    """
    rater = rater.strip()
    if not _RATER.fullmatch(rater):
        raise UsageError(
            f"'{printable(rater, limit=80)}' cannot be a rater's name.",
            hint="Use letters, digits, blanks, dots and hyphens.",
        )
    rows = [row for row in _read_rows(sheet) if row.rating is not None]
    if not rows:
        raise UsageError(f"{sheet}: no row has a rating.", hint="Fill in the column 'rating', from 1 to 10.")
    run = RunFolder(path)
    run.read()
    with run.in_use():
        answered = load_answered(ratable_task(run, task))
        known = {one.sample.sample_id: one for one in ratable_answers(answered)}
        _check(sheet, rows, known)
        abouts = (known[row.sample_id].about for row in rows)
        standing = standing_ratings(read_ratings(answered.folder), abouts)
        new = [row for row in rows if not _is_kept(row, standing.get((row.sample_id, rater)))]
        with AppendLog(ratings_path(answered.folder)) as log:
            log.append(*(_record(row, known[row.sample_id], rater).model_dump(mode="json") for row in new))
        result = rescore_task(answered)
    return Judged(result, rater, len(new), 0, len(rows) - len(new))


def _is_kept(row: _Row, record: RatingRecord | None) -> bool:
    return record is not None and (record.rating, record.reason) == (row.rating, row.reason)


def _record(row: _Row, one: RatableAnswer, rater: str) -> RatingRecord:
    time = RatingTime(given=now())
    return RatingRecord(**one.about._asdict(), rater=rater, rating=row.rating, reason=row.reason, time=time)


def _check(sheet: Path, rows: Sequence[_Row], known: Mapping[str, RatableAnswer]) -> None:
    """Every row is about an answer of this run, each about another one."""
    lines: dict[str, int] = {}
    for row in rows:
        where = f"{sheet}, line {row.line}"
        if row.sample_id not in known:
            error = UnknownName.of("sample id", row.sample_id, known)
            raise UnknownName(f"{where}: {error.message}", hint=error.hint)
        if row.sample_id in lines:
            raise UsageError(
                f"{where}: '{row.sample_id}' is rated in line {lines[row.sample_id]} already.", hint="Keep one of them."
            )
        lines[row.sample_id] = row.line
        if _comparable(row.answer) != _comparable(_cell(known[row.sample_id].answer)):
            raise UsageError(
                f"{where}: the answer to '{row.sample_id}' is not the one in this run.",
                hint="The sheet is of another run, the model was run again since, or the column was edited.",
            )


def _comparable(cell: str) -> str:
    """A cell without what spreadsheet programs change: blanks, line ends, the apostrophe in front."""
    return " ".join(cell.strip().removeprefix("'").split())


def _read_rows(sheet: Path) -> Iterator[_Row]:
    text = _read_text(sheet)
    header, delimiter = _header(sheet, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    next(reader)
    line = reader.line_num + 1  # a row may have several lines: its first one is named
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise UsageError(
                        f"{sheet}, line {line}: {counted(len(cells), 'cell')} under {counted(len(header), 'heading')}.",
                        hint="Every row needs one cell for each column; texts with commas stand in quotes.",
                    )
                row = dict(zip(header, cells, strict=True))
                rating = _rating(f"{sheet}, line {line}", row["rating"])
                yield _Row(line, row["sample_id"].strip(), row["answer"], rating, row.get("reason", "").strip())
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"{sheet}, line {line}: not valid CSV ({error}).", hint=_UTF8) from error


def _read_text(sheet: Path) -> str:
    try:
        return sheet.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {sheet}.", hint="Write one with --export FILE.csv.") from error
    except OSError as error:
        raise UsageError(f"Cannot read {sheet}: {error.strerror}.", hint="Check the file.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{sheet} is not in UTF-8.", hint=_UTF8) from error


def _header(sheet: Path, text: str) -> tuple[list[str], str]:
    """The names of the columns, and what parts them: programs of some countries write semicolons."""
    first = text.splitlines()[0] if text else ""
    for delimiter in _DELIMITERS:
        names = [name.strip().strip('"').strip().lower() for name in first.split(delimiter)]
        if all(name in names for name in _NEEDED):
            twice = [name for name in (*_NEEDED, *_OPTIONAL) if names.count(name) > 1]
            if twice:
                raise UsageError(f"{sheet}, line 1: there are two columns '{twice[0]}'.", hint="Keep one of them.")
            return names, delimiter
    raise UsageError(
        f"{sheet}, line 1: the columns {', '.join(_NEEDED)} are needed.", hint="Write such a sheet with --export."
    )


def _rating(where: str, cell: str) -> float | None:
    text = cell.strip()
    if not text:
        return None
    value = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
    if value is None or not LOWEST <= value <= HIGHEST:
        raise UsageError(
            f"{where}: the rating '{printable(text, limit=40)}' is no number from {LOWEST:g} to {HIGHEST:g}.",
            hint="Correct it, or leave the cell empty; nothing was read in.",
        )
    return value
