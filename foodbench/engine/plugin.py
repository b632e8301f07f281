"""What a plain `pip install foodbench` adds to lmms-eval: the food tasks and the adapters.

lmms-eval 0.7.3 has an entry-point group for models and none for tasks. Its evaluator imports `lmms_eval.models`, and so
calls `manifests`, before it indexes tasks: there we add our task folder to the index. `lmms_eval.tasks` costs ~5 s to
import, so if it is not imported yet, a one-shot import hook does the work when (and if) it is; `lmms-eval models` stays
as quick as it was.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

TASKS_MODULE = "lmms_eval.tasks"
_MARK = "_foodbench_tasks"


def tasks_folder() -> Path:
    """The folder with foodbench's lmms-eval YAML files (for `lmms-eval --include_path`)."""
    return Path(__file__).resolve().parent.parent / "tasks"


def _add_tasks(module: ModuleType) -> None:
    """Make `TaskManager` index our folder beside lmms-eval's own."""
    manager = module.TaskManager
    if getattr(manager, _MARK, False):
        return
    original = manager.initialize_tasks

    @functools.wraps(original)
    def initialize_tasks(self: Any, include_path: Any = None, include_defaults: bool = True) -> Any:
        paths = [include_path] if isinstance(include_path, (str, Path)) else list(include_path or [])
        if include_defaults and str(tasks_folder()) not in map(str, paths):
            paths.append(str(tasks_folder()))
        return original(self, include_path=paths or None, include_defaults=include_defaults)

    manager.initialize_tasks = initialize_tasks
    setattr(manager, _MARK, True)


class _PatchOnImport(importlib.abc.MetaPathFinder):
    """Finds `lmms_eval.tasks` once, lets it load as usual, then adds our folder."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != TASKS_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            _add_tasks(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def manifests() -> list[Any]:
    """The entry point `lmms_eval.models`: our models, and as a side effect our tasks."""
    from lmms_eval.models.registry_v2 import ModelManifest

    loaded = sys.modules.get(TASKS_MODULE)
    if loaded is not None and hasattr(loaded, "TaskManager"):
        _add_tasks(loaded)
    elif not any(isinstance(finder, _PatchOnImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PatchOnImport())
    return [
        ModelManifest("foodlmm", simple_class_path="foodbench.adapters.bridge.FoodLMMModel"),
        ModelManifest("foodbench", simple_class_path="foodbench.adapters.bridge.FoodbenchModel"),
    ]
