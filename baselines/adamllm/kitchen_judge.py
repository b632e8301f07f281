"""A judge of consistency by rules, for the kitchen's kinds of tasks: the whole pipeline runs without a language model.

It knows neither the picture nor the truth, only how the two answers read: what a judge of the pipeline is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from baselines.adamllm.asking import LocalModel
from baselines.adamllm.combining import last_sentence
from baselines.adamllm.consistency import TRIPLET
from foodbench.core.types import Request

IDENTITY = "kitchen-rules-1"
_OPEN = re.compile(r"\b(describe|impression|caption|in your own words|tell me about)\b", re.IGNORECASE)
_DENIAL = re.compile(r"\b(not|no|cannot|can not|without any|none)\b", re.IGNORECASE)
_WORDS = re.compile(r"[a-z0-9]+")


def verdict(instruction: str, informative: str, precise: str) -> str:
    """`Yes`, `No` or `Open`.

    Yes or no as the short answer is held against whether the detailed one's last sentence denies; any other short
    answer has to stand in that sentence, word by word.
    """
    if _OPEN.search(instruction):
        return "Open"
    said = " ".join(_WORDS.findall(precise.lower()))
    last = last_sentence(informative)
    if said in ("yes", "no"):
        denied = _DENIAL.search(last) is not None
        return "Yes" if denied == (said == "no") else "No"
    told = f" {' '.join(_WORDS.findall(last.lower()))} "
    return "Yes" if said and f" {said} " in told else "No"


def _verdicts(requests: Sequence[Request]) -> list[str]:
    triplets = [request.slots[TRIPLET] for request in requests]
    return [verdict(one["instruction"], one["informative"], one["precise"]) for one in triplets]


def kitchen_judge() -> LocalModel:
    """The judge, to be asked like any other."""
    return LocalModel(_verdicts, IDENTITY, batch_size=256)
