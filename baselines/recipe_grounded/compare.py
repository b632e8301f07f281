"""The kitchen's rows of the paper's Tables 1 to 4, from reports, and whether what the paper found comes out here.

    python baselines/recipe_grounded/compare.py

Prints the Markdown that README.md of this folder holds between its markers; `--write` puts it there. Every figure is
over the answers of all seeds that there are; intervals are at 95 %, by recipe. Differences are paired by recipe, over
the seeds that both sides have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.common.command import command
from baselines.common.readme_tables import show_tables
from baselines.recipe_grounded.findings import FINDINGS, Finding, told
from baselines.recipe_grounded.reports import MEASURED, Column, Reports, Value

README = Path(__file__).parent / "README.md"

_STEPS, _ACTIONS, _LISTED = "recipe1m.instructions", "recipe1m.actions", "recipe1m.ingredients"
_SETS = {"F1": "f1", "IoU": "iou", "recall": "recall", "precision": "precision"}
LEXICAL = (Column("SacreBLEU", _STEPS, "sacrebleu.corpus"), Column("ROUGE-L", _STEPS, "rouge_l"))
ACTIONS = tuple(Column(f"actions {name}", _ACTIONS, f"{part}.sample") for name, part in _SETS.items())
MENTIONED = tuple(
    Column(f"ingredients {name}", _STEPS, f"ingredients_mentioned.{part}.micro") for name, part in _SETS.items()
)
LISTED = tuple(Column(name, _LISTED, f"{part}.micro") for name, part in _SETS.items())
TIERED = tuple(Column(f"recall, {tier}", _ACTIONS, f"recall.{tier}") for tier in ("head", "mid", "tail"))


@dataclass(frozen=True, slots=True)
class Table:
    """One of the paper's tables.

    Attributes:
        title: what it compares.
        rows: names with the models' keys.
        columns: the metrics.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]


TABLES = (
    Table(
        "Table 1: recipes; actions and ingredients are read from the instructions",
        (("FoodLMM", "foodlmm"), ("writer alone (SFT)", "writer"), ("ours (both, SCSR)", "both-scsr")),
        (*LEXICAL, *ACTIONS, *MENTIONED),
    ),
    Table(
        "Table 2: ingredients that a predictor lists",
        (("SFT", "ingr-sft"), ("SFT, then RFT", "ingr-rft"), ("SFT, then RFT, SCSR", "ingr-rft-scsr")),
        LISTED,
    ),
    Table(
        "Table 3: rewards of the action predictor; the actions that it lists",
        (
            ("SFT only", "ar-sft"),
            ("ours", "ar-rft"),
            ("without F1 reward", "ar-rft-without-f1"),
            ("without word-level reward", "ar-rft-without-word"),
        ),
        (*ACTIONS, *TIERED),
    ),
    Table(
        "Table 3, the paper's way: actions of the instructions written with them",
        (
            ("ours", "actions"),
            ("without F1 reward", "actions-without-f1"),
            ("without word-level reward", "actions-without-word"),
        ),
        (*ACTIONS, *TIERED),
    ),
    Table(
        "Table 4: what is put in front of the writer's question",
        (
            ("writer alone", "writer"),
            ("+ actions (AR-RFT)", "actions"),
            ("+ actions (AR-RFT, SCSR)", "actions-scsr"),
            ("+ ingredients (RFT)", "ingredients"),
            ("+ ingredients (RFT, SCSR)", "ingredients-scsr"),
            ("+ both", "both"),
            ("+ both (SCSR)", "both-scsr"),
        ),
        (*LEXICAL, *ACTIONS, *MENTIONED),
    ),
)


JUDGED = (
    ("actions", "actions-scsr"),
    ("ingredients", "ingredients-scsr"),
    ("both", "both-scsr"),
)
"""Models with SCSR."""


def table_lines(table: Table, reports: Reports) -> list[str]:
    """A table in Markdown; the best figure of a column is bold, a dash where there is no report."""
    names = [column.name for column in table.columns]
    lines = [f"**{table.title}**", "", f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    found = {key: [reports.value(key, column) for column in table.columns] for _, key in table.rows}
    best = [
        max((value.value for values in found.values() if (value := values[place]) is not None), default=None)
        for place in range(len(names))
    ]
    for name, key in table.rows:
        cells = [_cell(value, top) for value, top in zip(found[key], best, strict=True)]
        seeds = reports.seeds(key)
        shown = f"{name} ({len(seeds)} seeds)" if len(seeds) > 1 else name
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return lines


def _cell(value: Value | None, best: float | None) -> str:
    if value is None:
        return "–"
    number = f"{value.value:.1f}"
    shown = f"**{number}**" if value.value == best else number
    if value.low is None or value.high is None:
        return shown
    return f"{shown} [{value.low:.1f}, {value.high:.1f}]"


def judged_lines(reports: Reports) -> list[str]:
    """What SCSR did with the lists of labels: how often the intersection was too small, and replies were unreadable."""
    lines = ["| | lists judged | too little in common: the n surest | replies not read |", "|---|---|---|---|"]
    for name, key in JUDGED:
        judged, fallbacks, failures = (
            fsum(reports.usage(key, seed, f"scsr.{one}") for seed in reports.seeds(key))
            for one in ("judged", "fallbacks", "failures")
        )
        share = f"{100 * fallbacks / judged:.1f} %" if judged else "–"
        lines.append(f"| {name} | {judged:,.0f} | {share} | {failures:,.0f} |")
    return lines


def finding_lines(findings: Sequence[Finding], reports: Reports) -> list[str]:
    """What the paper found, its numbers, and the paired difference here."""
    lines = ["| | paper | here | difference, 95 % | the same way |", "|---|---|---|---|---|"]
    for finding in findings:
        here, difference, verdict = told(finding, reports)
        lines.append(f"| {finding.claim} | {finding.paper} | {here} | {difference} | {verdict} |")
    return lines


def markdown(reports: Reports) -> str:
    """All tables, and the findings."""
    lines = ["Over the answers of all seeds of a row (without a number: of seed 0); intervals at 95 %, by recipe.", ""]
    for table in TABLES:
        lines += [*table_lines(table, reports), ""]
    lines += ["SCSR, equations 10 and 11 with n = 3:", "", *judged_lines(reports), ""]
    lines += ["What the paper found, and what the demonstration asks for:", ""]
    return "\n".join([*lines, *finding_lines(FINDINGS, reports)])


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=Path, default=MEASURED, help="folder of reports")
    parser.add_argument("--vocabulary", type=Path, help="of the actions' tiers (default: beside the packaged models)")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    arguments = parser.parse_args(argv)
    show_tables(markdown(Reports(arguments.reports, arguments.vocabulary)), README, write=arguments.write)


if __name__ == "__main__":
    sys.exit(main())
