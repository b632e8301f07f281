"""Qwen2.5-VL as a segmenter: it answers with boxes and points, and a segmenter draws what they show.

Seg-Zero's and VisionReasoner's form of answers (dvlab-research), which the RL paper trains for food. Nothing here
imports torch before a model or a SAM 2 is loaded.
"""

from __future__ import annotations

from foodbench.models.qwen_seg.checkpoint import KITCHEN_CHECKPOINT, QwenSegSettings, load_model
from foodbench.models.qwen_seg.grid import PAPER_GRID, reference_of_mask, squash, threshold, to_grid, to_pixels
from foodbench.models.qwen_seg.prompting import PAPER_PROMPT, SHORT_PROMPT, SYSTEM, clean_question, messages, render
from foodbench.models.qwen_seg.references import (
    MAX_REFERENCES,
    ParsedAnswer,
    Reference,
    format_answer,
    is_strict,
    parse_answer,
)

__all__ = [
    "KITCHEN_CHECKPOINT",
    "MAX_REFERENCES",
    "PAPER_GRID",
    "PAPER_PROMPT",
    "SHORT_PROMPT",
    "SYSTEM",
    "ParsedAnswer",
    "QwenSegSettings",
    "Reference",
    "clean_question",
    "format_answer",
    "is_strict",
    "load_model",
    "messages",
    "parse_answer",
    "reference_of_mask",
    "render",
    "squash",
    "threshold",
    "to_grid",
    "to_pixels",
]
