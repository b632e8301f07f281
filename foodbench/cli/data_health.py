"""`foodbench data doctor` and `foodbench data known-bad`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from foodbench.cli.fields import print_fields
from foodbench.cli.tables import print_table
from foodbench.core.errors import ExitCode
from foodbench.core.printable import printable
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.data.doctor import DatasetState
    from foodbench.data.known_bad import KnownBad


@click.command("doctor", short_help="Say which datasets are here and sound, and how to get the others.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Say how each dataset stands: registered, found, whole; and how to get what is missing. Nothing is downloaded.

    Exit codes: 0 every registered copy is sound; 5 one is incomplete, damaged or gone.
    """
    from foodbench.data.doctor import examine

    states = examine()
    sound = all(state.sound for state in states)
    if as_json:
        plain = {
            "schema": "foodbench.data.doctor/1",
            "ok": sound,
            "datasets": [state.as_dict() for state in states],
        }
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        _print_states(states)
    return int(ExitCode.OK if sound else ExitCode.DATA)


def _print_states(states: tuple[DatasetState, ...]) -> None:
    print_table(
        ("dataset", "real copy", "kitchen", "folder"),
        [
            (
                state.dataset,
                state.state if state.sound else state.state.upper(),
                state.kitchen,
                "–" if state.root is None else str(state.root),
            )
            for state in states
        ],
    )
    for state in states:
        for line in (state.problem, state.remedy and f"-> {state.remedy}", *state.about_copy):
            if line:
                click.echo(printable(f"{state.dataset}: {line}"))
    for state in states:
        if state.root is None:
            click.echo(f"\n{state.title} ({state.dataset}) is not here. To get it:")
            steps = [f"{number}. {step}" for number, step in enumerate(state.how_to_get, start=1)]
            print_fields(
                [
                    ("licence", state.licence),
                    ("terms", state.terms),
                    ("size", state.download_size),
                    ("source", state.source),
                    ("steps", "\n".join(steps)),
                ]
            )
    broken = sum(not state.sound for state in states)
    registered = sum(state.root is not None for state in states)
    click.echo(f"\n{registered} of {counted(len(states), 'dataset')} registered, {broken} not sound")


@click.command("known-bad", short_help="List items of a dataset that are known to be wrong.")
@click.argument("name", required=False)
@click.option("--list", "chosen", help="Only the items on this list, e.g. n5k-11.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def known_bad(name: str | None, chosen: str | None, as_json: bool) -> None:
    """List the items of dataset NAME that are known to be wrong, why, and who says so. Without NAME: all datasets.

    Nothing is left out by itself: published numbers include these items.
    """
    from foodbench.data.catalog import CATALOG
    from foodbench.data.known_bad import bad_ids, report

    if name is None and chosen is not None:
        raise click.UsageError("--list needs the NAME of a dataset.")
    reports = [report(one) for one in ([name] if name else CATALOG.names())]
    wanted = None if chosen is None else bad_ids(reports[0].dataset, lists=[chosen])
    if as_json:
        plain = [one.as_dict() for one in reports]
        for one in plain:
            one["entries"] = [entry for entry in one["entries"] if wanted is None or entry["id"] in wanted]
        click.echo(json.dumps({"schema": "foodbench.data.known-bad/1", "datasets": plain}, indent=2))
    elif name is None:
        print_table(
            ("dataset", "items", "lists", "notes"),
            [(one.dataset, str(len(one.entries)), ", ".join(one.lists), str(len(one.notes))) for one in reports],
            right=(1, 3),
        )
        click.echo("What is wrong with them: foodbench data known-bad NAME")
    else:
        _print_entries([entry for entry in reports[0].entries if wanted is None or entry.id in wanted])
        print_fields([(f"list {title}", text) for title, text in reports[0].lists.items()])
        for note in reports[0].notes:
            click.echo(f"- {note.text} ({note.evidence})")


def _print_entries(entries: list[KnownBad]) -> None:
    if not entries:
        click.echo("No item is known to be wrong.")
        return
    print_table(
        ("item", "in", "wrong", "what", "evidence", "lists"),
        [
            (
                entry.id,
                ", ".join(entry.splits),
                ", ".join(entry.affects),
                entry.reason,
                entry.evidence,
                ", ".join(entry.lists),
            )
            for entry in entries
        ],
    )
