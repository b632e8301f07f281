"""`foodbench compare`."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from foodbench.core.errors import ExitCode, UnknownName, UsageError

if TYPE_CHECKING:
    from foodbench.runs.gate_schema import ComparedTask, ComparisonReport
    from foodbench.runs.pairs import RunSide

_FLIPS = 3
_MOST_SLICES = 15


@click.command("compare")
@click.argument("baseline", metavar="A")
@click.argument("candidate", metavar="B")
@click.option("--tasks", "-t", metavar="LIST", help="Only these tasks: names or globs, comma-separated.")
@click.option(
    "--metrics",
    type=click.Choice(["primary", "headline", "all"]),
    default="headline",
    show_default=True,
    help="Each task's first metric, those that a run prints, or all.",
)
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="NAME",
    help="Also by dish, ingredients, presence, mass, cuisine, difficulty; or all.",
)
@click.option(
    "--flips",
    type=click.IntRange(0, 200),
    metavar="N",
    help="Show so many samples per task that became worse, and better. [default: 3 in --json and --html, else 0]",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write one self-contained page, with all slices and the pictures of changed samples.",
)
@click.option("--intersect", is_flag=True, help="Compare the samples that both runs have, if they are 95 % of all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    baseline: str,
    candidate: str,
    tasks: str | None,
    metrics: Literal["primary", "headline", "all"],
    slices: tuple[str, ...],
    flips: int | None,
    html: Path | None,
    intersect: bool,
    as_json: bool,
) -> None:
    """Compare the runs A (the baseline) and B sample by sample: what changed, and how sure that is.

    A run is named by its folder (also one of reports), its id, or the beginning of its id. Differences are B minus A
    with 90 % intervals over the paired samples, by cluster.

    Exit codes: 0 compared; 2 wrong usage; 3 a task is not comparable; 4 no task could be compared; 5 files of a run
    missing or damaged.
    """
    from foodbench.cli.finding import find_run
    from foodbench.core.files import atomic_write
    from foodbench.runs.compare_page import PageCards, render
    from foodbench.runs.comparison import Wanted, compare_runs
    from foodbench.runs.pairs import open_side

    old, new = open_side(find_run(baseline), "baseline"), open_side(find_run(candidate), "candidate")
    shown = flips if flips is not None else _FLIPS if as_json or html else 0
    wanted = Wanted(_selected(tasks, old, new), metrics, _chosen_slices(slices, html is not None), shown, intersect)
    cards = PageCards(shown)
    report = compare_runs(old, new, wanted, cards.visit if html else None)
    if html is not None:
        atomic_write(html, render(report, cards))
        click.echo(f"Page: {html}", err=True)
    if as_json:
        click.echo(json.dumps(report.plain(), indent=2, ensure_ascii=False))
    else:
        _print(report, with_slices=bool(slices), with_flips=flips is not None)
    if any(each.kind == "not comparable" for each in report.not_compared):
        raise click.exceptions.Exit(ExitCode.INCONCLUSIVE)
    if not report.tasks:
        raise click.exceptions.Exit(ExitCode.INCOMPLETE)


def _selected(tasks: str | None, old: RunSide, new: RunSide) -> list[str] | None:
    if tasks is None:
        return None
    known = sorted(old.tasks | new.tasks)
    found = []
    for pattern in filter(None, (piece.strip() for piece in tasks.split(","))):
        matching = [name for name in known if fnmatchcase(name, pattern)]
        if not matching:
            raise UnknownName.of("task of these runs", pattern, known)
        found += matching
    if not found:
        raise UsageError("--tasks names no task.", hint=f"Tasks of these runs: {', '.join(known)}.")
    return found


def _chosen_slices(slices: tuple[str, ...], page: bool) -> tuple[str, ...]:
    from foodbench.runs.slices import NAMES

    if "all" in slices or (page and not slices):
        return NAMES
    for name in slices:
        if name not in NAMES:
            raise UnknownName.of("slice", name, (*NAMES, "all"))
    return tuple(dict.fromkeys(slices))


def _print(report: ComparisonReport, *, with_slices: bool, with_flips: bool) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.core.printable import printable

    click.echo(printable(f"A: {report.baseline.run_id} ({report.baseline.model})", limit=500))
    click.echo(printable(f"B: {report.candidate.run_id} ({report.candidate.model})", limit=500))
    if report.tasks:
        headers = ("task", "metric", "", "A", "B", "B - A [90% interval]", "n / clusters", "worse / better")
        print_table(headers, [row for task in report.tasks for row in _rows(task)], right=(3, 4, 6, 7))
    for task in report.tasks:
        if with_slices:
            _print_slices(task)
        if with_flips:
            _print_flips(task)
        for note in task.notes:
            click.echo(printable(f"{task.task}: {note}", limit=2000))
    for each in report.not_compared:
        click.echo(printable(f"{each.task}: {each.kind.upper()}: {each.reason}", limit=2000))


def _rows(task: ComparedTask) -> list[tuple[str, ...]]:
    from foodbench.runs.gate_reports import scale_of, shown, shown_difference

    rows: list[tuple[str, ...]] = []
    for index, metric in enumerate(task.metrics):
        scale, found = scale_of(metric.baseline, metric.candidate), metric.difference
        flips = "" if task.flips is None else f"{task.flips.worse:,} / {task.flips.better:,}"
        rows.append(
            (
                f"{task.task} ({task.edition})" if index == 0 else "",
                metric.id,
                "↑" if metric.higher_is_better else "↓",
                shown(metric.baseline, metric.unit, scale),
                shown(metric.candidate, metric.unit, scale),
                "identical" if task.identical else shown_difference(found, metric.unit, scale),
                f"{found.n:,} / {found.clusters:,}" if index == 0 else "",
                flips if index == 0 else "",
            )
        )
    return rows


def _print_slices(task: ComparedTask) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.core.printable import printable
    from foodbench.runs.gate_reports import scale_of, shown, shown_difference

    click.echo(f"\n{task.task} by {task.metrics[0].id}")
    rows = []
    for name in dict.fromkeys(each.slice for each in task.slices):
        group = [each for each in task.slices if each.slice == name]
        # Of many (the dishes of Food-101) those that changed most are of interest.
        shown_rows = sorted(group, key=lambda each: -abs(each.metric.difference.value or 0.0))[:_MOST_SLICES]
        for each in group if len(group) <= _MOST_SLICES else shown_rows:
            metric = each.metric
            scale = scale_of(metric.baseline, metric.candidate)
            rows.append(
                (
                    name,
                    each.label,
                    f"{each.n:,}",
                    shown(metric.baseline, metric.unit, scale),
                    shown(metric.candidate, metric.unit, scale),
                    shown_difference(metric.difference, metric.unit, scale),
                )
            )
        if len(group) > _MOST_SLICES:
            rows.append((name, f"and {len(group) - _MOST_SLICES} that changed less (--json has all)", "", "", "", ""))
    if rows:
        print_table(("slice", "", "n", "A", "B", "B - A [90% interval]"), rows, right=(2, 3, 4))
    for name, reason in task.slices_not_available.items():
        click.echo(printable(f"not available by {name}: {reason}", limit=500))


def _print_flips(task: ComparedTask) -> None:
    from foodbench.cli.fields import print_fields
    from foodbench.runs.gate_reports import scale_of, shown

    if task.flips is None:
        return
    for direction, flips in (("worse", task.flips.shown_worse), ("better", task.flips.shown_better)):
        for flip in flips:
            scale = scale_of(flip.baseline, flip.candidate)
            earned = [shown(value, task.flips.unit, scale) for value in (flip.baseline, flip.candidate)]
            click.echo()
            print_fields(
                [
                    (direction, f"{task.task}, {flip.sample_id}"),
                    (task.flips.metric, " -> ".join(earned)),
                    ("answer of A", flip.baseline_answer),
                    ("answer of B", flip.candidate_answer),
                ]
            )
