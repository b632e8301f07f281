"""The layers are one-way and the safety rules hold: checked on the source, imports in functions included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "foodbench"
LAYERS = ("core", "data", "metrics", "stats", "tasks", "models", "adapters", "runs", "papers", "site", "engine", "cli")
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def layer(path: Path) -> str | None:
    first = path.relative_to(PACKAGE).parts[0]
    return first if first in LAYERS else None


def test_every_package_has_a_layer() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_from_above(path: Path) -> None:
    own = layer(path)
    if own is None:  # foodbench/__init__.py and __main__.py
        return
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "foodbench" and len(parts) > 1:
            assert LAYERS.index(parts[1]) <= LAYERS.index(own), f"{path} ({own}) imports {name}"
        if own == "core":
            assert parts[0] in {"foodbench", "numpy", "__future__", *__import__("sys").stdlib_module_names}, name


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((REPOSITORY / "baselines").rglob("*.py"))], ids=lambda path: path.name
)
def test_safety_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert not {"pickle", "dill", "marshal", "shelve"} & {name.split(".")[0] for name in imported(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "yaml.load", "os.system", "joblib.load"}, called
            named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert named.get("shell") != "True"
            assert named.get("trust_remote_code") != "True"
            if called == "torch.load":
                assert named.get("weights_only") == "True"
    if "write_text(" in text or "write_bytes(" in text or re.search(r"open\([^)]*[\"'][wx]b?[\"']", text):
        raise AssertionError(f"{path} writes a file by itself; use foodbench.core.files")
    assert len(text.splitlines()) <= 500
