"""Where a number comes from: versions, commit, hardware. Collected once per run, without importing anything heavy."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import foodbench
from foodbench.core.hashing import fingerprint, sha256_file

PACKAGES = (
    "torch", "torchvision", "transformers", "lmms-eval", "datasets", "numpy", "pillow", "pycocotools", "scipy",
)  # fmt: skip


def _git(*arguments: str) -> str | None:
    folder = Path(foodbench.__file__).resolve().parent
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def package_commit() -> dict[str, Any] | None:
    """Commit of the repository that this package runs from; `None` if installed from a wheel.

    The package's own repository, not that of the current folder: a harness used from somebody's project must not
    record that project's commit as its own.
    """
    top = _git("rev-parse", "--show-toplevel")
    if top is None or not (Path(top) / "foodbench" / "__init__.py").is_file():
        return None
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


SCORING = ("core", "data", "metrics", "stats", "tasks")
"""Packages whose code and lists decide what an answer earns."""


@lru_cache(maxsize=4)
def code_digest(layers: tuple[str, ...] = SCORING) -> str:
    """`sha256:` and the digest of these packages' code, and of the texts beside it: lists of classes, synonyms, verbs.

    It tells apart two states of the code that have one version, or no commit of their own.
    """
    package = Path(foodbench.__file__).resolve().parent
    sources = sorted(
        path for layer in layers for kind in ("*.py", "*.txt", "*.json") for path in (package / layer).rglob(kind)
    )
    return fingerprint([[path.relative_to(package).as_posix(), sha256_file(path)] for path in sources])


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    torch = sys.modules.get("torch")  # only if the run has loaded it anyway
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def _static() -> dict[str, Any]:
    return {
        "foodbench": foodbench.__version__,
        "git": package_commit(),
        "scoring": code_digest(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }


def now() -> str:
    """The time as results write it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def collect(seed: int) -> dict[str, Any]:
    """The provenance block of a run or result."""
    return {**_static(), "gpus": _gpus(), "seed": seed}
