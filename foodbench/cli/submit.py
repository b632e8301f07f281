"""`foodbench submit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foodbench.core.errors import FoodbenchError, UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.engine.submission import Outcome

_FILE = click.Path(path_type=Path, dir_okay=False)
_OUT = Path("leaderboard/submissions")
_SHOWN = 8


@click.command("submit")
@click.argument("run", required=False, metavar="[RUN]")
@click.option(
    "--check-only", is_flag=True, help="Write nothing. RUN may then be a submission's folder, as a pull request has it."
)
@click.option("--card", type=_FILE, metavar="FILE", help="The model's card (YAML); needed for writing.")
@click.option("--name", metavar="NAME", help="Name of the submission's upper folder. [default: of the card's name]")
@click.option(
    "--reported",
    type=_FILE,
    metavar="FILE",
    help="Numbers without answers (YAML) instead of a run: marked 'reported'.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    default=_OUT,
    show_default=True,
    help="Folder of all submissions.",
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Committed reports to compare questions with where a dataset is not at hand.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: str | None,
    check_only: bool,
    card: Path | None,
    name: str | None,
    reported: Path | None,
    out: Path,
    reports: Path,
    as_json: bool,
) -> int:
    """Check the finished run RUN, and write the one folder that a pull request adds to the leaderboard.

    Every task is followed back to its answers: today's questions, every sample there, every answer read and scored
    again, every number equal to the stored one. No model is asked, and nothing leaves this machine. The folder's bytes
    depend on the run and the card alone; nothing in the run is changed.

    Exit codes: 0 valid; 2 refused (the message says what and where), or wrong usage; 4 the run is incomplete, or the
    disk is full; 5 the data to check it with are missing or damaged.
    """
    from foodbench.cli.main import print_error

    try:
        outcome = _checked(run, check_only, card, name, reported, reports)
        written = None if check_only or outcome.errors else _written(outcome, out)
    except FoodbenchError as refusal:
        if not as_json:
            raise
        click.echo(json.dumps(_plain(None, None, [refusal], int(refusal.exit_code)), indent=2, ensure_ascii=False))
        print_error(refusal)
        return int(refusal.exit_code)
    if as_json:
        plain = _plain(outcome, written, outcome.errors, outcome.exit_code)
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        _print(outcome, written)
    for error in outcome.errors:
        print_error(error)
    return outcome.exit_code


def _checked(
    run: str | None, check_only: bool, card: Path | None, name: str | None, reported: Path | None, reports: Path
) -> Outcome:
    if (run is None) == (reported is None):
        raise UsageError("Give a run, or numbers with --reported.", hint="See foodbench submit --help.")
    if card is None and not check_only:
        raise UsageError(
            "A submission needs a model card.",
            hint="Write one as docs/submitting.md shows, and give it with --card; or only check, with --check-only.",
        )
    from foodbench.cli.finding import find_run
    from foodbench.engine.submission import check_folder, is_submission, prepare_reported, prepare_run

    if reported is not None:
        return prepare_reported(reported, card=card, name=name)
    folder = Path(str(run))
    if is_submission(folder):
        if not check_only or card is not None or name is not None:
            raise UsageError(
                f"{folder} is a submission already.", hint="Check it with --check-only alone; it has its own card."
            )
        return check_folder(folder, reports=reports, told=_tell)
    return prepare_run(find_run(str(run)).path, card=card, name=name, reports=reports, told=_tell)


def _tell(what: str) -> None:
    click.echo(what, err=True)


def _written(outcome: Outcome, out: Path) -> tuple[Path, bool]:
    from foodbench.engine.submission import write

    return write(outcome, out)


def _plain(
    outcome: Outcome | None, written: tuple[Path, bool] | None, errors: list[FoodbenchError], code: int
) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "schema": "foodbench.submit/1",
        "valid": code == 0,
        "exit_code": code,
        "errors": [{"code": error.code, "message": error.message, "hint": error.hint} for error in errors],
    }
    if outcome is None:
        return plain
    return plain | {
        "kind": outcome.kind,
        "model": outcome.model,
        "digest": outcome.digest,
        "folder": None if written is None else str(written[0]),
        "written": written is not None and written[1],
        "tasks": [
            {
                "task": each.name,
                "edition": each.edition,
                "n": each.n,
                "metrics": each.metrics,
                "checked": each.level,
                "error": None if each.error is None else each.error.message,
            }
            for each in outcome.tasks
        ],
        "not_covered": outcome.not_covered,
        "notes": outcome.notes,
    }


def _print(outcome: Outcome, written: tuple[Path, bool] | None) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.core.printable import printable

    if outcome.tasks:
        print_table(
            ("task", "edition", "answers", "checked"), [_row(outcome, each) for each in outcome.tasks], right=(2,)
        )
        click.echo()
    covered = len(outcome.tasks)
    click.echo(f"Covered: {counted(covered, 'task')}. Not covered: {len(outcome.not_covered):,}.")
    for name, reason in list(outcome.not_covered.items())[:_SHOWN]:
        click.echo(f"  {name}: {printable(reason, limit=160)}")
    if len(outcome.not_covered) > _SHOWN:
        click.echo(f"  and {len(outcome.not_covered) - _SHOWN:,} more (--json lists all)")
    for note in outcome.notes:
        click.echo(f"Note: {printable(note)}")
    if outcome.errors:
        click.echo(f"Refused: {counted(len(outcome.errors), 'reason')}.")
        return
    said = "its numbers are shown as reported, and never ranked" if outcome.kind == "reported" else "as measured"
    click.echo(f"Valid, {said}.")
    if written is not None:
        folder, new = written
        size = sum(map(len, outcome.files.values()))
        told = f"{counted(len(outcome.files), 'file')}, {size / 1e3:,.0f} kB"
        click.echo(f"{'Wrote' if new else 'Already there, unchanged:'} {folder} ({told}).")
        click.echo("Add this folder, and nothing else, in a pull request.")


def _row(outcome: Outcome, each: Any) -> tuple[str, ...]:
    if each.error is not None:
        checked = "refused"
    elif outcome.kind == "reported":
        checked = f"{counted(each.metrics, 'number')} reported"
    elif each.level == "rescored":
        checked = f"scored again: {counted(each.metrics, 'metric')} equal"
    else:
        checked = f"metrics computed again, answers not read: {counted(each.metrics, 'metric')} equal"
    return each.name, each.edition, "–" if each.n is None else f"{each.n:,}", checked
