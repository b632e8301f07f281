"""`foodbench diagnose`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from foodbench.core.errors import UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.runs.diagnostics import CorruptedTask, Diagnosis, MetricLoss

_MOST_SHARES = 10


@click.group("diagnose")
def command() -> None:
    """Try the metrics themselves: do they notice what they are there for?"""


@command.command("recipes")
@click.argument("run", required=False)
@click.option(
    "--edition", type=click.Choice(["real", "kitchen"]), help="Default: real data where registered, else the kitchen."
)
@click.option(
    "--corrupt",
    type=click.Choice(["ingredients", "actions", "steps-order", "all"]),
    default="all",
    show_default=True,
    help="What is made wrong. Harmless rewording is always tried beside it.",
)
@click.option("--share", "shares", default="0.25,0.5,1", show_default=True, metavar="LIST", help="How much of it.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is chosen.")
@click.option("--limit", type=click.IntRange(2), metavar="N", help="So many recipes; references only.")
@click.option(
    "--metrics",
    type=click.Choice(["headline", "all"]),
    default="headline",
    show_default=True,
    help="Print the metrics that a run prints, or all.",
)
@click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JSON, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def recipes_command(
    run: str | None,
    edition: Literal["real", "kitchen"] | None,
    corrupt: str,
    shares: str,
    seed: int,
    limit: int | None,
    metrics: Literal["headline", "all"],
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make good recipes wrong by known amounts, and say which metrics notice.

    The recipes are the references, or the answers of the finished run RUN. Ingredients or actions are swapped, or steps
    put into another order; as a control, the recipes are reworded without making anything wrong. Each is scored by
    the tasks' own metrics. The loss is in percent of the range between the best trivial baseline and the references.

    Exit codes: 0; 2 wrong usage; 4 the run has finished no task of recipes; 5 data or files of a run missing or
    damaged.
    """
    from foodbench.cli.finding import find_run
    from foodbench.core.files import atomic_write_json
    from foodbench.engine.diagnosing import Wanted, diagnose_recipes
    from foodbench.tasks.corruption import CORRUPTIONS

    def progress(text: str) -> None:
        if not quiet:
            click.echo(f"{text} ...", err=True)

    chosen = CORRUPTIONS if corrupt == "all" else (corrupt,)
    wanted = Wanted(chosen, read_shares(shares), seed, limit)
    found = diagnose_recipes(None if run is None else find_run(run), edition, wanted, progress)
    if out is not None:
        atomic_write_json(out, found.plain())
        click.echo(f"Written: {out}", err=True)
    if as_json:
        click.echo(json.dumps(found.plain(), indent=2, ensure_ascii=False))
    else:
        _print(found, whole=metrics == "all")


def read_shares(text: str) -> tuple[float, ...]:
    """`0.25,0.5,1` as numbers, ascending, each once.

    Raises:
        UsageError: something in it is no number above 0 and up to 1, or there are too many.
    """
    found = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            share = float(part)
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise UsageError(f"--share: '{part}' is no share.", hint="Give numbers above 0, up to 1: 0.25,0.5,1")
        found.add(share)
    if not 0 < len(found) <= _MOST_SHARES:
        raise UsageError(f"--share has {counted(len(found), 'share')}.", hint=f"Give 1 to {_MOST_SHARES}.")
    return tuple(sorted(found))


def _print(found: Diagnosis, *, whole: bool) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.core.printable import printable
    from foodbench.runs.diagnostics import VERDICTS

    recipes = counted(max(task.n for task in found.tasks), "recipe")
    click.echo(
        printable(
            f"{found.dataset} ({found.label}), {found.split}: {recipes}, answers: {found.answers}, seed {found.seed}",
            limit=500,
        )
    )
    headers = ("task", "metric", "share", "before", "after", "difference", "90% interval", "loss of range", "verdict")
    for kind in dict.fromkeys(each.corruption for each in found.results):
        mine = [each for each in found.results if each.corruption == kind]
        click.echo()
        click.echo(f"{kind}: {'; '.join(_reached(share, mine) for share in found.shares)}")
        for line in dict.fromkeys(line for each in mine for line in _left(each)):
            click.echo(line)
        rows = [row for task in found.tasks for row in _rows(task.name, mine, whole=whole)]
        print_table(headers, rows, right=(2, 3, 4, 5, 7))
    click.echo()
    used = {metric.verdict for each in found.results for metric in each.metrics}
    for verdict, meaning in VERDICTS.items():
        if verdict in used:
            click.echo(f"{verdict}: {meaning}")
    for name, reason in found.skipped.items():
        click.echo(printable(f"{name}: {reason}", limit=500))


def _reached(share: float, results: list[CorruptedTask]) -> str:
    """How much of what could be changed was changed at one share, over the tasks."""
    reached = sorted(
        {round(100 * each.reached) for each in results if each.share == share and each.reached is not None}
    )
    if not reached:
        return f"at {share:g} nothing to change"
    least = f"{reached[0]} to " if len(reached) > 1 else ""
    return f"at {share:g} {least}{reached[-1]} % changed"


def _left(each: CorruptedTask) -> list[str]:
    """Which samples stayed as they were."""
    return [
        f"{each.task} at {each.share:g}: {counted(count, 'answer')} unchanged: {why}"
        for why, count in each.unchanged.items()
    ]


def _rows(task: str, results: list[CorruptedTask], *, whole: bool) -> list[tuple[str, ...]]:
    """By metric, then by share."""
    from foodbench.tasks import TASKS

    mine = [each for each in results if each.task == task]
    count = len(mine[0].metrics) if whole else TASKS.get(task).headline
    rows = []
    for index in range(count):
        for place, each in enumerate(mine):
            metric = each.metrics[index]
            named = place == 0
            start = (task if named and index == 0 else "", metric.metric if named else "", f"{each.share:g}")
            rows.append((*start, *_cells(metric)))
    return rows


def _cells(metric: MetricLoss) -> tuple[str, ...]:
    from foodbench.cli.tables import shown_number

    span = "–"
    if metric.low is not None and metric.high is not None:
        span = f"{shown_number(metric.low)} to {shown_number(metric.high)}"
    return (
        shown_number(metric.before, metric.unit),
        shown_number(metric.after, metric.unit),
        shown_number(metric.difference),
        span,
        "–" if metric.loss is None else f"{metric.loss + 0.0:.0f} %".replace("-0 %", "0 %"),
        metric.verdict,
    )
