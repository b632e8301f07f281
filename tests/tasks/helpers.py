"""What the tests of tasks share."""

from __future__ import annotations

from foodbench.data.roots import resolve
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData


def load(name: str, **options: int) -> TaskData:
    """A task with the questions of the kitchen edition."""
    task = TASKS.get(name)
    return task.load(resolve(task.dataset, "kitchen"), **options)
