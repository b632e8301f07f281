"""A finished run of a trivial baseline on the small kitchen, made once per test process, and what to do to it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from foodbench.cli.main import run_command
from foodbench.runs.schema import SampleRecord
from foodbench.runs.store import samples_digest
from foodbench.runs.submission_folder import tree_digest

DISH, REFER, TOTAL = "food101.dish@1", "foodseg103.refer1@2", "nutrition5k.total@2"
TASKS = (DISH, REFER, TOTAL)
CARD = """\
name: Dice of the kitchen
organisation: Test & Söhne
parameters: 0
licence: Apache-2.0
training_data: Nothing; it draws answers from the train split.
overlap:
  "*": none
"""
REPORTED = """\
source: {title: A paper, url: "https://example.org/paper"}
edition: real
numbers:
  - {task: food101.dish, metric: top1_accuracy, value: 91.5, where: Table 1}
  - {task: nutrition5k.total, metric: pmae.kcal, value: 26.1}
"""


@cache
def shared_home() -> Path:
    """A home in which the floors of the small kitchen are measured once."""
    return Path(tempfile.mkdtemp(prefix="foodbench-submissions-"))


@cache
def finished_run(kitchen: Path) -> Path:
    """The run; FOODBENCH_KITCHEN and FOODBENCH_HOME must be set already."""
    assert os.environ["FOODBENCH_KITCHEN"] == str(kitchen)
    out = Path(tempfile.mkdtemp(prefix="foodbench-submitted-"))
    names = ",".join(name.partition("@")[0] for name in TASKS)
    assert run_command(["run", "-m", "baseline:random", "-t", names, "--quiet", "--out", str(out)]) == 0
    (run,) = out.iterdir()
    return run


def copy_of(run: Path, folder: Path) -> Path:
    return shutil.copytree(run, folder / run.name)


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.splitlines()]


def edit_samples(task: Path, change: Callable[[list[dict[str, Any]]], None], *, digest: bool) -> None:
    """Change samples, and if so wanted their digest in the result, as whoever forges would."""
    (path,) = task.glob("samples.jsonl*")
    lines = read_lines(path)
    change(lines)
    raw = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if path.suffix == ".gz" else raw)
    if digest:
        now = samples_digest([SampleRecord.model_validate(line) for line in lines])
        edit_json(task / "result.json", lambda result: result.update(samples_sha256=now))


def reseal(folder: Path) -> Path:
    """Make digests and folder name right again after a change, as whoever forges would."""
    sealed = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    sealed["files"] = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "submission.json"
    }
    sealed["digest"] = tree_digest({name: each["sha256"] for name, each in sealed["files"].items()})
    for name in sealed["tasks"]:
        result = folder / name / "result.json"
        try:
            sealed["tasks"][name]["samples_sha256"] = json.loads(result.read_bytes())["samples_sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged on purpose
    (folder / "submission.json").write_text(json.dumps(sealed, indent=2, ensure_ascii=False), encoding="utf-8")
    return folder.rename(folder.with_name(sealed["digest"][:12]))


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
