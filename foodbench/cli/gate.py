"""`foodbench gate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foodbench.core.errors import ExitCode, UnknownName, UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.runs.gate_policy import LoadedPolicy
    from foodbench.runs.gate_schema import GateReport
    from foodbench.runs.store import RunFolder

_FEW = 4
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("gate")
@click.option(
    "--baseline",
    required=True,
    metavar="PATH|NAME",
    help="The run to be as good as: a folder, a folder of reports by name, or a run's id.",
)
@click.option(
    "--candidate",
    required=True,
    metavar="RUN",
    help="The run in question: its folder, its id, or the beginning of its id.",
)
@click.option(
    "--policy",
    type=_FILE,
    metavar="gate.toml",
    help="Margins and hard rules. [default: gate.toml in the current folder, if there is one]",
)
@click.option("--junit", type=_FILE, metavar="F.xml", help="Write JUnit XML.")
@click.option("--summary", type=_FILE, metavar="F.md", help="Write Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--strict", is_flag=True, help="INCONCLUSIVE ends with exit code 3 too.")
@click.option("--intersect", is_flag=True, help="Compare the samples that both runs have, if they are 95 % of all.")
@click.option(
    "--update-baseline",
    is_flag=True,
    help="Put the candidate in the baseline's place, unless it fails or lacks a task.",
)
def command(
    baseline: str,
    candidate: str,
    policy: Path | None,
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
    strict: bool,
    intersect: bool,
    update_baseline: bool,
) -> None:
    """Say whether the run CANDIDATE may replace the run BASELINE.

    Each task is judged by its first metric, or those that the policy names: IDENTICAL, IMPROVED, PASS (not worse than
    its margin allows), FAIL, INCONCLUSIVE (too few samples to tell), NOT COMPARABLE, NOT MEASURED. Hard rules come on
    top: no task vanishes, answers stay readable, prompts change only as declared, budgets hold.

    Exit codes: 0 passed, or inconclusive without --strict; 1 failed: a regression, a broken rule, or an acknowledgement
    that is stale; 2 wrong usage or policy; 3 not comparable, or with --strict inconclusive; 4 not measured; 5 files of
    a run missing or damaged.
    """
    from foodbench.cli.finding import find_run
    from foodbench.core.files import atomic_write
    from foodbench.runs.gate import run_gate
    from foodbench.runs.gate_policy import POLICY_FILE, load_policy
    from foodbench.runs.gate_reports import junit as as_junit
    from foodbench.runs.gate_reports import markdown
    from foodbench.runs.pairs import open_side
    from foodbench.tasks import TASKS

    used = policy or (Path(POLICY_FILE) if Path(POLICY_FILE).is_file() else None)
    loaded = load_policy(used, TASKS.names())
    run = find_run(candidate)
    if update_baseline and not _exists(baseline, loaded):
        _begin_baseline(run, baseline, loaded)
        return
    old = _find_baseline(baseline, loaded)
    report = run_gate(
        open_side(old, "baseline"), open_side(run, "candidate"), loaded, strict=strict, intersect=intersect
    )
    if junit is not None:
        atomic_write(junit, as_junit(report))
    if summary is not None:
        atomic_write(summary, markdown(report))
    if as_json:
        click.echo(json.dumps(report.plain(), indent=2, ensure_ascii=False))
    else:
        _print(report)
    if update_baseline:
        _update(run, old, report)
    elif report.exit_code:
        raise click.exceptions.Exit(report.exit_code)


def _print(report: GateReport) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.core.printable import printable
    from foodbench.runs.gate_reports import HEADERS, RIGHT, headline, remarks, table_row, to_acknowledge

    policy = report.policy or "the defaults"
    click.echo(
        printable(
            f"foodbench gate: baseline {report.baseline.run_id}, candidate {report.candidate.run_id}, policy {policy}"
        )
    )
    if report.rows:
        print_table(HEADERS, [table_row(row) for row in report.rows], right=RIGHT)
    for remark in remarks(report):
        click.echo(printable(remark, limit=2000))
    pending = to_acknowledge(report)
    for task, metric, digest in pending if len(pending) <= _FEW else ():
        click.echo(f"to acknowledge: {printable(task)}, {printable(metric)}: {digest}")
    if len(pending) > _FEW:
        click.echo(f"to acknowledge any of {len(pending)} findings: --json and --summary have their digests")
    click.echo(headline(report))


def _candidates(name: str, loaded: LoadedPolicy) -> list[Path]:
    """Where a baseline of this name may be: a path, or below the policy's folder of baselines."""
    from foodbench.runs.gate_policy import inside

    written = Path(name)
    if written.is_absolute() or len(written.parts) > 1:
        return [written]
    below = loaded.folder / loaded.policy.baselines
    if loaded.path is not None:
        below = inside(loaded.path, "baselines", loaded.policy.baselines)
    return [written, below / name]


def _exists(name: str, loaded: LoadedPolicy) -> bool:
    return any((folder / "run.json").is_file() for folder in _candidates(name, loaded))


def _find_baseline(name: str, loaded: LoadedPolicy) -> RunFolder:
    """The one run that the name stands for.

    Raises:
        UnknownName: there is none.
        UsageError: there are several.
    """
    from foodbench.cli.finding import known_runs
    from foodbench.runs.store import RunFolder

    runs = known_runs()
    found = [folder for folder in _candidates(name, loaded) if (folder / "run.json").is_file()]
    if name in runs:
        found.append(runs[name])
    distinct = {folder.resolve(): folder for folder in found}
    if len(distinct) > 1:
        raise UsageError(
            f"'{name}' is the name of several runs: {' and '.join(map(str, distinct.values()))}.",
            hint="Give the baseline's folder as a path, e.g. ./reports/NAME.",
        )
    if not distinct:
        looked = ", ".join(str(folder) for folder in _candidates(name, loaded))
        raise UnknownName(
            f"There is no baseline '{name}'.",
            hint=f"Looked for a run.json in {looked} and for a run of that id. --update-baseline makes a first one.",
        )
    return RunFolder(next(iter(distinct.values())))


def _begin_baseline(run: RunFolder, name: str, loaded: LoadedPolicy) -> None:
    from foodbench.runs.baseline_files import write_baseline

    target = _candidates(name, loaded)[-1]
    tasks = write_baseline(run, target)
    click.echo(f"New baseline {target} of {counted(len(tasks), 'task')}; commit it by itself.")


def _update(run: RunFolder, old: RunFolder, report: GateReport) -> None:
    """Move the baseline, unless what would be lost has not been acknowledged."""
    from foodbench.runs.baseline_files import write_baseline

    if report.verdict == "identical" and not report.new_tasks:
        click.echo(f"{old.path} stays: every answer is the same.", err=True)
        return
    if report.exit_code in (ExitCode.REGRESSION, ExitCode.INCOMPLETE):
        click.echo(
            f"{old.path} stays: the candidate does not pass. Acknowledge what is meant (docs/gate.md).", err=True
        )
        raise click.exceptions.Exit(report.exit_code)
    if report.ungated_tasks:
        raise UsageError(
            f"{old.path} stays: the policy leaves out {', '.join(report.ungated_tasks)}, to be replaced unseen.",
            hint="Update with a policy that gates all tasks.",
        )
    tasks = write_baseline(run, old.path)
    click.echo(
        f"Updated {old.path}: {counted(len(tasks), 'task')} of {report.candidate.run_id}; commit it by itself.",
        err=True,
    )
