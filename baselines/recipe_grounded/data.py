"""Recipe1M, real or kitchen, as rows of each stage of training, and the rows as TRL takes them.

| stage | asks | right answer | recipes |
| --- | --- | --- | --- |
| ar_sft | actions | reasoning, then the actions | those with a sample of `cot_data`, filtered |
| ar_rft | actions | the actions, for the reward | others than ar_sft's, filtered |
| ingr_sft | ingredients | empty reasoning, then the ingredients | all |
| ingr_rft | ingredients | the ingredients, for the reward | some |
| instr_sft | instructions (and whole recipes) | the recipe's text | all |

"Filtered": not only actions of the head. Sizes in the paper: 30,000 recipes asked about for ar_sft (10,397 left), 6,000
for ar_rft (3,712 left), 249,603 for ingr_sft and instr_sft, 30,000 for ingr_rft. Which ones is not published: here they
are drawn by a seeded permutation of the training split, ar_sft first and ar_rft behind it, so that the two share no
recipe. A split that is too small for both is divided between them in the same proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from baselines.recipe_grounded.cot_data import CotSample, actions_of, write_by_rule
from baselines.recipe_grounded.filtering import drop_head_only
from baselines.recipe_grounded.rewards import write_solution
from baselines.recipe_grounded.vocabulary import DATASET, SPLIT, ActionVocabulary
from foodbench.core.errors import DataMissing, UsageError
from foodbench.core.hashing import stable_seed
from foodbench.data.images import ImageFile
from foodbench.data.records import RecipeRecord
from foodbench.data.roots import DatasetChoice, open_dataset
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION, INGREDIENTS_QUESTION
from foodbench.models.recipe_grounded.labels import format_labels
from foodbench.tasks import prompts
from foodbench.tasks.recipe1m.texts import recipe_text, steps_text

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

Stage = Literal["ar_sft", "ar_rft", "ingr_sft", "ingr_rft", "instr_sft"]
STAGES: tuple[Stage, ...] = ("ar_sft", "ar_rft", "ingr_sft", "ingr_rft", "instr_sft")
SUPERVISED: frozenset[Stage] = frozenset({"ar_sft", "ingr_sft", "instr_sft"})
PAPER_SIZES: Mapping[Stage, int | None] = {
    "ar_sft": 30_000,
    "ar_rft": 6_000,
    "ingr_sft": None,
    "ingr_rft": 30_000,
    "instr_sft": None,
}
"""Recipes of each stage before any filter; None: all."""
Writing = Literal["instructions", "recipe"]


@dataclass(frozen=True, slots=True)
class StageRow:
    """One question with its right answer.

    Attributes:
        recipe_id: the recipe.
        image: its photo.
        question: what is asked.
        answer: the text to imitate; for the stages with rewards what a perfect answer could be.
        labels: the right labels; empty for instructions.
    """

    recipe_id: str
    image: ImageFile
    question: str
    answer: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageRows:
    """The data of a stage.

    Attributes:
        rows: in the order of the draw.
        counts: recipes drawn, kept, and left out by reason.
    """

    rows: tuple[StageRow, ...]
    counts: Mapping[str, int]


def load_rows(
    choice: DatasetChoice,
    stage: Stage,
    vocabulary: ActionVocabulary,
    *,
    cot: Sequence[CotSample] | None = None,
    sizes: Mapping[Stage, int | None] = PAPER_SIZES,
    seed: int = 0,
    writings: Sequence[Writing] = ("instructions",),
) -> StageRows:
    """The rows of a stage.

    Args:
        choice: an edition of Recipe1M.
        stage: which.
        vocabulary: of the same copy's training split.
        cot: for ar_sft, the reasoning; recipes without are left out. None: written by rule, for the kitchen.
        sizes: recipes of each stage before any filter.
        seed: of the draw.
        writings: for instr_sft, what is asked for of each recipe.

    Raises:
        UsageError: the vocabulary is of another copy, or reasoning is missing for a real copy.
        DataMissing: nothing is left; or as the reader.
        DataCorrupt: as the reader.
    """
    reader = open_dataset(choice)
    if choice.name != DATASET or reader.fingerprint(SPLIT) != vocabulary.dataset_fingerprint:
        raise UsageError(
            f"The action vocabulary was made from other recipes than {choice.root} has.",
            hint="Make it from the same copy: python -m baselines.recipe_grounded.vocabulary --out FILE",
        )
    if stage == "ar_sft" and cot is None and choice.edition != "kitchen":
        raise UsageError("ar_sft needs reasoning to imitate.", hint="Make it with baselines.recipe_grounded.cot_data.")
    made = rows_of(reader.records(SPLIT), stage, vocabulary, cot=cot, sizes=sizes, seed=seed, writings=writings)
    if not made.rows:
        raise DataMissing(f"No recipe of {choice.root} is left for {stage}: {dict(made.counts)}.", hint="Enlarge it.")
    return made


def rows_of(
    records: Sequence[RecipeRecord],
    stage: Stage,
    vocabulary: ActionVocabulary,
    *,
    cot: Sequence[CotSample] | None = None,
    sizes: Mapping[Stage, int | None] = PAPER_SIZES,
    seed: int = 0,
    writings: Sequence[Writing] = ("instructions",),
) -> StageRows:
    """The rows of a stage from training recipes; arguments as for `load_rows`."""
    drawn = [records[place] for place in draw(len(records), stage, sizes, seed)]
    if stage in ("ar_sft", "ar_rft"):
        return _action_rows(stage, drawn, vocabulary, cot)
    return _writing_rows(drawn, writings) if stage == "instr_sft" else _ingredient_rows(drawn)


def draw(total: int, stage: Stage, sizes: Mapping[Stage, int | None], seed: int) -> list[int]:
    """Positions of the recipes that a stage gets, in its order.

    Args:
        total: recipes that there are.
        stage: which.
        sizes: recipes of each stage; None: all.
        seed: of the permutation.
    """
    order = np.random.default_rng(stable_seed("recipe_grounded", seed)).permutation(total).tolist()
    if stage not in ("ar_sft", "ar_rft"):
        return order[: sizes.get(stage)]
    first, second = (total if (size := sizes.get(name)) is None else size for name in ("ar_sft", "ar_rft"))
    if first + second > total:
        first = round(total * first / (first + second))
        second = total - first
    return order[:first] if stage == "ar_sft" else order[first : first + second]


def _action_rows(
    stage: Stage, records: Sequence[RecipeRecord], vocabulary: ActionVocabulary, cot: Sequence[CotSample] | None
) -> StageRows:
    filtered = drop_head_only(records, lambda record: actions_of(record, vocabulary), vocabulary)
    known = {sample.recipe_id: sample for sample in cot or ()}
    rows = []
    for record in filtered.kept:
        actions, think = actions_of(record, vocabulary), ""
        if stage == "ar_sft":
            sample = write_by_rule(record, vocabulary) if cot is None else known.get(record.recipe_id)
            actions, think = (vocabulary.known(sample.actions), sample.think) if sample is not None else ((), "")
        if not actions:
            continue
        rows.append(StageRow(record.recipe_id, record.image, ACTIONS_QUESTION, format_labels(think, actions), actions))
    counts = filtered.counts
    return StageRows(tuple(rows), {**counts, "without_reasoning": counts["kept"] - len(rows), "kept": len(rows)})


def _ingredient_rows(records: Sequence[RecipeRecord]) -> StageRows:
    rows = tuple(
        StageRow(
            record.recipe_id,
            record.image,
            INGREDIENTS_QUESTION,
            format_labels("", [name.replace("_", " ") for name in record.classes]),
            record.classes,
        )
        for record in records
        if record.classes
    )
    without = len(records) - len(rows)
    return StageRows(rows, {"seen": len(records), "without_ingredients": without, "kept": len(rows)})


_WRITINGS: Mapping[Writing, tuple[str, Callable[[RecipeRecord], str]]] = {
    "instructions": (prompts.INSTRUCTIONS, steps_text),
    "recipe": (prompts.RECIPE, recipe_text),
}


def _writing_rows(records: Sequence[RecipeRecord], writings: Sequence[Writing]) -> StageRows:
    asked = [_WRITINGS[writing] for writing in dict.fromkeys(writings)]
    rows = tuple(
        StageRow(record.recipe_id, record.image, question, text)
        for record in records
        for question, write in asked
        if (text := write(record)).strip()
    )
    without = len(records) * len(asked) - len(rows)
    return StageRows(rows, {"seen": len(records), "without_text": without, "kept": len(rows)})


class _Pictured:
    """Puts prompt and decoded picture into the rows that are asked for."""

    def __init__(self, supervised: bool, system: str | None, prepare: Callable[[Image], Image] | None) -> None:
        self._supervised, self._system, self._prepare = supervised, system, prepare

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        opened = {path: self._open(path) for path in dict.fromkeys(batch["path"])}
        pictures = [opened[path] for path in batch["path"]]
        head = [] if self._system is None else [{"role": "system", "content": self._system}]
        asked = [[*head, {"role": "user", "content": question}] for question in batch["question"]]
        if not self._supervised:
            return {"prompt": asked, "image": pictures, "solution": batch["solution"]}
        answers = [[{"role": "assistant", "content": answer}] for answer in batch["answer"]]
        return {"prompt": asked, "images": [[picture] for picture in pictures], "completion": answers}

    def _open(self, path: str) -> Image:
        picture = ImageFile(Path(path), exif="ignore").open()
        return picture if self._prepare is None else self._prepare(picture)


def to_dataset(
    rows: Sequence[StageRow],
    *,
    supervised: bool,
    system: str | None = None,
    prepare: Callable[[Image], Image] | None = None,
) -> Dataset:
    """Rows as TRL takes them; pictures are decoded when a row is asked for.

    Args:
        rows: at least one.
        supervised: rows {prompt, images, completion}; otherwise {prompt, image, solution}.
        system: the system's message, if the model has one.
        prepare: done to each picture, e.g. scaling.

    Raises:
        DataMissing: there is no row.
    """
    from datasets import Dataset

    if not rows:
        raise DataMissing("There is no row to learn from.", hint="Look at the counts of the stage.")
    columns = {
        "path": [str(row.image.path) for row in rows],
        "question": [row.question for row in rows],
        "answer": [row.answer for row in rows],
        "solution": [write_solution(row.labels) for row in rows],
    }
    return Dataset.from_dict(columns).with_transform(_Pictured(supervised, system, prepare))


__all__ = [
    "PAPER_SIZES",
    "STAGES",
    "SUPERVISED",
    "Stage",
    "StageRow",
    "StageRows",
    "draw",
    "load_rows",
    "rows_of",
    "to_dataset",
]
