"""The tasks: what is asked of which dataset, how an answer is read, and which metrics it feeds.

`TASKS` names every task lazily; `select` turns what a user typed (`all`, `food101.*`, `food101.dish,nutrition5k.total`)
into task names.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.registry import Registry

if TYPE_CHECKING:
    from foodbench.tasks.base import FoodTask

TASKS: Registry[FoodTask] = Registry("task", entry_point_group="foodbench.tasks")
TASKS.register("food101.dish", "foodbench.tasks.food101.dish:TASK")
TASKS.register("nutrition5k.total", "foodbench.tasks.nutrition5k.total:TASK")
TASKS.register("foodseg103.refer1", "foodbench.tasks.foodseg103.refer1:TASK")


def select(patterns: str) -> list[str]:
    """The task names that a comma-separated list of names and globs stands for, each once, in registry order.

    Args:
        patterns: e.g. `all`, `food101.dish`, `food101.*,nutrition5k.total`.

    Raises:
        UsageError: nothing was given.
        UnknownName: a name or pattern matches no task.
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if not wanted:
        raise UsageError("No task was given.", hint="Use --tasks all, or names from `foodbench list tasks`.")
    known = TASKS.names()
    chosen: set[str] = set()
    for pattern in wanted:
        matches = known if pattern == "all" else [name for name in known if fnmatchcase(name, pattern)]
        if not matches:
            raise UnknownName.of("task", pattern, known)
        chosen.update(matches)
    return [name for name in known if name in chosen]
