"""`foodbench show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from foodbench.cli.fields import print_fields
from foodbench.cli.tables import print_table
from foodbench.core.errors import FoodbenchError, UnknownName, UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.adapters.resolve import ModelInfo
    from foodbench.cli.results import Rows
    from foodbench.metrics.aggregate import Metric
    from foodbench.runs.store import RunFolder
    from foodbench.tasks.base import FoodTask


@click.command("show")
@click.argument("what")
@click.option("--sample", metavar="ID", help="Show one sample of the run WHAT, and draw its picture.")
@click.option("--task", "-t", metavar="TASK", help="With --sample: the task, if the run has several with that sample.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="With --sample: where to write the picture. [default: in the run's folder]",
)
@click.option(
    "--metrics",
    type=click.Choice(["primary", "headline", "all"]),
    default="all",
    show_default=True,
    help="With a run: each task's first metric, those that a run prints, or all.",
)
@click.option("--samples", is_flag=True, help="With a task: list what is asked, one JSON object per line.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    what: str,
    sample: str | None,
    task: str | None,
    out: Path | None,
    metrics: Literal["primary", "headline", "all"],
    samples: bool,
    as_json: bool,
) -> None:
    """Show WHAT: a task, a model, or a run (its folder, its id, or the beginning of its id).

    With --sample ID it shows what a model answered to one question of a run, and draws the photo: for mask tasks beside
    a copy with the true and the predicted mask.
    """
    found = _find(what, only_runs=sample is not None)
    if sample is None and (task is not None or out is not None):
        raise UsageError("--task and --out go with --sample.", hint="Add --sample ID.")
    if sample is not None:
        from foodbench.cli.show_sample import show_sample

        show_sample(found, sample, task, out, as_json=as_json)
        return
    from foodbench.runs.store import RunFolder
    from foodbench.tasks.base import FoodTask

    if samples and not isinstance(found, FoodTask):
        raise UsageError("--samples goes with a task.", hint="See: foodbench list tasks.")
    if isinstance(found, FoodTask) and samples:
        _list_samples(found)
    elif isinstance(found, FoodTask):
        _show_task(found, as_json=as_json)
    elif isinstance(found, RunFolder):
        _show_run(found, metrics, as_json=as_json)
    else:
        _show_model(what, found, as_json=as_json)


def _find(what: str, *, only_runs: bool) -> Any:
    """The `FoodTask`, `ModelInfo` or `RunFolder` that `what` names.

    Raises:
        UnknownName: it names nothing.
        UsageError: it begins the ids of several runs, or the names of several models.
    """
    from foodbench.cli.finding import find_run, known_runs, match_run
    from foodbench.tasks import TASKS

    if only_runs:
        return find_run(what)
    if what in TASKS:
        return TASKS.get(what)
    found = _find_model(what) or match_run(what)
    if found is None:
        raise _unknown(what, list(known_runs()))
    return found


def _find_model(what: str) -> ModelInfo | None:
    """The model that `what` names or, with what follows the colon left out, that it is the prefix of.

    Raises:
        UsageError: it is the prefix of several.
    """
    from foodbench.adapters.resolve import describe_models

    models = {info.name: info for info in describe_models()}
    # `py:module:Class` and `lmms:NAME` stand for whatever follows the prefix.
    patterns = {name.partition(":")[0]: info for name, info in models.items() if name.endswith((":Class", ":NAME"))}
    head, _, rest = what.partition(":")
    found = models.get(what) or patterns.get(head) or models.get(head)
    if found is None and not rest:
        several = [name for name in models if head and name.startswith(f"{head}:")]
        if several:
            raise UsageError(
                f"'{what}' begins the names of {counted(len(several), 'model')}.",
                hint=f"One of: {', '.join(several)}.",
            )
    return found


def _unknown(what: str, runs: list[str]) -> UnknownName:
    from foodbench.adapters.resolve import describe_models
    from foodbench.tasks import TASKS

    names = [*TASKS.names(), *(info.name for info in describe_models()), *runs]
    error = UnknownName.of("task, model or run", what, names)
    where = "See: foodbench list tasks, foodbench list models, foodbench list runs."
    return error if error.hint.startswith("Did you mean") else UnknownName(error.message, hint=where)


def _print_json(kind: str, value: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema": f"foodbench.show.{kind}/1", **value}, indent=2, ensure_ascii=False))


def formula(metric: Metric) -> str:
    """How a metric comes from the per-sample values, in one line."""
    scale = "" if metric.scale == 1 else f"{metric.scale:g} x "
    if metric.over is not None:
        return f"{scale}sum of {metric.value} / sum of {metric.over}"
    if metric.kind == "of_sums":
        return f"{scale}{str(metric.function).rpartition(':')[2]} of the sums of {', '.join(metric.keys)}"
    return f"{scale}{'median' if metric.kind == 'median' else 'mean'} of {metric.value}"


def _list_samples(task: FoodTask) -> None:
    """What is asked of the edition that a run would use now, for people who ask their model elsewhere."""
    from foodbench.data.roots import resolve

    data = task.load(resolve(task.dataset))
    for sample, asked in zip(data.samples, data.manifest(), strict=True):
        click.echo(json.dumps({**asked, "image": str(sample.image.path)}, ensure_ascii=False))


def _show_task(task: FoodTask, *, as_json: bool) -> None:
    from foodbench.cli.editions import dataset_status
    from foodbench.data.catalog import CATALOG

    card, status = CATALOG.get(task.dataset), dataset_status(task.dataset)
    if as_json:
        _print_json("task", {**_task_facts(task), "questions": list(task.questions), "dataset": status})
        return
    click.echo(f"{task.versioned_name}: {task.summary}\n")
    print_fields(
        [
            ("protocol", task.protocol),
            ("questions", "\n".join(task.questions)),
            ("answer", task.answer_kind),
            ("decoding", ", ".join(f"{name}={value}" for name, value in task.generation.items())),
            ("floor", ", ".join(task.floors)),
            ("ceiling", "baseline:oracle"),
            ("dataset", f"{card.title} ({task.dataset}), split '{task.split}'"),
            ("licence", f"{card.licence}. {card.terms}"),
            ("size", ", ".join(f"{name} {count:,}" for name, count in card.splits.items()) + " (official)"),
            ("facts", "\n".join(card.facts)),
            ("used now", status["used"]),
        ]
    )
    click.echo()
    rows = [
        (metric.id, "↑" if metric.higher_is_better else "↓", metric.unit, formula(metric), metric.description)
        for metric in task.metrics
    ]
    print_table(("metric", "", "unit", "formula", "meaning"), rows)


def _task_facts(task: FoodTask) -> dict[str, Any]:
    return {
        "task": task.name,
        "version": task.version,
        "protocol": task.protocol,
        "summary": task.summary,
        "answer_kind": task.answer_kind,
        "generation": dict(task.generation),
        "split": task.split,
        "train_split": task.train_split,
        "floors": list(task.floors),
        "prompt_fingerprint": task.prompt_fingerprint,
        "metrics": [
            {
                "id": metric.id,
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "formula": formula(metric),
                "description": metric.description,
            }
            for metric in task.metrics
        ],
    }


def _show_model(spec: str, info: ModelInfo, *, as_json: bool) -> None:
    settings, problem = _settings(info.name)
    # lmms-eval builds its own models inside a run; `check` asks foodbench's adapters.
    foreign = info.name.startswith("lmms:")
    named = spec if spec.partition(":")[2] else info.name
    facts = {
        "model": info.name,
        "summary": info.summary,
        "answers": info.answers,
        "needs": info.needs,
        "settings": settings,
    }
    if as_json:
        _print_json("model", facts)
        return
    click.echo(f"{info.name}: {info.summary}\n")
    shown = "\n".join(f"{setting['name']}: {setting['type']}{setting['default']}" for setting in settings)
    print_fields(
        [
            ("answers", info.answers),
            ("needs", info.needs),
            ("settings", shown or problem or "none"),
            (
                "try it",
                f"foodbench run --model {named} --tasks all --limit 4" if foreign else f"foodbench check {named}",
            ),
            ("measure it", f"foodbench run --model {named} --tasks all"),
        ]
    )


def _settings(name: str) -> tuple[list[dict[str, str]], str]:
    """What `--model-args` can set, or why that cannot be said."""
    import inspect

    from foodbench.adapters.arguments import settable_parameters
    from foodbench.adapters.resolve import MODELS

    if name.startswith("lmms:"):
        return [], "those of that model's class in lmms-eval"
    if name not in MODELS:
        return [], "those of your class's constructor"
    try:
        factory = MODELS.get(name)
        settable = settable_parameters(factory)
        parameters = inspect.signature(factory).parameters.values()
    except (FoodbenchError, ImportError, TypeError, ValueError) as error:
        return [], f"cannot be looked up: {str(error).splitlines()[0]}"
    return [
        {
            "name": parameter.name,
            "type": inspect.formatannotation(parameter.annotation).strip("'"),
            "default": "" if parameter.default is parameter.empty else f" = {parameter.default!r}",
        }
        for parameter in parameters
        if parameter.name in settable
    ], ""


def _show_run(folder: RunFolder, metrics: Rows, *, as_json: bool) -> None:
    from foodbench.cli.results import print_results

    run = folder.read()
    finished = folder.finished()
    results = [task.result() for task in finished.values()]
    open_tasks = {name: len(task.stored_answers()) for name, task in folder.tasks().items() if name not in finished}
    if as_json:
        plain = {"path": str(folder.path), "run": run.model_dump(mode="json")}
        results_json = [result.model_dump(mode="json") for result in results]
        _print_json("run", {**plain, "results": results_json, "unfinished": open_tasks})
        return
    git = run.provenance.get("git") or {}
    version = f"foodbench {run.provenance.get('foodbench', '?')}" + (f", commit {git['commit'][:12]}" if git else "")
    print_fields(
        [
            ("run", run.run_id),
            ("folder", str(folder.path)),
            ("model", run.model.spec),
            ("identity", run.model.identity),
            ("settings", ", ".join(f"{name}={value}" for name, value in run.model.args.items())),
            ("made by", version + (" with uncommitted changes" if git.get("dirty") else "")),
            ("updated", run.time.get("updated", "?")),
        ]
    )
    click.echo()
    if results:
        print_results(results, rows=metrics)
    for name, count in open_tasks.items():
        click.echo(f"{name}: not finished, {counted(count, 'answer')} saved; the command that began it continues it")
    for name, status in run.tasks.items():
        if status.status != "complete":
            click.echo(f"{name}: {status.status.replace('_', ' ')}: {status.reason}")
    if not results and not open_tasks and not run.tasks:
        click.echo("No task has begun.")
