"""The kitchen's models beside each other, from their reports: stages, fine-tuning, LISA, and single tasks (Table X).

    python baselines/foodlmm/compare.py

Prints the Markdown that README.md of this folder holds between its markers; `--write` puts it there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.common.readme_tables import show_tables
from foodbench.core.types import NUTRIENTS

REPOSITORY = Path(__file__).resolve().parents[2]
README = Path(__file__).parent / "README.md"

Cell = tuple[str, str]
"""A task and one of its metrics."""

STAGES = {
    "LISA": "lisa-kitchen",
    "S1": "foodlmm-stage1-kitchen",
    "FT refer": "foodlmm-finetune-refer-kitchen",
    "FT nutrition": "foodlmm-finetune-nutrition-kitchen",
    "Chat": "foodlmm-kitchen",
}
"""Report folder of each model."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        name: for people.
        cells: whose values are averaged.
        unit: `%` or nothing, for shares of one.
        less: whether less is better.
        single: for Table X, report folder of the model that learned this task alone.
        tuned: for Table X, report folder of the model fine-tuned for it.
    """

    name: str
    cells: tuple[Cell, ...]
    unit: str = ""
    less: bool = False
    single: str | None = None
    tuned: str | None = None

    def text(self, value: float | None) -> str:
        """The value as printed."""
        if value is None:
            return "–"
        return f"{value:.1f} %" if self.unit == "%" else f"{value:.1f}" if value > 1 else f"{value:.3f}"


def _both(question: str, metric: str) -> tuple[Cell, ...]:
    return tuple((f"{dataset}.{question}", metric) for dataset in ("foodseg103", "uecfoodpix"))


def _nutrition(*tasks: str) -> tuple[Cell, ...]:
    return tuple((f"nutrition5k.{task}", f"pmae.{nutrient}") for task in tasks for nutrient in NUTRIENTS)


ROWS = (
    Row("dish, top-1", (("food101.dish", "top1_accuracy"),), "%"),
    Row("ingredients, F1", (("vireo172.ingredients", "f1.sample"),), "%"),
    Row("recipe, ROUGE-L", (("recipe1m.recipe", "rouge_l"),)),
    Row("whole meal, mean of five errors", _nutrition("total"), "%", less=True),
    Row("one ingredient, mean of fifteen errors", _nutrition("refer1", "refer2", "refer3"), "%", less=True),
    Row("refer@1, cIoU", _both("refer1", "ciou")),
    Row("refer@3, cIoU", _both("refer3", "ciou")),
    Row("refer@5, cIoU", _both("refer5", "ciou")),
    Row("one-to-zero@1", _both("absent1", "refusal_accuracy.query"), "%"),
    Row("one-to-zero@3", _both("absent3", "refusal_accuracy.query"), "%"),
    Row("reasoning, gIoU of dialogues", (("foodreasonseg.dialogue", "giou.dialogue"),)),
    Row("reasoning, gIoU of single questions", (("foodreasonseg.single", "giou.sample"),)),
    Row("meal talk, error of numbers", (("fooddialogues.chat", "number_error"),), "%", less=True),
)
"""Means over FoodSeg103 and UEC-FoodPIX where both have the task, over nutrients where a line says so."""

_REFER = "foodlmm-single-refer-kitchen"
_REFER_TUNED = "foodlmm-finetune-refer-kitchen"
TABLE_X = (
    Row(
        "referring segmentation, cIoU",
        tuple(cell for count in (1, 3, 5) for cell in _both(f"refer{count}", "ciou")),
        single=_REFER,
        tuned=_REFER_TUNED,
    ),
    Row(
        "referring segmentation, answered",
        tuple(cell for count in (1, 3, 5) for cell in _both(f"refer{count}", "answered.ingredient")),
        "%",
        single=_REFER,
        tuned=_REFER_TUNED,
    ),
    Row(
        "one-to-zero",
        tuple(cell for count in (1, 3) for cell in _both(f"absent{count}", "refusal_accuracy.query")),
        "%",
        single=_REFER,
        tuned=_REFER_TUNED,
    ),
    Row(
        "nutrition of whole meals, error",
        _nutrition("total"),
        "%",
        less=True,
        single="foodlmm-single-nutrition-kitchen",
        tuned="foodlmm-finetune-nutrition-kitchen",
    ),
    Row(
        "nutrition of ingredients, error",
        _nutrition("refer1", "refer2", "refer3"),
        "%",
        less=True,
        single="foodlmm-single-refer-nutrition-kitchen",
        tuned="foodlmm-finetune-nutrition-kitchen",
    ),
    Row(
        "ingredients, IoU",
        (("vireo172.ingredients", "iou.sample"),),
        "%",
        single="foodlmm-single-ingredients-kitchen",
    ),
    Row("recipe, BLEU", (("recipe1m.recipe", "sacrebleu.corpus"),), single="foodlmm-single-recipe-kitchen"),
    Row("recipe, ROUGE-L", (("recipe1m.recipe", "rouge_l"),), single="foodlmm-single-recipe-kitchen"),
)
"""As in the paper's Table X, whose averages these are; errors in percent of the mean truth."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the paper's tables say of two models.

    Attributes:
        claim: in words.
        paper: its numbers, worse first.
        row: the measure here, by its name in `ROWS` or `TABLE_X`.
        worse, better: report folders of the two models.
    """

    claim: str
    paper: str
    row: Row
    worse: str
    better: str


def _named(rows: Sequence[Row], name: str) -> Row:
    return next(row for row in rows if row.name == name)


def _findings() -> tuple[Finding, ...]:
    stage1, tuned, chat, lisa = (STAGES[name] for name in ("S1", "FT refer", "Chat", "LISA"))
    dialogues = _named(ROWS, "reasoning, gIoU of dialogues")
    refer, zero, meals, portions, listed, bleu, rouge = (
        _named(TABLE_X, name)
        for name in (
            "referring segmentation, cIoU",
            "one-to-zero",
            "nutrition of whole meals, error",
            "nutrition of ingredients, error",
            "ingredients, IoU",
            "recipe, BLEU",
            "recipe, ROUGE-L",
        )
    )
    return (
        Finding("S1 to FT, refer@3", "0.725 to 0.75", _named(ROWS, "refer@3, cIoU"), stage1, tuned),
        Finding("S1 to FT, refer@5", "0.61 to 0.65", _named(ROWS, "refer@5, cIoU"), stage1, tuned),
        Finding("S1 to FT, one-to-zero@1", "75.3 to 85.8 %", _named(ROWS, "one-to-zero@1"), stage1, tuned),
        Finding("S1 to FT, one-to-zero@3", "55.1 to 86.2 %", _named(ROWS, "one-to-zero@3"), stage1, tuned),
        Finding("LISA refuses nothing, FT does, @1", "0 to 85.8 %", _named(ROWS, "one-to-zero@1"), lisa, tuned),
        Finding("reasoning: Chat above S1", "0.35 to 0.71", dialogues, stage1, chat),
        Finding("reasoning: Chat above LISA", "0.19 to 0.71", dialogues, lisa, chat),
        Finding("reasoning: S1 above LISA", "0.19 to 0.35", dialogues, lisa, stage1),
        Finding("masks: single task above multi-task", "0.75 to 0.76", refer, tuned, str(refer.single)),
        Finding("one-to-zero: single task above multi-task", "86.0 to 89.1 %", zero, tuned, str(zero.single)),
        Finding("meals: multi-task above single task", "30.5 to 28.8 %", meals, str(meals.single), str(meals.tuned)),
        Finding(
            "portions: multi-task above single task",
            "43.6 to 34.6 %",
            portions,
            str(portions.single),
            str(portions.tuned),
        ),
        Finding("ingredients: multi-task above single task", "56.5 to 56.9 %", listed, str(listed.single), stage1),
        Finding("recipe: single task above multi-task, BLEU", "5.89 to 6.24", bleu, chat, str(bleu.single)),
        Finding("recipe: single task above multi-task, ROUGE-L", "35.1 to 36.7", rouge, chat, str(rouge.single)),
    )


def value_of(report: str | None, row: Row) -> float | None:
    """A row's value in one report; None if there is no such report or it lacks one of the row's values."""
    values = []
    for task, metric in row.cells:
        found = sorted((REPOSITORY / "reports" / (report or "-")).glob(f"{task}@*/result.json"))
        if not found:
            return None
        metrics = {each["id"]: each["value"] for each in json.loads(found[-1].read_text(encoding="utf-8"))["metrics"]}
        if metrics.get(metric) is None:
            return None
        values.append(float(metrics[metric]))
    return fmean(values)


def _table(rows: Sequence[Row], columns: Sequence[str], report_of: Callable[[Row, str], str | None]) -> list[str]:
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for row in rows:
        values = [value_of(report_of(row, column), row) for column in columns]
        known = [value for value in values if value is not None]
        best = (min if row.less else max)(known) if known else None
        cells = [
            f"**{row.text(value)}**" if value == best and value is not None else row.text(value) for value in values
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return lines


def _compared() -> list[str]:
    lines = ["| | paper | here | the same way |", "|---|---|---|---|"]
    for finding in _findings():
        worse, better = (value_of(report, finding.row) for report in (finding.worse, finding.better))
        verdict = "–"
        if worse is not None and better is not None:
            verdict = "yes" if (better < worse if finding.row.less else better > worse) else "**no**"
        here = f"{finding.row.text(worse).removesuffix(' %')} to {finding.row.text(better)}"
        lines.append(f"| {finding.claim} | {finding.paper} | {here} | {verdict} |")
    return lines


def markdown() -> str:
    """All three tables."""
    single = {"multi-task (S1)": "foodlmm-stage1-kitchen", "multi-task (Chat)": "foodlmm-kitchen"}
    columns = [*single, "multi-task, fine-tuned", "single task"]

    def report_of(row: Row, column: str) -> str | None:
        return single.get(column) or (row.single if column == "single task" else row.tuned)

    stages = _table(ROWS, list(STAGES), lambda _, column: STAGES[column])
    tasks = _table(TABLE_X, columns, report_of)
    return "\n".join(
        [
            *stages,
            "",
            "Multi-task and single-task learning (the paper's Table X):",
            "",
            *tasks,
            "",
            "What the paper found (its numbers averaged over both datasets as here), and whether it comes out here:",
            "",
            *_compared(),
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    write = parser.parse_args(argv).write
    show_tables(markdown(), README, write=write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
