"""The kitchen as FoodReasonSeg: a FoodSeg103 tree with plates of its own, and dialogues that point at ingredients.

Every photo has a dialogue, some have two. Both splits hold what the real files hold: names in the plural, `Chicken` for
the class `chicken duck`, a name that is no class, an answer that points at several things, a question without masks,
the end marker of turns and the image markup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.layout_foodseg103 import cook_pair, finish_tree, tree_jobs
from foodbench.data.kitchen.reasoning import Style, reasoning_rounds
from foodbench.data.kitchen.tree import Job, KitchenSettings, Layout, TreeWriter

DATASET = "foodreasonseg"

# What happens to which photo of a split, as index modulo a period; small kitchens have the first four photos as well.
_CHICKEN_INDEX = 1
_TWO_DIALOGUES = (20, 2)
_STRANGE_NAME = (16, 3)
_OPEN_INDEX = 0
_CHICKEN_DISH = "roast chicken dinner"


def _jobs(settings: KitchenSettings) -> list[Job]:
    jobs = []
    seen = {"train": 0, "test": 0}
    for job in tree_jobs(DATASET, settings.for_dialogues()):
        index = seen[job.split]
        seen[job.split] += 1
        options = set(job.options)
        if index == _OPEN_INDEX:
            options.add("open question")
        if index % _TWO_DIALOGUES[0] == _TWO_DIALOGUES[1]:
            options.add("two dialogues")
        if index % _STRANGE_NAME[0] == _STRANGE_NAME[1]:
            options.add("strange name")
        if index == _CHICKEN_INDEX:
            job = replace(job, dish=_CHICKEN_DISH)
            options.add("chicken")
        jobs.append(replace(job, options=frozenset(options)))
    return jobs


def _style(options: frozenset[str]) -> Style:
    if "chicken" in options:
        return Style(plural=True, must=("vegetarian", "vegetable"))
    return Style(strange="strange name" in options, open_question=True if "open question" in options else None)


def _conversation(rounds: Sequence[tuple[str, str]], end: str) -> list[dict[str, str]]:
    turns: list[dict[str, str]] = []
    for number, (question, answer) in enumerate(rounds):
        turns.append({"form": "question", "value": ("" if number else "<image>\n") + question})
        turns.append({"form": "answer", "value": answer + end})
    return turns


def _cook(job: Job, tree: TreeWriter) -> list[dict[str, Any]]:
    plate = cook_pair(job, tree)
    names = [portion.name for portion in plate.portions]
    dialogues = []
    for copy in range(2 if "two dialogues" in job.options else 1):
        rng = np.random.default_rng(stable_seed("kitchen", DATASET, "dialogue", copy, *job.seed))
        end = "</s>" if rng.random() < 0.5 else ""
        rounds = reasoning_rounds(names, rng, _style(job.options))
        dialogues.append({"dish_id": job.name, "conversations": _conversation(rounds, end)})
    return dialogues


def _finish(settings: KitchenSettings, cooked: Sequence[tuple[Job, Any]], tree: TreeWriter) -> dict[str, int]:
    counts = finish_tree(settings.for_dialogues(), cooked, tree)
    for split in ("train", "test"):
        by_photo = [dialogues for job, dialogues in cooked if job.split == split]
        # Second dialogues come at the end, as if they had been collected later: readers must not expect them together.
        entries = [dialogues[0] for dialogues in by_photo] + [one for dialogues in by_photo for one in dialogues[1:]]
        tree.put(f"FoodReasonSeg_{split}.json", json.dumps(entries))
        counts[f"dialogues_{split}"] = len(entries)
        counts[f"pairs_{split}"] = len(by_photo)
    return counts


FOODREASONSEG = Layout(DATASET, "FoodReasonSeg", _jobs, _cook, _finish)
