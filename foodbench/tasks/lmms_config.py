"""A task in lmms-eval's terms: the configuration that its YAML states and that the engine hands over.

The YAML files beside the tasks are written by this module (`python -m foodbench.tasks.lmms_config`); a test says that
they are current. A plug-in's task needs none for `foodbench run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from foodbench.core.files import atomic_write
from foodbench.tasks.hooks import HOOKS

if TYPE_CHECKING:
    from foodbench.tasks.base import FoodTask

PLACEHOLDER = Path(__file__).parent / "placeholder.jsonl"
MODULE = "foodbench.tasks.lmms_hooks"


def lmms_config(task: FoodTask) -> dict[str, Any]:
    """The task's configuration as plain data, in the order in which the YAML states it.

    Without the task's own hooks; aggregations are dotted names.
    """
    return {
        "task": task.yaml_name,
        "tag": "foodbench",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(PLACEHOLDER)}},
        "test_split": "test",
        "output_type": "generate_until",
        # lmms-eval adds a blank line as stop sequence where none is named; an answer may well have one.
        "generation_kwargs": {**task.generation, "until": []},
        "metric_list": [
            {
                "metric": metric.id,
                "aggregation": f"{MODULE}.{task.yaml_name}__{metric.id.replace('.', '_')}",
                "higher_is_better": metric.higher_is_better,
            }
            for metric in task.metrics
        ],
        "metadata": {"version": float(task.version), "protocol": task.protocol},
    }


def yaml_text(task: FoodTask) -> str:
    """The task's YAML. Written by hand rather than dumped: `!function` tags and comments."""
    config = lmms_config(task)
    lines = [
        f"# {task.summary}",
        "# For lmms-eval; questions, reading and metrics are in foodbench/tasks, from which this file is written.",
        f"task: {config['task']}",
        f"tag: {config['tag']}",
        f"dataset_path: {config['dataset_path']}",
        "dataset_kwargs:",
        "  data_files:",
        f"    test: ../{PLACEHOLDER.name}",
        f"test_split: {config['test_split']}",
        f"output_type: {config['output_type']}",
        *(f"{hook}: !function {MODULE}.{task.yaml_name}__{hook}" for hook in HOOKS),
        "generation_kwargs:",
        *(f"  {name}: {_scalar(value)}" for name, value in config["generation_kwargs"].items()),
        "metric_list:",
    ]
    for metric in config["metric_list"]:
        lines += [
            f"  - metric: {metric['metric']}",
            f"    aggregation: !function {metric['aggregation']}",
            f"    higher_is_better: {_scalar(metric['higher_is_better'])}",
        ]
    lines += ["metadata:", *(f"  {name}: {_scalar(value)}" for name, value in config["metadata"].items())]
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    """Write the YAML of every task of the package."""
    from foodbench.tasks import TASKS

    for name in TASKS.names():
        task = TASKS.get(name)
        atomic_write(task.yaml_path, yaml_text(task))


if __name__ == "__main__":
    main()
