"""`foodbench version`."""

from __future__ import annotations

import json

import click

from foodbench import __version__


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the versions of the libraries.")
def command(as_json: bool) -> None:
    """Print the version."""
    if not as_json:
        click.echo(f"foodbench {__version__}")
        return
    from foodbench.runs.provenance import collect

    click.echo(json.dumps(collect(seed=0), indent=2))
