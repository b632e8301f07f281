"""Numbers with their units in free text: `about 1,050 kcal`, `1 1/2 cups`, `12–15 g`.

A number is read only where it can mean one thing. `1,050` is a thousand and fifty and `12,5` twelve and a half;
`1.050,5` has both marks and is read the continental way. `1 050`, `1.2.3`, `3/4/5` and `-12` are not read: not as
another number either.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from foodbench.metrics.reading.names import MAX_ANSWER_CHARS

Kind = Literal["mass", "energy", "volume", "count", "other"]

KILOJOULES_PER_KILOCALORIE = 4.184
"""The thermochemical calorie, which food tables use."""

_OUNCE, _POUND, _CUP = 28.349523125, 453.59237, 236.5882365
_SPELLINGS: tuple[tuple[str, Kind, float, str], ...] = (
    ("g", "mass", 1.0, "g gr gm gms gram grams gramme grammes"),
    ("kg", "mass", 1000.0, "kg kgs kilo kilos kilogram kilograms"),
    ("mg", "mass", 1e-3, "mg mgs milligram milligrams"),
    ("µg", "mass", 1e-6, "µg μg ug mcg microgram micrograms"),
    ("oz", "mass", _OUNCE, "oz ozs ounce ounces"),
    ("lb", "mass", _POUND, "lb lbs pound pounds"),
    ("kcal", "energy", 1.0, "kcal kcals cal cals calorie calories kilocalorie kilocalories"),
    ("kJ", "energy", 1 / KILOJOULES_PER_KILOCALORIE, "kj kilojoule kilojoules"),
    ("ml", "volume", 1.0, "ml mls cc millilitre millilitres milliliter milliliters"),
    ("cl", "volume", 10.0, "cl centilitre centilitres centiliter centiliters"),
    ("dl", "volume", 100.0, "dl decilitre decilitres deciliter deciliters"),
    ("l", "volume", 1000.0, "l litre litres liter liters"),
    ("tsp", "volume", _CUP / 48, "tsp tsps teaspoon teaspoons"),
    ("tbsp", "volume", _CUP / 16, "tbsp tbsps tbs tblsp tablespoon tablespoons"),
    ("cup", "volume", _CUP, "cup cups"),
    ("pint", "volume", _CUP * 2, "pint pints pt pts"),
    ("quart", "volume", _CUP * 4, "quart quarts qt qts"),
    ("gallon", "volume", _CUP * 16, "gallon gallons gal"),
)
_UNITS: dict[str, tuple[str, Kind]] = {
    spelling: (unit, kind) for unit, kind, _, spellings in _SPELLINGS for spelling in spellings.split()
} | {"fl oz": ("fl oz", "volume")}
_FACTORS = {unit: factor for unit, _, factor, _ in _SPELLINGS} | {"fl oz": _CUP / 8}
"""Grams, kilocalories or millilitres (US measures) in one of the unit."""

UNIT_WORDS = frozenset(_UNITS)
"""All spellings of units that can be converted, in lower case."""

_OTHER_UNITS = frozenset(
    ("%", "percent", "°", "°c", "°f", "degree", "degrees", "min", "mins", "minute", "minutes", "hour", "hours", "hr",
     "hrs", "sec", "second", "seconds", "day", "days", "mm", "cm", "inch", "inches")
)  # fmt: skip

_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
# One character each for one character, so that positions stay true.
_SAME_LENGTH = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII
    | {ord(slash): "/" for slash in "⁄∕"}
    | {ord(minus): "-" for minus in "−\u2010\u2011"}
)
_THIN = "\u00a0\u2009\u202f’'"
_FRACTION = rf"(?P<above>\d{{1,3}})/(?P<below>\d{{1,3}})(?![\d/])|(?P<vulgar>[{_VULGAR}])"
_DIGITS = re.compile(rf"(?:\d|[.,](?=\d))[\d.,]*|[{_VULGAR}]", re.ASCII)
_GROUPS = re.compile(rf"(?:[{_THIN}]\d{{3}}(?!\d))+(?:[.,]\d{{1,2}}(?!\d))?", re.ASCII)
_EXPONENT = re.compile(r"[eE][+-]?\d{1,3}(?!\w)", re.ASCII)
_SIMPLE_FRACTION = re.compile(_FRACTION, re.ASCII)
_MIXED_FRACTION = re.compile(rf"(?:[ \u00a0\u2009\u202f-]|\sand\s)?(?:{_FRACTION})", re.ASCII)
_WORD = re.compile(r"(?:\s{0,2}|-)(fl(?:uid|\.)? ?(?:oz|ounces?)(?!\w)|[^\W\d_]{1,20}(?![^\W_])|%|°\s?[CFcf]?(?!\w))")
_RANGE = re.compile(r"\s{0,2}(?:[-–—~]|(?:to|through)(?=\s))\s{0,2}(?:about |~)?")
_RANGE_AFTER_BETWEEN = re.compile(r"\s{1,2}and\s{1,2}(?:about |~)?")
_BETWEEN = re.compile(r"\bbetween\s{1,2}(?:about |~)?$", re.IGNORECASE)

_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_DECIMAL = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?|\.\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"\d{1,9},\d{1,2}|0,\d{1,6}", re.ASCII)
_CONTINENTAL = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d{1,3}", re.ASCII)
_SPACED = re.compile(rf"[1-9]\d{{0,2}}(?:[{_THIN}]\d{{3}})+(?:[.,]\d{{1,2}})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount, or a range of amounts, with its unit.

    Attributes:
        value: the amount; None for a range, which does not say one.
        low: the amount, or the range's lower end.
        high: the amount, or the range's upper end.
        unit: `g`, `kcal`, `cup`, ... (`Quantity.kind` says of what); as written if it is none of the known; empty for
            a bare number.
        kind: `mass`, `energy`, `volume`, `count` (a bare number, or one of things: "3 eggs"), or `other` (%, minutes).
        start: position of the first character in the text.
        end: position behind the last one, the unit's included.
    """

    value: float | None
    low: float
    high: float
    unit: str
    kind: Kind
    start: int = 0
    end: int = 0

    @property
    def is_range(self) -> bool:
        """Whether two ends are stated."""
        return self.value is None

    @property
    def midpoint(self) -> float:
        """The middle of a range; the amount itself otherwise."""
        return (self.low + self.high) / 2

    def in_grams(self, *, midpoint: bool = False) -> float | None:
        """Grams; None if this is no mass, or a range and `midpoint` is not asked for."""
        return self._converted("mass", midpoint)

    def in_kcal(self, *, midpoint: bool = False) -> float | None:
        """Kilocalories; None if this is no energy, or a range and `midpoint` is not asked for."""
        return self._converted("energy", midpoint)

    def in_millilitres(self, *, midpoint: bool = False) -> float | None:
        """Millilitres (US cups and spoons); None if this is no volume, or a range and `midpoint` is not asked for."""
        return self._converted("volume", midpoint)

    def _converted(self, kind: Kind, midpoint: bool) -> float | None:
        value = self.midpoint if midpoint else self.value
        if self.kind != kind or value is None:
            return None
        return value / KILOJOULES_PER_KILOCALORIE if self.unit == "kJ" else value * _FACTORS[self.unit]


@dataclass(frozen=True, slots=True)
class Number:
    """One place where digits stand, readable or not.

    Attributes:
        quantity: what they mean; None if that is not clear.
        start: position of the first character.
        end: position behind the digits (both numbers of a range), without the unit.
        word: the word right behind, in lower case, whether a unit or not.
    """

    quantity: Quantity | None
    start: int
    end: int
    word: str


class _Atom(NamedTuple):
    """One number as written, before ranges are joined."""

    value: float | None
    start: int
    end: int
    word: str
    word_end: int

    @property
    def unit(self) -> str | None:
        """The unit behind it, if that is one that can be converted."""
        return _UNITS[self.word][0] if self.word in _UNITS else None


def find_quantities(text: str) -> list[Quantity]:
    """All amounts in `text` that can be read, in order. Linear in the text's length."""
    return [number.quantity for number in scan(text) if number.quantity is not None]


def scan(text: str) -> Iterator[Number]:
    """Every place where digits stand, in order, whether they can be read or not."""
    text = _plain_digits(text[:MAX_ANSWER_CHARS])
    atoms = list(_atoms(text))
    place = 0
    while place < len(atoms):
        last = place  # the group of numbers joined by range marks
        while last + 1 < len(atoms) and _joined(text, atoms[last], atoms[last + 1], first=last == place):
            last += 1
        group = atoms[place : last + 1]
        alone = not (
            (place and _beside(text, atoms[place - 1], group[0]))
            or (last + 1 < len(atoms) and _beside(text, group[-1], atoms[last + 1]))
            or _spoiled(text, group[0].start)
        )
        yield Number(_quantity(group) if alone else None, group[0].start, group[-1].end, group[-1].word)
        place = last + 1


def value_of(digits: str) -> float | None:
    """The number that digits with marks stand for; None if it could be several, or none."""
    if _THOUSANDS.fullmatch(digits):
        return float(digits.replace(",", ""))
    if _DECIMAL.fullmatch(digits):
        value = float(digits)
        return value if value < math.inf else None
    if _DECIMAL_COMMA.fullmatch(digits):
        return float(digits.replace(",", "."))
    if _CONTINENTAL.fullmatch(digits):
        return float(digits.replace(".", "").replace(",", "."))
    if _SPACED.fullmatch(digits):
        return float(re.sub(rf"[{_THIN}]", "", digits).replace(",", "."))
    return None


def _plain_digits(text: str) -> str:
    """Digits of all scripts and full-width marks as ASCII, character for character."""
    if text.isascii():
        return text
    text = text.translate(_SAME_LENGTH)
    return re.sub(r"\d", lambda match: str(unicodedata.digit(match[0])), text)


def _atoms(text: str) -> Iterator[_Atom]:
    position = 0
    while (match := _DIGITS.search(text, position)) is not None:
        value, end = _amount(text, match)
        word = _WORD.match(text, end)
        plain = "" if word is None else word[1].lower().replace(" ", "").replace(".", "")
        plain = "fl oz" if plain.startswith(("floz", "flounce", "fluido")) else plain
        yield _Atom(value, match.start(), end, plain, end if word is None else word.end())
        position = max(end, match.end())


def _amount(text: str, match: re.Match[str]) -> tuple[float | None, int]:
    """Value and end of the number whose first digits matched: with its exponent, groups of digits, or fraction."""
    if match[0] in _VULGAR:
        return unicodedata.numeric(match[0]), match.end()
    digits = match[0].rstrip(".,")
    end = match.start() + len(digits)
    if end == match.end():
        for rest in (_GROUPS, _EXPONENT):
            if (more := rest.match(text, end)) is not None:
                return value_of(text[match.start() : more.end()]), more.end()
    if digits.isdecimal():
        simple = _SIMPLE_FRACTION.match(text, match.start())
        if simple is not None:
            return _fraction(simple), simple.end()
        mixed = _MIXED_FRACTION.match(text, end) if end == match.end() else None
        if mixed is not None:
            part = _fraction(mixed)
            proper = part is not None and 0 < part < 1 and len(digits) <= 4
            return (float(digits) + part if proper and part is not None else None), mixed.end()
    return value_of(digits), end


def _fraction(match: re.Match[str]) -> float | None:
    if match["vulgar"]:
        return unicodedata.numeric(match["vulgar"])
    below = int(match["below"])
    return int(match["above"]) / below if below else None


def _joined(text: str, left: _Atom, right: _Atom, *, first: bool) -> bool:
    """Whether two numbers are the ends of a range: "12-15 g", "12 g to 15 g", "between 12 and 15"."""
    if left.unit is not None and right.unit is not None and left.unit != right.unit:
        return False  # "1340 kJ - 320 kcal" says the same twice
    start = left.end if left.unit is None else left.word_end
    gap = text[start : right.start][:16]
    if _RANGE.fullmatch(gap):
        return True
    between = first and _BETWEEN.search(text[max(0, left.start - 20) : left.start])
    return bool(between and _RANGE_AFTER_BETWEEN.fullmatch(gap))


def _beside(text: str, left: _Atom, right: _Atom) -> bool:
    """Whether nothing but blanks, or a mark of times and dates, parts two numbers: "1 050", "10:30", "3/4/5"."""
    gap = text[left.end : right.start][:8]
    return not gap.strip() or gap in ("/", ":")


def _spoiled(text: str, start: int) -> bool:
    """Whether the number is a part of something else: negative ("-12"), or of a name ("B12")."""
    before = text[start - 1 : start]
    if before in ("-", "–", "—"):
        return not text[start - 2 : start - 1].isalnum() if start > 1 else True
    return before.isascii() and before.isalpha()


def _quantity(group: list[_Atom]) -> Quantity | None:
    low, last = group[0], group[-1]
    if len(group) > 2 or low.value is None or last.value is None or low.value > last.value:
        return None
    unit, kind = _unit_of(last.word)
    end = last.end if kind == "count" else last.word_end
    if kind == "count" and low.unit is not None:  # "12 g - 15": the unit stands with the first number only
        unit, kind = _unit_of(low.word)
    value = low.value if len(group) == 1 else None
    return Quantity(value, low.value, last.value, unit, kind, low.start, end)


def _unit_of(word: str) -> tuple[str, Kind]:
    if word in _UNITS:
        return _UNITS[word][:2]
    return (word, "other") if word in _OTHER_UNITS else ("", "count")
