"""Reading nutrition values out of free text.

The text is cut into statements (lines, list items, parts between commas and "and"). In a statement, names of nutrients
and numbers are paired in the order in which they stand: "fat: 12 g" name first, "12 g of fat" number first.
What is not clear stays unread: a range, a number with another unit (kJ, mg, %), several bare numbers after one name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from foodbench.core.types import Nutrition
from foodbench.tasks.text import MAX_ANSWER_CHARS

PLAUSIBLE_MAXIMUM = 1e6
"""A larger number of kcal or grams on one plate is not read (it would swamp every mean)."""

_NAMES = {
    "energy": "kcal", "calorie": "kcal", "calories": "kcal",
    "mass": "mass", "weight": "mass",
    "fat": "fat", "fats": "fat",
    "carb": "carb", "carbs": "carb", "carbohydrate": "carb", "carbohydrates": "carb",
    "protein": "protein", "proteins": "protein",
}  # fmt: skip
_UNITS = {"kcal": "kcal", "cal": "kcal", "calories": "kcal", "g": "g", "gram": "g", "grams": "g"}

# Statements end at line breaks, semicolons, a full stop or comma that is not inside a number, and joining words.
_STATEMENT_END = re.compile(r"[\n;]|[.,](?!\d)|(?<!\d),|\b(?:and|with|plus)\b", re.IGNORECASE)
_BRACKETS = re.compile(r"\([^()\n]{0,60}\)")
_TOKEN = re.compile(
    r"(?P<part>\b(?:saturated|unsaturated|mono\w{0,12}|poly\w{0,12}|trans|per)[\s-]{1,2}\w{1,12})"
    r"|(?P<number>[\d.,]*\d(?:[eE][+-]?\d{1,3})?)(?:\s{0,2}(?P<unit>[a-zA-Zµ%]{1,12}))?"
    r"|\b(?P<name>" + "|".join(sorted(_NAMES, key=len, reverse=True)) + r"|kcal)\b",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?|\.\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"\d{1,9},\d{1,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Token:
    """A nutrient's name, or a number with the kind of its unit (`kcal`, `g`, none, or `other`)."""

    name: str | None = None
    number: float | None = None
    unit: str | None = None


def read_nutrition(text: str) -> Nutrition:
    """The five totals that `text` states; a nutrient that it does not state clearly stays `None`.

    Understands "calories: 320 kcal", "about 1,050 kcal", "12 g of fat", lists, and JSON-like `"fat": 12`. A statement
    that says "total" counts before others, otherwise the first one. Linear in the length of the text.
    """
    first: dict[str, float] = {}
    totals: dict[str, float] = {}
    for statement in _STATEMENT_END.split(text[:MAX_ANSWER_CHARS]):
        found = totals if "total" in statement.lower() else first
        # Brackets hold asides, "(g)" or "(1 serving)", unless only they say something: "1340 kJ (320 kcal)".
        pairs = _pairs(_tokens(_BRACKETS.sub(" ", statement))) or _pairs(_tokens(statement))
        for name, value in pairs:
            found.setdefault(name, value)
    return Nutrition(**{**first, **totals})


def _tokens(statement: str) -> list[_Token]:
    tokens: list[_Token] = []
    previous_end, previous_number = -1, False
    for match in _TOKEN.finditer(statement):
        if match["part"]:
            tokens.append(_Token(name="other"))
            previous_number = False
            continue
        if match["name"]:
            word = match["name"].lower()
            if word != "kcal":  # the unit by itself, as in "kcal: 320", names energy unless energy is named already
                tokens.append(_Token(name=_NAMES[word]))
            elif not any(token.name == "kcal" for token in tokens):
                tokens.append(_Token(name="kcal"))
            previous_number = False
            continue
        between = statement[previous_end : match.start()].strip() if previous_number else "x"
        if between in ("", "-", "–", "to"):  # "500-600", "1 050": which number is meant is not clear
            tokens[-1] = _Token(number=None, unit="other")
            tokens.append(_Token(number=None, unit="other"))
        else:
            tokens += _number_tokens(match)
        previous_end, previous_number = match.end("number"), True
    return tokens


def _number_tokens(match: re.Match[str]) -> list[_Token]:
    """The number, and what stands right behind it: its unit, or a name ("350 calories" is both)."""
    value = _value(match["number"])
    word = (match["unit"] or "").lower()
    unit = _UNITS.get(word) if word else None
    if word and unit is None and word not in _NAMES:
        unit = "other" if len(word) <= 3 or word == "percent" else None  # kJ, kg, mg, oz, %; not "roughly"
    tokens = [_Token(number=value, unit=unit)]
    if word in _NAMES and unit is None:
        tokens.append(_Token(name=_NAMES[word]))
    return tokens


def _value(text: str) -> float | None:
    if _PLAIN.fullmatch(text):
        value = float(text.replace(",", ""))
    elif _DECIMAL_COMMA.fullmatch(text):
        value = float(text.replace(",", "."))
    else:
        return None
    return value if value <= PLAUSIBLE_MAXIMUM else None


def _pairs(tokens: list[_Token]) -> list[tuple[str, float]]:
    """Names with their numbers, in one statement."""
    if not any(token.name for token in tokens):
        # An amount of energy needs no name: its unit says what it is.
        energies = [token.number for token in tokens if token.unit == "kcal" and token.number is not None]
        return [("kcal", energies[0])] if len(energies) == 1 else []
    groups = _name_first(tokens) if tokens[0].name else _number_first(tokens)
    pairs = []
    for name, numbers in groups:
        unit = "kcal" if name == "kcal" else "g"
        fitting = [token for token in numbers if token.unit == unit] or [
            token for token in numbers if token.unit is None
        ]
        if name != "other" and len(fitting) == 1 and fitting[0].number is not None:
            pairs.append((name, fitting[0].number))
    return pairs


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
            if token.unit == "kcal":  # "520 kcal" is complete
                groups.append(("kcal", [token]))
                numbers = []
        elif numbers:
            groups.append((token.name, numbers))
            numbers = []
    return groups
