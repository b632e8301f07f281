"""Copy a finished run into a folder of reports, samples compressed: `python reports/collect.py RUN reports/NAME`."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

from foodbench.core.files import atomic_write
from foodbench.runs.store import RunFolder


def collect(run: Path, target: Path) -> None:
    """Copy `run.json`, and each finished task's result, ids and samples; what another run left in the target goes.

    The compressed samples hold no time stamp, so the same samples are the same bytes.

    Raises:
        DataMissing, DataCorrupt: not a finished run.
    """
    folder = RunFolder(run)
    folder.read()
    for old in target.glob("*@*"):
        shutil.rmtree(old)
    atomic_write(target / "run.json", folder.run_path.read_bytes())
    for name, task in folder.tasks().items():
        task.result()
        atomic_write(target / name / "result.json", task.result_path.read_bytes())
        atomic_write(target / name / "ids.json", task.ids_path.read_bytes())
        packed = gzip.compress(task.samples_path.read_bytes(), compresslevel=9, mtime=0)
        atomic_write(target / name / "samples.jsonl.gz", packed)


if __name__ == "__main__":
    collect(Path(sys.argv[1]), Path(sys.argv[2]))
