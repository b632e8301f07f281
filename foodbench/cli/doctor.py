"""`foodbench doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from foodbench.core.errors import ExitCode
from foodbench.core.printable import printable
from foodbench.core.wording import counted


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Say what works on this machine, what does not, and what to do.

    Exit codes: 0 `foodbench run` can work (there may be warnings); 2 something stops it.
    """
    from foodbench.cli.diagnosis import examine

    findings = examine()
    broken = [finding for finding in findings if finding.status == "problem"]
    if as_json:
        plain = {
            "schema": "foodbench.doctor/1",
            "ok": not broken,
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(plain, indent=2))
        return int(ExitCode.USAGE if broken else ExitCode.OK)
    width = max(len(finding.topic) for finding in findings)
    for finding in findings:
        status = "PROBLEM" if finding.status == "problem" else finding.status
        # ASCII, because a terminal that cannot print more is one of the things that are found here.
        click.echo(_ascii(f"{status:<9}{finding.topic:<{width}}  {finding.message}"))
        if finding.remedy:
            click.echo(_ascii(f"{'':<9}{'':<{width}}  -> {finding.remedy}"))
    warnings = sum(finding.status == "warning" for finding in findings)
    click.echo(f"{counted(len(broken), 'problem')}, {counted(warnings, 'warning')}")
    return int(ExitCode.USAGE if broken else ExitCode.OK)


def _ascii(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode("ascii")
