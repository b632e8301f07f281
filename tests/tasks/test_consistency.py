"""`nutrition5k.consistency`: only an answer about this very plate is sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foodbench.adapters.base import ask, prepare
from foodbench.adapters.baselines import Blind, Mean
from foodbench.core.types import Answer, Sample
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.data.roots import resolve
from foodbench.stats.summary import point_values
from foodbench.tasks.base import FoodTask
from foodbench.tasks.nutrition5k.consistency import TASK
from tests.tasks.helpers import load

RICE = {"kcal": 130.0, "mass": 100.0, "fat": 0.0, "carb": 30.0, "protein": 2.5}
FISH = {"kcal": 206.0, "mass": 120.0, "fat": 14.0, "carb": 0.0, "protein": 20.0}
OIL = {"kcal": 45.0, "mass": 5.0, "fat": 5.0, "carb": 0.0, "protein": 0.0}
VOCABULARY = ("rice", "fish", "olive oil", "egg")


def plate(**parts: Mapping[str, float]) -> Sample:
    named = {name.replace("_", " "): part for name, part in parts.items()}
    total = {nutrient: sum(part[nutrient] for part in named.values()) for nutrient in RICE}
    return Sample("d", "d", None, "", {}, {**total, "parts": named})  # type: ignore[arg-type]


PLATE = plate(rice=RICE, fish=FISH, olive_oil=OIL)
EMPTY = plate()


def line(name: str, values: Mapping[str, float], factor: float = 1.0) -> str:
    units = (
        f"{nutrient} {factor * value} {'kcal' if nutrient == 'kcal' else 'g'}" for nutrient, value in values.items()
    )
    return f"{name}: {', '.join(units)}"


def values(sample: Sample, *lines: str) -> Mapping[str, float]:
    return TASK.score(sample, "\n".join(lines), VOCABULARY).values


TOTAL = {nutrient: RICE[nutrient] + FISH[nutrient] + OIL[nutrient] for nutrient in RICE}


@pytest.mark.parametrize(
    ("lines", "sound"),
    [
        pytest.param(
            [line("rice", RICE), line("fish", FISH), line("olive oil", OIL), line("Total", TOTAL)], True, id="all"
        ),
        pytest.param([line("fish", TOTAL), line("Total", TOTAL)], True, id="more than half of the mass"),
        pytest.param([line("rice", TOTAL), line("Total", TOTAL)], False, id="less than half of the mass"),
        pytest.param([line("olive oil", TOTAL), line("Total", TOTAL)], False, id="what is on most plates"),
        pytest.param([line("fish", TOTAL), line("egg", OIL), line("Total", TOTAL)], False, id="not there"),
        pytest.param([line("fish", TOTAL, 1.49), line("Total", TOTAL, 1.49)], True, id="half as much again"),
        pytest.param([line("fish", TOTAL, 1.51), line("Total", TOTAL, 1.51)], False, id="too much"),
        pytest.param([line("fish", TOTAL, 0.49), line("Total", TOTAL, 0.49)], False, id="too little"),
        pytest.param([line("fish", FISH), line("Total", TOTAL)], False, id="does not add up"),
        pytest.param([], False, id="silence"),
    ],
)
def test_sound_answers_are_about_this_plate(lines: list[str], sound: bool) -> None:
    assert values(PLATE, *lines)["sound"] == float(sound)


def test_a_plate_of_one_ingredient_and_an_empty_one_can_be_answered() -> None:
    assert values(plate(rice=RICE), line("rice", RICE), line("Total", RICE))["sound"] == 1.0
    nothing = line("Total", dict.fromkeys(RICE, 0.0))
    assert values(EMPTY, nothing)["sound"] == 1.0
    assert values(EMPTY, line("Total", RICE))["sound"] == 0.0
    assert values(EMPTY)["sound"] == 0.0


def test_silence_is_no_zero_on_an_empty_plate() -> None:
    (metric,) = (metric for metric in TASK.metrics if metric.id == "kcal_on_empty_plate")
    silent, wrong = values(EMPTY), values(EMPTY, line("Total", RICE))
    assert metric.of_samples([silent]) is None
    assert metric.of_samples([silent, wrong]) == 130.0
    assert silent["stated.total"] == 0.0


def test_the_floors_are_one_ingredient_with_the_usual_total(kitchen: Path) -> None:
    data = load("nutrition5k.consistency")
    assert {"baseline:mean", "baseline:blind"} <= set(TASK.floors)
    for baseline in (Mean(), Blind()):
        prepare(baseline, TASK, resolve("nutrition5k", "kitchen"))
        answers = ask(baseline, [TASK.request(sample) for sample in data.samples])
        (text,) = {answer.text for answer in answers}
        assert len(text.splitlines()) == 2
        scores = [TASK.score(sample, text, data.vocabulary) for sample in data.samples]
        assert point_values(TASK.metrics, scores)["hallucinated"]


def real_samples(root: Path, split: str) -> list[Sample]:
    reader = Nutrition5k(root, allow_partial=True)
    # The metadata suffice: nobody looks at the pictures, which are not here.
    records = [replace(record, image=object()) for record in reader.annotations(split)]  # type: ignore[arg-type]
    return list(TASK.build(reader, records))


class Trained:
    """The task with train samples that need no picture."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = tuple(samples)

    def __getattr__(self, name: str) -> Any:
        return getattr(TASK, name)

    def train_samples(self, _choice: Any, *, limit: int | None = None, seed: int = 0) -> tuple[Sample, ...]:
        return self.samples[:limit]


def test_constant_answers_are_sound_for_few_of_the_real_plates(realdata: Path) -> None:
    root = realdata / "nutrition5k_dataset"
    if not root.is_dir():
        pytest.skip("the metadata of the real Nutrition5k are not here (FOODBENCH_REALDATA)")
    test, train = real_samples(root, "test"), real_samples(root, "train")
    vocabulary = TASK.vocabulary(Nutrition5k(root, allow_partial=True))
    assert len(test) == 507

    def earned(answer_of: Any) -> Mapping[str, float | None]:
        return point_values(TASK.metrics, [TASK.score(item, answer_of(item).to_text(), vocabulary) for item in test])

    def constant(baseline: Any) -> Any:
        task: FoodTask = Trained(train)  # type: ignore[assignment]
        baseline.prepare(task, None)
        answer = baseline.answer([TASK.request(test[0])])[0]
        return earned(lambda _sample: answer)

    ceiling = earned(TASK.oracle)
    assert ceiling["sound"] == ceiling["consistent"] == pytest.approx(96.25, abs=0.01)
    oil = "mass 200 g, calories 255 kcal, fat 13 g, carb 19 g, protein 16 g"
    oily = earned(lambda _sample: Answer(f"Olive oil: {oil}\nTotal: {oil}"))
    assert (oily["consistent"], oily["sound"]) == (100.0, 0.0)
    mean, blind = constant(Mean()), constant(Blind())
    assert mean["sound"] == pytest.approx(3.16, abs=0.01)
    assert blind["sound"] == 0.0
    assert mean["consistent"] == blind["consistent"] == 100.0
    assert blind["hallucinated"] == pytest.approx(56.02, abs=0.01), "the most frequent ingredient is the safest to name"
