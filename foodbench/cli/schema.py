"""`foodbench schema`."""

from __future__ import annotations

import json

import click

from foodbench.core.errors import UnknownName


@click.command("schema")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of one of a run's files, or the list of schemas."""
    from foodbench.runs.schema import SCHEMAS, json_schema

    if name is None:
        click.echo("\n".join(SCHEMAS))
        return
    if name not in SCHEMAS:
        raise UnknownName.of("schema", name, SCHEMAS)
    click.echo(json.dumps(json_schema(name), indent=2))
