"""Reading nutrition values out of free text."""

from __future__ import annotations

import re

from foodbench.core.types import NUTRIENTS, Nutrition
from foodbench.tasks.text import MAX_ANSWER_CHARS

PLAUSIBLE_MAXIMUM = 1e6
"""A larger number of kcal or grams on one plate is not read (it would swamp every mean)."""

# 1,050.5 | 1050 | .5 ; bounded runs keep the search linear on hostile text.
_NUMBER = r"(?P<number>\d{1,3}(?:,\d{3}){1,3}(?:\.\d{1,12})?|\d{1,9}(?:\.\d{1,12})?|\.\d{1,12})"
_NAMES: dict[str, str] = {
    "kcal": "(?:calories|calorie|energy|kcal)",
    "mass": "(?:mass|weight)",
    "fat": "fats?",
    "carb": "(?:carbohydrates?|carbs?)",
    "protein": "proteins?",
}
# What may stand between a name and its number: punctuation of lists and JSON, a unit, and filler words. Nothing else:
# in "12 g fat and 30 g protein" the 30 is not fat.
_WORDS = r"(?:kcal|grams?|g|is|are|was|of|about|around|approximately|approx\.?|roughly|total|content|estimated)\b"
_FILLER = rf"""(?:[\s"'`:=~≈*|()\[\]-]|{_WORDS})"""


def _patterns(name: str) -> tuple[re.Pattern[str], ...]:
    """Ways of stating a nutrient, surest first; each is bounded, so that hostile text costs linear time."""
    word = _NAMES[name]
    named_first = rf"\b{word}\b{_FILLER}{{0,16}}{_NUMBER}"
    if name == "kcal":  # the unit alone says what it is
        ways: tuple[str, ...] = (rf"{_NUMBER}\s{{0,3}}(?:kcal|calories)\b", named_first)
    else:
        amount = rf"{_NUMBER}\s{{0,3}}(?:grams?|g)\s{{1,3}}"
        ways = (rf"{amount}of\s{{1,3}}{word}\b", named_first, rf"{amount}{word}\b")
    return tuple(re.compile(way, re.IGNORECASE) for way in ways)


_PATTERNS = {name: _patterns(name) for name in NUTRIENTS}


def read_nutrition(text: str) -> Nutrition:
    """The five totals that `text` states; a nutrient that it does not state stays `None`.

    Understands "calories: 320 kcal", "about 1,050 kcal", "12 g of fat" and JSON-like `"fat": 12`. The first statement
    of a nutrient counts. Numbers above `PLAUSIBLE_MAXIMUM` are not read.
    """
    text = text[:MAX_ANSWER_CHARS]
    values: dict[str, float] = {}
    for name, patterns in _PATTERNS.items():
        for pattern in patterns:
            match = pattern.search(text)
            if match is None:
                continue
            number = float(match["number"].replace(",", ""))
            if number <= PLAUSIBLE_MAXIMUM:
                values[name] = number
                break
    return Nutrition(**values)
