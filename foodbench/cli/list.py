"""`foodbench list`."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from foodbench.cli.tables import print_table
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.runs.store import RunFolder


@click.command("list")
@click.argument("what", type=click.Choice(["tasks", "models", "datasets", "runs"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(what: str, as_json: bool) -> None:
    """List tasks, models, datasets or runs. Imports nothing heavy and needs no network."""
    rows = {"tasks": _tasks, "models": _models, "datasets": _datasets, "runs": _runs}[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        from foodbench.core.paths import runs_dir

        click.echo(f"No {what}{f' in {runs_dir()} (FOODBENCH_RUNS)' if what == 'runs' else ''}.")
        return
    shown = [_shown_run(row) for row in rows] if what == "runs" else rows
    print_table(list(shown[0]), [[str(value) for value in row.values()] for row in shown])


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
    from foodbench.cli.finding import known_runs
    from foodbench.core.errors import FoodbenchError
    from foodbench.runs.store import RunFolder

    rows = []
    for name, path in known_runs().items():
        try:
            row = _run(RunFolder(path))
        except FoodbenchError as error:
            row = {**_UNREADABLE, "run": name, "tasks": error.message}
        rows.append(row)
    return rows


def _run(folder: RunFolder) -> dict[str, Any]:
    """What a run is, and what sets it apart from a full one. Of tasks that have begun, results say; else settings do.

    Raises:
        DataCorrupt: a file of the run is damaged.
    """
    run = folder.read()
    results = [task.result() for task in folder.finished().values()]
    settings = {name: setting.value for name, setting in run.config.items()}
    limits = {result.limit for result in results} or {settings.get("limit")}
    controls = {result.task.control for result in results} or {settings.get("control")}
    return {
        "run": run.run_id,
        "model": run.model.spec,
        "edition": sorted({result.dataset.label for result in results} or {settings.get("edition")} - {None}),
        "limit": max((limit for limit in limits if limit is not None), default=None),
        "control": next((control for control in controls if control is not None), None),
        "partial": any(result.dataset.missing for result in results),
        "missing_answers": sum(result.n_missing for result in results),
        "tasks": ", ".join(f"{name}: {status.status}" for name, status in run.tasks.items()),
        "statuses": dict(Counter(status.status for status in run.tasks.values())),
        "updated": run.time.get("updated", "?"),
    }


_MANY_TASKS = 3
_UNREADABLE: dict[str, Any] = {
    "run": "?",
    "model": "?",
    "edition": [],
    "limit": None,
    "control": None,
    "partial": False,
    "missing_answers": 0,
    "tasks": "",
    "statuses": {},
    "updated": "?",
}


def _shown_run(row: dict[str, Any]) -> dict[str, Any]:
    """A run's row for people: what sets it apart in a column of its own, empty for a full run."""
    apart = [
        f"limit {row['limit']:,}" if row["limit"] is not None else "",
        f"control {row['control']}" if row["control"] is not None else "",
        "partial copy" if row["partial"] else "",
        f"{counted(row['missing_answers'], 'answer')} missing" if row["missing_answers"] else "",
    ]
    return {
        "run": row["run"],
        "model": row["model"],
        "edition": "; ".join(row["edition"]),
        "not full": "; ".join(filter(None, apart)),
        "tasks": _shown_tasks(row),
        "updated": row["updated"].partition(".")[0],
    }


def _shown_tasks(row: dict[str, Any]) -> str:
    counts: dict[str, int] = row["statuses"]
    if sum(counts.values()) < _MANY_TASKS:
        return str(row["tasks"])
    return ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in counts.items())
