"""The questions of a stage, to learn from and to measure on, from rendered plates or from Recipe1M."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.recipe_grounded import cot_data
from baselines.recipe_grounded.cot_data import CotSample, actions_of
from baselines.recipe_grounded.data import PAPER_SIZES, Stage, StageRow, rows_of
from baselines.recipe_grounded.plate_recipes import EDITION, plate_recipes, vocabulary_of
from baselines.recipe_grounded.settings import Ask, ContextSettings, PlatesSource, RecipesSource, StageSettings
from baselines.recipe_grounded.vocabulary import DATASET, SPLIT, ActionVocabulary, build
from foodbench.core.errors import DataMissing, UsageError
from foodbench.core.hashing import stable_seed
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.data.records import RecipeRecord
from foodbench.data.roots import open_dataset, resolve
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION, INGREDIENTS_QUESTION, with_context
from foodbench.models.recipe_grounded.labels import LabelVocabulary, ingredient_vocabulary
from foodbench.tasks import prompts
from foodbench.tasks.base import spread
from foodbench.tasks.recipe1m.texts import recipe_text, steps_text

_KITCHEN = (EDITION, "kitchen")
_STAGE_OF: Mapping[Ask, Stage] = {
    "actions": "ar_sft",
    "ingredients": "ingr_sft",
    "instructions": "instr_sft",
    "recipe": "instr_sft",
}
"""The supervised stage whose rows ask that."""


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """What is measured on.

    Attributes:
        ask: what is asked.
        record: about which recipe.
        question: the whole text.
        labels: the right actions, or ingredients; of a writer's question both are in `record`.
        told: whether the right labels stand in front of the question.
    """

    ask: Ask
    record: RecipeRecord
    question: str
    labels: tuple[str, ...] = ()
    told: bool = False


@dataclass(frozen=True, slots=True)
class StageQuestions:
    """The data of a run.

    Attributes:
        training: to learn from.
        validation: to measure on while training.
        final: to measure the finished model on; the same as `validation` if there are no others.
        vocabulary: the actions.
        ingredients: the ingredient classes.
        counts: recipes drawn, kept, and left out by reason.
    """

    training: Sequence[StageRow]
    validation: Sequence[ExamQuestion]
    final: Callable[[], Sequence[ExamQuestion]]
    vocabulary: ActionVocabulary
    ingredients: LabelVocabulary
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Recipes:
    """The recipes of a source."""

    train: Sequence[RecipeRecord]
    monitor: Sequence[RecipeRecord]
    final: Callable[[], Sequence[RecipeRecord]]
    vocabulary: ActionVocabulary
    ingredients: tuple[str, ...]


def load_questions(
    settings: StageSettings,
    grid: int | None,
    *,
    cache: Path,
    workers: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> StageQuestions:
    """The questions of a recipe of training.

    Args:
        settings: the recipe.
        grid: side of the square that plates are squashed to.
        cache: folder for rendered plates.
        workers: processes that render them.
        on_progress: told how many plates became ready.

    Raises:
        UsageError: the data do not fit the recipe.
        FoodbenchError: they are missing or damaged.
    """
    recipes = (
        _plates(settings.data, grid, cache, workers, on_progress)
        if isinstance(settings.data, PlatesSource)
        else _recipe1m(settings.data)
    )
    rows, counts = _training(settings, recipes)
    if not rows:
        raise DataMissing(f"No recipe is left for {settings.stage}: {counts}.", hint="Enlarge data.sizes.")
    return StageQuestions(
        rows,
        _exam(settings, recipes.monitor, recipes),
        lambda: _exam(settings, recipes.final(), recipes),
        recipes.vocabulary,
        ingredient_vocabulary(recipes.ingredients),
        counts,
    )


def _plates(
    source: PlatesSource, grid: int | None, cache: Path, workers: int, on_progress: Callable[[int], None]
) -> _Recipes:
    if grid is None:
        raise UsageError("Plates are kept in the model's size, and the checkpoint names no grid.", hint="Set ask.grid.")
    plates = source.plates
    options: dict[str, Any] = {"workers": workers, "on_progress": on_progress}
    train = plate_recipes(plates, grid, cache, split="train", count=plates.train_plates, **options)

    def measured(first: int, last: int) -> Sequence[RecipeRecord]:
        return plate_recipes(plates, grid, cache, split="val", count=last, workers=workers)[first:last]

    monitored, last = plates.monitor_plates, max(plates.val_plates, plates.monitor_plates)
    first = monitored if last > monitored else 0
    vocabulary = vocabulary_of(train)
    return _Recipes(train, measured(0, monitored), lambda: measured(first, last), vocabulary, INGREDIENT_NAMES)


def _recipe1m(source: RecipesSource) -> _Recipes:
    choice = resolve(DATASET, source.edition, source.allow_partial)
    reader: Any = open_dataset(choice)
    vocabulary = build(choice) if source.vocabulary is None else ActionVocabulary.load(source.vocabulary)
    if vocabulary.dataset_fingerprint != reader.fingerprint(SPLIT):
        raise UsageError(
            f"{source.vocabulary} was made from other recipes than {choice.root} has.",
            hint="Make it from the same copy: python -m baselines.recipe_grounded.vocabulary --out FILE",
        )
    measured = list(spread(reader.records("val"), source.validation, source.seed))
    return _Recipes(reader.records(SPLIT), measured, lambda: measured, vocabulary, tuple(reader.ingredient_classes))


def _training(settings: StageSettings, recipes: _Recipes) -> tuple[list[StageRow], dict[str, int]]:
    source = settings.data
    cot = _reasoning(source, recipes.vocabulary)
    sizes = {**PAPER_SIZES, **source.sizes}
    rows: list[StageRow] = []
    counts: dict[str, int] = {}
    writings = tuple(ask for ask in settings.asked if ask in ("instructions", "recipe"))
    stages = [settings.stage] if not settings.supervised else [_STAGE_OF[ask] for ask in settings.asked]
    for stage in dict.fromkeys(stages):
        if stage == "ar_sft" and cot is None and recipes.vocabulary.edition not in _KITCHEN:
            raise UsageError(
                "ar_sft needs reasoning to imitate.",
                hint="Make it with baselines.recipe_grounded.cot_data, and name the file as data.cot.",
            )
        made = rows_of(
            recipes.train,
            stage,
            recipes.vocabulary,
            cot=cot,
            sizes=sizes,
            seed=source.seed,
            writings=writings,
        )
        rows += made.rows
        counts = {name: counts.get(name, 0) + made.counts.get(name, 0) for name in {**counts, **made.counts}}
    if settings.context.share:
        known = {record.recipe_id: record for record in recipes.train}
        rows = [_with_context(row, known[row.recipe_id], place, settings, recipes) for place, row in enumerate(rows)]
    return rows, counts


def _reasoning(source: PlatesSource | RecipesSource, vocabulary: ActionVocabulary) -> list[CotSample] | None:
    if isinstance(source, PlatesSource) or source.cot is None:
        return None
    return cot_data.load(source.cot)


def _with_context(
    row: StageRow, record: RecipeRecord, place: int, settings: StageSettings, recipes: _Recipes
) -> StageRow:
    """A writer's question, perhaps with labels in front of it."""
    rng = np.random.default_rng(stable_seed("context", settings.data.seed, place, row.recipe_id))
    told = settings.context
    if row.question not in (prompts.INSTRUCTIONS, prompts.RECIPE) or rng.random() >= told.share:
        return row
    weights = np.array([told.both, told.actions, told.ingredients])
    kind = ("both", "actions", "ingredients")[int(rng.choice(3, p=weights / weights.sum()))]
    right = actions_of(record, recipes.vocabulary)
    actions = _noisy(right, recipes.vocabulary.names, told, rng) if kind != "ingredients" else ()
    ingredients = _noisy(record.classes, recipes.ingredients, told, rng) if kind != "actions" else ()
    return replace(row, question=with_context(row.question, actions, ingredients))


def _noisy(
    labels: Sequence[str], names: Sequence[str], settings: ContextSettings, rng: np.random.Generator
) -> tuple[str, ...]:
    """Labels as a predictor might give them: some left out, some wrong ones among them."""
    kept = [label for label in labels if rng.random() >= settings.drop]
    others = [name for name in names if name not in labels]
    wrong = int(rng.binomial(len(labels), settings.add)) if others else 0
    for place in rng.permutation(len(others))[:wrong]:
        kept.insert(int(rng.integers(len(kept) + 1)), others[int(place)])
    return tuple(kept)


def _exam(settings: StageSettings, records: Sequence[RecipeRecord], recipes: _Recipes) -> list[ExamQuestion]:
    """One question of each kind about each recipe; a writer that knows contexts is asked with the right one, too."""
    found: list[ExamQuestion] = []
    for record in records:
        actions = actions_of(record, recipes.vocabulary)
        for ask in settings.asked:
            if ask == "actions":
                found.append(ExamQuestion(ask, record, ACTIONS_QUESTION, actions))
            elif ask == "ingredients":
                found.append(ExamQuestion(ask, record, INGREDIENTS_QUESTION, record.classes))
            elif ask == "instructions":
                found.append(ExamQuestion(ask, record, prompts.INSTRUCTIONS, actions))
                if settings.context.share:
                    told = with_context(prompts.INSTRUCTIONS, actions, record.classes)
                    found.append(ExamQuestion(ask, record, told, actions, told=True))
    return found or [ExamQuestion("recipe", record, prompts.RECIPE) for record in records]


def right_text(question: ExamQuestion) -> str:
    """What a writer should write."""
    return recipe_text(question.record) if question.ask == "recipe" else steps_text(question.record)


__all__ = ["ExamQuestion", "StageQuestions", "load_questions", "right_text"]
