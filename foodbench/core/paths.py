"""Where foodbench keeps things on a user's machine."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder for registered datasets and the rendered kitchen.

    `FOODBENCH_HOME` if set, otherwise `$XDG_CACHE_HOME/foodbench`, otherwise `~/.cache/foodbench`. Not created here.
    """
    explicit = os.environ.get("FOODBENCH_HOME")
    if explicit:
        return Path(explicit).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "foodbench"


def runs_dir() -> Path:
    """The folder that runs are written to: `FOODBENCH_RUNS`, otherwise `runs` in the current folder."""
    return Path(os.environ.get("FOODBENCH_RUNS") or "runs").expanduser()
