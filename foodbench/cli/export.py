"""`foodbench export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from foodbench.core.errors import UsageError

if TYPE_CHECKING:
    from foodbench.runs.export import Metrics, RunResults

FORMATS = ("csv", "jsonl", "md", "latex", "hf-eval-results")
_OF_ROWS = ("csv", "jsonl")


@click.command("export")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--to", "form", type=click.Choice(FORMATS), help="What to write.")
@click.option(
    "--figure",
    "kind",
    metavar="KIND",
    help="Draw a figure instead, of one RUN or several: forest, multiples, classes "
    "(one segmentation task), mass (one nutrition task).",
)
@click.option(
    "--tasks", "-t", default="all", show_default=True, metavar="TASKS", help="Names or globs, comma-separated."
)
@click.option(
    "--metrics",
    type=click.Choice(["primary", "headline", "all"]),
    help="Each task's first metric, those that a run prints, or all. "
    "[default: all for csv and jsonl, primary for figures, else headline]",
)
@click.option("--samples", is_flag=True, help="With csv and jsonl: one row per sample instead of one per metric.")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="With hf-eval-results: what to call the model. With --figure: what to call the runs, once for each. "
    "[default: as in the run]",
)
@click.option(
    "--width", type=float, metavar="INCHES", help="With --figure: 3.3 for a column, 7 for a page. [default: 7]"
)
@click.option("--nutrient", metavar="NAME", help="With --figure mass: what the errors are of. [default: mass]")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it. [default: standard output] A figure: a file in .svg, .pdf or .png.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Check the results in a model card, or its YAML, instead; with RUN, against that run.",
)
def command(
    runs: tuple[str, ...],
    form: Literal["csv", "jsonl", "md", "latex", "hf-eval-results"] | None,
    kind: str | None,
    tasks: str,
    metrics: Metrics | None,
    samples: bool,
    names: tuple[str, ...],
    width: float | None,
    nutrient: str | None,
    out: Path | None,
    check: Path | None,
) -> None:
    """Write the results of RUN for other programs, for a paper, or for a model card of the Hugging Face Hub.

    A run is named by its folder, its id or the beginning of its id; a folder of reports is a run too. Of several
    versions of a task the latest counts. Results on real data and on the kitchen edition never stand in one table, nor
    in one figure.

    hf-eval-results is the model-index of a model card's YAML block; results that are not of a whole split are refused
    there.

    Exit codes: 0 written, or the checked file is in order; 2 wrong usage; 4 a task is not finished, or the file cannot
    be written; 5 damaged or missing files, or the checked file is not in order.
    """
    if kind is not None:
        if form is not None or samples or check is not None:
            raise UsageError("--figure goes with no --to, --samples or --check.", hint="Leave them out.")
        _draw(kind, runs, tasks, metrics, names=names, width=width, nutrient=nutrient, out=out)
        return
    if width is not None or nutrient is not None:
        raise UsageError("--width and --nutrient go with --figure only.", hint="Leave them out.")
    if len(runs) > 1:
        raise UsageError("Several runs go with --figure only.", hint="Export one after the other.")
    run = runs[0] if runs else None
    if check is not None:
        if form is not None or samples or out is not None or names:
            raise UsageError("--check goes with no --to, --samples, --name or --out.", hint="Leave them out.")
        _check(check, run, tasks)
        return
    if run is None or form is None:
        raise UsageError("RUN and --to are needed.", hint=f"Write e.g. foodbench export RUN --to {FORMATS[0]}")
    if samples and form not in _OF_ROWS:
        raise UsageError(f"--samples goes with {' and '.join(_OF_ROWS)}, not {form}.", hint="Choose one of these.")
    if samples and metrics is not None:
        raise UsageError("--samples has all values; --metrics does not go with it.", hint="Leave one of them out.")
    if names and form != "hf-eval-results":
        raise UsageError(f"--name goes with hf-eval-results and --figure, not {form}.", hint="Leave it out.")
    if len(names) > 1:
        raise UsageError("A model card has one model.", hint="Give --name once.")
    _write(run, form, tasks, metrics, samples=samples, name=names[0] if names else None, out=out)


def _write(
    run: str, form: str, tasks: str, metrics: Metrics | None, *, samples: bool, name: str | None, out: Path | None
) -> None:
    from foodbench.core.files import atomic_write

    results = _load(run, tasks)
    text = _samples(results, form) if samples else _text(results, form, metrics, name)
    _tell_left_out(results)
    if out is None:
        click.echo(text, nl=False)
    else:
        atomic_write(out, text)
        _tell(f"Saved in {out}")


def _draw(
    kind: str,
    runs: tuple[str, ...],
    tasks: str,
    metrics: Metrics | None,
    *,
    names: tuple[str, ...],
    width: float | None,
    nutrient: str | None,
    out: Path | None,
) -> None:
    from foodbench.core.files import atomic_write
    from foodbench.runs.figures import ONE_TASK, check_kind, draw_figure, form_of

    check_kind(kind)
    if not runs or out is None:
        raise UsageError("--figure needs RUN and --out.", hint=f"E.g. foodbench export RUN --figure {kind} --out f.svg")
    if kind in ONE_TASK and metrics is not None:
        raise UsageError(f"--metrics does not go with --figure {kind}.", hint="Leave it out.")
    if nutrient is not None and kind != "mass":
        raise UsageError(f"--nutrient goes with --figure mass, not {kind}.", hint="Leave it out.")
    form = form_of(out)
    wanted = ONE_TASK.get(kind, tasks) if tasks == "all" else tasks
    results = [_load_of_several(run, wanted) for run in runs]
    content = draw_figure(
        kind,
        results,
        form=form,
        width=7.0 if width is None else width,
        names=names,
        metrics=metrics or "primary",
        nutrient=nutrient or "mass",
    )
    if kind not in ONE_TASK:
        for each in results:
            _tell_left_out(each)
    atomic_write(out, content)
    _tell(f"Saved in {out}")


def _load_of_several(run: str, tasks: str) -> RunResults:
    from foodbench.core.errors import UnknownName

    try:
        return _load(run, tasks)
    except UnknownName as error:
        raise UnknownName(f"{run}: {error.message}", hint=error.hint) from error


def _tell_left_out(results: RunResults) -> None:
    for left, why in results.left_out.items():
        _tell(f"{left}: not exported: {why}")


def _tell(text: str) -> None:
    from foodbench.core.printable import printable

    click.echo(printable(text, limit=2000), err=True)


def _load(run: str, tasks: str) -> RunResults:
    from foodbench.cli.finding import find_run
    from foodbench.runs.export import load_results

    return load_results(find_run(run), tasks=tasks)


def _samples(results: RunResults, form: str) -> str:
    from foodbench.runs.export import flattened, sample_rows
    from foodbench.runs.export_text import to_csv, to_jsonl

    if form == "jsonl":
        return to_jsonl(sample_rows(results))
    rows = flattened(list(sample_rows(results)))
    return to_csv(rows, list(rows[0]))


def _text(results: RunResults, form: str, metrics: Metrics | None, name: str | None) -> str:
    from foodbench.runs.export import METRIC_COLUMNS, metric_rows

    if form in _OF_ROWS:
        from foodbench.runs.export_text import to_csv, to_jsonl

        rows = list(metric_rows(results, metrics=metrics or "all"))
        return to_jsonl(rows) if form == "jsonl" else to_csv(rows, METRIC_COLUMNS)
    if form == "hf-eval-results":
        from foodbench.runs.export_card import to_card

        return to_card(results, metrics=metrics or "headline", name=name)
    from foodbench.runs.export_tables import to_latex, to_markdown

    return (to_latex if form == "latex" else to_markdown)(results, metrics=metrics or "headline")


def _check(path: Path, run: str | None, tasks: str) -> None:
    from foodbench.core.errors import DataCorrupt
    from foodbench.core.files import open_regular
    from foodbench.core.wording import counted
    from foodbench.runs.export_card import MOST_BYTES, check_card, check_text

    try:
        with open_regular(path) as stream:
            raw = stream.read(MOST_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", hint="Give a model card or its YAML.") from error
    except UnicodeDecodeError as error:
        raise DataCorrupt(f"{path} is not in UTF-8.", hint="Save it in UTF-8.") from error
    if len(raw) > MOST_BYTES:
        raise DataCorrupt(f"{path} is larger than {MOST_BYTES:,} bytes.", hint="A model card is much smaller.")
    checked = check_card(text, str(path), None if run is None else _load(run, tasks))
    if checked.problems:
        for problem in checked.problems[1:]:
            _tell(f"{path}: {problem}")
        raise DataCorrupt(
            f"{path}: {checked.problems[0]}",
            hint=f"{counted(len(checked.problems), 'problem')} in all. Write the results anew with foodbench export.",
        )
    _tell(f"{path} is in order: {check_text(checked)}" + ("." if run is None else f", as in {run}."))
