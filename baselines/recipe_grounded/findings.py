"""What the paper's tables say of two models, looked up for the kitchen's."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.recipe_grounded.reports import Column, Reports


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the paper's tables say.

    Attributes:
        claim: in words.
        paper: its two numbers.
        column: the measure here.
        first, second: the models' keys.
        rises: whether the second is above the first.
    """

    claim: str
    paper: str
    column: Column
    first: str
    second: str
    rises: bool = True


_ACTION_F1 = Column("actions F1", "recipe1m.actions", "f1.sample")
_ACTION_RECALL = Column("actions recall", "recipe1m.actions", "recall.sample")
_TAIL = Column("recall, tail", "recipe1m.actions", "recall.tail")
_MENTIONED_F1 = Column("ingredients F1", "recipe1m.instructions", "ingredients_mentioned.f1.micro")
_BLEU = Column("SacreBLEU", "recipe1m.instructions", "sacrebleu.corpus")
_ROUGE = Column("ROUGE-L", "recipe1m.instructions", "rouge_l")
_LISTED_F1 = Column("F1", "recipe1m.ingredients", "f1.micro")
_LISTED_RECALL = Column("recall", "recipe1m.ingredients", "recall.micro")
_LISTED_PRECISION = Column("precision", "recipe1m.ingredients", "precision.micro")

FINDINGS = (
    Finding("context raises action F1", "39.6 to 42.4", _ACTION_F1, "writer", "both-scsr"),
    Finding("context raises ingredient F1", "41.5 to 47.2", _MENTIONED_F1, "writer", "both-scsr"),
    Finding("context without SCSR raises action F1", "not given", _ACTION_F1, "writer", "both"),
    Finding("context without SCSR raises ingredient F1", "not given", _MENTIONED_F1, "writer", "both"),
    Finding("context lowers SacreBLEU", "8.40 to 8.08", _BLEU, "writer", "both-scsr", rises=False),
    Finding("context raises ROUGE-L", "38.0 to 41.1", _ROUGE, "writer", "both-scsr"),
    Finding("RFT raises ingredient F1", "52.3 to 53.8", _LISTED_F1, "ingr-sft", "ingr-rft"),
    Finding("RFT raises ingredient precision", "49.1 to 52.2", _LISTED_PRECISION, "ingr-sft", "ingr-rft"),
    Finding("RFT lowers ingredient recall", "56.0 to 55.6", _LISTED_RECALL, "ingr-sft", "ingr-rft", rises=False),
    Finding("F1 reward raises action F1", "39.5 to 41.9", _ACTION_F1, "actions-without-f1", "actions"),
    Finding("word-level reward raises action F1", "36.7 to 41.9", _ACTION_F1, "actions-without-word", "actions"),
    Finding("... and recall", "32.0 to 39.5", _ACTION_RECALL, "actions-without-word", "actions"),
    Finding("... and the predictor's recall of rare actions", "not given", _TAIL, "ar-rft-without-word", "ar-rft"),
    Finding("RFT raises the predictor's recall of rare actions", "not given", _TAIL, "ar-sft", "ar-rft"),
    Finding("actions alone raise action F1", "39.6 to 41.9", _ACTION_F1, "writer", "actions"),
    Finding("actions alone lower ingredient F1", "41.5 to 40.1", _MENTIONED_F1, "writer", "actions", rises=False),
    Finding("ingredients alone raise ingredient F1", "41.5 to 45.0", _MENTIONED_F1, "writer", "ingredients"),
    Finding("ingredients alone lower action F1", "39.6 to 38.9", _ACTION_F1, "writer", "ingredients", rises=False),
    Finding("SCSR of actions raises action F1", "41.9 to 42.1", _ACTION_F1, "actions", "actions-scsr"),
    Finding(
        "SCSR of ingredients raises ingredient F1", "45.0 to 46.1", _MENTIONED_F1, "ingredients", "ingredients-scsr"
    ),
    Finding("both above actions alone, action F1", "42.1 to 42.4", _ACTION_F1, "actions-scsr", "both-scsr"),
    Finding(
        "both above ingredients alone, ingredient F1", "46.1 to 47.2", _MENTIONED_F1, "ingredients-scsr", "both-scsr"
    ),
)


def told(finding: Finding, reports: Reports) -> tuple[str, str, str]:
    """The two figures here, their paired difference, and whether it is as the paper says.

    `yes` and `no` only where the interval excludes zero; otherwise the recipes do not tell the two apart.
    """
    seeds = reports.shared_seeds(finding.first, finding.second)
    values = [reports.value(key, finding.column, seeds) for key in (finding.first, finding.second)]
    here = " to ".join("–" if value is None else f"{value.value:.1f}" for value in values)
    found = reports.difference(finding.first, finding.second, finding.column)
    if found is None or found.value is None:
        return here, "–", "–"
    if found.low is None or found.high is None:
        return here, f"{found.value:+.1f}", "no interval"
    shown = f"{found.value:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
    if found.low <= 0 <= found.high:
        return here, shown, "not told apart"
    return here, shown, "yes" if (found.value > 0) == finding.rises else "**no**"


__all__ = ["FINDINGS", "Finding", "told"]
