"""From the words of Recipe1M's ingredient detector to the 1,486 ingredient classes of Inverse Cooking.

The class names (`resources/recipe1m_ingredients.txt`, one per line, position = label) are those of the ingredient
vocabulary that Inverse Cooking (Salvador et al., CVPR 2019) released as `ingr_vocab.pkl`: 1,488 lines of which the
first, `<end>`, and the last, `<pad>`, are no ingredients. Two unrelated public copies of that file agree. Non-foods
that are in it (`jar`, `aluminum_foil`, `-_up`) stay: leaving them out would change every published count.

The released list has one name per class. Which of the other spellings belong to it is not released; here it follows
from the rules by which the authors' `build_vocab.py` grouped the spellings, applied to the names that are left:
the whole name, else its last word, its first word, its last two words, its first two words; and each of these
without a plural's `s` or `es`. Where the authors choose a pair of words, its first or second word wins if that is a
name: `boneless skinless chicken breasts` is `chicken`. They ask also that the pair is a counted spelling, which cannot
be known here. What fits none has no class and is left out of the labels, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from foodbench.core.hashing import fingerprint
from foodbench.data.layout import resource_lines

RESOURCE = "recipe1m_ingredients.txt"
NOT_INGREDIENTS = ("<end>", "<pad>")
MAX_CLASSES = 20
"""A recipe has no more labels than this (Inverse Cooking's `maxnumlabels`)."""

_WITHOUT = str.maketrans("", "", "%,.#[]!?")
_REMEMBERED = 1 << 16


def canonical(text: str) -> str:
    """A detected ingredient in the spelling of the class names.

    Lower case, digits dropped, `&` and `'n` become `and`, the characters `%,.#[]!?` are dropped, blanks become `_`.
    Source: `get_ingredient` in Inverse Cooking's build_vocab.py.
    """
    letters = "".join(letter for letter in text.lower() if not letter.isdigit())
    return letters.replace("&", "and").replace("'n", "and").translate(_WITHOUT).strip().replace(" ", "_")


def _parts(name: str) -> Iterator[str]:
    """The whole name, then those parts of it that may stand for it, best first."""
    yield name
    words = name.split("_")
    if len(words) > 1:
        yield words[-1]
        yield words[0]
        yield "_".join(words[-2:])
        yield words[-2]
        yield "_".join(words[:2])
        yield words[1]


class IngredientVocabulary:
    """The ingredient classes of one edition.

    Attributes:
        names: class names; no two have the same canonical spelling.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._by_spelling = {canonical(name): name for name in names}
        self._remembered: dict[str, str | None] = {}

    def class_of(self, text: str) -> str | None:
        """The class of a detected ingredient, e.g. `tomato` for `roma tomatoes`; None if it has none."""
        # A million recipes spell their ten million ingredients in a few ways: nearly all calls end here.
        if text in self._remembered:
            return self._remembered[text]
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        found = self._remembered[text] = self._find(canonical(text))
        return found

    def _find(self, spelling: str) -> str | None:
        known = self._by_spelling
        for part in _parts(spelling):
            if part in known:
                return known[part]
            if part.endswith("es") and part[:-2] in known:
                return known[part[:-2]]
            if part.endswith("s") and part[:-1] in known:
                return known[part[:-1]]
        return None

    def classes_of(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The classes of a recipe, sorted: those of the first `MAX_CLASSES` different ones among the texts."""
        found: dict[str, None] = {}
        for text in texts:
            name = self.class_of(text)
            if name is not None and len(found) < MAX_CLASSES:
                found[name] = None
        return tuple(sorted(found))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the names in their order."""
        return fingerprint(list(self.names))


def official_vocabulary() -> IngredientVocabulary:
    """The 1,486 classes, in the order of Inverse Cooking's labels 1..1486."""
    return IngredientVocabulary([name for name in resource_lines(RESOURCE) if name not in NOT_INGREDIENTS])
