"""`foodbench judge`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foodbench.cli import options
from foodbench.core.errors import ExitCode, UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.engine.judging import Judged


@click.command("judge")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "-t", metavar="TASK", help="The task, if the run has several whose answers are rated.")
@click.option("--model", "-m", metavar="MODEL", help="The judge: endpoint:NAME.")
@click.option(
    "--model-args", multiple=True, callback=options.key_values, metavar="K=V,...", help="The judge's settings."
)
@click.option(
    "--export",
    "sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Write a sheet of answers to be rated by people; it does not name the model.",
)
@click.option(
    "--import",
    "filled",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Read a filled-in sheet.",
)
@click.option("--rater", metavar="NAME", help="With --import: who has rated.")
@click.option("--limit", "-n", type=click.IntRange(min=1), help="Rate this many answers, spread evenly.")
@click.option("--retry-unread", is_flag=True, help="Ask again where the judge's reply could not be read.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    callback=options.load_config,
    help="TOML file with these settings; foodbench.toml in the current folder is read anyway.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def command(
    run: Path,
    task: str | None,
    model: str | None,
    model_args: dict[str, str],
    sheet: Path | None,
    filled: Path | None,
    rater: str | None,
    limit: int | None,
    retry_unread: bool,
    config: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Rate the answers of RUN (a folder, an id or the beginning of one), from 1 to 10, by a judge model or by people.

    A judge is a model behind an OpenAI-compatible server. The same command continues an interrupted judging; ratings
    stay with the run and are part of its result from then on. People rate in a sheet: --export, then --import.

    Exit codes: 0 done; 2 wrong usage, or a sheet that cannot be read; 4 the judge failed (run it again), or has rated
    nothing; 5 data missing or damaged; 130 interrupted.
    """
    _check_options(model, sheet, filled, rater)
    from foodbench.cli.finding import find_run

    run = find_run(str(run)).path
    if sheet is not None:
        from foodbench.engine.rating_sheets import export_sheet

        count = export_sheet(run, task, sheet, limit=limit)
        click.echo(
            json.dumps({"sheet": str(sheet), "answers": count}) if as_json else f"{counted(count, 'answer')} in {sheet}"
        )
        return int(ExitCode.OK)
    if filled is not None:
        from foodbench.engine.rating_sheets import import_sheet

        judged = import_sheet(run, task, filled, str(rater))
    else:
        from foodbench.cli.progress import ConsoleReporter
        from foodbench.engine.judging import judge_run

        judged = judge_run(
            run,
            task,
            str(model),
            model_args,
            progress=ConsoleReporter(quiet=quiet),
            limit=limit,
            retry_unread=retry_unread,
        )
    return _print(judged, as_json=as_json)


def _check_options(model: str | None, sheet: Path | None, filled: Path | None, rater: str | None) -> None:
    if sheet is not None and filled is not None:
        raise UsageError("--export and --import do not go together.", hint="Use one of them.")
    if model is None and sheet is None and filled is None:
        raise UsageError(
            "Who rates?", hint="Name a judge with --model endpoint:NAME, or let people rate: --export FILE.csv."
        )
    if (filled is None) != (rater is None):
        raise UsageError("--import and --rater go together.", hint="Write --import FILE.csv --rater NAME.")


def _print(judged: Judged, *, as_json: bool) -> int:
    rated = any(rater.rated for rater in judged.result.raters if rater.rater == judged.rater)
    code = int(ExitCode.OK if rated else ExitCode.INCOMPLETE)
    if as_json:
        plain = {
            "schema": "foodbench.judge/1",
            "rater": judged.rater,
            "new": judged.new,
            "unread": judged.unread,
            "kept": judged.kept,
            "exit_code": code,
            "result": judged.result.model_dump(mode="json"),
        }
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return code
    from foodbench.cli.results import print_results

    print_results([judged.result])
    unread = f", {judged.unread:,} of them not readable" if judged.unread else ""
    click.echo(f"{judged.new:,} new{unread}; {judged.kept:,} from before.")
    return code
