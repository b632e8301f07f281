"""What a model can do, measured on questions kept apart: greedy answers, drawn by a segmenter.

    python baselines/rl_segmentation/evaluate.py --checkpoint runs/qwen-seg-grpo/checkpoint --config kitchen --algo grpo

The questions are those that the recipe keeps apart for validation.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.common.command import command
from baselines.rl_segmentation.data import ValidationQuestion
from baselines.rl_segmentation.rewards import DEFAULTS, RewardSettings, box_iou, score
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.grid import clipped, reference_to_pixels
from foodbench.models.qwen_seg.references import Reference, is_strict, parse_answer
from foodbench.models.qwen_seg.segmenters import Segmenter

Measured = dict[str, float]


def answer_all(
    model: Any, processor: Any, questions: Sequence[ValidationQuestion], settings: QwenSegSettings, batch: int
) -> list[str]:
    """Greedy answers, the way the adapter asks for them.

    Args:
        model: a Qwen2.5-VL in evaluation mode.
        processor: its processor; its side of padding is left as it was.
        questions: to ask.
        settings: how the checkpoint is asked.
        batch: questions at once.
    """
    from foodbench.models.qwen_seg.answering import Asked, PointingModel

    side = processor.tokenizer.padding_side
    pointing = PointingModel(model, processor, settings)
    asked = [Asked(str(number), one.picture.open, one.question) for number, one in enumerate(questions)]
    try:
        return [text for start in range(0, len(asked), batch) for text in pointing.answer(asked[start : start + batch])]
    finally:
        processor.tokenizer.padding_side = side


def measure_answer(
    text: str,
    question: ValidationQuestion,
    grid: int,
    segmenter: Segmenter | None,
    rewards: RewardSettings = DEFAULTS,
) -> Measured:
    """Everything about one answer.

    `format`: strict form with a list, every item a reference. `box_iou`: mean overlap of boxes, best pairs, over the
    greater number. `count`: as many references as there should be. `segmentation`, `reward`: equations 7 and 8.
    `intersection`, `union`: pixels of what was drawn with what should be. `undrawn`: the segmenter failed; then nothing
    is drawn.
    """
    answer = parse_answer(text)
    earned = score(text, question.references, grid, rewards)
    measured = {
        "format": float(is_strict(text) and answer.items is not None and not answer.refused),
        "count": float(len(answer.references) == len(question.references)),
        "box_iou": _overlap(answer.references, question.references),
        "segmentation": earned.segmentation,
        "reward": earned.total,
        "characters": float(len(text)),
    }
    if segmenter is None:
        return measured
    picture, true = question.picture.open(), question.mask()
    try:
        drawn, failed = draw(segmenter, picture, answer.references, grid), 0.0
    except Exception:  # whatever a user's segmenter raises: the answer is then an empty mask, and counted
        drawn, failed = np.zeros_like(true), 1.0
    intersection, union = int((drawn & true).sum()), int((drawn | true).sum())
    return measured | {
        "intersection": float(intersection),
        "union": float(union),
        "giou": intersection / union if union else 1.0,
        "undrawn": failed,
    }


def draw(segmenter: Segmenter, picture: Image.Image, references: Sequence[Reference], grid: int) -> NDArray[np.bool_]:
    """The union of what references show, (height, width) of the picture."""
    size = (picture.height, picture.width)
    inside = [clipped(reference_to_pixels(one, size, grid), size) for one in references]
    masks = segmenter.segment(picture, [one for one in inside if one is not None])
    return np.logical_or.reduce([np.zeros(size, dtype=bool), *masks])


def _overlap(predicted: Sequence[Reference], truth: Sequence[Reference]) -> float:
    from scipy.optimize import linear_sum_assignment

    if not predicted or not truth:
        return float(not predicted and not truth)
    boxes, true_boxes = (np.array([one.box for one in references], float) for references in (predicted, truth))
    overlaps = box_iou(np.clip(boxes, -1e6, 1e6), true_boxes, inclusive=True)
    pairs = linear_sum_assignment(overlaps, maximize=True)
    return float(overlaps[pairs].sum()) / max(len(predicted), len(truth))


def summary(measured: Sequence[Measured]) -> Measured:
    """Means over questions, and `ciou`, the ratio of all intersections to all unions."""
    if not measured:
        return {}
    names = [name for name in measured[0] if name not in ("intersection", "union")]
    means = {name: round(float(np.mean([one[name] for one in measured])), 5) for name in names}
    if "union" in measured[0]:
        union = sum(one["union"] for one in measured)
        means["ciou"] = round(sum(one["intersection"] for one in measured) / union, 5) if union else 1.0
    return means


def measure(
    model: Any,
    processor: Any,
    questions: Sequence[ValidationQuestion],
    settings: QwenSegSettings,
    segmenter: Segmenter | None,
    *,
    rewards: RewardSettings = DEFAULTS,
    batch: int = 32,
) -> list[Measured]:
    """Ask, draw and compare: see `measure_answer`."""
    texts = answer_all(model, processor, questions, settings, batch)
    return [
        measure_answer(text, one, settings.grid, segmenter, rewards) for text, one in zip(texts, questions, strict=True)
    ]


def run(checkpoint: str, config: str, algorithm: str, cache: Path) -> Measured:
    """Measure a checkpoint on the questions that a recipe keeps apart.

    Raises:
        FoodbenchError: the checkpoint, the recipe or the data cannot be used.
    """
    from baselines.rl_segmentation.data import load_questions
    from baselines.rl_segmentation.settings import load_settings, settings_path
    from foodbench.models.qwen_seg.checkpoint import checkpoint_folder, load_model
    from foodbench.models.qwen_seg.segmenters import load_segmenter

    recipe = load_settings(settings_path(config, algorithm))
    settings = QwenSegSettings.read(checkpoint_folder(checkpoint))
    model, processor = load_model(checkpoint)
    validation = recipe.validation
    segmenter = load_segmenter((validation and validation.segmenter) or settings.segmenter)
    questions = load_questions(recipe, settings.grid, cache=cache, workers=1).validation
    return summary(measure(model, processor, questions, settings, segmenter, rewards=recipe.rewards))


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="a folder, or a repository of the Hub")
    parser.add_argument("--config", default="kitchen", help="kitchen, single_gpu, paper, or a file")
    parser.add_argument("--algo", default="grpo", help="which of the recipes: sft, grpo or dapo")
    parser.add_argument("--cache", type=Path, default=Path("runs/plates"), help="folder for rendered plates")
    arguments = parser.parse_args(argv)
    print(json.dumps(run(arguments.checkpoint, arguments.config, arguments.algo, arguments.cache), indent=1))


if __name__ == "__main__":
    sys.exit(main())
