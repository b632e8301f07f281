"""`foodbench list`."""

from __future__ import annotations

import json
from typing import Any

import click

from foodbench.cli.tables import print_table


@click.command("list")
@click.argument("what", type=click.Choice(["tasks", "models", "datasets", "runs"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(what: str, as_json: bool) -> None:
    """List tasks, models, datasets or runs. Imports nothing heavy and needs no network."""
    rows = {"tasks": _tasks, "models": _models, "datasets": _datasets, "runs": _runs}[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        print_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    else:
        click.echo(f"No {what}.")


def _tasks() -> list[dict[str, Any]]:
    from foodbench.tasks import TASKS

    rows = []
    for name in TASKS.names():
        task = TASKS.get(name)
        rows.append(
            {
                "task": name,
                "version": task.version,
                "protocol": task.protocol,
                "dataset": task.dataset,
                "metric": task.metrics[0].id,
                "summary": task.summary,
            }
        )
    return rows


def _models() -> list[dict[str, Any]]:
    from foodbench.adapters.resolve import describe_models

    return [
        {"model": info.name, "answers": info.answers, "needs": info.needs, "summary": info.summary}
        for info in describe_models()
    ]


def _datasets() -> list[dict[str, Any]]:
    from foodbench.data.catalog import CATALOG
    from foodbench.data.roots import roots

    registered = roots()
    return [
        {
            "dataset": name,
            "title": CATALOG.get(name).title,
            "licence": CATALOG.get(name).licence,
            "registered": str(registered[name].root) if name in registered else "no",
        }
        for name in CATALOG.names()
    ]


def _runs() -> list[dict[str, Any]]:
    from foodbench.core.errors import FoodbenchError
    from foodbench.core.paths import runs_dir
    from foodbench.runs.store import RunFolder

    rows = []
    for path in sorted(runs_dir().glob("*/run.json")):
        try:
            run = RunFolder(path.parent).read()
        except FoodbenchError as error:
            rows.append({"run": path.parent.name, "model": "?", "tasks": error.message, "updated": "?"})
            continue
        states = ", ".join(f"{name}: {status.status}" for name, status in run.tasks.items())
        rows.append(
            {"run": run.run_id, "model": run.model.spec, "tasks": states, "updated": run.time.get("updated", "?")}
        )
    return rows
