"""What a stage's model can do, on recipes that it does not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from baselines.recipe_grounded.questions import ExamQuestion, right_text
from baselines.recipe_grounded.rewards import RewardSettings, score
from baselines.recipe_grounded.vocabulary import TIERS, ActionVocabulary
from foodbench.metrics import rouge
from foodbench.metrics.reading.actions import find_actions
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.models.recipe_grounded.checkpoint import PartSettings
from foodbench.models.recipe_grounded.labels import LabelVocabulary, parse_labels
from foodbench.models.recipe_grounded.writing import PartModel, PictureAsked
from foodbench.models.tagged import matches_pattern
from foodbench.tasks.naming import finder

Measured = dict[str, float]
_DIGITS = 5
_COUNTS = ("tp", "named", "due")
_SUMMED = (*_COUNTS, *(f"{kind}/{tier}" for kind in ("tp", "due") for tier in TIERS))


def measure_answer(
    text: str,
    question: ExamQuestion,
    vocabulary: ActionVocabulary,
    ingredients: LabelVocabulary,
    rewards: RewardSettings,
) -> Measured:
    """Everything about one answer; keys are below the kind of question, e.g. `actions.f1`.

    Of a predictor: `f1`, `reward`, `format`, and the counts that pooled figures are made of. Of a writer: `rouge_l`,
    and the F1 of the actions and of the ingredients that its text mentions.
    """
    if question.ask in ("actions", "ingredients"):
        return _labels(text, question, vocabulary, ingredients, rewards)
    head = "told." if question.told else ""
    steps = "\n".join(read_recipe(text).steps)
    found = {
        "actions": (vocabulary.known(find_actions(steps)), question.labels),
        "ingredients": (finder(ingredients.names).find(steps).names, question.record.classes),
    }
    measured = {f"{head}{kind}.f1": _f1(*pair) for kind, pair in found.items() if pair[1]}
    return measured | {f"{head}rouge_l": rouge.rouge_l(text, right_text(question))}


def _labels(
    text: str,
    question: ExamQuestion,
    vocabulary: ActionVocabulary,
    ingredients: LabelVocabulary,
    rewards: RewardSettings,
) -> Measured:
    of_actions = question.ask == "actions"
    known = vocabulary.labels if of_actions else ingredients
    parsed, due = parse_labels(text, known), set(question.labels)
    named = {*parsed.labels, *parsed.unknown}
    earned = score(text, question.labels, known, vocabulary.tiers if of_actions else {}, rewards)
    measured = {
        "f1": _f1(named, due),
        "format": float(matches_pattern(text)),
        "reward": earned.total(rewards if of_actions else rewards.model_copy(update={"word": 0.0})),
        "tp": float(len(named & due)),
        "named": float(len(named)),
        "due": float(len(due)),
    }
    for tier in TIERS if of_actions else ():
        rare = {label for label in due if vocabulary.tier(label) == tier}
        measured |= {f"tp/{tier}": float(len(rare & named)), f"due/{tier}": float(len(rare))}
    return {f"{question.ask}.{name}": value for name, value in measured.items()}


def _f1(named: Any, due: Any) -> float:
    found, right = set(named), set(due)
    return 2 * len(found & right) / (len(found) + len(right)) if found or right else 1.0


def summary(measured: Sequence[Measured]) -> Measured:
    """Means over the questions that have a value, and pooled figures: `precision`, `recall`, `recall.tail`, ...

    `f1`, `reward` and `rouge_l` without a kind before them are the means of all that there are.
    """
    columns: dict[str, list[float]] = {}
    for one in measured:
        for name, value in one.items():
            columns.setdefault(name, []).append(value)
    means = {name: fsum(values) / len(values) for name, values in columns.items() if _bare(name) not in _SUMMED}
    sums = {name: fsum(values) for name, values in columns.items() if _bare(name) in _SUMMED}
    for kind in ("actions", "ingredients"):
        means |= {f"{kind}.{name}": value for name, value in _pooled(kind, sums).items()}
    for name in ("f1", "reward", "rouge_l"):
        own = [value for key, value in means.items() if _bare(key) == name and not key.startswith("told.")]
        if own:
            means[name] = fsum(own) / len(own)
    return {name: round(value, _DIGITS) for name, value in means.items()}


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _pooled(kind: str, sums: Mapping[str, float]) -> Measured:
    ratios = {"precision": ("tp", "named"), "recall": ("tp", "due")}
    ratios |= {f"recall.{tier}": (f"tp/{tier}", f"due/{tier}") for tier in TIERS}
    found = {name: (sums.get(f"{kind}.{part}"), sums.get(f"{kind}.{whole}")) for name, (part, whole) in ratios.items()}
    return {name: part / whole for name, (part, whole) in found.items() if part is not None and whole}


def answer_all(
    model: Any, processor: Any, questions: Sequence[ExamQuestion], settings: PartSettings, batch: int
) -> list[str]:
    """The likeliest answer to each question."""
    part = PartModel(model, processor, settings)
    texts: list[str] = []
    for start in range(0, len(questions), batch):
        asked = [PictureAsked(one.record.image.open, one.question) for one in questions[start : start + batch]]
        texts += part.write(asked)
    return texts


__all__ = ["Measured", "answer_all", "measure_answer", "summary"]
