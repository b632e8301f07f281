"""Copy a finished run into a folder of reports, samples compressed: `python reports/collect.py RUN reports/NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

from foodbench.runs.baseline_files import write_baseline
from foodbench.runs.store import RunFolder


def collect(run: Path, target: Path) -> None:
    """Put `run.json`, and each task's result, ids and samples in the place of what another run left in the target.

    Raises:
        DataMissing, DataCorrupt: not a finished run.
    """
    folder = RunFolder(run)
    for task in folder.tasks().values():
        task.result()
    write_baseline(folder, target)


if __name__ == "__main__":
    collect(Path(sys.argv[1]), Path(sys.argv[2]))
