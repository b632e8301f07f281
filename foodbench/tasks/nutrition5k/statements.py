"""What one statement of a text says about nutrients: names paired with amounts.

A statement is a line, a list item, or a part between commas and "and". In it, names of nutrients and numbers are paired
in the order in which they stand: "fat: 12 g" name first, "12 g of fat" number first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from foodbench.metrics.reading.quantities import Number, scan

PLAUSIBLE_MAXIMUM = 1e6
"""A larger number of kcal or grams on one plate is not read (it would swamp every mean)."""

_NAMES = {
    "energy": "kcal", "calorie": "kcal", "calories": "kcal",
    "mass": "mass", "weight": "mass",
    "fat": "fat", "fats": "fat",
    "carb": "carb", "carbs": "carb", "carbohydrate": "carb", "carbohydrates": "carb",
    "protein": "protein", "proteins": "protein",
}  # fmt: skip

# Statements end at line breaks, semicolons, a full stop or comma that is not inside a number, and joining words.
_STATEMENT_END = re.compile(r"[\n;]|[.,](?!\d)|(?<!\d),|\b(?:and|with|plus)\b", re.IGNORECASE)
# Where these marks stand for something else: "between 12 and 15", "approx. 12", the key "fat_g".
_BETWEEN = re.compile(r"\b(between\s{1,2}[^\s\n;]{1,12}(?:\s[a-z]{1,4})?\s{1,2})and(\s{1,2}\d)", re.IGNORECASE)
_APPROXIMATELY = re.compile(r"\b(approx|ca|est)\.", re.IGNORECASE)
_BRACKETS = re.compile(r"\([^()\n]{0,60}\)")
_NAME = re.compile(
    r"(?P<part>\b(?:saturated|unsaturated|mono\w{0,12}|poly\w{0,12}|trans|per)[\s-]{1,2}\w{1,12})"
    r"|\b(?P<name>" + "|".join(sorted(_NAMES, key=len, reverse=True)) + r"|kcal)\b",
    re.IGNORECASE,
)
# What may stand in front of a mass that is not called one, and what a number so introduced is not.
_ABOUT = r"(?:about|around|approx|approximately|roughly|circa|ca|nearly|almost|an? estimated|estimated|~|≈)"
_MASS_INTRODUCED = re.compile(
    rf"(?:\bweigh(?:s|ing|ed)?(?:\s(?:in\s)?at)?(?:\s*{_ABOUT})?"  # "weighs about"
    rf"|(?:^|[:=–—-])\s*{_ABOUT})[\s*_]*$",  # "The rice: about", "about"
    re.IGNORECASE,
)
_AMOUNT_INTRODUCED = re.compile(
    rf"[\s:=(|*_\"'–—-]*(?:(?:is|are|was|were|has|portion|amount|serving|of)\b\s*){{0,3}}{_ABOUT}?[\s*_]*$",
    re.IGNORECASE,
)
_OTHER_NUTRIENT = re.compile(
    r"\b(?:fib(?:er|re)s?|sugars?|sodium|salt|cholesterol|potassium|calcium|iron|vitamins?|starch|saturates|alcohol|"
    r"caffeine|omega|serving|minerals?)\b",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    rf"[\s()\[\]|*_\"'}}!?./–—-]*(?:in total|total|of food)?[\s()\[\]|*_\"'}}!?./–—-]*{_ABOUT}?\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Token:
    """A nutrient's name, or a number with the kind of its unit (`kcal`, `g`, none, or `other`).

    Attributes:
        name: the nutrient; `other` for one that is not asked for.
        number: the amount in kcal or grams, or as it stands if it has no unit; None if it is not clear.
        unit: see above.
        converted: the unit was another one than kcal or g.
    """

    name: str | None = None
    number: float | None = None
    unit: str | None = None
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One value that a statement gives.

    Attributes:
        name: the nutrient.
        value: kcal or grams.
        converted: it stands there in another unit.
        unnamed: a mass that is not called one ("about 82 g").
    """

    name: str
    value: float
    converted: bool = False
    unnamed: bool = False


def statements(text: str) -> list[str]:
    """The parts of a text that are read one by one."""
    text = _APPROXIMATELY.sub(r"\1 ", _BETWEEN.sub(r"\1to\2", text.replace("_", " ")))
    return _STATEMENT_END.split(text)


def read_statement(statement: str, *, names_food: bool = False) -> list[Pair]:
    """The values that one statement gives.

    Brackets hold asides, "(g)" or "(1 serving)", unless only they say something, or say it in the right unit: "1340 kJ
    (320 kcal)".

    Args:
        statement: one of `statements`.
        names_food: the statement begins right behind the name of a food, so that "82 g" is its mass.

    Returns:
        the values, at most one for a nutrient that is stated twice over.
    """
    bare = _BRACKETS.sub(" ", statement)
    pairs = _read(bare, names_food=names_food)
    if bare != statement and (not pairs or any(pair.converted or pair.unnamed for pair in pairs)):
        sure = {pair.name for pair in pairs if not pair.converted}
        whole = _read(statement, names_food=names_food)
        pairs = [pair for pair in whole if pair.name not in sure and not (pairs and pair.converted)] + pairs
    return list({pair.name: pair for pair in reversed(pairs)}.values())[::-1]


def _read(statement: str, *, names_food: bool) -> list[Pair]:
    tokens = list(_tokens(statement))
    pairs = _pairs(tokens)
    return pairs if any(token.name for token in tokens) else _unnamed_mass(statement, names_food=names_food) + pairs


def _unnamed_mass(statement: str, *, names_food: bool) -> list[Pair]:
    """The mass in a statement without a nutrient's name, where it cannot mean anything else.

    It comes first, behind a word that introduces it or (`names_food`) right at the beginning, nothing is said to be of
    that amount, and no other number stands there but one of energy: "82 g – 110 kcal".
    """
    numbers = list(scan(statement))
    quantity = numbers[0].quantity if numbers else None
    grams = quantity.in_grams() if quantity is not None else None
    if quantity is None or grams is None or grams > PLAUSIBLE_MAXIMUM or _OTHER_NUTRIENT.search(statement):
        return []
    if any(number.quantity is None or number.quantity.kind != "energy" for number in numbers[1:]):
        return []
    before = statement[: quantity.start][-60:]
    after = statement[quantity.end : numbers[1].start if len(numbers) > 1 else None][:60]
    introduced = _MASS_INTRODUCED.search(before) or (names_food and _AMOUNT_INTRODUCED.fullmatch(before))
    if not introduced or not _NOTHING.fullmatch(after):
        return []
    return [Pair("mass", grams, quantity.unit != "g", unnamed=True)]


def _tokens(statement: str) -> Iterator[_Token]:
    """Names and numbers in the order in which they stand."""
    events: list[tuple[int, re.Match[str] | Number]] = [(match.start(), match) for match in _NAME.finditer(statement)]
    numbers = list(scan(statement))
    events += [(number.start, number) for number in numbers]
    units_end = {number.end for number in numbers}
    energy_named = False
    for start, event in sorted(events, key=lambda event: event[0]):
        if isinstance(event, Number):
            yield from _number_tokens(event)
            energy_named = energy_named or _NAMES.get(event.word) == "kcal"
        elif event["part"]:
            yield _Token(name="other")
        elif not _is_unit(statement, start, units_end):
            word = event["name"].lower()
            # The unit by itself, as in "kcal: 320", names energy unless energy is named already.
            if word != "kcal" or not energy_named:
                energy_named = energy_named or _NAMES.get(word, "kcal") == "kcal"
                yield _Token(name=_NAMES.get(word, "kcal"))


def _is_unit(statement: str, start: int, number_ends: set[int]) -> bool:
    """Whether the word at `start` stands right behind a number, and was read with it."""
    return any(start - gap in number_ends and not statement[start - gap : start].strip(" -\t") for gap in range(3))


def _number_tokens(number: Number) -> Iterator[_Token]:
    """The number, and what stands right behind it: its unit, or a name ("350 grams" against "350 protein")."""
    quantity, word = number.quantity, number.word
    named = _NAMES.get(word)
    value, unit, converted = None, "other", False
    if quantity is not None and not quantity.is_range:
        if (kcal := quantity.in_kcal()) is not None:
            value, unit, converted = kcal, "kcal", quantity.unit != "kcal"
        elif (grams := quantity.in_grams()) is not None:
            value, unit, converted = grams, "g", quantity.unit != "g"
        elif quantity.kind == "count" and (named or len(word) > 3 or not word):
            value, unit = quantity.value, ""
    if value is not None and value > PLAUSIBLE_MAXIMUM:
        value = None
    yield _Token(number=value, unit=unit or None, converted=converted)
    if named and not (quantity is not None and quantity.kind == "energy"):
        yield _Token(name=named)


def _pairs(tokens: list[_Token]) -> list[Pair]:
    """Names with their numbers, in one statement."""
    if not any(token.name for token in tokens):
        # An amount of energy needs no name: its unit says what it is.
        return _chosen("kcal", [token for token in tokens if token.unit == "kcal" and token.number is not None])
    groups = _name_first(tokens) if tokens[0].name else _number_first(tokens)
    return [pair for name, numbers in groups if name != "other" for pair in _chosen(name, numbers)]


def _chosen(name: str, numbers: list[_Token]) -> list[Pair]:
    """The one number that is the nutrient's amount: in its own unit, else converted to it, else bare."""
    unit = "kcal" if name == "kcal" else "g"
    own = [token for token in numbers if token.unit == unit]
    fitting = (
        [token for token in own if not token.converted] or own or [token for token in numbers if token.unit is None]
    )
    if len(fitting) != 1 or fitting[0].number is None:
        return []
    return [Pair(name, fitting[0].number, fitting[0].converted)]


def _name_first(tokens: list[_Token]) -> list[tuple[str, list[_Token]]]:
    groups: list[tuple[str, list[_Token]]] = []
    for token in tokens:
        if token.name:
            groups.append((token.name, []))
        else:
            groups[-1][1].append(token)
    return groups


def _number_first(tokens: list[_Token]) -> list[tuple[str, list[_Token]]]:
    groups: list[tuple[str, list[_Token]]] = []
    numbers: list[_Token] = []
    for token in tokens:
        if not token.name:
            numbers.append(token)
            if token.unit == "kcal" and not token.converted:  # "520 kcal" is complete
                groups.append(("kcal", [token]))
                numbers = []
        elif numbers:
            groups.append((token.name, numbers))
            numbers = []
    return groups
