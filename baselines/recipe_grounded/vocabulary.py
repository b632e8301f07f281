"""The actions that are predicted, and how rare each is.

    python -m baselines.recipe_grounded.vocabulary --out vocabulary.json

The paper (Liu et al.) has 383 frequent verbs of Recipe1M and rewards rare ones more. Neither the list nor what counts
as rare is published. Here the verbs are those of the package's lexicon that the steps of the training split tell the
cook to do, most frequent first (in how many recipes; ties by name). The first 55 of 383 are the head, the paper's own
cut "top-55 verbs"; the less frequent half (191) is the tail; the 137 between them are the middle. Where there are fewer
verbs, as in the kitchen, the same shares of what there is are taken: 55/383 head, half tail.

Nothing is ever taken from validation or test recipes. The file holds the fingerprint of the split it was made from.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from baselines.common.command import command
from foodbench.core.errors import DataCorrupt, DataMissing, UsageError
from foodbench.core.files import atomic_write_json, open_regular
from foodbench.core.hashing import fingerprint
from foodbench.data.roots import DatasetChoice, open_dataset, resolve
from foodbench.metrics.reading.actions import ACTIONS_VERSION, find_actions
from foodbench.models.recipe_grounded.labels import LabelVocabulary, action_vocabulary

Tier = Literal["head", "mid", "tail"]
TIERS: tuple[Tier, ...] = ("head", "mid", "tail")
SIZE = 383
"""Verbs of the paper."""
HEAD = 55
"""Of them, the most frequent ones by which the paper filters its data."""
DATASET = "recipe1m"
SPLIT = "train"
_SCHEMA = 1
_DAMAGED = "Make it anew: python -m baselines.recipe_grounded.vocabulary --out FILE"


@dataclass(frozen=True)
class ActionVocabulary:
    """Actions with their frequency in a training split.

    Attributes:
        counts: recipes that have the action, by action; most frequent first, ties by name.
        recipes: recipes that were looked at.
        edition: `real` or `kitchen`.
        dataset_fingerprint: of the split.
        lexicon: version of the verbs and of the rules by which they are found.
    """

    counts: Mapping[str, int]
    recipes: int
    edition: str
    dataset_fingerprint: str
    lexicon: str = ACTIONS_VERSION

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The actions, most frequent first."""
        return tuple(self.counts)

    @cached_property
    def tiers(self) -> dict[str, Tier]:
        """The tier of each action."""
        return tiers_of(self.names)

    @cached_property
    def labels(self) -> LabelVocabulary:
        """The list that predicted labels are read with."""
        return action_vocabulary(self.names)

    def tier(self, action: str) -> Tier:
        """The tier of an action; one that is not in the list is rarer than all that are."""
        return self.tiers.get(action, "tail")

    def known(self, actions: Iterable[str]) -> tuple[str, ...]:
        """Those of the actions that are in the list, each once, in order."""
        return tuple(dict.fromkeys(action for action in actions if action in self.counts))

    @property
    def fingerprint(self) -> str:
        """Identity of everything in it."""
        return fingerprint(self._plain())

    def _plain(self) -> dict[str, Any]:
        return {
            "schema": _SCHEMA,
            "dataset": DATASET,
            "split": SPLIT,
            "edition": self.edition,
            "dataset_fingerprint": self.dataset_fingerprint,
            "lexicon": self.lexicon,
            "recipes": self.recipes,
            "actions": [
                {"name": name, "recipes": count, "tier": self.tier(name)} for name, count in self.counts.items()
            ],
        }

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            StorageFull: it cannot be written.
        """
        atomic_write_json(path, self._plain())

    @classmethod
    def load(cls, path: Path) -> ActionVocabulary:
        """Read what `save` wrote.

        Raises:
            DataMissing: the file cannot be read.
            DataCorrupt: it is damaged, out of order, or of another lexicon.
        """
        try:
            with open_regular(path) as stream:
                plain = json.loads(stream.read().decode("utf-8"))
        except OSError as error:
            raise DataMissing(f"Cannot read {path}: {error.strerror or error}.", hint=_DAMAGED) from error
        except (ValueError, RecursionError) as error:
            raise DataCorrupt(f"{path} is not JSON.", hint=_DAMAGED) from error
        try:
            found = _from_plain(plain)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataCorrupt(f"{path} is not an action vocabulary.", hint=_DAMAGED) from error
        if found._plain() != plain:
            raise DataCorrupt(f"{path} was edited: order, tiers or names do not fit.", hint=_DAMAGED)
        if found.lexicon != ACTIONS_VERSION:
            raise DataCorrupt(f"{path} is of the lexicon {found.lexicon}, not {ACTIONS_VERSION}.", hint=_DAMAGED)
        return found


def _from_plain(plain: Any) -> ActionVocabulary:
    counts = {str(one["name"]): int(one["recipes"]) for one in plain["actions"]}
    if list(counts) != _ranked(counts) or min(counts.values(), default=1) < 1:
        raise ValueError("not in order of frequency")
    return ActionVocabulary(
        counts=counts,
        recipes=int(plain["recipes"]),
        edition=str(plain["edition"]),
        dataset_fingerprint=str(plain["dataset_fingerprint"]),
        lexicon=str(plain["lexicon"]),
    )


def _ranked(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def ranked_counts(counts: Mapping[str, int], size: int = SIZE) -> dict[str, int]:
    """The most frequent actions, ties by name, in that order."""
    return {name: counts[name] for name in _ranked(counts)[:size]}


def tiers_of(names: Iterable[str]) -> dict[str, Tier]:
    """The tier of each name of a list that is ordered by falling frequency.

    The tail is the last half (rounded down); the head the first 55/383 (rounded, halves up), at least one; of 383
    names: 55, 137, 191.
    """
    ranked = list(names)
    tail = len(ranked) // 2
    head = min(max(1, math.floor(len(ranked) * HEAD / SIZE + 0.5)), len(ranked) - tail)
    return {
        name: "head" if place < head else "tail" if place >= len(ranked) - tail else "mid"
        for place, name in enumerate(ranked)
    }


def count_actions(recipes: Iterable[Iterable[str]]) -> tuple[Counter[str], int]:
    """In how many recipes each action is, and how many recipes there are.

    Args:
        recipes: the steps of each.
    """
    counts: Counter[str] = Counter()
    total = 0
    for steps in recipes:
        counts.update(find_actions("\n".join(steps)))
        total += 1
    return counts, total


def build(
    choice: DatasetChoice, size: int = SIZE, progress: Callable[[int, int], None] | None = None
) -> ActionVocabulary:
    """The vocabulary of a training split.

    Args:
        choice: an edition of Recipe1M.
        size: the most actions that are kept.
        progress: told (recipes read, recipes in all).

    Raises:
        UsageError: the size is not positive, or the dataset is another one.
        DataMissing, DataCorrupt: as the reader; also if no recipe has an action.
    """
    if choice.name != DATASET or size < 1:
        raise UsageError(f"No vocabulary of {size} actions can be made from {choice.name}.", hint="Use recipe1m.")
    reader = open_dataset(choice)
    records = reader.records(SPLIT)

    def steps() -> Iterable[tuple[str, ...]]:
        for number, record in enumerate(records, start=1):
            yield record.steps
            if progress is not None and (number % 1000 == 0 or number == len(records)):
                progress(number, len(records))

    counts, total = count_actions(steps())
    if not counts:
        raise DataMissing(f"No recipe of {choice.root} has an action.", hint="Is this the right dataset?")
    return ActionVocabulary(ranked_counts(counts, size), total, choice.edition, reader.fingerprint(SPLIT))


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--edition", choices=("real", "kitchen"), help="default: the real one if it is registered")
    parser.add_argument("--size", type=int, default=SIZE, help="the most actions that are kept")
    arguments = parser.parse_args(argv)
    made = build(resolve(DATASET, arguments.edition), arguments.size)
    made.save(arguments.out)
    sizes = Counter(made.tiers.values())
    told: dict[str, int] = {"actions": len(made.names), "recipes": made.recipes}
    told |= {tier: sizes[tier] for tier in TIERS}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    sys.exit(main())
