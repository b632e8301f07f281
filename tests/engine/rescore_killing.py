"""Kills the scoring of a stored run with SIGKILL before every single change that it makes to the run's folder.

A script, so that the imports are paid once and each attempt is a fork: `python -m tests.engine.rescore_killing RUN
OUT VERSION`. Each attempt begins with a copy of RUN; the parser is another one than that which scored it. Prints, for
every kill, which result stood after it, as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from foodbench.cli.main import run_command
from foodbench.core.types import Answer, Sample
from foodbench.runs.store import RunFolder, samples_digest
from foodbench.tasks import TASKS
from foodbench.tasks.base import Reading

TASK = "food101.dish"
WRITING = os.O_WRONLY | os.O_RDWR


def stricter(version: int) -> Any:
    """The dish task with a parser that cannot read the answers of some samples, as the given version."""
    task = TASKS.get(TASK)

    def read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
        found = task.read(sample, answer, vocabulary)
        return replace(found, parsed=False, values={"correct": 0.0}) if sample.sample_id.endswith("1") else found

    return replace(task, version=version, read=read)


def kill_before_change(folder: Path, number: int) -> None:
    """Have this process killed before the given one of its changes to files in the folder."""
    changes = 0

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        changing = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        )
        if changing and str(folder) in str(arguments[0]):
            changes += 1
            if changes > number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def score(run: Path, kill_at: int | None) -> bool:
    """Score a run in a child; returns whether it came to its end."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if kill_at is not None:
            kill_before_change(run, kill_at)
        os._exit(run_command(["score", str(run)]))
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, f"exit {os.WEXITSTATUS(status)}"
    return os.WIFEXITED(status)


def state(run: Path) -> dict[str, tuple[float | None, bool]]:
    """Every finished task: its first metric, and whether its samples are those of its result."""
    found = {}
    for name, task in RunFolder(run).tasks().items():
        if task.result_path.is_file():
            result = task.result()
            assert task.ids_path.is_file()
            found[name] = (result.metrics[0].value, samples_digest(task.samples()) == result.samples_sha256)
    return found


def main() -> None:
    """Kill at the first change, the second, and so on, until an attempt comes to its end."""
    pristine, out, version = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    TASKS._entries[TASK] = stricter(version)
    kills = []
    while True:
        run = out / f"kill-{len(kills)}"
        shutil.copytree(pristine, run)
        ended = score(run, len(kills))
        after = state(run)
        if not ended:
            assert score(run, None)
        last, kept = state(run), sorted(path.parent.name for path in run.glob("*/history/*/result.json"))
        left = sorted(path.name for path in run.rglob("*") if ".tmp" in path.name or ".new" in path.name)
        listed = sorted(RunFolder(run).read().tasks)
        shutil.rmtree(run)
        if ended:
            break
        kills.append({"after": after, "last": last, "kept": kept, "left": left, "listed": listed})
    print(json.dumps({"kills": kills, "whole": {"last": last, "kept": kept, "left": left, "listed": listed}}))


if __name__ == "__main__":
    main()
