"""Singular forms of English nouns by rule: enough for foods, the same for lists and answers."""

from __future__ import annotations

from functools import lru_cache

_IRREGULAR = {
    "leaves": "leaf", "loaves": "loaf", "halves": "half", "calves": "calf", "knives": "knife", "sheaves": "sheaf",
    "geese": "goose", "mice": "mouse", "feet": "foot", "teeth": "tooth", "oxen": "ox",
    "octopi": "octopus", "cacti": "cactus", "fungi": "fungus", "chilies": "chili", "chillies": "chilli",
    "quiches": "quiche", "brioches": "brioche", "ceviches": "ceviche", "ganaches": "ganache",
    "shoes": "shoe", "roes": "roe", "floes": "floe", "aloes": "aloe", "toes": "toe", "axes": "axe",
}  # fmt: skip

_IE_STEMS = frozenset(
    [
        "cookie",
        "brownie",
        "pie",
        "tie",
        "smoothie",
        "veggie",
        "calorie",
        "blondie",
        "sweetie",
        "weenie",
        "wienie",
        "pixie",
        "crappie",
        "rookie",
        "birdie",
    ]
)
"""Words that end in -ie already in the singular, so that -ies does not become -y."""

_UNCHANGED = frozenset(
    # Another meaning in the singular: greens are not green, french fries not to fry; to spread, wrap, roll is no food.
    ("greens", "fries", "bitters", "spreads", "wraps", "rolls", "preserves", "grits", "spirits", "sweets", "news",
     # No plural at all.
     "series", "species", "molasses", "brussels", "christmas", "haas", "texas", "always", "does")
)  # fmt: skip


@lru_cache(maxsize=65_536)
def singular(word: str) -> str:
    """The singular of a lower-case word; a word that is no plural stays as it is.

    "tomatoes" gives "tomato", "berries" "berry", "leaves" "leaf"; "asparagus", "swiss" and "couscous" stay.
    """
    if len(word) <= 3 or not word.endswith(("s", "e", "i", "h", "n")) or word in _UNCHANGED:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word.endswith("s") or word.endswith(("us", "ss", "is")):
        return word
    if word.endswith("ies"):
        return word[:-1] if word[:-1] in _IE_STEMS else word[:-3] + "y"
    if word.endswith(("oes", "ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    return word[:-1]
