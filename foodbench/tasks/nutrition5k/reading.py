"""Reading nutrition values out of free text: of a whole plate, and of its ingredients one by one.

The text is cut into statements (`foodbench.tasks.nutrition5k.statements`). Units are converted: kJ to kcal, kg, mg, oz
and lb to grams. A mass also counts without the word where the statement is about nothing else: "The rice: about 82 g",
"It weighs 82 g".

What is not clear stays unread: a range, a negative number, a number with a unit that does not fit (%, ml), several bare
numbers after one name, one amount for two foods.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from foodbench.core.types import Nutrition
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS, NameFinder
from foodbench.metrics.reading.quantities import find_quantities
from foodbench.metrics.reading.sentences import without_marker
from foodbench.tasks.nutrition5k.statements import PLAUSIBLE_MAXIMUM, Pair, read_statement, statements

__all__ = ["PLAUSIBLE_MAXIMUM", "TOTAL", "read_nutrition", "read_portions"]

TOTAL = "total"
"""Key of the whole plate among the portions."""

_FENCE = re.compile(r"```[a-zA-Z]{0,12}")
_SENTENCE_END = re.compile(r"\n|[.;!]\s+(?=[^\W\d_]|\*)")
_WHOLE = re.compile(
    r"\b(?:(?:sub)?totals?|overall|altogether|in all|combined|summary"
    r"|(?:the|this|whole|entire|full) (?:meal|dish|plate))\b",
    re.IGNORECASE,
)
# A line without a food's name goes on about the last one if it begins with a nutrient, a number, or such a word.
_GOES_ON = re.compile(
    r"[\W_]*(?:\d|energy|calorie|mass|weight|weigh|fat|carb|protein|kcal|about|approx|roughly|it\b|its\b|this\b|with\b"
    r"|nutrition|estimated|macro|total)",
    re.IGNORECASE,
)
_TWO_FOODS = re.compile(r"\s*(?:,|and|&|/|,\s*and|or|with)\s*(?:the\s+)?", re.IGNORECASE)
_OF_FOOD = re.compile(r"\s*(?:of\s+)?(?:the\s+)?(?:[a-z]{2,12}ed\s+|raw\s+|plain\s+)?[*_]*", re.IGNORECASE)
_OF_FOOD_CHARS = 60
"""No longer stretch is taken for one, so that a line of blanks is not searched for every name behind it."""
_OF = re.compile(r"\s+of\b.*", re.IGNORECASE | re.DOTALL)
_DIGIT = re.compile(r"\d")
_ASIDE = re.compile(r"\([^()\d\n]{0,60}\)")
_NAME_KEYS = ("name", "ingredient", "item", "food", "label")
_INHERITING = re.compile(r"nutri|macro|value|estimate|amount|per_?portion", re.IGNORECASE)
_DEPTH = 12
_NOBODY = ""
"""The subject of a statement about a food that was not asked for, or about two at once."""


def read_nutrition(text: str) -> Nutrition:
    """The five totals that `text` states; a nutrient that it does not state clearly stays `None`.

    Understands "calories: 320 kcal", "about 1,050 kcal", "12 g of fat", lists, and JSON-like `"fat": 12`. A statement
    that says "total" counts before others, otherwise the first one. Linear in the length of the text.
    """
    unnamed: dict[str, float] = {}
    first: dict[str, float] = {}
    totals: dict[str, float] = {}
    for statement in statements(text[:MAX_ANSWER_CHARS]):
        found = totals if "total" in statement.lower() else first
        for pair in read_statement(statement):
            (unnamed if pair.unnamed and found is first else found).setdefault(pair.name, pair.value)
    return Nutrition(**{**unnamed, **first, **totals})


def read_portions(text: str, names: Iterable[str] | NameFinder) -> dict[str, Nutrition]:
    """What `text` states about single foods, and about the whole plate if it does so apart from them.

    Understands one statement or line for each food ("The rice: about 82 g, calories 110 kcal, ..."; "82 g of rice (110
    kcal)"), lines under a food's heading, and JSON with foods as keys or in a field `name`. Of a food that is mentioned
    twice the first value counts. Linear in the length of the text.

    Args:
        text: the answer.
        names: the foods to look for (or a finder of them, which is faster for many texts).

    Returns:
        by name as listed, in order of first mention, the foods with at least one value; then `TOTAL`, if stated.
    """
    finder = names if isinstance(names, NameFinder) else NameFinder(names)
    text = text[:MAX_ANSWER_CHARS]
    found: dict[str, dict[str, float]] = {}
    plain = _json(text)
    for subject, pair in _walk_text(text, finder) if plain is None else _walk_json(plain, finder, TOTAL, _DEPTH):
        if subject != _NOBODY:
            found.setdefault(subject, {}).setdefault(pair.name, pair.value)
    total = found.pop(TOTAL, None)
    if total:
        found[TOTAL] = total
    return {subject: Nutrition(**values) for subject, values in found.items()}


class _Part(NamedTuple):
    """A piece of a line and the food it is about; None: the one that the last line was about."""

    subject: str | None
    text: str
    named: bool


def _walk_text(text: str, finder: NameFinder) -> Iterator[tuple[str, Pair]]:
    subject: str | None = None
    known: dict[str | None, set[str]] = {}
    for line in _SENTENCE_END.split(_FENCE.sub(" ", text)):
        for part in _parts(without_marker(line), finder):
            pairs = _read_part(part)
            if part.subject is not None:
                subject = part.subject
            elif subject is None or (pairs and not _GOES_ON.match(part.text)):
                subject = (TOTAL if _GOES_ON.match(part.text) else _NOBODY) if pairs else subject
            elif len(pairs) >= 3 and {pair.name for pair in pairs} <= known.get(subject, set()):
                subject = TOTAL  # all of it once more: not about the last food
            for pair in pairs:
                known.setdefault(subject, set()).add(pair.name)
                yield subject or _NOBODY, pair


def _read_part(part: _Part) -> list[Pair]:
    pairs: list[Pair] = []
    for place, statement in enumerate(statements(_ASIDE.sub(" ", part.text))):
        pairs += read_statement(statement, names_food=part.named and place == 0)
    return pairs


def _parts(line: str, finder: NameFinder) -> list[_Part]:
    """Cut a line where it comes to the next food."""
    marks = sorted(
        [(mark.start, mark.end, _NOBODY if mark.negated else mark.name) for mark in finder.occurrences(line)]
        + [(match.start(), match.end(), TOTAL) for match in _WHOLE.finditer(line)]
    )
    if not marks:
        return [_Part(None, line, named=False)]
    amounts = [quantity for quantity in find_quantities(line) if quantity.kind in ("mass", "energy")]
    if amounts and amounts[0].start < marks[0][0]:
        return _amounts_first(line, marks, [(amount.start, amount.end) for amount in amounts])
    parts: list[_Part] = []
    digits = [match.start() for match in _DIGIT.finditer(line)]
    subject, end = marks[0][2], marks[0][1]
    for (_, last_end, _), (start, next_end, name) in pairwise(marks):
        if _any_within(digits, end, start):
            parts.append(_Part(subject, line[end:start], named=True))
            subject, end = name, next_end
        elif subject == TOTAL:  # "the total mass of the rice"
            subject, end = name, next_end
        # Only right behind the subject: what begins further back holds another name.
        elif last_end == end and name not in (TOTAL, subject) and _TWO_FOODS.fullmatch(line, end, start):
            subject, end = _NOBODY, next_end
    return [*parts, _Part(subject, line[end:], named=True)]


def _any_within(places: list[int], start: int, end: int) -> bool:
    """Whether one of the ascending places lies from `start` on and before `end`."""
    first = bisect_left(places, start)
    return first < len(places) and places[first] < end


def _amounts_first(line: str, marks: list[tuple[int, int, str]], amounts: list[tuple[int, int]]) -> list[_Part]:
    """The parts of a line like "82 g of rice (110 kcal) and 100 g of fish"; what stands before is not read."""
    heads: list[tuple[int, int, int, str]] = []  # where the amount begins, the name begins and ends, and the name
    place = 0
    for start, end, name in marks:
        while place + 1 < len(amounts) and amounts[place + 1][1] <= start:
            place += 1
        behind = amounts[place][1]
        if behind <= start <= behind + _OF_FOOD_CHARS and _OF_FOOD.fullmatch(line, behind, start):
            heads.append((amounts[place][0], start, end, name))
    if not heads:
        whole = any(name == TOTAL for _, _, name in marks)
        return [_Part(TOTAL if whole else _NOBODY, line, named=False)]
    parts: list[_Part] = []
    for number, (begin, start, end, name) in enumerate(heads):
        stop = heads[number + 1][0] if number + 1 < len(heads) else len(line)
        parts.append(_Part(name, _OF.sub("", line[begin:start]), named=True))
        parts.append(_Part(name, line[end:stop], named=False))
    return parts


def _json(text: str) -> Any:
    """The JSON that the text consists of; None if it is anything else."""
    plain = _FENCE.sub(" ", text).strip()
    if not plain.startswith(("{", "[")):
        return None
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        return None


def _walk_json(plain: Any, finder: NameFinder, subject: str, depth: int) -> Iterator[tuple[str, Pair]]:
    """The values of nested objects: each belongs to the nearest food around it."""
    if isinstance(plain, list) and depth:
        for item in plain:
            yield from _walk_json(item, finder, _NOBODY, depth - 1)
    if not isinstance(plain, Mapping) or not depth:
        return
    named = next((value for key in _NAME_KEYS if isinstance(value := plain.get(key), str)), None)
    if named is not None:
        subject = _subject(named, finder, _NOBODY)
    for key, value in plain.items():
        if isinstance(value, (dict, list)):
            inherited = subject if _INHERITING.search(key) else _NOBODY
            yield from _walk_json(value, finder, _subject(key, finder, inherited), depth - 1)
        elif isinstance(value, (int, float, str)) and not isinstance(value, bool) and key not in _NAME_KEYS:
            about = _subject(key, finder, subject)
            pairs = read_statement(f"{_words(key)}: {value}"[:200])
            if not pairs and about not in (subject, TOTAL):  # "rice": "82 g"
                pairs = read_statement(f": {value}"[:200], names_food=True)
            for pair in pairs:
                yield about, pair


def _words(key: str) -> str:
    return key.replace("_", " ")


def _subject(key: str, finder: NameFinder, otherwise: str) -> str:
    found = finder.find(key).names
    if len(found) == 1:
        return found[0]
    return TOTAL if _WHOLE.search(_words(key)) else otherwise
