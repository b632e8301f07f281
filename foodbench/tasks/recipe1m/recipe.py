"""`recipe1m.recipe`: title, ingredients and steps of the dish in the photo.

Two views of one answer. As running text it is compared with the dataset's recipe: `rouge_l` and `sacrebleu.corpus`, and
beside them the two that other papers print under these names. FIRE gets a ROUGE-L of 21.29; FoodLMM's Table VII gives
itself 36.96; how far apart two recipes of different dishes are is the floor `baseline:random`. Split up by its headers,
its title is compared with the title, and the classes of its ingredient list with those of
`recipe1m.ingredients`.

An answer without headers counts as steps: it loses nothing as running text, but has no title and no ingredients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.records import RecipeRecord
from foodbench.metrics import bleu, labels, rouge, text
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.reading.names import INGREDIENT_READING_VERSION, normalise
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.tasks import prompts
from foodbench.tasks.base import FoodTask, Reading
from foodbench.tasks.recipe1m.texts import (
    FLOORS,
    listed_classes,
    needed,
    recipe_sample,
    recipe_text,
    set_metrics,
    text_oracle,
)

LISTED = "ingredients_listed."

TITLE_EXACT = Metric(
    id="title.exact",
    kind="proportion",
    value="title.exact",
    unit="%",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Share of answers with exactly the right title, but for case, accents and punctuation.",
)
TITLE_ROUGE_L = Metric(
    id="title.rouge_l",
    kind="mean",
    value="title.rouge_l",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="Mean over samples of `rouge_l` of the titles alone; an answer without title counts as 0.",
    signature=rouge.ROUGE_L.signature,
)
_LISTED_MICRO, *_LISTED_OTHERS = set_metrics(
    LISTED,
    ("f1.micro", "f1.sample", "iou.micro", "precision.micro", "recall.micro"),
    f"reading:{INGREDIENT_READING_VERSION}",
)
METRICS = (
    rouge.ROUGE_L,
    bleu.CORPUS_BLEU,
    _LISTED_MICRO,
    bleu.SENTENCE_BLEU,
    rouge.ROUGE_L_SET,
    TITLE_EXACT,
    TITLE_ROUGE_L,
    *_LISTED_OTHERS,
)


def _build(reader: Any, records: Sequence[RecipeRecord]) -> Iterable[Sample]:
    for record in records:
        reference = {
            "text": recipe_text(record),
            "title": record.title,
            "classes": list(reader.classes_of(record)),
        }
        yield recipe_sample(record, prompts.RECIPE, reference)


def _title_key(title: str) -> str:
    return normalise(title) or title.strip().casefold()  # nothing is left of a title in another script


def _read(sample: Sample, answer: Answer, vocabulary: tuple[str, ...]) -> Reading:
    true = sample.reference
    recipe = read_recipe(answer.text)
    listed = listed_classes(recipe.ingredients, vocabulary)
    values = {
        **text.sample_values(answer.text, true["text"]),
        TITLE_EXACT.value: float(bool(recipe.title) and _title_key(recipe.title) == _title_key(true["title"])),
        TITLE_ROUGE_L.value: rouge.rouge_l(recipe.title, true["title"]),
        **labels.sample_values(listed, true["classes"], len(vocabulary), prefix=LISTED),
    }
    return Reading(
        parsed=bool(recipe.title or recipe.ingredients or recipe.steps),
        values=needed(METRICS, values),
        detail={"title": recipe.title, "listed": listed, "steps": len(recipe.steps)},
    )


TASK = FoodTask(
    name="recipe1m.recipe",
    version=1,
    dataset="recipe1m",
    split="test",
    train_split="train",
    protocol="strict",
    summary="Write the recipe of the dish in the picture: title, ingredients and steps.",
    questions=(prompts.RECIPE,),
    answer_kind="text",
    metrics=METRICS,
    generation={"max_new_tokens": 512, "do_sample": False},
    floors=FLOORS,
    build=_build,
    vocabulary=lambda reader: tuple(reader.ingredient_classes),
    read=_read,
    oracle=text_oracle,
)
