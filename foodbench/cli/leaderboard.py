"""`foodbench leaderboard`: build, check and look at the static site."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("leaderboard")
def command() -> None:
    """Build, check and look at the leaderboard: static pages that need no server."""


@command.command("build")
@click.option("--reports", type=_FOLDER, default=Path("reports"), show_default=True, help="Folder of reports.")
@click.option("--out", "-o", type=_FOLDER, default=Path("leaderboard/dist"), show_default=True, help="The site.")
@click.option(
    "--config", "folder", type=_FOLDER, default=Path("leaderboard"), show_default=True, help="site.yaml and models/."
)
@click.option("--no-pictures", is_flag=True, help="Answers only: no kitchen edition is rendered or read.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes. [default: one per core, up to 4]")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def build_command(reports: Path, out: Path, folder: Path, no_pictures: bool, workers: int | None, quiet: bool) -> None:
    """Build the site from reports. The same reports give the same bytes."""
    from foodbench.core.wording import counted
    from foodbench.site.builder import BuildOptions, build
    from foodbench.site.wording import size

    told: set[str] = set()

    def progress(text: str) -> None:
        if not quiet and text not in told:
            told.add(text)
            click.echo(f"{text} ...", err=True)

    built = build(BuildOptions(reports, out, folder, not no_pictures, workers), progress)
    click.echo(
        f"{out / 'index.html'}: {counted(built.systems, 'system')} on {counted(built.boards, 'board')}, "
        f"{counted(built.files, 'file')}, {size(built.size)}; home page {size(built.home)}"
    )


@command.command("check")
@click.argument("site", type=_FOLDER, default=Path("leaderboard/dist"))
def check_command(site: Path) -> int:
    """Check a built site: links, ids, names for screen readers, sizes, and that nothing leads out of it.

    Exit codes: 0 sound; 1 something is wrong; 5 there is no site.
    """
    from foodbench.core.wording import counted
    from foodbench.site.check import check_site

    report = check_site(site)
    for finding in report.findings[:100]:
        click.echo(finding)
    if len(report.findings) > 100:
        click.echo(f"and {len(report.findings) - 100:,} more")
    click.echo(
        f"{counted(report.pages, 'page')}, {counted(report.links, 'link')}: "
        + (counted(len(report.findings), "fault") if report.findings else "sound")
    )
    return 1 if report.findings else 0


@command.command("serve")
@click.argument("site", type=_FOLDER, default=Path("leaderboard/dist"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free.")
def serve_command(site: Path, port: int) -> None:
    """Look at a built site in a browser; reachable from this machine only. Ctrl-C ends it."""
    from foodbench.site.serve import HOST, server

    with server(site, port) as running:
        click.echo(f"http://{HOST}:{running.server_port}/")
        running.serve_forever()
