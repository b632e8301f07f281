"""`nutrition5k.consistency`: does an answer agree with itself, and with a plate that holds nothing?

No paper measures it. A model is asked for the nutrition of every ingredient and of the whole meal; then its energy must
follow from its macronutrients (Atwater), its parts must add up to its total, it must not list what is not there, and an
empty plate has no calories. Being consistent is cheap, as another plate's true values are, and so is naming nothing
but the most frequent ingredient: an answer is `sound` if it is consistent, lists nothing that is not there, names what
makes up at least half of the plate, and has about its energy. No constant answer is that for more than a few plates.
The reference's own gaps, by which real food differs from Atwater's factors, are the ceiling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from foodbench.core.types import Answer, Nutrition, Sample
from foodbench.data.records import NutritionRecord
from foodbench.metrics import energy
from foodbench.metrics.aggregate import Metric
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.naming import finder
from foodbench.tasks.nutrition5k.ingredients import ingredient_names, vocabulary
from foodbench.tasks.nutrition5k.reading import PLAUSIBLE_MAXIMUM, TOTAL, read_nutrition, read_portions

CHECKED = ("kcal", "mass")
"""What parts are added up for."""


def _gap(nutrient: str) -> Metric:
    return Metric(
        id=f"parts_gap.{nutrient}",
        kind="ratio",
        value=f"parts_gap.{nutrient}",
        over=f"parts_checkable.{nutrient}",
        unit="%",
        scale=100.0,
        higher_is_better=False,
        bounds=(0.0, 1.0),
        description=f"Mean of |sum of the parts' {nutrient} - the total's| / the total's, each at most 1, over the "
        "answers that state both.",
    )


def _stated(what: str, description: str) -> Metric:
    return Metric(
        id=f"stated.{what}",
        kind="proportion",
        value=f"stated.{what}",
        unit="%",
        scale=100.0,
        bounds=(0.0, 1.0),
        description=description,
    )


PARTS_TOLERANCE = 0.1
"""Gap up to which parts are said to add up to their total."""

CONSISTENT = Metric(
    id="consistent",
    kind="proportion",
    value="consistent",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of answers that state all totals and, for a plate that holds something, its parts; whose parts' "
    "energy is within 10 % of the total's, and whose macronutrients' is within 20 % of it. Silence is not consistent.",
)
COVERED = 0.5
"""Share of the plate's mass that the ingredients named must hold at least: a frequent one alone is no breakdown."""
ENERGY_TOLERANCE = 0.5
"""How far the stated total may be from the true energy, as a share of it: wide, since this is no test of estimating."""

SOUND = Metric(
    id="sound",
    kind="proportion",
    value="sound",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of answers that are consistent, give nutrition to nothing that is not on the plate, name what "
    "makes up at least half of its mass, and state its energy within a half of the true one.",
)
HALLUCINATED = Metric(
    id="hallucinated",
    kind="share",
    value="wrong_parts",
    over="parts",
    unit="%",
    scale=100.0,
    higher_is_better=False,
    bounds=(0.0, 1.0),
    description="Share of the ingredients given nutrition that are not on the plate.",
)


def _build(_reader: Any, records: Sequence[NutritionRecord]) -> Iterable[Sample]:
    for record in records:
        if record.image is None:
            continue
        parts: dict[str, dict[str, float]] = {}
        for portion in record.portions:
            if portion.name in ingredient_names(record):
                known = parts.setdefault(portion.name, {})
                for name, value in portion.nutrition.as_dict().items():
                    known[name] = known.get(name, 0.0) + value
        yield Sample(
            sample_id=record.dish_id,
            cluster=record.dish_id,
            image=record.image,
            question=prompts.BREAKDOWN,
            slots={},
            reference={**record.total.as_dict(), "parts": parts},
        )


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    portions = read_portions(answer.text, finder(vocabulary))
    stated = portions.pop(TOTAL, None)
    stated = answer.nutrition or stated or (Nutrition() if portions else read_nutrition(answer.text))
    total = _plausible(stated.as_dict())
    parts = {name: _plausible(part.as_dict()) for name, part in portions.items()}
    gaps = energy.parts_gaps(list(parts.values()), total)
    wrong = [name for name in parts if name not in sample.reference["parts"]]
    values = energy.sample_values(total, {"kcal": sample.reference["kcal"]})
    for nutrient in CHECKED:
        values[f"parts_checkable.{nutrient}"] = float(nutrient in gaps)
        values[f"parts_gap.{nutrient}"] = min(1.0, gaps.get(nutrient, 0.0))
    values |= {
        "parts": float(len(parts)),
        "wrong_parts": float(len(wrong)),
        "stated.total": float(len(total) == len(Nutrition.__dataclass_fields__)),
        "stated.parts": float(bool(parts)),
    }
    adds_up = gaps["kcal"] <= PARTS_TOLERANCE if "kcal" in gaps else not sample.reference["parts"] and not parts
    consistent = bool(values["stated.total"] and values["atwater_consistent"]) and adds_up
    about_this_plate = not wrong and _covers(sample, parts) and _near(sample, total)
    values |= {"consistent": float(consistent), "sound": float(consistent and about_this_plate)}
    return Reading(
        parsed=bool(values["stated.total"]), values=values, detail={"total": total, "parts": parts, "wrong": wrong}
    )


def _covers(sample: Sample, parts: Mapping[str, object]) -> bool:
    """Whether the named ingredients that are there hold `COVERED` of the mass of all that can be named."""
    masses = {name: part.get("mass", 0.0) for name, part in sample.reference["parts"].items()}
    return sum(masses[name] for name in parts if name in masses) >= COVERED * sum(masses.values())


def _near(sample: Sample, total: Mapping[str, float]) -> bool:
    """Whether the stated energy is about the true one; on an empty plate, whether it is 0."""
    return "kcal" in total and energy.relative_gap(total["kcal"], sample.reference["kcal"]) <= ENERGY_TOLERANCE


def _plausible(stated: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in stated.items() if abs(value) <= PLAUSIBLE_MAXIMUM}


def _oracle(sample: Sample) -> Answer:
    reference = sample.reference
    total = Nutrition.from_mapping({name: value for name, value in reference.items() if name != "parts"})
    lines = [_line(name, part) for name, part in reference["parts"].items()]
    return Answer("\n".join([*lines, _line("Total", total.as_dict())]), nutrition=total)


def _line(name: str, values: Mapping[str, float]) -> str:
    stated = [f"{nutrient} {value:.3f} {'kcal' if nutrient == 'kcal' else 'g'}" for nutrient, value in values.items()]
    return f"{name}: {', '.join(stated)}"


TASK = FoodTask(
    name="nutrition5k.consistency",
    version=1,
    dataset="nutrition5k",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Break the meal's nutrition down: energy must fit macronutrients, parts the total, and nothing be made up.",
    questions=(prompts.BREAKDOWN,),
    answer_kind="nutrition",
    metrics=(
        SOUND,
        CONSISTENT,
        HALLUCINATED,
        energy.CONSISTENT,
        _gap("kcal"),
        _stated("total", "Share of answers that state all five totals."),
        _stated("parts", "Share of answers that state an ingredient's nutrition."),
        energy.ATWATER_GAP,
        _gap("mass"),
        energy.EMPTY_PLATE,
    ),
    generation={"max_new_tokens": 384, "do_sample": False},
    floors=("baseline:mean", "baseline:blind", "baseline:random"),
    build=_build,
    vocabulary=vocabulary,
    read=_read,
    oracle=_oracle,
    headline=4,
)
