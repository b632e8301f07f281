"""People rate in a spreadsheet: out, filled in, back, and whatever such programs do to a file."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foodbench.cli.main import run_command
from tests.engine.judges import FOLDER, metrics, ratings, samples, store_chat

ODD = (
    '=HYPERLINK("http://x")',
    "+1",
    'two\nlines, and; marks\t"quoted"',
    "\x1b[31mred\u202e",
    "",
    "'quoted'",
    "@x  y",
)


@pytest.fixture(scope="module")
def stored_chat(small_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names: list[str] = []

    def answer(sample: object) -> str:
        names.append("")
        return ODD[len(names) - 1] if len(names) <= len(ODD) else f"answer {len(names)}"

    return store_chat(tmp_path_factory.mktemp("chat") / "secret-model-11aa", small_kitchen, answer)


@pytest.fixture
def run(stored_chat: Path, kitchen: Path) -> Path:
    copy = Path(os.environ["FOODBENCH_RUNS"]) / stored_chat.name
    shutil.copytree(stored_chat, copy)
    return copy


@pytest.fixture
def sheet(run: Path, tmp_path: Path) -> Path:
    path = tmp_path / "sheet.csv"
    assert run_command(["judge", run.name, "--export", str(path)]) == 0
    return path


def rows_of(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(sheet: Path, rate: Callable[[int], str], delimiter: str = ",", encoding: str = "utf-8-sig") -> Path:
    """Save the sheet with ratings as a spreadsheet program does."""
    rows = rows_of(sheet)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "rating": rate(index)} for index, row in enumerate(rows))
    sheet.write_bytes(text.getvalue().encode(encoding))
    return sheet


def bring_in(run: Path, sheet: Path, rater: str = "Ann", code: int = 0) -> None:
    assert run_command(["judge", str(run), "--import", str(sheet), "--rater", rater]) == code


def test_the_sheet_holds_what_people_need_and_no_model(run: Path, sheet: Path, small_kitchen: Path) -> None:
    rows = rows_of(sheet)
    assert list(rows[0]) == ["sample_id", "picture", "history", "question", "answer", "reference", "rating"]
    assert [row["sample_id"] for row in rows] == sorted(samples(run))
    assert all(Path(row["picture"]).is_file() and not row["rating"] for row in rows)
    second = next(row for row in rows if row["sample_id"].endswith("/2"))
    assert second["history"].startswith("Question: ")
    text = sheet.read_text(encoding="utf-8-sig")
    assert "Parrot" not in text
    assert "secret-model" not in text.replace(str(small_kitchen), "")


def test_no_cell_is_a_formula_or_hides_anything(sheet: Path) -> None:
    for row in rows_of(sheet):
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@"))
            assert not any(ord(char) < 32 and char != "\n" for char in cell)
            assert "\u202e" not in cell


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-8-sig")])
def test_out_and_back(run: Path, sheet: Path, delimiter: str, encoding: str) -> None:
    fill(sheet, lambda index: ["7", " 8,5 ", "10", "1", "", "2.25"][index % 6], delimiter, encoding)
    bring_in(run, sheet)
    count = len(samples(run))
    given = {record["sample_id"]: record["rating"] for record in ratings(run)}
    expected = {name: [7, 8.5, 10, 1, None, 2.25][index % 6] for index, name in enumerate(sorted(samples(run)))}
    assert given == {name: rating for name, rating in expected.items() if rating is not None}
    assert metrics(run)["rating"] == pytest.approx(sum(given.values()) / len(given))
    assert metrics(run)["rated"] == pytest.approx(100 * len(given) / count)
    assert {record["rater"] for record in ratings(run)} == {"Ann"}


def test_blanks_and_line_ends_that_programs_change_do_not_matter(run: Path, sheet: Path) -> None:
    fill(sheet, lambda index: "5")
    text = sheet.read_text(encoding="utf-8-sig").replace("two\nlines", "two \r\nlines").replace("@x  y", "@x y")
    sheet.write_bytes(text.encode())
    bring_in(run, sheet)
    assert metrics(run)["rated"] == 100.0


def test_raters_are_averaged_by_answer_and_may_change_their_minds(run: Path, sheet: Path) -> None:
    bring_in(run, fill(sheet, lambda index: "8"), "Ann")
    bring_in(run, fill(sheet, lambda index: "2" if index == 0 else ""), "Bo Lee")
    name, count = sorted(samples(run))[0], len(samples(run))
    assert samples(run)[name]["detail"]["ratings"] == {"Ann": 8.0, "Bo Lee": 2.0}
    assert metrics(run)["rating"] == pytest.approx((5 + 8 * (count - 1)) / count)
    raters = json.loads((run / FOLDER / "result.json").read_text())["raters"]
    assert [(one["rater"], one["rated"], one["mean"]) for one in raters] == [("Ann", count, 8.0), ("Bo Lee", 1, 2.0)]
    before = len(ratings(run))
    bring_in(run, fill(sheet, lambda index: "8"), "Ann")
    assert len(ratings(run)) == before, "the same once more is nothing new"
    bring_in(run, fill(sheet, lambda index: "4" if index == 0 else ""), "Ann")
    assert len(ratings(run)) == before + 1
    assert samples(run)[name]["detail"]["ratings"] == {"Ann": 4.0, "Bo Lee": 2.0}


def test_a_sheet_of_some_answers(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    assert run_command(["judge", str(run), "--export", str(path), "--limit", "5"]) == 0
    assert len(rows_of(path)) == 5
    bring_in(run, fill(path, lambda index: "3"))
    assert len(ratings(run)) == 5


def test_a_sheet_is_never_overwritten(run: Path, sheet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sheet.read_bytes()
    assert run_command(["judge", str(run), "--export", str(sheet)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert sheet.read_bytes() == before


@pytest.mark.parametrize("bad", ["11", "0", "0.99", "good", "8/10", "1e1", "-3", "nan", "７"])
def test_a_rating_that_is_none_refuses_the_sheet_by_its_line(
    run: Path, sheet: Path, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(sheet, lambda index: bad if index == 3 else "5")
    before = rows_of(sheet)[:3]
    begins = 2 + sum(1 + sum(cell.count("\n") for cell in row.values()) for row in before)
    assert begins > 5, "cells have several lines: rows and lines are not the same"
    bring_in(run, sheet, code=2)
    error = capsys.readouterr().err
    assert f"sheet.csv, line {begins}: the rating '{bad}' is no number from 1 to 10" in error
    assert not (run / FOLDER / "ratings.jsonl").exists(), "all of it, or nothing"


def edited(sheet: Path, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> Path:
    rows = change(rows_of(fill(sheet, lambda index: "5")))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    sheet.write_text(text.getvalue(), encoding="utf-8")
    return sheet


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [{**row, "sample_id": "dish_1/0/1"} for row in rows[:1]], "line 2: Unknown sample id"),
        (lambda rows: [rows[0], rows[0]], "is rated in line 2 already"),
        (lambda rows: [{**rows[0], "answer": "another answer"}], "line 2: the answer to"),
        (lambda rows: [{**row, "rating": ""} for row in rows], "no row has a rating"),
        (
            lambda rows: [{"sample_id": row["sample_id"], "rating": "5"} for row in rows],
            "columns sample_id, answer",
        ),
    ],
)
def test_sheets_that_do_not_fit(
    run: Path,
    sheet: Path,
    change: Callable[[list[dict[str, str]]], list[dict[str, str]]],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bring_in(run, edited(sheet, change), code=2)
    assert words in capsys.readouterr().err
    assert not (run / FOLDER / "ratings.jsonl").exists()


def test_a_sheet_of_another_run_is_refused(
    run: Path, sheet: Path, kitchen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = store_chat(run.parent / "other", kitchen, lambda sample: f"other {sample.sample_id}")
    bring_in(other, fill(sheet, lambda index: "5"), code=2)
    assert "is not the one in this run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words", "code"),
    [
        (None, "There is no file", 2),
        (b"", "line 1: the columns", 2),
        ("sample_id,answer,rating\na,b\u00e9,5\n".encode("latin-1"), "not in UTF-8", 2),
        (b"sample_id,answer,rating\na,b,5\nc,d\n", "line 3: 2 cells under 3 headings", 2),
        (b'sample_id,answer,rating\na,"b" x,5\n', "line 2: not valid CSV", 2),
        (b"sample_id,answer,rating,rating\na,b,5,6\n", "two columns 'rating'", 2),
        (b"\x00\x00\x00", "line 1: the columns", 2),
    ],
)
def test_files_that_are_no_sheets(
    run: Path, tmp_path: Path, content: bytes | None, words: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv"
    if content is not None:
        path.write_bytes(content)
    bring_in(run, path, code=code)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("rater", ["", "  ", "a\nb", "endpoint:gpt", "x" * 65, "a#b"])
def test_names_that_are_none(run: Path, sheet: Path, rater: str) -> None:
    bring_in(run, fill(sheet, lambda index: "5"), rater, code=2)
