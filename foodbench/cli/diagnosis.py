"""What `foodbench doctor` looks at. Quick, offline, and never fatal: a check that fails is itself a finding."""

from __future__ import annotations

import codecs
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import foodbench
from foodbench.cli.imports import ImportProbe
from foodbench.core.errors import FoodbenchError
from foodbench.core.paths import home, runs_dir

Status = Literal["ok", "warning", "problem"]

OLDEST_PYTHON = (3, 11)
_MEGABYTE = 1024**2
_GIGABYTE = 1024**3
# A run's answers are some MB, the kitchen edition 100.
_LITTLE_DISK, _NO_DISK = _GIGABYTE, 50 * _MEGABYTE
_LITTLE_MEMORY = 3 * _GIGABYTE
_OPTIONAL = (
    ("openai", "endpoint", "models behind an OpenAI-compatible server"),
    ("decord", "video", "some of lmms-eval's own models (lmms:NAME)"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        topic: what was looked at.
        status: `problem` stops `foodbench run`, `warning` may matter.
        message: what was found.
        remedy: what to do about it; empty if nothing.
    """

    topic: str
    status: Status
    message: str
    remedy: str = ""


def examine() -> list[Finding]:
    """All findings, in the order in which they are read."""
    probe = ImportProbe.start()  # imports for seconds, in another process, while this one looks around
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("imports", lambda: _imports(probe)),
        ("gpu", lambda: _gpu(probe)),
        ("extras", _extras),
        ("lmms-eval plug-in", _plugin),
        ("checkpoint", _checkpoint),
        ("datasets", _datasets),
        ("disk", _disk),
        ("machine", _machine),
        ("terminal", _terminal),
        ("network", _network),
    )
    found: dict[str, list[Finding]] = {}
    # The probe's answer is waited for last.
    for topic, check in sorted(checks, key=lambda pair: pair[0] in ("imports", "gpu")):
        found[topic] = _guarded(topic, check)
    return [finding for topic, _ in checks for finding in found[topic]]


def _guarded(topic: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except Exception as error:  # the doctor must survive whatever the patient has
        findings.append(Finding(topic, "warning", f"cannot be looked at: {type(error).__name__}: {error}"))
    return findings


def _python() -> Iterator[Finding]:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    version = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("python", "problem", version, f"foodbench needs Python {oldest} or later.")
    else:
        yield Finding("python", "ok", version)


def _packages() -> Iterator[Finding]:
    try:
        lines = metadata.requires("foodbench") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages",
            "warning",
            "foodbench runs from a folder and is not installed, so its requirements cannot be compared",
            "Install it, e.g. pip install -e . -c constraints.txt",
        )
        return
    from packaging.requirements import Requirement

    fine: list[str] = []
    for line in lines:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        remedy = f"pip install -c constraints.txt '{wanted}'"
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            yield Finding("packages", "problem", f"{wanted.name} is not installed", remedy)
            continue
        if wanted.specifier.contains(version, prereleases=True):
            fine.append(f"{wanted.name} {version}")
        else:
            message = f"{wanted.name} {version} is installed, {wanted.specifier} is wanted"
            yield Finding("packages", "warning", message, remedy)
    yield Finding("packages", "ok", f"foodbench {foodbench.__version__}; {', '.join(sorted(fine))}")


def _imports(probe: ImportProbe) -> Iterator[Finding]:
    for name, failure in probe.failures().items():
        yield Finding("imports", failure.status, failure.message, failure.remedy)
        if name == "torch":
            return  # the others fail after it
    done = probe.succeeded()
    if done:
        yield Finding("imports", "ok", f"{', '.join(done)} import")


def _gpu(probe: ImportProbe) -> Iterator[Finding]:
    facts = probe.facts()
    if not facts:
        yield Finding("gpu", "warning", "cannot be looked at without torch")
        return
    devices = facts.get("devices", [])
    for index, device in enumerate(devices):
        yield Finding("gpu", "ok", f"cuda:{index} {device['name']}, {device['memory'] / _GIGABYTE:.0f} GB")
    if devices:
        return
    if Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi"):
        built = f"is built for CUDA {facts['cuda']}" if facts.get("cuda") else "is built without CUDA"
        yield Finding(
            "gpu",
            "warning",
            f"there is an NVIDIA driver, but torch {facts.get('torch', '?')} sees no device (it {built})",
            "Check nvidia-smi and CUDA_VISIBLE_DEVICES; install torch and torchvision as the pair of constraints.txt.",
        )
    else:
        yield Finding("gpu", "ok", "none; baselines, endpoints and the small foodlmm need none")


def _extras() -> Iterator[Finding]:
    for package, extra, purpose in _OPTIONAL:
        if importlib.util.find_spec(package) is not None:
            yield Finding(f"extra {extra}", "ok", f"{package} is installed")
        else:
            message = f"{package} is not installed; only {purpose} need it: pip install 'foodbench[{extra}]'"
            yield Finding(f"extra {extra}", "ok", message)


def _plugin() -> Iterator[Finding]:
    if any(point.name == "foodbench" for point in metadata.entry_points(group="lmms_eval.models")):
        yield Finding("lmms-eval plug-in", "ok", "lmms-eval finds foodbench's models and tasks by itself")
    else:
        yield Finding(
            "lmms-eval plug-in",
            "warning",
            "lmms-eval does not find foodbench's models and tasks (`foodbench run` works all the same)",
            "Install foodbench again: pip install -e . or pip install foodbench",
        )


def _checkpoint() -> Iterator[Finding]:
    folder = Path(foodbench.__file__).parent / "models" / "foodlmm" / "kitchen"
    weights = sorted(folder.glob("*.safetensors"))
    if weights and (folder / "config.json").is_file():
        size = sum(path.stat().st_size for path in weights) / _MEGABYTE
        yield Finding("checkpoint", "ok", f"the small trained foodlmm is here ({size:.1f} MB)")
    else:
        yield Finding(
            "checkpoint",
            "warning",
            f"the small trained foodlmm is not in {folder}: `--model foodlmm` needs its settings to name another",
            "Install the whole package, or train it: baselines/foodlmm/README.md",
        )


def _datasets() -> Iterator[Finding]:
    from foodbench.data.catalog import READERS
    from foodbench.data.doctor import is_cooked, kitchen_place
    from foodbench.data.roots import KITCHEN_VARIABLE, roots

    try:
        registered = roots()
    except FoodbenchError as error:
        yield Finding("datasets", "problem", error.message, error.hint)
        return
    for entry in registered.values():
        if entry.root.is_dir():
            partial = " (partial copies allowed)" if entry.allow_partial else ""
            yield Finding("datasets", "ok", f"{entry.name}: real copy in {entry.root}{partial}")
        else:
            yield Finding(
                "datasets",
                "warning",
                f"{entry.name}: the registered folder {entry.root} is gone",
                f"Mount it again, or: foodbench data remove {entry.name}",
            )
    if not registered:
        yield Finding("datasets", "ok", "no real copy is registered, so runs use the kitchen edition")
    waiting = [name for name in READERS.names() if not is_cooked(kitchen_place(name))]
    if not waiting:
        yield Finding("kitchen", "ok", "the kitchen edition is made")
    elif os.environ.get(KITCHEN_VARIABLE):
        chosen = os.environ[KITCHEN_VARIABLE]
        message = f"{KITCHEN_VARIABLE} is {chosen}, which has no kitchen edition of {', '.join(waiting)}"
        yield Finding("kitchen", "warning", message, f"foodbench data make kitchen --out {chosen}")
    else:
        message = f"the kitchen edition of {', '.join(waiting)} is made when it is first used (under a minute)"
        yield Finding("kitchen", "ok", message)


def _disk() -> Iterator[Finding]:
    for variable, folder in (("FOODBENCH_HOME", home()), ("FOODBENCH_RUNS", runs_dir())):
        present = _nearest(folder)
        free = shutil.disk_usage(present).free
        shown, remedy = f"{folder}: {free / _GIGABYTE:.1f} GB free", f"Free some, or choose another folder: {variable}"
        if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
            message = f"{folder} cannot be written"
            yield Finding("disk", "problem", message, f"Mend its permissions, or choose another folder: {variable}")
        elif free < _LITTLE_DISK:
            yield Finding("disk", "problem" if free < _NO_DISK else "warning", shown, remedy)
        else:
            yield Finding("disk", "ok", shown)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _machine() -> Iterator[Finding]:
    cores, total = usable_cores(), os.cpu_count() or 1
    memory = available_memory()
    shown = f"{cores:g} of {total} cores usable" if cores < total else f"{total} cores"
    if memory is None:
        yield Finding("machine", "ok", shown)
    else:
        little = memory < _LITTLE_MEMORY
        message = f"{shown}, {memory / _GIGABYTE:.1f} GB of memory available"
        remedy = "lmms-eval and torch alone take 1 GB: close something." if little else ""
        yield Finding("machine", "warning" if little else "ok", message, remedy)
    threads = os.environ.get("OMP_NUM_THREADS")
    advice = f"OMP_NUM_THREADS={max(1, int(cores))} OMP_WAIT_POLICY=passive"
    if threads is None and cores < total:
        message = f"OMP_NUM_THREADS is not set, so libraries start {total} threads on {cores:g} cores"
        yield Finding("threads", "warning", message, f"export {advice}")
    elif threads is None:
        yield Finding("threads", "ok", f"OMP_NUM_THREADS is not set; on a machine that others use too: {advice}")
    elif not threads.isdigit() or not int(threads):
        yield Finding("threads", "warning", f"OMP_NUM_THREADS is '{threads}', not a number", f"export {advice}")
    elif int(threads) > cores:
        message = f"OMP_NUM_THREADS is {threads}, with {cores:g} cores to use"
        yield Finding("threads", "warning", message, f"export {advice}")
    else:
        yield Finding("threads", "ok", f"OMP_NUM_THREADS is {threads}")


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Cores that this process may use: its affinity, and a container's quota where there is one."""
    # Not on macOS and Windows.
    affinity: Any = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return cores if quota == "max" else min(cores, int(quota) / int(period))
    except (OSError, ValueError):
        return cores


def available_memory(cgroup: Path = Path("/sys/fs/cgroup"), meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes of memory that can be had, within a container's limit; None where the system does not say."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return None
    try:
        limit = int((cgroup / "memory.max").read_text())
        return min(free, limit - int((cgroup / "memory.current").read_text()))
    except (OSError, ValueError):
        return free


def _terminal() -> Iterator[Finding]:
    encoding = codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name
    if encoding in ("utf-8", "ascii"):  # click writes UTF-8 where Python believes that there is ASCII only
        yield Finding("terminal", "ok", f"prints {encoding}")
    else:
        yield Finding("terminal", "warning", f"stdout is {encoding}, tables need UTF-8", "export PYTHONUTF8=1")


def _network() -> Iterator[Finding]:
    offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0") else ""
    message = f"not needed, except for weights and endpoints that you name{offline}; it was not tried"
    yield Finding("network", "ok", message)
