"""`recipe1m.instructions` and `recipe1m.actions`: how the dish in the photo is prepared.

Both ask the same question and look at the steps of the answer only; a title or an ingredient list beside them neither
helps nor harms. The first compares their text with the recipe's, and the ingredient classes that they mention with
those of the recipe. The second compares what the cook is told to do: the set of actions (`chop`, `simmer`, `serve`)
that one and the same extractor finds in the answer and in the recipe.

The paper on grounded recipe generation prints both kinds in one table, but not on one scale: its ingredient figures
pool all recipes (F1 = 2 IoU / (1 + IoU) holds in its rows), its action figures are means over recipes. So do the
primary metrics here, and each is printed the other way too. Its 383 verbs are not published; those that count here are
the list that the metrics' signature names.

A perfect answer does not get 100 for the ingredients it mentions: steps leave some out ("add the remaining
ingredients") and name what is in no list (water). `baseline:oracle` says what can be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.records import RecipeRecord
from foodbench.metrics import bleu, labels, rouge, text
from foodbench.metrics.reading.actions import ACTIONS_VERSION, default_lexicon, find_actions
from foodbench.metrics.reading.names import INGREDIENT_READING_VERSION
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.naming import finder
from foodbench.tasks.recipe1m.texts import FLOORS, needed, recipe_sample, set_metrics, steps_text, text_oracle

MENTIONED = "ingredients_mentioned."

_MENTIONED_MICRO, *_MENTIONED_OTHERS = set_metrics(
    MENTIONED,
    ("f1.micro", "iou.micro", "precision.micro", "recall.micro", "f1.sample", "iou.sample"),
    f"reading:{INGREDIENT_READING_VERSION}",
)
METRICS = (
    rouge.ROUGE_L,
    bleu.CORPUS_BLEU,
    _MENTIONED_MICRO,
    bleu.SENTENCE_BLEU,
    rouge.ROUGE_L_SET,
    *_MENTIONED_OTHERS,
)
ACTION_METRICS = set_metrics(
    "",
    (
        "f1.sample",
        "iou.sample",
        "f1.micro",
        "precision.sample",
        "recall.sample",
        "iou.micro",
        "precision.micro",
        "recall.micro",
    ),
    f"lexicon:{ACTIONS_VERSION}",
)


def _build(reader: Any, records: Sequence[RecipeRecord]) -> Iterable[Sample]:
    for record in records:
        reference = {"text": steps_text(record), "classes": list(reader.classes_of(record))}
        yield recipe_sample(record, prompts.INSTRUCTIONS, reference)


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    steps = "\n".join(read_recipe(answer.text).steps)
    mentioned = finder(vocabulary).find(steps).names
    values = {
        **text.sample_values(steps, sample.reference["text"]),
        **labels.sample_values(mentioned, sample.reference["classes"], len(vocabulary), prefix=MENTIONED),
    }
    return Reading(
        parsed=bool(steps),
        values=needed(METRICS, values),
        detail={"steps": steps.count("\n") + 1 if steps else 0, "mentioned": list(mentioned)},
    )


def _build_actions(_reader: Any, records: Sequence[RecipeRecord]) -> Iterable[Sample]:
    for record in records:
        steps = steps_text(record)
        # In the reference, so that another list of verbs makes another fingerprint: such results do not compare.
        yield recipe_sample(record, prompts.INSTRUCTIONS, {"text": steps, "actions": find_actions(steps)})


def _read_actions(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    steps = "\n".join(read_recipe(answer.text).steps)
    found = find_actions(steps)
    return Reading(
        parsed=bool(steps),
        values=needed(ACTION_METRICS, labels.sample_values(found, sample.reference["actions"], len(vocabulary))),
        detail={"actions": found},
    )


INSTRUCTIONS = FoodTask(
    name="recipe1m.instructions",
    version=1,
    dataset="recipe1m",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Write the steps by which the dish in the picture is prepared.",
    questions=(prompts.INSTRUCTIONS,),
    answer_kind="text",
    metrics=METRICS,
    generation={"max_new_tokens": 512, "do_sample": False},
    floors=FLOORS,
    build=_build,
    vocabulary=lambda reader: tuple(reader.ingredient_classes),
    read=_read,
    oracle=text_oracle,
)

ACTIONS = replace(
    INSTRUCTIONS,
    name="recipe1m.actions",
    summary="Tell the cook what to do: the actions in the steps (chop, simmer, serve) are compared.",
    metrics=ACTION_METRICS,
    build=_build_actions,
    vocabulary=lambda _reader: tuple(verb.lemma for verb in default_lexicon().verbs),
    read=_read_actions,
    headline=2,
)
