"""What the model can do, measured on freshly rendered plates by greedy answers, through the processor."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from baselines.foodlmm.settings import DataSettings
from baselines.foodlmm.validation import ValidationPlate, render_plates
from baselines.rl_segmentation.evaluate import draw
from baselines.rl_segmentation.kitchen_model.examples import Example, compose
from baselines.rl_segmentation.rewards import box_iou
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.models.qwen_seg.answering import Asked, PointingModel
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.colour_flood import ColourFlood
from foodbench.models.qwen_seg.grid import reference_of_mask
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT
from foodbench.models.qwen_seg.references import Reference, is_strict, parse_answer

_BATCH = 48
_MAX_NEW_TOKENS = 192
_SEGMENTER = ColourFlood()
_KINDS = ("reasoning", "refer_one", "refer_several", "absent")
_SAID = re.compile("The (" + "|".join(sorted(INGREDIENT_NAMES, key=len, reverse=True)) + ") (?:is|are) at")


@dataclass(frozen=True, slots=True)
class Exam:
    """One question about a fresh plate.

    Attributes:
        kind: family of the question.
        picture: of the plate.
        example: question and right answer.
        mask: (height, width), everything that the answer should point at.
    """

    kind: str
    picture: Image.Image
    example: Example
    mask: NDArray[np.bool_]


def draw_exams(plates: Sequence[ValidationPlate], grid: int, seed: int) -> list[Exam]:
    """One question of every kind about each plate, the same for the same seed."""
    rng = np.random.default_rng([seed, 107])
    exams = []
    for entry in plates:
        picture, label = entry.picture, entry.plate.label
        where = {
            name: reference_of_mask(label == number, grid)
            for number, name in enumerate(INGREDIENT_NAMES, start=1)
            if name in entry.facts.ingredients
        }
        for kind in _KINDS:
            example = compose(entry.facts, where.__getitem__, grid, rng, {kind: 1.0})
            numbers = [INGREDIENTS[name].number for name in example.names]
            exams.append(Exam(kind, picture, example, np.isin(label, numbers)))
    return exams


def answers(
    model: Any, processor: Any, pictures: Sequence[Image.Image], questions: Sequence[str], settings: QwenSegSettings
) -> list[str]:
    """Greedy answers to one question about each picture, asked as the benchmark's adapter does.

    Args:
        model: in evaluation mode.
        processor: of the model; its side of padding is left as it was.
        pictures: of any size; the same object is the same picture.
        questions: as tasks ask them.
        settings: how the checkpoint is asked.
    """
    side = processor.tokenizer.padding_side
    pointing = PointingModel(model, processor, settings)
    asked = [
        Asked(str(id(picture)), partial(_same, picture), question)
        for picture, question in zip(pictures, questions, strict=True)
    ]
    try:
        return [
            text for start in range(0, len(asked), _BATCH) for text in pointing.answer(asked[start : start + _BATCH])
        ]
    finally:
        processor.tokenizer.padding_side = side


def _same(picture: Image.Image) -> Image.Image:
    return picture


def _ious(true: Sequence[Reference], given: Sequence[Reference]) -> list[float]:
    """Overlap of each true box with the given one in its place; 0 where there is none."""
    found = [0.0] * len(true)
    for place, (one, other) in enumerate(zip(true, given, strict=False)):
        found[place] = float(box_iou(np.array([one.box], float), np.array([other.box], float), inclusive=True)[0, 0])
    return found


def _scores(exam: Exam, text: str, grid: int) -> dict[str, float]:
    """What one answer earned, by measure."""
    parsed = parse_answer(text)
    true, given = exam.example.references, parsed.references
    found = {"format": float(is_strict(text) and parsed.items is not None and not parsed.refused)}
    if exam.kind == "absent":
        return found | {"absent.refused": float(parsed.items == [])}
    ious = _ious(true, given)
    said = tuple(_SAID.findall(parsed.think or ""))
    found |= {f"{exam.kind}.named": float(said == exam.example.names), "named": float(said == exam.example.names)}
    drawn = draw(_SEGMENTER, exam.picture, given, grid)
    union = int((drawn | exam.mask).sum())
    mask_iou = int((drawn & exam.mask).sum()) / union if union else 1.0
    found |= {"count": float(len(given) == len(true)), f"{exam.kind}.giou": mask_iou, "all.giou": mask_iou}
    for key in (exam.kind, f"references_{len(true)}", "all"):
        found[f"{key}.iou"] = float(np.mean(ious)) if ious else float(not given)
        found[f"{key}.iou50"] = float(np.mean([iou > 0.5 for iou in ious])) if ious else float(not given)
    return found


class Examiner:
    """Asks the same questions about the same plates again and again.

    Args:
        data: the stream and sizes of the plates.
        count: how many plates of the validation stream.
        grid: of the model.
        seed: of the questions.
    """

    def __init__(self, data: DataSettings, count: int, grid: int, seed: int = 1) -> None:
        self.exams = draw_exams(render_plates(data, "val", count), grid, seed)
        self.plates = count
        self._settings = QwenSegSettings(SHORT_PROMPT, grid, "colour", _MAX_NEW_TOKENS)

    def measure(self, model: Any, processor: Any) -> dict[str, float]:
        """All measures as means over the answers that they are about.

        `format`: strict form, readable list, usable items. `named`: the reasoning names exactly the right ingredients
        in the right order. `count`: as many references as there should be. `*.iou`, `*.iou50`: of the boxes, in order,
        a missing one counts 0; by family, by the number of references, over all. `*.giou`: mean overlap of what is
        drawn by colour with everything that should be. `absent.refused`: an empty list.
        """
        training = model.training
        model.eval()
        pictures, questions = zip(*((exam.picture, exam.example.question) for exam in self.exams), strict=True)
        texts = answers(model, processor, pictures, questions, self._settings)
        model.train(training)
        values: dict[str, list[float]] = defaultdict(list)
        for exam, text in zip(self.exams, texts, strict=True):
            for name, value in _scores(exam, text, self._settings.grid).items():
                values[name].append(value)
        return {name: round(float(np.mean(values[name])), 4) for name in sorted(values)}
