"""`nutrition5k.refer1/2/3`: the nutrition of one named ingredient, the k-th heaviest on the plate.

FoodLMM's referring nutrition estimation (Table VII): ingredients of more than 1 g and 1 kcal count, dishes with a
portion called `deprecated` are left out, and so are dishes with fewer than k such ingredients. It scores on `rgb_test`;
this task on the dishes with an overhead photo, as `nutrition5k.total` does. A dish that has two portions of one name is
left out too: a question for it would have two answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.types import Answer, Nutrition, Sample
from foodbench.data.records import IngredientPortion, NutritionRecord
from foodbench.metrics import nutrition
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.naming import finder
from foodbench.tasks.nutrition5k.ingredients import NOT_INGREDIENTS, vocabulary
from foodbench.tasks.nutrition5k.reading import PLAUSIBLE_MAXIMUM, TOTAL, read_nutrition, read_portions

LEAST_MASS = 1.0
"""Grams; ingredients of no more are not asked for."""
LEAST_ENERGY = 1.0
"""kcal, likewise."""


def heaviest(record: NutritionRecord) -> list[IngredientPortion]:
    """The ingredients of a dish that can be asked for, heaviest first; none if the dish is left out."""
    names = [portion.name for portion in record.portions]
    if "deprecated" in names or "" in names or len(set(names)) < len(names):
        return []
    kept = [
        portion
        for portion in record.portions
        if (portion.nutrition.mass or 0.0) > LEAST_MASS
        and (portion.nutrition.kcal or 0.0) > LEAST_ENERGY
        and portion.name not in NOT_INGREDIENTS
    ]
    return sorted(kept, key=lambda portion: (-(portion.nutrition.mass or 0.0), portion.name))


def read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    """Read one ingredient's nutrition: from the numbers of the answer, or what its text says of the ingredient.

    Numbers without a food's name count as the asked one's; numbers of another food never do.
    """
    if answer.nutrition is not None:
        stated = answer.nutrition
    else:
        portions = read_portions(answer.text, finder(vocabulary))
        others = set(portions) - {TOTAL}
        stated = portions.get(sample.slots["ingredient"]) or (Nutrition() if others else read_nutrition(answer.text))
    values = {name: value for name, value in stated.as_dict().items() if abs(value) <= PLAUSIBLE_MAXIMUM}
    return Reading(
        parsed=len(values) == len(sample.reference),
        values=nutrition.detailed_values(values, sample.reference),
        detail=values,
    )


def _task(rank: int) -> FoodTask:
    def build(_reader: Any, records: Sequence[NutritionRecord]) -> Iterable[Sample]:
        for record in records:
            portions = heaviest(record)
            if record.image is None or len(portions) < rank:
                continue
            portion = portions[rank - 1]
            yield Sample(
                sample_id=record.dish_id,
                cluster=record.dish_id,
                image=record.image,
                question=prompts.PORTION_NUTRITION.format(ingredient=portion.name),
                slots={"ingredient": portion.name},
                reference=portion.nutrition.as_dict(),
            )

    place = {1: "the heaviest", 2: "the second heaviest", 3: "the third heaviest"}[rank]
    return FoodTask(
        name=f"nutrition5k.refer{rank}",
        version=1,
        dataset="nutrition5k",
        split="test",
        train_split="train",
        protocol="strict",
        summary=f"Estimate the nutrition of one named ingredient, {place} on the plate.",
        questions=(prompts.PORTION_NUTRITION,),
        answer_kind="nutrition",
        metrics=(*nutrition.error_metrics(), *nutrition.answered_metrics(), *nutrition.spread_metrics()),
        generation={"max_new_tokens": 128, "do_sample": False},
        floors=("baseline:mean", "baseline:blind"),
        build=build,
        vocabulary=vocabulary,
        read=read,
        headline=2,
        selective=True,
        oracle=lambda sample: Answer(text="", nutrition=Nutrition.from_mapping(sample.reference)),
    )


REFER1, REFER2, REFER3 = _task(1), _task(2), _task(3)
