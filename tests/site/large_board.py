"""A board of 20 systems, 25 tasks and 500 samples each, built and measured: `python -m tests.site.large_board`.

The answers are those of the committed reports, repeated under other ids and mixed between systems.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.runs.store import RunFolder, pack
from foodbench.site.builder import BuildOptions, build
from foodbench.site.wording import size
from tests.conftest import REPOSITORY

SYSTEMS, TASKS, SAMPLES = 20, 25, 500
SOURCES = ("foodlmm-kitchen", "foodlmm-stage1-kitchen", "foodlmm-finetune-refer-kitchen", "lisa-kitchen")


def make_reports(root: Path) -> None:
    """Write the reports."""
    sources = [RunFolder(REPOSITORY / "reports" / name) for name in SOURCES]
    names = list(sources[0].tasks())[:TASKS]
    lines = {(place, name): _records(source, name) for place, source in enumerate(sources) for name in names}
    for number in range(SYSTEMS):
        generator = random.Random(number)
        base, other = number % len(sources), (number + 1) % len(sources)
        folder = root / f"system-{number:02}"
        run = json.loads(sources[base].run_path.read_text(encoding="utf-8"))
        atomic_write_json(folder / "run.json", {**run, "tasks": {name: run["tasks"][name] for name in names}})
        for name in names:
            own, mixed = lines[base, name], lines[other, name]
            rows = []
            for index in range(SAMPLES):
                chosen = mixed if generator.random() < 0.02 * number else own
                record, turn = chosen[index % len(own)], index // len(own)
                ids = {key: f"{record[key]}~{turn}" for key in ("sample_id", "cluster")}
                rows.append(json.dumps({**record, **ids}) + "\n")
            result = json.loads(sources[base].task(name).result_path.read_text(encoding="utf-8"))
            result |= {"n": SAMPLES, "task": {**result["task"], "fingerprint": f"sha256:large-{name}"}}
            atomic_write_json(folder / name / "result.json", result)
            atomic_write(folder / name / "samples.jsonl.gz", pack("".join(rows).encode()))


def _records(source: RunFolder, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in source.task(name).samples_bytes().splitlines()]


def main(folder: Path) -> None:
    """Make, build, and print what it took."""
    make_reports(folder / "reports")
    start = time.perf_counter()
    built = build(BuildOptions(folder / "reports", folder / "dist", folder, pictures=False, workers=2))
    seconds = time.perf_counter() - start
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{seconds:.0f} s, {max(each.ru_maxrss for each in usage) / 1024:.0f} MB in the largest process")
    print(f"{built.files:,} files, {size(built.size)}; home page with style sheet and script {size(built.home)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
