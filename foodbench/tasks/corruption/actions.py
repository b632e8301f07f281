"""Some of the actions that a recipe's steps ask for swapped for others of the lexicon, in the same inflection."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from foodbench.metrics.reading.actions import ActionLexicon, default_lexicon, find_actions
from foodbench.metrics.reading.inflection import inflect
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS, fold_word
from foodbench.tasks.corruption.outcome import Corrupted, cased_like, how_many
from foodbench.tasks.corruption.places import Span, replaced, step_spans
from foodbench.tasks.naming import finder

if TYPE_CHECKING:
    import numpy as np

_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN = re.compile(r"[ \t]|-")
_NO_VERB = "thing"
"""Stands for a verb while another place of it is looked at."""
_TRIES = 8
_MOST_STEPS, _MOST_ACTIONS, _MOST_PLACES = 400, 60, 20
"""Looked at: steps, different actions, places of one verb in one step. A recipe has far fewer, a hostile text more."""

Inflection = Literal["base", "third_person", "participle", "gerund"]


class Form(NamedTuple):
    """A place where a form of a verb stands."""

    lemma: str
    inflection: Inflection
    start: int
    end: int


def verb_forms(text: str, lexicon: ActionLexicon | None = None) -> list[Form]:
    """Every place where a form of a verb of the lexicon stands, the longest first ("stir fry" is no "stir")."""
    known = lexicon or default_lexicon()
    tokens = [(fold_word(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]
    words = [word for word, _, _ in tokens]
    found: list[Form] = []
    place = 0
    while place < len(tokens):
        length = next((size for size in (3, 2, 1) if _is_form(text, tokens, place, size, known)), 0)
        if length:
            start, end = tokens[place][1], tokens[place + length - 1][2]
            form = "-".join(words[place : place + length])
            found.append(Form(str(known.lemma(form)), _inflection(words, place, form, known), start, end))
        place += length or 1
    return found


def _is_form(text: str, tokens: Sequence[tuple[str, int, int]], place: int, size: int, lexicon: ActionLexicon) -> bool:
    part = tokens[place : place + size]
    joined = all(_BETWEEN.fullmatch(text[first[2] : second[1]]) for first, second in pairwise(part))
    return len(part) == size and joined and lexicon.lemma("-".join(word for word, _, _ in part)) is not None


def _inflection(words: Sequence[str], place: int, form: str, lexicon: ActionLexicon) -> Inflection:
    size = form.count("-") + 1
    base, gerund = lexicon.base_at(words, place), lexicon.gerund_at(words, place)
    if base is not None and base[1] == size:
        return "base"
    if gerund is not None and gerund[1] == size:
        return "gerund"
    return "third_person" if form.endswith("s") else "participle"


@lru_cache(maxsize=8)
def _incoming(vocabulary: tuple[str, ...]) -> tuple[str, ...]:
    """Verbs that can come in: one word, surely a verb, and no name of an ingredient."""
    reader = finder(vocabulary)
    return tuple(
        verb.lemma
        for verb in default_lexicon().verbs
        if verb.kind == "verb" and not verb.blocked and "-" not in verb.lemma and not reader.find(verb.lemma).names
    )


def swap_actions(
    text: str,
    share: float,
    vocabulary: tuple[str, ...],
    generator: np.random.Generator,
    right: frozenset[str] = frozenset(),
) -> Corrupted:
    """Swap some of the actions in a recipe's steps; title, ingredient list and names of ingredients stay.

    A verb is swapped where it is what the cook is told to do, and in its other forms in the steps ("until browned").
    What comes in is a verb of the lexicon that the text has in no form, in the same form.

    Args:
        text: the recipe, or its steps.
        share: of the different actions in its steps.
        vocabulary: the dataset's ingredients.
        generator: what chooses.
        right: verbs that do not come in either, because the recipe asks for them.
    """
    searched, rest = text[:MAX_ANSWER_CHARS], text[MAX_ANSWER_CHARS:]
    steps = step_spans(searched)[:_MOST_STEPS]
    present = find_actions(_joined(searched, steps, []))
    verbs = _incoming(vocabulary)
    order = [present[index] for index in generator.permutation(len(present))]
    starts = [int(generator.integers(len(verbs))) for _ in present]
    if share <= 0:
        return Corrupted(text, len(present), 0)
    if not present:
        return Corrupted(text, 0, 0, why="asks for no action of the lexicon")
    places = _places(searched, steps, vocabulary)
    used = {form.lemma for form in verb_forms(searched)} | right
    swaps: dict[str, str] = {}
    wanted = how_many(share, len(present))
    for old, start in list(zip(order, starts, strict=True))[:_MOST_ACTIONS]:
        if len(swaps) == wanted:
            break
        new = _swap(searched, steps, places, swaps, (old, verbs[start:] + verbs[:start], used))
        if new is not None:
            swaps[old] = new
            used.add(new)
    if not swaps:
        return Corrupted(text, len(present), 0, why="no action can be swapped")
    changed = replaced(searched, _changes(searched, places, swaps))
    return Corrupted(changed + rest, len(present), len(swaps), tuple(swaps.items()))


def _joined(text: str, steps: Sequence[Span], changes: Sequence[tuple[Span, str]]) -> str:
    """The steps, one on a line, with some words changed."""
    lines = []
    for step in steps:
        inside = [
            (Span(span.start - step.start, span.end - step.start), word)
            for span, word in changes
            if step.start <= span.start and span.end <= step.end
        ]
        lines.append(replaced(text[step.start : step.end], inside))
    return "\n".join(lines)


def _places(text: str, steps: Sequence[Span], vocabulary: tuple[str, ...]) -> dict[str, list[Form]]:
    """By lemma, where in the steps it may be swapped."""
    names = [Span(each.start, each.end) for each in finder(vocabulary).occurrences(text)]
    covered = {place for name in names for place in range(name.start, name.end)}
    found: dict[str, list[Form]] = {}
    for step in steps:
        words = text[step.start : step.end]
        forms = verb_forms(words)
        asked = set(find_actions(words))
        often = {lemma for lemma, count in Counter(form.lemma for form in forms).items() if count > _MOST_PLACES}
        for form in forms:
            if form.lemma in often:
                continue
            if step.start + form.start in covered:
                continue
            if form.inflection != "base" or (form.lemma in asked and _is_asked(words, form, forms)):
                shifted = form._replace(start=step.start + form.start, end=step.start + form.end)
                found.setdefault(form.lemma, []).append(shifted)
    return found


def _is_asked(words: str, form: Form, forms: Sequence[Form]) -> bool:
    """Whether this place of a base form is one where it is an action: "Heat the oil over medium heat" has one."""
    others = [
        (Span(each.start, each.end), _NO_VERB)
        for each in forms
        if each.lemma == form.lemma and each.start != form.start
    ]
    return not others or form.lemma in find_actions(replaced(words, others))


def _changes(text: str, places: Mapping[str, Sequence[Form]], swaps: Mapping[str, str]) -> list[tuple[Span, str]]:
    found = []
    for old, new in swaps.items():
        forms = inflect(new)
        for form in places.get(old, ()):
            word = new if form.inflection == "base" else str(getattr(forms, form.inflection))
            found.append((Span(form.start, form.end), cased_like(word, text[form.start : form.end])))
    return found


def _swap(
    text: str,
    steps: Sequence[Span],
    places: Mapping[str, Sequence[Form]],
    swaps: Mapping[str, str],
    wanted: tuple[str, Sequence[str], set[str]],
) -> str | None:
    """The first verb that, in the place of another, is read as an action while the other is gone; None if none is.

    Args:
        text: the recipe.
        steps: its steps.
        places: where verbs may be swapped.
        swaps: those chosen so far.
        wanted: the verb that goes, those that may come in, those that may not.
    """
    old, candidates, used = wanted
    if old not in places:
        return None
    others = set(find_actions(_joined(text, steps, _changes(text, places, swaps)))) - {old}
    for new in [verb for verb in candidates if verb not in used][:_TRIES]:
        now = find_actions(_joined(text, steps, _changes(text, places, {**swaps, old: new})))
        if set(now) == others | {new}:
            return new
    return None
