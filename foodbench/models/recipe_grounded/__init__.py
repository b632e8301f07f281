"""Recipes grounded in predicted actions and ingredients (Liu et al.): all of it that needs no weights.

Labels and their text form, the judge and equations 10 and 11 (SCSR), and the context that a writer is given.
"""

from __future__ import annotations

from foodbench.models.recipe_grounded.asking import Asker, PictureQuestion, ReplyStore
from foodbench.models.recipe_grounded.context import context, with_context
from foodbench.models.recipe_grounded.judging import CachedJudge, Predicted, Verified
from foodbench.models.recipe_grounded.labels import (
    LabelVocabulary,
    ParsedLabels,
    action_vocabulary,
    format_labels,
    ingredient_vocabulary,
    parse_labels,
)
from foodbench.models.recipe_grounded.scsr import Rectified, Scored, rectify
from foodbench.models.tagged import matches_pattern

__all__ = [
    "Asker",
    "CachedJudge",
    "LabelVocabulary",
    "ParsedLabels",
    "PictureQuestion",
    "Predicted",
    "Rectified",
    "ReplyStore",
    "Scored",
    "Verified",
    "action_vocabulary",
    "context",
    "format_labels",
    "ingredient_vocabulary",
    "matches_pattern",
    "parse_labels",
    "rectify",
    "with_context",
]
