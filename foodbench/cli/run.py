"""`foodbench run`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from foodbench.cli import options

_NOT_CONFIG = {"config", "as_json", "quiet"}


@click.command("run")
@click.option(
    "--model",
    "-m",
    required=True,
    metavar="MODEL",
    help="foodlmm, baseline:NAME, endpoint:NAME, py:module:Class, lmms:NAME.",
)
@click.option(
    "--model-args", multiple=True, callback=options.key_values, metavar="K=V,...", help="The model's settings."
)
@click.option(
    "--tasks", "-t", default="all", show_default=True, metavar="TASKS", help="Names, globs or suite:NAME, by commas."
)
@click.option(
    "--edition", type=click.Choice(["real", "kitchen"]), help="Default: real data where registered, else the kitchen."
)
@click.option("--allow-partial", is_flag=True, help="Use incomplete copies of datasets.")
@click.option("--require-all", is_flag=True, help="A task without data is an error (exit 5), not 'not measured'.")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    help="Photos, dishes, recipes or dialogues per task, with all questions about each; spread evenly by seed.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="For every random choice."
)
@click.option(
    "--control",
    type=click.Choice(["wrong-image", "blank-image"]),
    help="Show another or a blank picture instead: what does the model earn without looking?",
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Requests per call; the model's own wish by default.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for runs. [default: FOODBENCH_RUNS or runs]",
)
@click.option("--fresh", is_flag=True, help="Forget what this run has answered before.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    callback=options.load_config,
    help="TOML file with these settings; foodbench.toml in the current folder is read anyway.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@click.pass_context
def command(context: click.Context, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Measure a model on tasks.

    The same command continues an interrupted run: nothing that was answered is asked again. Results are printed as a
    table and saved under the run's folder.

    Exit codes: 0 every task measured; 2 wrong usage; 4 a task failed or the run is incomplete (run it again); 5 data
    missing or damaged; 130 interrupted.
    """
    from foodbench.tasks import select

    tasks = select(settings["tasks"])  # a typo is told before anything else is imported

    from foodbench.cli.progress import ConsoleReporter
    from foodbench.core.paths import runs_dir
    from foodbench.engine.runner import RunOptions, execute

    leads = os.environ.get("RANK", "0") == "0"
    plain = {name: value for name, value in settings.items() if name not in _NOT_CONFIG}
    chosen = RunOptions(**{**plain, "tasks": tasks, "out": plain["out"] or runs_dir()})
    outcome = execute(chosen, _resolved(context, plain), ConsoleReporter(quiet=quiet or not leads))
    if leads:
        _print(outcome, as_json=as_json, quiet=quiet)
    return outcome.exit_code


def _resolved(context: click.Context, plain: dict[str, Any]) -> Any:
    """The settings with where each came from, for `run.json`."""
    from foodbench.adapters.arguments import without_secrets
    from foodbench.runs.schema import ConfigValue

    origins = options.origins_of(context)
    plain = {**plain, "model_args": without_secrets(plain["model_args"])}
    return {
        name: ConfigValue(value=str(value) if isinstance(value, Path) else value, origin=origins[name])
        for name, value in plain.items()
    }


def _print(outcome: Any, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        plain = {
            "schema": "foodbench.run/1",
            "run": str(outcome.folder.path),
            "exit_code": outcome.exit_code,
            "results": [result.model_dump(mode="json") for result in outcome.results],
            "not_measured": {name: error.message for name, error in outcome.not_measured.items()},
            "errors": {
                name: {"code": error.code, "message": error.message, "hint": error.hint}
                for name, error in outcome.errors.items()
            },
        }
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    from foodbench.cli.results import print_results

    if outcome.results:
        print_results(outcome.results)
    for name, error in outcome.not_measured.items():
        click.echo(f"{name}: not measured: {error.message}")
    if not quiet:
        click.echo(f"Saved in {outcome.folder.path}", err=True)
