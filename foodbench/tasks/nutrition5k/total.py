"""`nutrition5k.total`: how much energy, mass, fat, carbohydrate and protein is on the whole plate?

Mean absolute error per nutrient, and that error in percent of the mean reference over the same dishes: the formulas of
Nutrition5k's official `compute_eval_statistics.py`, over a declared list of dishes. There, a missing prediction
silently leaves the mean; here, a value that the answer does not state counts as 0, and the answer as not parsed.

The test split is the one with overhead photos, `depth_test` (507 dishes): 202 of the 709 dishes in `rgb_test` have no
overhead photo. FoodLMM's Table VII uses `rgb_test`, so its figures have other denominators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.types import NUTRIENTS, Answer, Nutrition, Sample
from foodbench.data.records import NutritionRecord
from foodbench.metrics import nutrition
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.nutrition5k.reading import PLAUSIBLE_MAXIMUM, read_nutrition


def _build(_reader: Any, records: Sequence[NutritionRecord]) -> Iterable[Sample]:
    for record in records:
        if record.image is None:
            continue
        yield Sample(
            sample_id=record.dish_id,
            cluster=record.dish_id,
            image=record.image,
            question=prompts.TOTAL_NUTRITION,
            slots={},
            reference=record.total.as_dict(),
        )


def _read(sample: Sample, answer: Answer, _vocabulary: tuple[str, ...]) -> Reading:
    stated = answer.nutrition if answer.nutrition is not None else read_nutrition(answer.text)
    plausible = {name: value for name, value in stated.as_dict().items() if abs(value) <= PLAUSIBLE_MAXIMUM}
    values = nutrition.detailed_values(plausible, sample.reference)
    return Reading(parsed=len(plausible) == len(NUTRIENTS), values=values, detail=plausible)


TASK = FoodTask(
    name="nutrition5k.total",
    version=2,
    dataset="nutrition5k",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Estimate the plate's total energy, mass, fat, carbohydrate and protein.",
    questions=(prompts.TOTAL_NUTRITION,),
    answer_kind="nutrition",
    metrics=(*nutrition.error_metrics(), *nutrition.answered_metrics(), *nutrition.spread_metrics()),
    generation={"max_new_tokens": 128, "do_sample": False},
    floors=("baseline:mean", "baseline:blind"),
    build=_build,
    vocabulary=lambda _reader: (),
    read=_read,
    headline=5,
    oracle=lambda sample: Answer(text="", nutrition=Nutrition.from_mapping(sample.reference)),
)
