"""What the model can do, measured on freshly rendered plates through the same calls as in the benchmark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from baselines.foodlmm.plates import plate_size
from baselines.foodlmm.settings import DataSettings
from baselines.foodlmm.templates import (
    CALORIE_QUESTIONS,
    EVERYTHING_QUESTIONS,
    INGREDIENT_QUESTIONS,
    PORTION_QUESTIONS,
    PlateFacts,
)
from foodbench.core.types import NUTRIENTS, Nutrition
from foodbench.data.kitchen import Plate, plate_seed, render
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor, RenderedAnswer
from foodbench.tasks import prompts

_BATCH = 32
_INGREDIENT = re.compile("|".join(sorted(INGREDIENT_NAMES, key=len, reverse=True)))


@dataclass(frozen=True, slots=True)
class ValidationPlate:
    """A rendered plate and its facts."""

    plate: Plate
    facts: PlateFacts

    @property
    def picture(self) -> Image.Image:
        """The plate as an RGB picture."""
        return Image.fromarray(self.plate.image)

    def portion(self, name: str) -> Nutrition:
        """Nutrition of one ingredient of the plate."""
        return next(portion.nutrition for portion in self.plate.portions if portion.name == name)


def render_plates(settings: DataSettings, split: str, count: int) -> list[ValidationPlate]:
    """Plates of the recipe's stream in the recipe's mix of sizes."""
    plates = []
    for index in range(count):
        plate = render(plate_seed(split, settings.stream, index), plate_size(settings, split, index))
        present = {portion.name for portion in plate.portions}
        plates.append(
            ValidationPlate(plate, PlateFacts(plate.dish, tuple(name for name in INGREDIENT_NAMES if name in present)))
        )
    return plates


def answer_all(
    model: FoodLMMForConditionalGeneration,
    processor: FoodLMMProcessor,
    pictures: Sequence[Image.Image],
    questions: Sequence[str],
    max_new_tokens: int,
) -> list[RenderedAnswer]:
    """Ask one question per picture."""
    answers = []
    for start in range(0, len(pictures), _BATCH):
        inputs = processor(list(pictures[start : start + _BATCH]), list(questions[start : start + _BATCH]))
        tensors = {name: value.to(model.device) for name, value in inputs.items()}
        generated = model.generate_answers(**tensors, max_new_tokens=max_new_tokens)
        sizes = zip(inputs["reshaped_input_sizes"].tolist(), inputs["original_sizes"].tolist(), generated, strict=True)
        answers += [processor.render(answer, tuple(reshaped), tuple(original)) for reshaped, original, answer in sizes]
    return answers


class Examiner:
    """Asks every family of questions about a fixed set of plates; deterministic in the seed.

    Args:
        plates: what is asked about, and the truth.
        seed: of the choice of ingredients and wordings.
        shown: pictures to show instead of the plates' own: the control for what is earned without looking.
    """

    def __init__(
        self, plates: Sequence[ValidationPlate], seed: int = 1, shown: Sequence[ValidationPlate] | None = None
    ) -> None:
        self._plates = plates
        self._pictures = {id(entry): other.picture for entry, other in zip(plates, shown or plates, strict=True)}
        self._seed = seed

    def __len__(self) -> int:
        return len(self._plates)

    def measure(self, model: FoodLMMForConditionalGeneration, processor: FoodLMMProcessor) -> dict[str, float]:
        """All metrics, as fractions (errors of nutrition too: mean absolute error over mean truth)."""
        training = model.training
        model.eval()
        results: dict[str, float] = {}
        for part in (self._dish, self._ingredients, self._refer, self._absent, self._everything, self._nutrition):
            results |= part(model, processor, np.random.default_rng([self._seed, 5]))
        model.train(training)
        return {name: round(float(value), 4) for name, value in results.items()}

    def _ask(
        self,
        model: Any,
        processor: Any,
        questions: Sequence[str],
        max_new_tokens: int,
        plates: Sequence[ValidationPlate] | None = None,
    ) -> list[RenderedAnswer]:
        pictures = [self._pictures[id(entry)] for entry in (self._plates if plates is None else plates)]
        return answer_all(model, processor, pictures, questions, max_new_tokens)

    def _dish(self, model: Any, processor: Any, rng: np.random.Generator) -> dict[str, float]:
        answers = self._ask(model, processor, [prompts.DISH] * len(self._plates), 16)
        pairs = zip(answers, self._plates, strict=True)
        return {"dish": float(np.mean([answer.text == f"It is {entry.facts.dish}." for answer, entry in pairs]))}

    def _ingredients(self, model: Any, processor: Any, rng: np.random.Generator) -> dict[str, float]:
        questions = [str(rng.choice(INGREDIENT_QUESTIONS)) for _ in self._plates]
        scores = []
        for answer, entry in zip(self._ask(model, processor, questions, 40), self._plates, strict=True):
            said, there = set(_INGREDIENT.findall(answer.text)), set(entry.facts.ingredients)
            scores.append(2 * len(said & there) / max(1, len(said) + len(there)))
        return {"ingredients_f1": float(np.mean(scores))}

    def _refer(self, model: Any, processor: Any, rng: np.random.Generator) -> dict[str, float]:
        results: dict[str, float] = {}
        for count in (1, 3):
            plates = [entry for entry in self._plates if len(entry.facts.ingredients) >= count]
            asked = [[str(name) for name in rng.permutation(entry.facts.ingredients)[:count]] for entry in plates]
            questions = [_refer_question(names, rng) for names in asked]
            answers = self._ask(model, processor, questions, 16 + 14 * count, plates)
            results |= _mask_scores(plates, asked, answers, f"refer{count}")
        return results

    def _absent(self, model: Any, processor: Any, rng: np.random.Generator) -> dict[str, float]:
        results: dict[str, float] = {}
        for count in (1, 3):
            asked = []
            for entry in self._plates:
                elsewhere = [name for name in INGREDIENT_NAMES if name not in entry.facts.ingredients]
                asked.append([str(name) for name in rng.permutation(elsewhere)[:count]])
            questions = [_refer_question(names, rng) for names in asked]
            answers = self._ask(model, processor, questions, 16 + 14 * count)
            refused = [not answer.masks and "not found" in answer.text for answer in answers]
            results[f"absent{count}"] = float(np.mean(refused))
        return results

    def _everything(self, model: Any, processor: Any, rng: np.random.Generator) -> dict[str, float]:
        questions = [str(rng.choice(EVERYTHING_QUESTIONS)) for _ in self._plates]
        asked = [list(entry.facts.ingredients) for entry in self._plates]
        answers = self._ask(model, processor, questions, 56)
        return _mask_scores(self._plates, asked, answers, "everything")

    def _nutrition(self, model: Any, processor: Any, rng: np.random.Generator) -> dict[str, float]:
        totals = self._ask(model, processor, [prompts.TOTAL_NUTRITION] * len(self._plates), 40)
        chosen = [str(rng.choice(entry.facts.ingredients)) for entry in self._plates]
        portions = self._ask(model, processor, [str(rng.choice(PORTION_QUESTIONS)).format(n) for n in chosen], 44)
        calories = self._ask(model, processor, [str(rng.choice(CALORIE_QUESTIONS)).format(n) for n in chosen], 28)
        truth = [entry.portion(name) for entry, name in zip(self._plates, chosen, strict=True)]
        results = _nutrition_errors([a.totals for a in totals], [e.plate.total for e in self._plates], "total")
        results |= _nutrition_errors([answer.portions.get(1) for answer in portions], truth, "portion")
        results |= _nutrition_errors([answer.portions.get(1) for answer in calories], truth, "calories", ("kcal",))
        return results


def _refer_question(names: list[str], rng: np.random.Generator) -> str:
    return str(rng.choice(prompts.REFER)).format(ingredient=prompts.enumerate_names(names))


def _nutrition_errors(
    answers: Sequence[Nutrition | None], truth: Sequence[Nutrition], prefix: str, nutrients: Sequence[str] = NUTRIENTS
) -> dict[str, float]:
    """Mean absolute error over mean truth; a missing value counts as zero."""
    results = {}
    for name in nutrients:
        wanted = np.array([getattr(value, name) for value in truth])
        given = np.array([(answer and getattr(answer, name)) or 0.0 for answer in answers])
        results[f"{prefix}_{name}"] = float(np.abs(given - wanted).mean() / wanted.mean())
    return results


def _mask_scores(
    plates: Sequence[ValidationPlate],
    asked: Sequence[Sequence[str]],
    answers: Sequence[RenderedAnswer],
    prefix: str,
) -> dict[str, float]:
    """cIoU, gIoU and the share of names that got a mask; a missing mask counts as empty."""
    intersections, unions, given = [], [], []
    for entry, names, answer in zip(plates, asked, answers, strict=True):
        masks: dict[str, NDArray[np.bool_]] = {}
        for labelled in answer.masks:
            # Asked for one thing, LISA answers "It is [SEG]": whatever it is called, it is that.
            masks.setdefault(names[0] if len(names) == 1 else labelled.label, labelled.mask)
        for name in names:
            wanted = entry.plate.mask(name)
            drawn = masks.get(name, np.zeros_like(wanted))
            if drawn.shape != wanted.shape:  # another plate was shown
                drawn = np.zeros_like(wanted)
            intersections.append(int((wanted & drawn).sum()))
            unions.append(int((wanted | drawn).sum()))
            given.append(name in masks)
    return {
        f"{prefix}_ciou": sum(intersections) / max(1, sum(unions)),
        f"{prefix}_giou": float(np.mean([i / u for i, u in zip(intersections, unions, strict=True)])),
        f"{prefix}_answered": float(np.mean(given)),
    }
