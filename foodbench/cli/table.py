"""`foodbench table`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foodbench.core.errors import UsageError

if TYPE_CHECKING:
    from foodbench.papers.catalog import Paper, TableCard
    from foodbench.papers.lint import Finding
    from foodbench.papers.measured import MeasuredRun
    from foodbench.papers.sheet import Sheet

FORMATS = ("text", "md", "csv", "latex", "html")


@click.command("table")
@click.argument("what", required=False, metavar="[PAPER/TABLE]")
@click.option("--list", "listing", is_flag=True, help="List the tables of all papers.")
@click.option(
    "--with",
    "runs",
    multiple=True,
    metavar="[ROW=]RUN",
    help="Put a run beside the table, repeatable: beside the row that it claims to reproduce, or in a row of its own.",
)
@click.option(
    "--lint", "paper", metavar="PAPER", help="Check the arithmetic of a paper's own numbers; 'all' for every paper."
)
@click.option("--format", "-f", "form", type=click.Choice(FORMATS), default="text", show_default=True)
def command(what: str | None, listing: bool, runs: tuple[str, ...], paper: str | None, form: str) -> None:
    """Rebuild a paper's table, e.g. foodlmm/7, beside measured numbers, or check its arithmetic.

    A number is reported (by the paper), measured (by a run, with its 95% interval, and the difference below it), or not
    measured, with the reason. ROW is the label of a row, or GROUP/ROW. Results on the kitchen edition, with a limit or
    a control, or on a partial copy are shown apart and without a difference: they do not compare with any paper's.

    --lint lists numbers that cannot be right together, with the arithmetic: 'impossible' ones contradict each other
    whatever was rounded, 'suspicious' ones do by what the paper says about them.

    Exit codes: 0 printed, findings or not; 2 wrong usage: unknown paper, table, row or run; 5 a damaged run.
    """
    chosen = [bool(what), listing, bool(paper)]
    if sum(chosen) != 1:
        raise UsageError(
            "Say one thing: a table, --list, or --lint PAPER.",
            hint="For example: foodbench table foodlmm/7. The tables: foodbench table --list.",
        )
    if runs and not what:
        raise UsageError("--with goes with a table.", hint="For example: foodbench table foodlmm/7 --with RUN.")
    if listing:
        _list_tables(form)
    elif paper:
        _lint(paper, form)
    elif what:
        _show(what, runs, form)


def _show(what: str, runs: tuple[str, ...], form: str) -> None:
    from foodbench.papers.catalog import find_table
    from foodbench.papers.sheet import build

    paper, table = find_table(what)
    sheet = build(paper, table, [_read(text, paper, table) for text in runs])
    if form == "text":
        _print_sheet(sheet)
    else:
        from foodbench.papers.render import render_sheet

        click.echo(render_sheet(sheet, form), nl=False)


def _read(text: str, paper: Paper, table: TableCard) -> MeasuredRun:
    """The run that `RUN` or `ROW=RUN` names; a run's folder may have an equals sign in its name.

    Raises:
        UnknownName: no such run, or no such row in the table.
    """
    from foodbench.cli.finding import find_run, match_run
    from foodbench.core.errors import UnknownName
    from foodbench.papers.measured import folded, read_run, row_names

    folder = match_run(text)
    if folder is not None or "=" not in text:
        return read_run(folder or find_run(text))
    row, _, run = (part.strip() for part in text.partition("="))
    cells = paper.select({"table": table.id})
    if not any(folded(row) in row_names(cell) for cell in cells):
        raise UnknownName.of(f"row of {paper.id}/{table.id}", row, {cell.row for cell in cells})
    return read_run(find_run(run), row)


def _print_sheet(sheet: Sheet) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.papers.layout import body, headings

    click.echo(f"{sheet.title}\n{sheet.paper.source}{f', {sheet.paper.url}' if sheet.paper.url else ''}")
    for panel in sheet.panels:
        click.echo(f"\n{panel.title}{': NOT COMPARABLE with the paper' if panel.apart else ''}")
        print_table(headings(panel), body(panel))
        for remark in panel.remarks:
            click.echo(remark)
    if sheet.notes:
        click.echo()
        for number, note in enumerate(sheet.notes, start=1):
            click.echo(f"[{number}] {note}")
    if sheet.runs:
        click.echo("\nRuns:")
        for run in sheet.runs:
            click.echo(f"  {run}")


def _list_tables(form: str) -> None:
    from foodbench.papers.catalog import all_papers

    headers = ("table", "in the paper", "shows", "numbers", "with a task beside")
    rows: list[tuple[str, ...]] = []
    for paper in all_papers():
        for table in paper.tables:
            cells = paper.select({"table": table.id})
            measurable = sum(bool(cell.task) for cell in cells)
            rows.append((f"{paper.id}/{table.id}", table.label, table.title, str(len(cells)), str(measurable)))
    _print_rows("Tables of papers", headers, rows, form)


def _lint(name: str, form: str) -> None:
    from foodbench.papers.catalog import all_papers, find_paper
    from foodbench.papers.layout import FINDING_HEADERS, finding_row
    from foodbench.papers.lint import lint

    papers = all_papers() if name == "all" else [find_paper(name)]
    found = [finding for paper in papers for finding in lint(paper)]
    if form == "text":
        _print_findings(found, papers)
    elif form == "md":
        from foodbench.papers.render import findings_markdown

        click.echo(findings_markdown(found), nl=False)
    else:
        _print_rows("Numbers that do not go together", FINDING_HEADERS, [finding_row(each) for each in found], form)


def _print_findings(found: list[Finding], papers: list[Paper]) -> None:
    from foodbench.cli.fields import print_fields
    from foodbench.core.wording import counted

    for finding in found:
        click.echo(f"{finding.paper}, {' and '.join(finding.tables)}: {finding.severity} ({finding.rule})")
        print_fields(
            [
                ("  where", finding.where),
                ("  printed", finding.printed),
                ("  computed", finding.computed),
                ("  because", finding.because),
            ]
        )
        click.echo()
    for paper in papers:
        own = [finding for finding in found if finding.paper == paper.id]
        impossible = sum(finding.severity == "impossible" for finding in own)
        click.echo(
            f"{paper.id}: {counted(len(paper.cells), 'number')}, {counted(len(paper.checks), 'check')}, "
            f"{counted(len(own), 'finding')}, {impossible} of them impossible"
        )


def _print_rows(title: str, headers: tuple[str, ...], rows: list[tuple[str, ...]], form: str) -> None:
    if form == "text":
        from foodbench.cli.tables import print_table

        print_table(headers, rows, right=(3, 4))
    else:
        from foodbench.papers.render import render_rows

        click.echo(render_rows(title, headers, rows, form), nl=False)
