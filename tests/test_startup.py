"""Light commands stay light: what they import is a contract."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "transformers",
    "pandas",
    "lmms_eval",
    "datasets",
    "scipy",
    "PIL",
    "matplotlib",
    "openai",
)

PROBE = """
import json, sys
from foodbench.cli.main import run_command
code = run_command(json.loads(sys.argv[1]))
print()
print(json.dumps({"code": code, "loaded": [name for name in json.loads(sys.argv[2]) if name in sys.modules]}))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["version"],
        ["list", "tasks"],
        ["list", "models"],
        ["list", "datasets"],
        ["list", "runs"],
        ["schema", "result"],
        ["run", "--help"],
        ["data", "--help"],
        ["run", "--model", "baseline:mean", "--tasks", "nonsense"],
        ["run", "--model", "nonsense"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["loaded"] == []
    assert report["code"] == (2 if "nonsense" in arguments else 0), done.stderr


def test_import_of_the_package_is_nearly_free() -> None:
    code = "import sys; before = set(sys.modules); import foodbench; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 3
