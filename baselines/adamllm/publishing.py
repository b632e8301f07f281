"""The log that a run publishes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foodbench.core.files import atomic_write, read_json_lines


def gather_log(out: Path, stages: Sequence[str], log: Path) -> tuple[list[dict[str, Any]], float]:
    """Write one log of all stages; returns what each stage's record of its end says, and the seconds of training."""
    lines = [
        {"stage": stage, **record}
        for stage in stages
        if (out / stage / "log.jsonl").is_file()
        for record in read_json_lines(out / stage / "log.jsonl")
    ]
    atomic_write(log, "".join(json.dumps(line) + "\n" for line in lines))
    seconds = sum(line.get("train_seconds", 0.0) for line in lines)
    return [json.loads((out / stage / "done.json").read_text(encoding="utf-8")) for stage in stages], seconds


__all__ = ["gather_log"]
