"""One task through lmms-eval's `simple_evaluate`, with guards.

lmms-eval builds the requests, asks the (journaled) model and scores each answer through the task's hooks. What it does
not guard is guarded here: that every sample was scored exactly once, and that its aggregates equal ours.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping
from typing import Any

from foodbench.core.errors import RunIncomplete
from foodbench.core.types import Score
from foodbench.core.wording import counted
from foodbench.engine.processes import looks_single
from foodbench.stats.summary import point_values
from foodbench.tasks.base import TaskData
from foodbench.tasks.hooks import HOOKS, TaskHooks
from foodbench.tasks.lmms_config import lmms_config


def quiet_libraries() -> None:
    """Keep lmms-eval's and its libraries' logs and bars out of ours. Call before importing lmms-eval."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    from loguru import logger

    logger.disable("lmms_eval")


def _silence_bars() -> None:
    """Replace lmms-eval's own progress bars, which it shows whatever TQDM_DISABLE says; ours stand for them."""
    import lmms_eval.api.task
    import lmms_eval.evaluator
    from tqdm import tqdm

    class Silent(tqdm):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **{**settings, "disable": True})

    lmms_eval.evaluator.tqdm = Silent
    lmms_eval.api.task.tqdm = Silent


def build_task(data: TaskData, *, chat: bool) -> tuple[Any, TaskHooks]:
    """The lmms-eval task of already loaded samples.

    Args:
        data: the samples.
        chat: whether the model takes chat messages (lmms-eval's own chat models) or prompts with images.

    Returns:
        lmms-eval's task object, and the hooks that collect its scores.
    """
    quiet_libraries()
    from lmms_eval.api.task import ConfigurableMessagesTask, ConfigurableTask

    hooks = TaskHooks(data.task, data)
    config = lmms_config(data.task)
    config.update({name: getattr(hooks, name) for name in HOOKS})
    for entry, metric in zip(config["metric_list"], data.task.metrics, strict=True):
        entry["aggregation"] = hooks.aggregation(metric)
    kind = ConfigurableMessagesTask if chat else ConfigurableTask
    return kind(config=config), hooks


def evaluate(task_object: Any, hooks: TaskHooks, model: Any, *, seed: int) -> dict[str, Score]:
    """Ask and score everything.

    Returns:
        score by sample id, one for each sample.

    Raises:
        FoodbenchError: what the model or the journal raised.
        RunIncomplete: lmms-eval dropped samples, or aggregates other numbers than we do.
    """
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    _silence_bars()
    with looks_single():
        results = simple_evaluate(
            model=model,
            tasks=[task_object],
            task_manager=TaskManager(include_defaults=False),
            bootstrap_iters=0,
            log_samples=False,
            random_seed=seed,
            numpy_random_seed=seed,
            torch_random_seed=seed,
            fewshot_random_seed=seed,
            # Any backend but "accelerate", which would attach an Accelerator to the model.
            distributed_executor_backend="torchrun",
            cli_args=argparse.Namespace(process_with_media=False),
        )
    data = hooks.data
    missing = [sample.sample_id for sample in data.samples if sample.sample_id not in hooks.scores]
    if missing:
        raise RunIncomplete(
            f"{data.task.name}: {len(missing)} of {counted(len(data.samples), 'sample')} not scored "
            f"(first: {missing[0]}).",
            hint="Answers are saved; run the same command again, and report this if it stays.",
        )
    _check_aggregates(data, hooks.scores, results["results"][data.task.yaml_name])
    return hooks.scores


def _check_aggregates(data: TaskData, scores: Mapping[str, Score], theirs: Mapping[str, Any]) -> None:
    ours = point_values(data.task.metrics, [scores[sample.sample_id] for sample in data.samples])
    for metric in data.task.metrics:
        value, other = ours[metric.id], theirs.get(f"{metric.id},none")
        if value is not None and (other is None or not math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)):
            raise RunIncomplete(
                f"{data.task.name}: {metric.id} is {value!r} here and {other!r} in lmms-eval.",
                hint="This is a bug: please report it. Answers are saved.",
            )
