"""`foodbench score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from foodbench.core.errors import UsageError


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
) -> None:
    """Score again the answers of the run PATH, or with --task the predictions in the file PATH.

    A run is named by its folder, its id or the beginning of its id.

    A predictions file has one JSON object per line: "sample_id", and "answer" (text) or any of "text", "masks" (COCO
    RLE) and "nutrition" (kcal, mass, fat, carb, protein). No model is asked.

    Exit codes: 0 scored; 2 wrong usage: unknown run or task, or predictions that cannot be read; 4 the run is going on;
    5 data missing or damaged.
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
        results = rescore_run(find_run(str(path)).path)
    else:
        choice = resolve(TASKS.get(task).dataset, edition, allow_partial=allow_partial)
        result, folder = score_predictions(
            path, task, choice, out or runs_dir(), name=name or path.stem, allow_missing=allow_missing
        )
        results = [result]
        click.echo(f"Saved in {folder}", err=True)
    if as_json:
        click.echo(json.dumps([result.model_dump(mode="json") for result in results], indent=2, ensure_ascii=False))
    else:
        print_results(results)
