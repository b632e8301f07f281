"""How good synthetic tasks are: what raters are asked, their ratings, and the report (the paper's Tables 6 to 8).

An item is a task as it is trained on, or a triplet before the two answers are combined. Raters see neither where it
comes from nor its id there. Source: AdaMLLM (arXiv 2411.19930), Appendix D, for what is rated on which scale; the words
are this project's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum
from pathlib import Path
from typing import Any, Literal

from baselines.adamllm.agreement import agreement
from baselines.adamllm.ledger import key_of
from baselines.adamllm.records import Triplet, enumerate_words, tally
from baselines.adamllm.task_types import ALL_TYPES, COMMON_TYPES
from foodbench.core.hashing import stable_seed
from foodbench.core.types import ImageSource
from foodbench.data.images import ImageFile
from foodbench.stats.intervals import clustered_mean, wilson

Kind = Literal["task", "triplet"]
_FIVE = ("1", "2", "3", "4", "5")


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that is rated.

    Attributes:
        name: column and field.
        kind: of the items that it is asked of.
        question: for the rater.
        choices: all answers, lowest first where they are ordered.
        meanings: of the choices; empty where they speak for themselves.
    """

    name: str
    kind: Kind
    question: str
    choices: tuple[str, ...]
    meanings: tuple[str, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether the choices are marks from 1 to 5."""
        return self.choices == _FIVE


_RIGHTNESS = (
    "it is about something else",
    "it tries, but reasons and concludes wrongly",
    "right reasons, wrong conclusion",
    "right conclusion, wrong reasons",
    "all of it is right",
)
ASPECTS: tuple[Aspect, ...] = (
    Aspect("task_type", "task", "Which kind of task is this?", ALL_TYPES),
    Aspect(
        "knowledge",
        "task",
        "How much does the task draw on what the picture shows of its field?",
        _FIVE,
        (
            "nothing to do with the picture",
            "about it, but can be answered without looking",
            "needs a look, but asks vaguely, as for a caption",
            "clear, but about a single detail",
            "needs details and the whole",
        ),
    ),
    Aspect(
        "complexity",
        "task",
        "How hard is the task?",
        _FIVE,
        (
            "part of the caption repeated",
            "one look is enough",
            "details have to be weighed",
            "details and the whole have to be reasoned about",
            "the same, and a form of answer is demanded",
        ),
    ),
    Aspect("accuracy", "task", "How right is the response?", _FIVE, _RIGHTNESS),
    Aspect("consistent", "triplet", "Does the short answer follow from the detailed one?", ("yes", "no")),
    Aspect("informative_accuracy", "triplet", "How right is the detailed answer?", _FIVE, _RIGHTNESS),
    Aspect("precise_accuracy", "triplet", "Is the short answer right?", ("yes", "no")),
)


@dataclass(frozen=True, slots=True)
class Item:
    """What is rated.

    Attributes:
        item_id: says nothing about its source.
        source: e.g. `ours` or `rule`; raters do not see it.
        original: its id there.
        kind: which aspects are asked.
        image: the picture.
        texts: (heading, text) pairs to show.
    """

    item_id: str
    source: str
    original: str
    kind: Kind
    image: ImageSource
    texts: tuple[tuple[str, str], ...]


def task_item(source: str, original: str, image: ImageSource, question: str, response: str, caption: str = "") -> Item:
    """A task as it is trained on; raters are shown the caption too, if there is one: it may be what is repeated."""
    texts = (*_captioned(caption), ("Question", question), ("Response", response))
    return Item(key_of("item", source, original, texts)[:12], source, original, "task", image, texts)


def triplet_item(source: str, original: str, image: ImageSource, triplet: Triplet, caption: str = "") -> Item:
    """A triplet before its answers are combined."""
    texts = (
        *_captioned(caption),
        ("Question", triplet.instruction),
        ("Detailed answer", triplet.informative),
        ("Short answer", triplet.precise),
    )
    return Item(key_of("item", source, original, texts)[:12], source, original, "triplet", image, texts)


def _captioned(caption: str) -> tuple[tuple[str, str], ...]:
    return (("Caption", caption),) if caption else ()


def draw_items(items: Sequence[Item], per_source: int, seed: int = 0) -> list[Item]:
    """As many items of each source, in an order that mixes them. The paper rates 200 of each.

    Which are drawn depends on the items alone, not on their order.
    """
    order = sorted(items, key=lambda item: stable_seed("rated", seed, item.item_id))
    taken: dict[str, int] = {}
    drawn = []
    for item in order:
        if taken.get(item.source, 0) < per_source:
            taken[item.source] = taken.get(item.source, 0) + 1
            drawn.append(item)
    return drawn


def item_dict(item: Item) -> dict[str, Any]:
    """Plain JSON form."""
    return {
        "id": item.item_id,
        "source": item.source,
        "original": item.original,
        "kind": item.kind,
        "image": str(item.image.path),
        "texts": [list(pair) for pair in item.texts],
    }


def item_from_dict(plain: Mapping[str, Any]) -> Item:
    """The inverse of `item_dict`; for files that this package wrote."""
    image = ImageFile(Path(plain["image"]))
    texts = tuple((heading, text) for heading, text in plain["texts"])
    return Item(plain["id"], plain["source"], plain["original"], plain["kind"], image, texts)


@dataclass(frozen=True, slots=True)
class Rating:
    """What one rater says of one item.

    Attributes:
        item_id: the item.
        rater: who.
        choices: by aspect; what was not answered is absent.
    """

    item_id: str
    rater: str
    choices: Mapping[str, str]


def rescaled(mark: float) -> float:
    """A mark from 1 to 5 on a scale from 0 to 100: 1 is 0 and 5 is 100.

    The paper says only that scores are rescaled to 0-100. With 1 as 20 its 20.9 for knowledge would mean that nearly
    every task of both methods had nothing to do with its picture.
    """
    return (mark - 1) * 25


def report(items: Sequence[Item], ratings: Sequence[Rating]) -> dict[str, Any]:
    """Tables 6 to 8 of what was rated, by source, with intervals at 95 % and agreement.

    An item that several people rated counts once: with the mean of its marks, the majority of its types. Agreement is
    over all sources together.

    Args:
        items: what was shown.
        ratings: of them; those of other items are counted and left out.
    """
    known = {item.item_id: item for item in items}
    foreign = sum(rating.item_id not in known for rating in ratings)
    chosen: dict[str, dict[str, dict[str, str]]] = {aspect.name: {} for aspect in ASPECTS}
    for rating in ratings:
        for name, choice in rating.choices.items():
            if rating.item_id in known and name in chosen:
                chosen[name].setdefault(rating.item_id, {})[rating.rater] = choice
    sources: dict[str, dict[str, Any]] = {}
    for source in sorted({item.source for item in items}):
        rows = {aspect.name: _row(aspect, _of_source(chosen[aspect.name], known, source)) for aspect in ASPECTS}
        sources[source] = {name: row for name, row in rows.items() if row is not None}
    agreements = {
        aspect.name: asdict(agreement(chosen[aspect.name], aspect.choices, ordered=aspect.ordered))
        for aspect in ASPECTS
        if chosen[aspect.name]
    }
    raters = sorted({rating.rater for rating in ratings})
    return {
        "items": len(items), "raters": raters, "foreign_ratings": foreign, "sources": sources, "agreement": agreements,
    }  # fmt: skip


def _of_source(
    chosen: Mapping[str, Mapping[str, str]], known: Mapping[str, Item], source: str
) -> dict[str, Mapping[str, str]]:
    return {name: by_rater for name, by_rater in chosen.items() if known[name].source == source}


def _row(aspect: Aspect, chosen: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
    if not chosen:
        return None
    if aspect.name == "task_type":
        return _diversity([_majority(by_rater) for by_rater in chosen.values()])
    if aspect.ordered:
        marks = {name: fsum(map(float, by_rater.values())) / len(by_rater) for name, by_rater in chosen.items()}
        values = [rescaled(mark) for mark in marks.values()]
        interval = clustered_mean(values, list(marks), bounds=(0.0, 100.0))
        return {"value": fsum(values) / len(values), "interval": [interval.low, interval.high], "items": len(values)}
    agreed = sum(_majority(by_rater) == "yes" for by_rater in chosen.values())
    share = wilson(agreed, len(chosen))
    ends = [None if end is None else 100 * end for end in (share.low, share.high)]
    return {"value": 100 * agreed / len(chosen), "interval": ends, "items": len(chosen)}


def _diversity(types: Sequence[str]) -> dict[str, Any]:
    distinct = sorted(set(types) & set(COMMON_TYPES))
    return {"value": 100 * len(distinct) / len(COMMON_TYPES), "items": len(types), "types": tally(types)}


def _majority(by_rater: Mapping[str, str]) -> str:
    """The most frequent choice; of several the one of the first rater by name."""
    counts = tally(by_rater.values())
    most = max(counts.values())
    return next(choice for _, choice in sorted(by_rater.items()) if counts[choice] == most)


def report_text(found: Mapping[str, Any]) -> str:
    """A report as Markdown."""
    lines = [f"{found['items']} items, rated by {enumerate_words(found['raters']) or 'nobody'}.", ""]
    lines += ["| Source | Aspect | Value (0-100) | 95 % interval | Items |", "|---|---|---|---|---|"]
    for source, rows in found["sources"].items():
        for name, row in rows.items():
            low, high = row.get("interval") or (None, None)
            between = "" if low is None or high is None else f"{low:.1f} to {high:.1f}"
            lines.append(f"| {source} | {name} | {row['value']:.1f} | {between} | {row['items']} |")
    lines += ["", "| Aspect | Agreement | Kappa | Items | Raters |", "|---|---|---|---|---|"]
    for name, one in found["agreement"].items():
        kappa = "does not exist" if one["kappa"] is None else f"{one['kappa']:.2f}"
        observed = "" if one["observed"] is None else f"{100 * one['observed']:.0f} %"
        lines.append(f"| {name} | {observed} | {kappa} ({one['statistic']}) | {one['items']} | {one['raters']} |")
    return "\n".join(lines) + "\n"
