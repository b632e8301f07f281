"""What the recipe tasks share: the plain form of a true recipe, and the ingredient classes in a written one.

The true recipe is the dataset's text as it is, damage included (`14 cup` stands for `1/4 cup`), so an overlap of whole
recipes pays for guessing amounts too. The sets of classes leave amounts out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.recipe1m_vocabulary import IngredientVocabulary
from foodbench.data.records import RecipeRecord
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.labels import label_metrics
from foodbench.metrics.reading.recipe_text import ingredient_phrase
from foodbench.tasks.naming import finder

FLOORS = ("baseline:random", "baseline:blind", "baseline:usual")
"""Another sample's text, the most typical one, and the names that are usual: what texts of this kind share anyway."""


def recipe_text(record: RecipeRecord) -> str:
    """A recipe in the form that answers are compared with: title, ingredient lines, steps; one item on a line."""
    ingredients = [one_line(line) for line in record.ingredients]
    lines = [f"Title: {one_line(record.title)}", "Ingredients:", *ingredients, "Steps:", steps_text(record)]
    return "\n".join(lines)


def steps_text(record: RecipeRecord) -> str:
    """The steps alone, one on a line."""
    return "\n".join(one_line(step) for step in record.steps)


def one_line(text: str) -> str:
    """A text with every stretch of blanks and line breaks as one blank."""
    return " ".join(text.split())


def recipe_sample(record: RecipeRecord, question: str, reference: Mapping[str, Any]) -> Sample:
    """A question about a recipe's photo."""
    return Sample(
        sample_id=record.recipe_id,
        cluster=record.recipe_id,
        image=record.image,
        question=question,
        slots={},
        reference=reference,
    )


def text_oracle(sample: Sample) -> Answer:
    """The true text."""
    return Answer(text=sample.reference["text"])


def listed_classes(lines: Iterable[str], vocabulary: tuple[str, ...]) -> list[str]:
    """The ingredient classes of the lines of an ingredient list, each once, in order.

    Of each line the food it is about gets its class by the rules that made the reference's classes of the detector's
    phrases. A food that they give none is searched for names of the vocabulary.
    """
    classes = _classes(vocabulary)
    found: dict[str, None] = {}
    for phrase in filter(None, map(ingredient_phrase, lines)):
        # The dataset's tokeniser set hyphens apart: `half - and - half`.
        name = classes.class_of(phrase.replace("-", " - ") if " - " not in phrase else phrase)
        names: Sequence[str] = finder(vocabulary).find(phrase).names if name is None else (name,)
        found.update(dict.fromkeys(names))
    return list(found)


@lru_cache(maxsize=4)
def _classes(vocabulary: tuple[str, ...]) -> IngredientVocabulary:
    return IngredientVocabulary(vocabulary)


def set_metrics(prefix: str, names: Sequence[str], signature: str) -> tuple[Metric, ...]:
    """Some of the metrics of a set of labels, e.g. `ingredients_listed.f1.micro`.

    Args:
        prefix: of the values and ids, with its full stop.
        names: ids without it.
        signature: what decides which labels a text names.
    """
    known = {metric.id: metric for metric in label_metrics(prefix)}
    return tuple(replace(known[prefix + name], signature=signature) for name in names)


def needed(metrics: Collection[Metric], values: Mapping[str, float]) -> dict[str, float]:
    """Those of a sample's values that the metrics are made of."""
    return {key: number for metric in metrics for key, number in metric.share(values).items()}
