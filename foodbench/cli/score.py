"""`foodbench score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from foodbench.core.errors import UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.engine.rescore import Rescored, Rescoring
    from foodbench.runs.schema import TaskResult


@click.command("score")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--task", "-t", metavar="TASK", help="PATH is a file of predictions for this task.")
@click.option(
    "--name", metavar="NAME", help="What to call the model that made the predictions. [default: the file's name]"
)
@click.option(
    "--edition", type=click.Choice(["real", "kitchen"]), help="Default: real data where registered, else the kitchen."
)
@click.option("--allow-partial", is_flag=True, help="Use an incomplete copy of the dataset.")
@click.option("--allow-missing", is_flag=True, help="Count samples without a prediction as wrong, and say how many.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for runs. [default: FOODBENCH_RUNS or runs]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(
    path: Path,
    task: str | None,
    name: str | None,
    edition: Literal["real", "kitchen"] | None,
    allow_partial: bool,
    allow_missing: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Score again the answers of the run PATH, or with --task the predictions in the file PATH.

    A run is named by its folder, its id or the beginning of its id. Where scoring comes to something else than before,
    the new result takes the place of the old one, which is kept beside it in the task's folder under history/.

    A predictions file has one JSON object per line: "sample_id", and "answer" (text) or any of "text", "masks" (COCO
    RLE) and "nutrition" (kcal, mass, fat, carb, protein). No model is asked.

    Exit codes: 0 scored; 2 wrong usage: unknown run or task, or predictions that cannot be read; 4 the run is going on,
    or the disk is full; 5 data missing or damaged, or a task's questions are no longer those that were answered.
    """
    from foodbench.cli.finding import find_run
    from foodbench.cli.results import print_results
    from foodbench.core.paths import runs_dir
    from foodbench.data.layout import is_file
    from foodbench.data.roots import resolve
    from foodbench.engine.rescore import rescore_run, score_predictions
    from foodbench.tasks import TASKS

    if task is None:
        if is_file(path):
            raise UsageError(
                f"{path} is a file, not a run's folder.", hint="For predictions, name the task with --task."
            )
        return _print(rescore_run(find_run(str(path)).path), as_json=as_json)
    choice = resolve(TASKS.get(task).dataset, edition, allow_partial=allow_partial)
    result, folder = score_predictions(
        path, task, choice, out or runs_dir(), name=name or path.stem, allow_missing=allow_missing
    )
    click.echo(f"Saved in {folder}", err=True)
    if as_json:
        click.echo(json.dumps([result.model_dump(mode="json")], indent=2, ensure_ascii=False))
    else:
        print_results([result])
    return 0


def _print(rescoring: Rescoring, *, as_json: bool) -> int:
    """Print what scoring a run again came to; returns the exit code: that of the first task that was refused."""
    from foodbench.cli.main import print_error
    from foodbench.cli.results import print_results

    if as_json:
        click.echo(json.dumps([_plain(each) for each in rescoring.done], indent=2, ensure_ascii=False))
    elif rescoring.done:
        print_results([each.result for each in rescoring.done])
        _print_changes(rescoring)
    for name, present in rescoring.replaced.items():
        click.echo(f"{name}: left as it is; {present} stands.", err=as_json)
    for error in rescoring.refused.values():
        print_error(error)
    return next((int(error.exit_code) for error in rescoring.refused.values()), 0)


def _plain(each: Rescored) -> dict[str, Any]:
    changes = {
        "written": each.written,
        "samples_changed": each.changes.samples,
        "fields_changed": list(each.changes.fields),
        "metrics": [
            {"id": metric.id, "unit": metric.unit, "old": metric.old, "new": metric.new}
            for metric in each.changes.metrics
        ],
    }
    return {**each.result.model_dump(mode="json"), "rescoring": changes}


def _print_changes(rescoring: Rescoring) -> None:
    """What was, and what is now, metric by metric; and which tasks are as they were."""
    from foodbench.cli.tables import print_table, shown_number

    rows = []
    for each in rescoring.done:
        differing = [metric for metric in each.changes.metrics if not metric.same]
        for index, metric in enumerate(differing):
            old, new = shown_number(metric.old, metric.unit), shown_number(metric.new, metric.unit)
            if old == new:  # the difference is smaller than what is shown of a number
                old, new = repr(metric.old), repr(metric.new)
            rows.append((_versioned(each.result) if index == 0 else "", metric.id, old, "→", new))
    if rows:
        click.echo()
        print_table(("task", "metric", "before", "", "now"), rows, right=(2, 4))
    click.echo()
    for each in rescoring.done:
        if each.written:
            click.echo(f"{_versioned(each.result)}: {_told(each)}")
    same = [each for each in rescoring.done if not each.written]
    if same:
        answers = counted(sum(each.result.n for each in same), "answer")
        click.echo(f"Unchanged, nothing written: {counted(len(same), 'task')}, {answers}.")


def _versioned(result: TaskResult) -> str:
    return f"{result.task.name}@{result.task.version}"


def _told(each: Rescored) -> str:
    """How much differs, and where the result before is."""
    changes, origin = each.changes, each.result.rescored_from
    others = sum(not metric.same for metric in changes.metrics)
    told = (
        f"{changes.samples:,} of {counted(each.result.n, 'sample')} read or scored otherwise, "
        f"{others} of {counted(len(changes.metrics), 'metric')} with another value"
    )
    if origin is None or origin == each.old.rescored_from:
        return f"{told}; only ratings are new." if changes.only_ratings else f"{told}."
    return f"{told}; what was before is in {origin.kept}."
