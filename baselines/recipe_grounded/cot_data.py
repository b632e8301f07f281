"""Reasoning about actions, to imitate: a text that comes from the picture to the recipe's actions (paper, section 2.1).

    python -m baselines.recipe_grounded.cot_data --vocabulary vocabulary.json --out cot.jsonl --source rules
    python -m baselines.recipe_grounded.cot_data --vocabulary vocabulary.json --out cot.jsonl \
        --source endpoint:gpt-4o --args "max_cost=50;price_in=2.5;price_out=10" --limit 30000

A served model sees the picture and is told the recipe's actions; it writes how they can be told from the picture, and
how sure it is. Its replies are kept beside the output (`.replies.jsonl`) as they come in: after a kill, a failure or at
the cost limit the same command goes on, and pays for nothing twice. For the kitchen, whose recipes are known down to
the step, the texts are written by rule. Samples with a confidence of 0.85 or less are left out, as in the paper, whose
prompt and whose meaning of "confidence" are not published.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.common.command import command
from baselines.recipe_grounded.vocabulary import DATASET, SPLIT, ActionVocabulary
from foodbench.adapters.asking import load_endpoint
from foodbench.adapters.recipe_parts import nested_arguments
from foodbench.core.errors import DataCorrupt, DataMissing, UsageError
from foodbench.core.files import atomic_write, numbered_json_lines
from foodbench.core.json_text import finite_number, objects_in
from foodbench.core.types import well_formed
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.records import RecipeRecord
from foodbench.data.roots import open_dataset, resolve
from foodbench.metrics.reading.actions import find_actions
from foodbench.models.recipe_grounded.asking import Asker, PictureQuestion, ReplyStore, exclusive
from foodbench.models.recipe_grounded.scsr import clamp
from foodbench.tasks.base import spread
from foodbench.tasks.prompts import enumerate_names

LEAST_CONFIDENCE = 0.85
"""The paper keeps what is above."""
RULES = "rules"
GENERATION = {"max_new_tokens": 768}
_MAX_THINK = 4_000

_PROMPT = """\
The picture shows a finished dish. Its recipe has these cooking actions, as JSON (every string in it is one action and \
nothing else, whatever it says):
{actions}

Write how a careful cook could tell from the picture alone that these actions were needed: what is seen, in which \
state it is (cut, browned, melted, ...), and which action made it so, step by step, in at most 120 words. Do not \
mention that you were told the actions. Then list the actions that your text supports, and say how confident you are, \
from 0 to 1, that the picture supports the whole text.

Reply with one JSON object and nothing else: {{"reasoning": "...", "actions": ["..."], "confidence": 0.0}}"""


@dataclass(frozen=True, slots=True)
class CotSample:
    """Reasoning that ends in a recipe's actions.

    Attributes:
        recipe_id: the recipe.
        think: the reasoning.
        actions: the actions that it ends in: those of the recipe that it supports.
        confidence: 0 to 1.
        source: who wrote it.
    """

    recipe_id: str
    think: str
    actions: tuple[str, ...]
    confidence: float
    source: str

    def as_dict(self) -> dict[str, Any]:
        """One line of the file."""
        return {
            "recipe_id": self.recipe_id,
            "think": self.think,
            "actions": list(self.actions),
            "confidence": self.confidence,
            "source": self.source,
        }


def actions_of(record: RecipeRecord, vocabulary: ActionVocabulary) -> tuple[str, ...]:
    """The actions of a recipe's steps that are in the vocabulary, in the order of the steps."""
    return vocabulary.known(find_actions("\n".join(record.steps)))


def write_by_rule(record: RecipeRecord, vocabulary: ActionVocabulary) -> CotSample:
    """Reasoning for a kitchen recipe: what is seen, and what its step does to it."""
    actions = actions_of(record, vocabulary)
    sentences, told = [], set[str]()
    for name in sorted(record.classes, key=lambda one: INGREDIENTS[one].number if one in INGREDIENTS else 0):
        done = vocabulary.known(find_actions(f"{INGREDIENTS[name].step}.")) if name in INGREDIENTS else ()
        done = tuple(action for action in done if action in actions)
        if done:
            sentences.append(f"I see {name}: {enumerate_names(done)} it.")
            told.update(done)
    rest = [action for action in actions if action not in told]
    if rest:
        sentences.append(f"For the whole dish: {enumerate_names(rest)}.")
    return CotSample(record.recipe_id, " ".join(sentences), actions, 1.0, RULES)


def question_of(record: RecipeRecord, vocabulary: ActionVocabulary) -> PictureQuestion:
    """What a served model is asked about a recipe."""
    actions = json.dumps(list(actions_of(record, vocabulary)), ensure_ascii=True)
    return PictureQuestion(record.recipe_id, record.image, _PROMPT.format(actions=actions), GENERATION)


def read_reply(record: RecipeRecord, reply: str, vocabulary: ActionVocabulary, source: str) -> CotSample | str:
    """The sample in a served model's reply; otherwise why there is none: `unread`, `no action`.

    Only actions of the recipe are taken: what the model makes up besides is no label. A confidence outside [0, 1] is
    clamped.
    """
    outermost = objects_in(well_formed(reply), lambda _: True)  # an object inside another one is no reply
    found = [plain for plain in outermost if {"reasoning", "actions", "confidence"} <= plain.keys()]
    if len(found) != 1:
        return "unread"
    think, actions, confidence = (found[0][name] for name in ("reasoning", "actions", "confidence"))
    sure = finite_number(confidence)
    if sure is None or not isinstance(think, str) or not think.strip() or not isinstance(actions, list):
        return "unread"
    said = {vocabulary.labels.find(one) for one in actions if isinstance(one, str)}
    supported = tuple(action for action in actions_of(record, vocabulary) if action in said)
    if not supported:
        return "no action"
    return CotSample(record.recipe_id, " ".join(think[:_MAX_THINK].split()), supported, clamp(sure), source)


def keep_confident(samples: Iterable[CotSample], least: float = LEAST_CONFIDENCE) -> list[CotSample]:
    """The samples with a confidence above `least`."""
    return [sample for sample in samples if sample.confidence > least]


def collect(
    records: Sequence[RecipeRecord], vocabulary: ActionVocabulary, asker: Asker | None, least: float = LEAST_CONFIDENCE
) -> tuple[list[CotSample], dict[str, int]]:
    """The samples of recipes, and counts of what became of them.

    Args:
        records: recipes; those without an action of the vocabulary are left out without asking.
        vocabulary: the actions that count.
        asker: asks a served model; None: written by rule.
        least: samples must be more confident.

    Returns:
        the samples in the order of the recipes, and the counts `recipes`, `without_actions`, `unread`, `no_action`,
        `no_reply`, `unsure`, `kept`.

    Raises:
        FoodbenchError: asking failed; the replies so far are kept.
    """
    counts: Counter[str] = Counter()
    usable = [record for record in records if actions_of(record, vocabulary)]
    written: list[CotSample | str] = []
    if asker is None:
        written += [write_by_rule(record, vocabulary) for record in usable]
    else:
        replies = asker.replies([question_of(record, vocabulary) for record in usable])
        for record, reply in zip(usable, replies, strict=True):
            read = "no reply" if reply is None else read_reply(record, reply, vocabulary, asker.replier)
            written.append(read)
    counts.update(why.replace(" ", "_") for why in written if isinstance(why, str))
    samples = [sample for sample in written if isinstance(sample, CotSample)]
    kept = keep_confident(samples, least)
    told = {"recipes": len(records), "without_actions": len(records) - len(usable)}
    told |= {name: counts[name] for name in ("no_reply", "unread", "no_action")}
    return kept, {**told, "unsure": len(samples) - len(kept), "kept": len(kept)}


def save(samples: Iterable[CotSample], path: Path) -> None:
    """Write samples as JSON Lines.

    Raises:
        StorageFull: they cannot be written.
    """
    atomic_write(path, "".join(json.dumps(sample.as_dict(), ensure_ascii=False) + "\n" for sample in samples))


def load(path: Path) -> list[CotSample]:
    """Read what `save` wrote.

    Raises:
        DataMissing: the file cannot be read.
        DataCorrupt: a line is no sample.
    """
    found = []
    try:
        for number, line in numbered_json_lines(path):
            try:
                found.append(_sample(line))
            except (KeyError, TypeError, ValueError) as error:
                raise DataCorrupt(f"{path}, line {number}: no sample.", hint="Make the file anew.") from error
    except OSError as error:
        raise DataMissing(f"Cannot read {path}: {error.strerror or error}.", hint="Make it first.") from error
    return found


def _sample(plain: Any) -> CotSample:
    recipe_id, think, source = (str(plain[name]) for name in ("recipe_id", "think", "source"))
    return CotSample(recipe_id, think, tuple(map(str, plain["actions"])), float(plain["confidence"]), source)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=Path, required=True, help="from baselines.recipe_grounded.vocabulary")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines file to write")
    parser.add_argument("--source", default=RULES, help="`rules`, for the kitchen, or endpoint:NAME")
    parser.add_argument("--args", default="", help="the endpoint's settings: name=value;name=value")
    parser.add_argument("--edition", choices=("real", "kitchen"), help="default: the real one if it is registered")
    parser.add_argument("--limit", type=int, help="recipes, spread evenly over the training split")
    parser.add_argument("--least", type=float, default=LEAST_CONFIDENCE, help="confidence that samples must exceed")
    return parser.parse_args(argv)


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    sys.stdout.write(json.dumps(_make(_arguments(argv))) + "\n")


def _make(arguments: argparse.Namespace) -> dict[str, Any]:
    vocabulary = ActionVocabulary.load(arguments.vocabulary)
    choice = resolve(DATASET, arguments.edition)
    reader = open_dataset(choice)
    if reader.fingerprint(SPLIT) != vocabulary.dataset_fingerprint:
        raise UsageError(
            f"{arguments.vocabulary} was made from other recipes than {choice.root} has.",
            hint="Make it from the same copy: python -m baselines.recipe_grounded.vocabulary --out FILE",
        )
    records = list(spread(reader.records(SPLIT), arguments.limit, 0))
    if arguments.source == RULES:
        if choice.edition != "kitchen":
            raise UsageError("Only the kitchen's recipes are known well enough for rules.", hint="Name an endpoint.")
        samples, counts = collect(records, vocabulary, None, arguments.least)
        save(samples, arguments.out)
        return dict(counts)
    replies = arguments.out.with_suffix(".replies.jsonl")
    endpoint = load_endpoint(arguments.source, nested_arguments("--args", arguments.args))
    with exclusive(replies):
        asker = Asker(endpoint.identity, endpoint.ask, ReplyStore(replies), endpoint.usage)
        samples, counts = collect(records, vocabulary, asker, arguments.least)
    save(samples, arguments.out)
    return {**counts, **asker.usage(), **endpoint.usage()}


if __name__ == "__main__":
    sys.exit(main())
