"""Baselines: finished runs in a folder that is committed, samples compressed.

The compressed samples hold no time stamp of the packer, so the same samples are the same bytes and a repository sees a
change only where there is one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from foodbench.core.errors import StorageFull, UsageError
from foodbench.core.files import atomic_write, file_lock
from foodbench.runs.store import RunFolder, pack

RESULT, IDS = "result.json", "ids.json"


def write_baseline(run: RunFolder, target: Path) -> list[str]:
    """Put the finished tasks of a run in the place of the baseline at `target`.

    The new folder is written beside the old one and takes its place at the end; what else the old one held besides a
    run's own files stays.

    Args:
        run: the run; its own folder may be one of compressed samples.
        target: the baseline's folder, made if it is not there.

    Returns:
        The tasks, as `name@version`.

    Raises:
        UsageError: `target` is the run's own folder, or is something else than a baseline.
        DataMissing, DataCorrupt: the run is damaged or has no finished task.
        StorageFull: it cannot be written; the old baseline is as it was.
    """
    run.read()
    finished = run.finished()
    _require_baseline(run, target)
    if not finished:
        raise UsageError(f"{run.path} has no finished task.", hint="Run it to its end first.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(f"Cannot make {target.parent}: {error.strerror}.", hint="Check its permissions.") from error
    fresh, old = (target.with_name(f".{target.name}.{os.getpid()}.{kind}") for kind in ("new", "old"))
    with file_lock(target.with_name(f".{target.name}.lock")):
        try:
            atomic_write(fresh / "run.json", run.run_path.read_bytes())
            for name, task in finished.items():
                task.result()
                atomic_write(fresh / name / RESULT, task.result_path.read_bytes())
                if task.ids_path.is_file():
                    atomic_write(fresh / name / IDS, task.ids_path.read_bytes())
                packed = pack(task.samples_bytes())
                atomic_write(fresh / name / task.packed_samples_path.name, packed)
            _exchange(fresh, target, old)
        except OSError as error:
            raise StorageFull(f"Cannot write {target}: {error.strerror}.", hint="Check its permissions.") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    target.with_name(f".{target.name}.lock").unlink(missing_ok=True)
    return sorted(finished)


def _require_baseline(run: RunFolder, target: Path) -> None:
    if target.exists() and target.resolve() == run.path.resolve():
        raise UsageError(f"{target} is the candidate itself.", hint="Give the baseline's folder with --baseline.")
    entries = list(target.iterdir()) if target.is_dir() else []
    if (target.exists() and not target.is_dir()) or (entries and not (target / "run.json").is_file()):
        raise UsageError(f"{target} is no baseline: it has no run.json.", hint="Give a new folder, or a baseline's.")
    plain = [entry for entry in entries if "@" in entry.name and (entry / "samples.jsonl").is_file()]
    if plain:
        raise UsageError(
            f"{target} is a run, not a baseline: its samples are not compressed.",
            hint="Baselines are folders of their own, e.g. reports/NAME.",
        )


def _exchange(fresh: Path, target: Path, old: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    for entry in target.iterdir():
        if entry.name != "run.json" and "@" not in entry.name and not entry.is_dir():
            shutil.copy2(entry, fresh / entry.name)
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)
