"""A board of 20 systems, 25 tasks and 500 samples each, built and measured.

    python -m tests.site.large_board               # without pictures
    python -m tests.site.large_board --pictures    # with those of 500 plates of each dataset, and all masks

Without pictures the answers are those of the committed reports, repeated under other ids and mixed between systems.
With them they are the references of a kitchen that is rendered for it, each system wrong about other samples.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
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
MADE = 5  # systems whose answers are scored; the others are copies of them
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


def make_pictured(root: Path, kitchen: Path) -> None:
    """Render a kitchen of 500 test plates for each dataset, and write reports about it."""
    from foodbench.data.kitchen import make
    from foodbench.tasks import TASKS as ALL
    from tests.site.made_reports import loaded, write_answers, wrong_each

    make(kitchen, train=40, test=SAMPLES, workers=2)
    os.environ["FOODBENCH_KITCHEN"] = str(kitchen)
    names = [name for name in ALL.names() if ALL.get(name).protocol == "strict" and name != "fooddialogues.chat"][
        :TASKS
    ]
    data = loaded(names)
    for number in range(SYSTEMS):
        if number < MADE:
            write_answers(root, f"system-{number:02}", data, wrong_each(number + 3))
        else:
            shutil.copytree(root / f"system-{number % MADE:02}", root / f"system-{number:02}")
    answers = sum(1 for path in root.rglob("samples.jsonl") for _ in path.open("rb"))
    print(f"{len(names)} tasks, {answers:,} answers")


def _processor_seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


def main(folder: Path, *, pictures: bool) -> None:
    """Make, build, and print what it took."""
    if pictures:
        make_pictured(folder / "reports", folder / "kitchen")
    else:
        make_reports(folder / "reports")
    start, busy = time.perf_counter(), _processor_seconds()
    built = build(BuildOptions(folder / "reports", folder / "dist", folder, pictures=pictures, workers=2))
    seconds = time.perf_counter() - start
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{seconds:.0f} s, {_processor_seconds() - busy:.0f} s of processor time")
    print(f"{max(each.ru_maxrss for each in usage) / 1024:.0f} MB in the largest process")
    print(f"{built.files:,} files, {size(built.size)}; home page with style sheet and script {size(built.home)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary), pictures="--pictures" in sys.argv[1:])
