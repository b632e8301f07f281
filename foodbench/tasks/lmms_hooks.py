"""The functions that the tasks' lmms-eval YAML files name, made when lmms-eval asks for them.

lmms-eval resolves `!function module.name` by importing the module and reading one attribute. So every task's functions
are attributes of this module: `<lmms-eval's name of the task>__<hook>`, and `<task>__<metric id>` with `_` for `.`
for a metric's aggregation. A task file needs nothing for it.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from foodbench.tasks import TASKS
from foodbench.tasks.hooks import HOOKS, TaskHooks


@lru_cache(maxsize=1)
def _task_names() -> dict[str, str]:
    """The task's name by its name in lmms-eval."""
    return {TASKS.get(name).yaml_name: name for name in TASKS.names()}


@cache
def _hooks(name: str) -> TaskHooks:
    """One object per task: its data are loaded once for all of its hooks."""
    return TaskHooks(TASKS.get(name))


def __getattr__(attribute: str) -> Any:
    """A hook or an aggregation.

    Raises:
        AttributeError: no such task, hook or metric.
    """
    yaml_name, separator, wanted = attribute.partition("__")
    name = _task_names().get(yaml_name) if separator and wanted else None
    if name is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{attribute}'")
    hooks = _hooks(name)
    if wanted in HOOKS:
        return getattr(hooks, wanted)
    for metric in hooks.task.metrics:
        if metric.id.replace(".", "_") == wanted:
            return hooks.aggregation(metric)
    raise AttributeError(f"{name} has neither a hook nor a metric '{wanted}'")
