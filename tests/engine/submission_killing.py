"""Kills the writing of a submission before every single change that it makes: `python -m ... OUT`. Prints JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from foodbench.engine.submission import Outcome, write
from tests.engine.rescore_killing import kill_before_change

FILES = {"run.json": b"{}\n", "a.b@1/result.json": b"1\n", "a.b@1/samples.jsonl.gz": b"2\n", "submission.json": b"3\n"}


def attempt(out: Path, kill_at: int | None) -> bool:
    """Write in a child; returns whether it came to its end."""
    child = os.fork()
    if child == 0:
        if kill_at is not None:
            kill_before_change(out, kill_at)
        write(Outcome("measured", model="m", digest="d" * 64, files=dict(FILES)), out)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def state(out: Path) -> dict[str, bool]:
    """Whether the folder is there, whether it is whole, and whether anything else is."""
    target = out / "m" / ("d" * 12)
    there = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    others = [path for path in out.rglob("*") if path.is_file() and target not in path.parents]
    return {"there": target.exists(), "whole": there == FILES, "others": bool(others)}


def main() -> None:
    """Kill at the first change, the second, and so on, until an attempt comes to its end."""
    base, kills = Path(sys.argv[1]), []
    while True:
        out = base / f"kill-{len(kills)}"
        ended = attempt(out, len(kills))
        killed = state(out)
        if ended:
            print(json.dumps({"kills": kills, "whole": killed}))
            return
        assert attempt(out, None)
        kills.append({"killed": killed, "again": state(out)})
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
