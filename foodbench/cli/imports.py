"""Trying the heavy imports in another process, where a crash or a hang does no harm."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any, Literal

TIMEOUT_SECONDS = 13.0

_MARK = "foodbench-probe "
_MODULES = ("torch", "torchvision", "pycocotools.mask", "lmms_eval.evaluator")
_PACKAGES = {"pycocotools.mask": "pycocotools", "lmms_eval.evaluator": "lmms-eval"}

# Each module's outcome is written as soon as it is known, so that what came before a crash or hang is not lost.
_PROGRAM = f"""
import importlib, json, sys
def say(**facts):
    sys.stdout.write("\\n{_MARK}" + json.dumps(facts) + "\\n"); sys.stdout.flush()
for name in {_MODULES!r}:
    say(begins=name)
    try:
        module = importlib.import_module(name)
    except BaseException as error:
        say(module=name, error=type(error).__name__ + ": " + str(error)[:2000])
        if name == "torch":
            break
        continue
    say(module=name, error=None)
    if name == "torch":
        try:
            cuda = module.cuda
            found = [cuda.get_device_properties(i) for i in range(cuda.device_count())] if cuda.is_available() else []
            devices = [dict(name=each.name, memory=each.total_memory) for each in found]
            say(torch=module.__version__, cuda=module.version.cuda, devices=devices)
        except Exception as error:
            say(torch=str(getattr(module, "__version__", "?")), cuda=None, devices=[])
"""

_PAIR_REMEDY = (
    "Install the two as a pair from one index (a CPU-only torch beside the package index's torchvision does this): "
    "pip install --force-reinstall torch==2.15.0 torchvision==0.29.2 (the pair of constraints.txt)"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a module could not be imported.

    Attributes:
        status: `problem`, or `warning` if it only took too long.
        message: what happened.
        remedy: what to do.
    """

    status: Literal["warning", "problem"]
    message: str
    remedy: str


class ImportProbe:
    """A process that imports the heavy modules, one after the other, and reports on each."""

    def __init__(self, process: subprocess.Popen[bytes] | None, output: IO[bytes], trouble: str) -> None:
        """Wrap a started process and the file that it writes to, or say why there is none."""
        self._process, self._output, self._trouble = process, output, trouble
        self._deadline = time.monotonic() + TIMEOUT_SECONDS
        self._records: list[dict[str, Any]] | None = None
        self._ending = ""

    @classmethod
    def start(cls) -> ImportProbe:
        """Start importing."""
        # A file, not a pipe: nobody reads while it runs, and a full pipe would block it.
        output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _finish
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        try:
            process = subprocess.Popen(  # noqa: S603 - this Python, a fixed program, no shell
                [sys.executable, "-W", "ignore", "-c", _PROGRAM],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            return cls(None, output, f"Python cannot be started: {error.strerror or error}")
        return cls(process, output, "")

    def _finish(self) -> list[dict[str, Any]]:
        """Wait for the process, at most until the deadline, and read what it wrote."""
        if self._records is None:
            if self._process is not None:
                try:
                    code = self._process.wait(max(0.0, self._deadline - time.monotonic()))
                    self._ending = f"the interpreter died ({_exit_text(code)})" if code else ""
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                    self._ending = "timeout"
            self._records = []
            with contextlib.closing(self._output):
                self._output.seek(0)
                for line in self._output.read().decode("utf-8", "replace").splitlines():
                    if line.startswith(_MARK):
                        with contextlib.suppress(ValueError):
                            self._records.append(json.loads(line.removeprefix(_MARK)))
        return self._records

    def succeeded(self) -> list[str]:
        """The packages that import."""
        return [_package(each["module"]) for each in self._finish() if "module" in each and each["error"] is None]

    def facts(self) -> dict[str, Any]:
        """What torch says: its version, the CUDA version it is built for, and the devices. Empty without torch."""
        return next((each for each in self._finish() if "devices" in each), {})

    def failures(self) -> dict[str, Failure]:
        """Why modules could not be imported, by module; empty if all could."""
        records = self._finish()
        if self._trouble:
            return {"torch": Failure("warning", self._trouble, "Check the installation of Python.")}
        found = {each["module"]: _failure(each["module"], each["error"]) for each in records if each.get("error")}
        done = {each["module"] for each in records if "module" in each}
        begun = [each["begins"] for each in records if "begins" in each]
        hanging = begun[-1] if begun and begun[-1] not in done else None
        if hanging is not None:
            found[hanging] = _ended(hanging, self._ending)
        return found


def _package(module: str) -> str:
    return _PACKAGES.get(module, module)


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _ended(module: str, ending: str) -> Failure:
    package = _package(module)
    if ending == "timeout":
        message = f"importing {package} took more than {TIMEOUT_SECONDS:.0f} s and was given up"
        return Failure(
            "warning", message, "The machine is busy or its disk slow: try again. `foodbench run` only waits."
        )
    message = f"importing {package} crashed: {ending or 'it ended without a word'}"
    return Failure("problem", message, f"Install it again: pip install --force-reinstall -c constraints.txt {package}")


def _failure(module: str, error: str) -> Failure:
    package = _package(module)
    message, line = f"{package} does not import", " ".join(error.split())[:300]
    if re.search(r"torchvision::\w+ does not exist", error) or (
        module == "torchvision" and re.search(r"undefined symbol|Couldn't load custom C\+\+ ops", error)
    ):
        return Failure("problem", f"{message}, because torchvision does not fit torch: {line}", _PAIR_REMEDY)
    if error.startswith("ModuleNotFoundError"):
        return Failure("problem", f"{message}: {line}", "pip install -c constraints.txt foodbench")
    remedy = f"pip install --force-reinstall -c constraints.txt {package}"
    return Failure("problem", f"{message}: {line}", remedy)
