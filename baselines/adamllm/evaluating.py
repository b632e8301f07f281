"""Measuring a checkpoint with foodbench, and keeping the report."""

from __future__ import annotations

from pathlib import Path

from foodbench.core.errors import RunIncomplete


def measure(checkpoint: Path, tasks: str, runs: Path, report: Path, *, limit: int | None = None) -> None:
    """Run tasks of the kitchen edition on a checkpoint; the same call goes on with an interrupted run.

    Args:
        checkpoint: of the adapter `adamllm`.
        tasks: as after `--tasks`.
        runs: folder of runs.
        report: folder for the finished run, samples compressed.
        limit: samples of each task.

    Raises:
        FoodbenchError: a task cannot be measured.
    """
    from foodbench.cli.progress import ConsoleReporter
    from foodbench.engine.runner import RunOptions, execute
    from foodbench.runs.baseline_files import write_baseline
    from foodbench.tasks import select

    options = RunOptions(
        model="adamllm",
        model_args={"checkpoint": str(checkpoint)},
        tasks=select(tasks),
        edition="kitchen",
        limit=limit,
        out=runs,
    )
    outcome = execute(options, {}, ConsoleReporter())
    for error in (*outcome.errors.values(), *outcome.not_measured.values()):
        raise error
    if not outcome.results:
        raise RunIncomplete(f"Nothing of {tasks} was measured.", hint="Run it again.")
    write_baseline(outcome.folder, report)


__all__ = ["measure"]
