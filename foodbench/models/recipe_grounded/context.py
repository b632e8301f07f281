"""Predicted labels in front of a question, and the questions that predictors are asked.

The paper on semantically grounded recipe generation (Liu et al., section 2.4) puts the predicted actions and
ingredients before the question at inference, without training on it, so that any instruction model can be used:
`PAPER_TEMPLATE` is that prompt, kept as it is because other words would be another measurement. The predictors'
questions are not published; those here are this project's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

PAPER_TEMPLATE = "Here are the cooking actions: [{actions}]. The ingredients are [{ingredients}]. {question}"
PAPER_QUESTION = "Can you provide the preparation instructions for this image?"
"""The paper's question for the instructions."""

ACTIONS_QUESTION = (
    "Which cooking actions does it take to prepare the dish in this image? Think step by step about what you see in "
    "<think> </think>, then list the actions as verbs, separated by commas, in <answer> </answer>."
)
INGREDIENTS_QUESTION = (
    "Which ingredients does the dish in this image contain? Leave <think> </think> empty and list the ingredients, "
    "separated by commas, in <answer> </answer>."
)
PAPER_DECODING: Mapping[str, Any] = {"do_sample": True, "temperature": 0.2, "top_p": 0.9, "top_k": 40}
"""The paper's decoding settings (section 3.1); answers then differ from run to run unless the model is seeded."""

Wording = Literal["task", "paper"]
MAX_LABELS = 60
"""More are left out: a predictor that repeats a list would fill the writer's context with it."""
_MAX_LABEL = 80
_SENTENCES = PAPER_TEMPLATE.partition(" The ingredients")[0], "The ingredients are [{ingredients}]."
_UNSAFE = re.compile(r"[^\w' &/-]+")


def context(actions: Sequence[str] | None, ingredients: Sequence[str] | None) -> str:
    """The sentences that tell a writer what was predicted; empty if nothing was.

    Args:
        actions: None, or none at all: no sentence about them.
        ingredients: likewise.
    """
    sentences = []
    if actions:
        sentences.append(_SENTENCES[0].format(actions=_listed(actions)))
    if ingredients:
        sentences.append(_SENTENCES[1].format(ingredients=_listed(ingredients)))
    return " ".join(sentences)


def with_context(
    question: str,
    actions: Sequence[str] | None = None,
    ingredients: Sequence[str] | None = None,
    wording: Wording = "task",
) -> str:
    """A question with the predicted labels in front of it.

    Args:
        question: as the task asks it.
        actions: predicted ones.
        ingredients: predicted ones.
        wording: ask the task's question, or the paper's (for the instructions) in its place.
    """
    told = context(actions, ingredients)
    asked = PAPER_QUESTION if wording == "paper" else question
    return f"{told} {asked}" if told else asked


def _listed(labels: Sequence[str]) -> str:
    """Labels in running text. They come from a model: nothing in them can close the list."""
    plain = (_UNSAFE.sub(" ", label.replace("_", " "))[:_MAX_LABEL] for label in labels[:MAX_LABELS])
    return ", ".join(filter(None, (" ".join(label.split()) for label in plain)))


def actions_as_steps(actions: Sequence[str]) -> str:
    """Actions as instructions, so that a text's reader finds them: "Chop it. Simmer it."."""
    return " ".join(f"{action[:1].upper()}{action[1:]} it." for action in actions)


__all__ = [
    "ACTIONS_QUESTION",
    "INGREDIENTS_QUESTION",
    "MAX_LABELS",
    "PAPER_DECODING",
    "PAPER_QUESTION",
    "PAPER_TEMPLATE",
    "Wording",
    "actions_as_steps",
    "context",
    "with_context",
]
