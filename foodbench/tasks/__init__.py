"""The tasks: what is asked of which dataset, how an answer is read, and which metrics it feeds.

`TASKS` names every task lazily; `select` turns what a user typed (`all`, `food101.*`, `food101.dish,nutrition5k.total`,
`suite:adamllm`) into task names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.registry import Registry

if TYPE_CHECKING:
    from foodbench.tasks.base import FoodTask

TASKS: Registry[FoodTask] = Registry("task", entry_point_group="foodbench.tasks")
for _name, _target in (
    ("food101.dish", "food101.dish:TASK"),
    ("vireo172.dish", "vireo172.tasks:DISH"),
    ("vireo172.ingredients", "vireo172.tasks:INGREDIENTS"),
    ("recipe1m.recipe", "recipe1m.recipe:TASK"),
    ("recipe1m.instructions", "recipe1m.instructions:INSTRUCTIONS"),
    ("recipe1m.actions", "recipe1m.instructions:ACTIONS"),
    ("recipe1m.ingredients", "recipe1m.ingredients:TASK"),
    ("nutrition5k.total", "nutrition5k.total:TASK"),
    ("nutrition5k.refer1", "nutrition5k.refer:REFER1"),
    ("nutrition5k.refer2", "nutrition5k.refer:REFER2"),
    ("nutrition5k.refer3", "nutrition5k.refer:REFER3"),
    ("nutrition5k.ingredients", "nutrition5k.ingredients:TASK"),
    ("nutrition5k.consistency", "nutrition5k.consistency:TASK"),
    ("foodseg103.refer1", "foodseg103.segmentation:REFER1"),
    ("foodseg103.refer3", "foodseg103.segmentation:REFER3"),
    ("foodseg103.refer5", "foodseg103.segmentation:REFER5"),
    ("foodseg103.absent1", "foodseg103.segmentation:ABSENT1"),
    ("foodseg103.absent3", "foodseg103.segmentation:ABSENT3"),
    ("foodseg103.everything", "foodseg103.segmentation:EVERYTHING"),
    ("foodseg103.labels", "foodseg103.labels:TASK"),
    ("foodseg103.semantic", "foodseg103.semantic:TASK"),
    ("foodseg103.refer1.teacher_forced", "foodseg103.segmentation:REFER1_TEACHER_FORCED"),
    ("foodseg103.refer3.teacher_forced", "foodseg103.segmentation:REFER3_TEACHER_FORCED"),
    ("foodseg103.refer5.teacher_forced", "foodseg103.segmentation:REFER5_TEACHER_FORCED"),
    ("uecfoodpix.refer1", "uecfoodpix.segmentation:REFER1"),
    ("uecfoodpix.refer3", "uecfoodpix.segmentation:REFER3"),
    ("uecfoodpix.refer5", "uecfoodpix.segmentation:REFER5"),
    ("uecfoodpix.absent1", "uecfoodpix.segmentation:ABSENT1"),
    ("uecfoodpix.absent3", "uecfoodpix.segmentation:ABSENT3"),
    ("uecfoodpix.everything", "uecfoodpix.segmentation:EVERYTHING"),
    ("uecfoodpix.refer1.teacher_forced", "uecfoodpix.segmentation:REFER1_TEACHER_FORCED"),
    ("uecfoodpix.refer3.teacher_forced", "uecfoodpix.segmentation:REFER3_TEACHER_FORCED"),
    ("uecfoodpix.refer5.teacher_forced", "uecfoodpix.segmentation:REFER5_TEACHER_FORCED"),
    ("foodreasonseg.dialogue", "foodreasonseg.reasoning:DIALOGUE"),
    ("foodreasonseg.single", "foodreasonseg.reasoning:SINGLE"),
    ("foodreasonseg.dialogue.teacher_forced", "foodreasonseg.reasoning:DIALOGUE_TEACHER_FORCED"),
    ("fooddialogues.chat", "fooddialogues.chat:TASK"),
    ("food101.dish.adamllm", "food101.adamllm:TASK"),
    ("recipe1m.recipe.adamllm", "recipe1m.adamllm:TASK"),
    ("nutrition5k.ingredients.adamllm", "nutrition5k.adamllm:TASK"),
    ("foodseg103.labels.adamllm", "foodseg103.adamllm:TASK"),
):
    TASKS.register(_name, f"foodbench.tasks.{_target}")

SUITES: Mapping[str, tuple[str, ...]] = {
    "adamllm": tuple(
        f"{task}{protocol}"
        for protocol in ("", ".adamllm")
        for task in ("recipe1m.recipe", "nutrition5k.ingredients", "food101.dish", "foodseg103.labels")
    ),
}
"""Tasks that belong together, for `suite:NAME`: AdaMLLM's four under both protocols."""
_SUITE = "suite:"


def in_order(names: Iterable[str]) -> list[str]:
    """Names of tasks, each once, in registry order; those that are not registered last."""
    place = {name: number for number, name in enumerate(TASKS.names())}
    return sorted(set(names), key=lambda name: (place.get(name, len(place)), name))


def select(patterns: str) -> list[str]:
    """The task names that a comma-separated list of names and globs stands for, each once, in registry order.

    `all` is every task under the `strict` protocol. Tasks of other protocols have it as third part of their name
    (`food101.dish.adamllm`) and are chosen by name or glob (`*.adamllm`). `suite:NAME` is one of `SUITES`.

    Args:
        patterns: e.g. `all`, `food101.dish`, `food101.*,nutrition5k.total`.

    Raises:
        UsageError: nothing was given.
        UnknownName: a name or pattern matches no task, or there is no such suite.
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if not wanted:
        raise UsageError("No task was given.", hint="Use --tasks all, or names from `foodbench list tasks`.")
    known = TASKS.names()
    chosen: set[str] = set()
    for pattern in wanted:
        if pattern == "all":
            matches = [name for name in known if name.count(".") == 1]
        elif pattern.startswith(_SUITE):
            matches = list(_suite(pattern.removeprefix(_SUITE)))
        else:
            matches = [name for name in known if fnmatchcase(name, pattern)]
        if not matches:
            raise UnknownName.of("task", pattern, known)
        chosen.update(matches)
    return [name for name in known if name in chosen]


def _suite(name: str) -> tuple[str, ...]:
    if name not in SUITES:
        raise UnknownName.of("suite", name, SUITES)
    return SUITES[name]
