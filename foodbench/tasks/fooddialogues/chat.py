"""`fooddialogues.chat`: every question of a conversation about a meal, with the reference's turns before it as history.

FoodLMM measures its conversations by people's satisfaction alone (Table VIII: 1 to 5). Here too a rating is what one
wants to know (`foodbench judge` collects ratings of judge models and of people, 1 to 10), but it takes somebody who
rates; until then it does not exist. What needs nobody is printed beside it:

* the overlap with the reference's text. Answers to such questions share much of their wording whatever they say: see
  what `baseline:random`, the reference of another question, gets.
* `number_error`: how far the totals that an answer states for the whole dish are off. Only totals count that the
  dataset tags in the reference answer, and that the reader of stated totals finds, with the same value, in the
  reference's own text; so the reference itself has no error, and of a number that belongs to nothing clear (most are
  said of "the chicken", "this part of it") nothing is held against an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import fsum
from typing import Any

from foodbench.core.types import NUTRIENTS, Answer, Sample
from foodbench.data.records import DialogueRecord
from foodbench.metrics import bleu, ratings, rouge, text
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.reading.names import NameFinder
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.nutrition5k.reading import TOTAL, read_portions
from foodbench.tasks.text import says_something

DATASET = "fooddialogues"
TOTAL_PREFIX = "total."
"""Of the tagged values those of the whole dish begin with it."""
_AGREEMENT = 0.01

NUMBER_ERROR = Metric(
    id="number_error",
    kind="ratio",
    value="number_error",
    over="numbers",
    unit="%",
    scale=100.0,
    higher_is_better=False,
    bounds=(0.0, 1.0),
    description=(
        "Mean relative error of the dish's totals (energy, mass, fat, carbohydrate, protein) that the reference answer "
        "states; one that the answer does not state, or that is off by more than its size, counts as 100%."
    ),
)
METRICS = (rouge.ROUGE_L, *ratings.METRICS, NUMBER_ERROR, bleu.CORPUS_BLEU)


def read_totals(text_: str) -> dict[str, float]:
    """What a text states about the whole dish: kcal and grams by nutrient."""
    stated = read_portions(text_, _no_names()).get(TOTAL)
    return {} if stated is None else stated.as_dict()


@lru_cache(maxsize=1)
def _no_names() -> NameFinder:
    return NameFinder(())


def stated_totals(answer: str, tagged: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The tagged totals of a reference answer that its text states so clearly that they can be read again.

    Args:
        answer: the reference answer.
        tagged: (quantity, value) pairs as in `DialogueRecord.tagged`, of that answer.

    Returns:
        kcal and grams above zero, by nutrient.
    """
    read = read_totals(answer)
    true = dish_totals([tagged])
    return {name: true[name] for name in NUTRIENTS if name in true and true[name] > 0 and read.get(name) == true[name]}


def dish_totals(tagged: Iterable[Sequence[tuple[str, float]]]) -> dict[str, float]:
    """The dish's totals by nutrient that the answers of a dialogue tag; those that they contradict each other in not.

    Args:
        tagged: (quantity, value) pairs as in `DialogueRecord.tagged`, one sequence for each turn.
    """
    found: dict[str, list[float]] = {}
    for values in tagged:
        for quantity, value in values:
            if quantity.startswith(TOTAL_PREFIX):
                found.setdefault(quantity.removeprefix(TOTAL_PREFIX), []).append(value)
    return {
        name: found[name][0]
        for name in NUTRIENTS
        if name in found and max(found[name]) - min(found[name]) <= _AGREEMENT * max(found[name])
    }


def _build(_reader: Any, records: Sequence[DialogueRecord]) -> Iterable[Sample]:
    for record in records:
        facts = {TOTAL: dish_totals(record.tagged)}
        for number, turn in enumerate(record.turns):
            history = [(earlier.question, earlier.answer) for earlier in record.turns[:number]]
            yield Sample(
                # Begins with a letter and is no date: people rate these in spreadsheets.
                sample_id=f"{record.dish_id}/{record.dialogue_id}/{number + 1}",
                cluster=record.dish_id,
                image=record.image,
                question=prompts.with_history(history, turn.question),
                slots={"history": [list(earlier) for earlier in history], "turn": turn.question},
                reference={
                    "text": turn.answer,
                    "totals": stated_totals(turn.answer, record.tagged[number]),
                    "facts": facts,
                },
            )


def number_values(stated: Mapping[str, float], true: Mapping[str, float]) -> dict[str, float]:
    """One answer's values for `NUMBER_ERROR`.

    Args:
        stated: what the answer says, by nutrient.
        true: what the reference answer says, above zero.
    """
    errors = [min(1.0, abs(stated.get(name, 0.0) - value) / value) for name, value in true.items()]
    return {NUMBER_ERROR.value: fsum(errors), str(NUMBER_ERROR.over): float(len(errors))}


def _read(sample: Sample, answer: Answer, _vocabulary: tuple[str, ...]) -> Reading:
    said = answer.text.strip()
    totals = read_totals(said[: text.MAX_CHARACTERS]) if sample.reference["totals"] else {}
    values = {
        **text.sample_values(said, sample.reference["text"]),
        **number_values(totals, sample.reference["totals"]),
        **ratings.sample_values(),
    }
    return Reading(
        parsed=says_something(said),
        values={key: number for metric in METRICS for key, number in metric.share(values).items()},
        detail={"totals": totals} if totals else {},
    )


TASK = FoodTask(
    name=f"{DATASET}.chat",
    version=1,
    dataset=DATASET,
    split="test",
    train_split="train",
    protocol="strict",
    summary="Answer a question about a meal's nutrition, in a conversation.",
    questions=(),
    answer_kind="text",
    metrics=METRICS,
    generation={"max_new_tokens": 384, "do_sample": False},
    floors=("baseline:random", "baseline:blind"),
    build=_build,
    vocabulary=lambda _reader: (),
    read=_read,
    oracle=lambda sample: Answer(text=sample.reference["text"]),
)
