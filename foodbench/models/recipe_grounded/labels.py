"""Sets of labels: how a predictor of actions or ingredients writes them, and how they are read.

A predictor thinks aloud and then lists labels: `<think>...</think><answer>chop, simmer</answer>`. The form is the one
that the paper on semantically grounded recipe generation (Liu et al.) rewards in its equation 7. Everything here takes
time linear in the text, which may be anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from foodbench.core.types import well_formed
from foodbench.data.recipe1m_vocabulary import IngredientVocabulary
from foodbench.metrics.reading.lexicon import default_lexicon
from foodbench.metrics.reading.names import NameFinder, normalise
from foodbench.models.tagged import between

Alias = Callable[[str], str | None]
"""From a label in another spelling to a name that may be of the list; None if it knows none."""

MAX_CHARACTERS = 100_000
"""A longer text is not read: its label list would be no answer."""
_MAX_LABEL = 120
_TAGS = re.compile(r"</?(?:think|answer)>")
_SEPARATORS = re.compile(r"[,;\n\r|•·]+")
_MARKER = re.compile(r"\s*(?:[-*+–]|\(?\d{1,3}[.)])\s+")
_AND = re.compile(r"\s+(?:and|&)\s+")
_LEADING_AND = re.compile(r"(?:and|&)\s+")
_NOTHING = frozenset({"none", "nothing", "n a"})


@dataclass(frozen=True, slots=True)
class ParsedLabels:
    """What was read from a predictor's text.

    Attributes:
        think: the reasoning; None if there is none.
        labels: names of the list, in order of first appearance, each once. Without a list all that was said.
        unknown: what was said besides and is in no list, in normal spelling, each once.
        error: why nothing could be read; None if there is an answer, the empty one included.
    """

    think: str | None
    labels: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    error: str | None = None


class LabelVocabulary:
    """A closed list of labels.

    Attributes:
        names: the labels as the list spells them; of two that only case, accents or punctuation tell apart, the first
            is meant.
    """

    def __init__(self, names: Iterable[str], alias: Alias | None = None) -> None:
        """Prepare the list.

        Args:
            names: the labels.
            alias: other spellings, looked up where the label itself is not in the list.
        """
        self.names = tuple(dict.fromkeys(names))
        self._alias = alias
        self._by_spelling: dict[str, str] = {}
        for name in self.names:
            self._by_spelling.setdefault(spelling(name), name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def lists(self, label: str) -> bool:
        """Whether the label itself is in the list, not only by another spelling that an alias knows."""
        return spelling(label) in self._by_spelling

    def find(self, label: str) -> str | None:
        """The list's name for a label in any spelling; None if it has none."""
        found = self._by_spelling.get(spelling(label))
        if found is not None or self._alias is None:
            return found
        other = self._alias(label)
        return None if other is None else self._by_spelling.get(spelling(other))


def action_vocabulary(names: Iterable[str]) -> LabelVocabulary:
    """A list of verbs; their inflected forms and other spellings (`chopped`, `sautéing`) mean them too."""
    lexicon = default_lexicon()

    def lemma(label: str) -> str | None:
        words = spelling(label)
        return lexicon.lemma(words) or lexicon.lemma(words.replace(" ", "-"))

    return LabelVocabulary(names, lemma)


def ingredient_vocabulary(names: Iterable[str]) -> LabelVocabulary:
    """A list of foods. Plurals and synonyms mean them too, and what the rules of Recipe1M's labels put into a class.

    Plurals and synonyms are those that answers are read with. The labels of the references came from spellings of the
    dataset's detector by `IngredientVocabulary.class_of`, so it applies to predicted spellings as well: `olive oil` is
    `oil`.
    """
    listed = tuple(names)
    finder, classes = NameFinder(listed), IngredientVocabulary(listed)

    def whole(label: str) -> str | None:
        plain = spelling(label)
        found = finder.occurrences(plain)
        if len(found) == 1 and not found[0].negated and (found[0].start, found[0].end) == (0, len(plain)):
            return found[0].name
        return classes.class_of(plain)

    return LabelVocabulary(listed, whole)


def spelling(label: str) -> str:
    """A label without case, accents and punctuation; of another script's, its folded text."""
    return normalise(label[:_MAX_LABEL]) or " ".join(label[:_MAX_LABEL].casefold().split())


def parse_labels(text: str, vocabulary: LabelVocabulary | None = None, *, tagged: bool = True) -> ParsedLabels:
    """Read a predictor's text. Never raises.

    The labels stand in the first `<answer>` after the reasoning, separated by commas, semicolons or line ends, or as a
    JSON list of texts. "x and y" that is not in the list as a whole is two labels if both are.

    Args:
        text: what the model wrote; anything.
        vocabulary: the labels that count; None: all do.
        tagged: the answer must stand in its block. Otherwise a text without that block is a list as a whole, less its
            reasoning, and an answer may lack its end.
    """
    if len(text) > MAX_CHARACTERS:
        return ParsedLabels(None, (), error=f"the text has {len(text):,} characters (limit {MAX_CHARACTERS:,})")
    text = well_formed(text)
    think, end = between(text, "<think>", "</think>")
    answer, _ = between(text, "<answer>", "</answer>", end)
    if answer is None and tagged:
        return ParsedLabels(think, (), error="there is no <answer>...</answer>")
    if answer is None:
        answer = _untagged(text, end)
        if answer is None:
            return ParsedLabels(think, (), error="the reasoning has no end")
    return _sorted_out(think, _items(answer, vocabulary), vocabulary)


def format_labels(think: str, labels: Sequence[str]) -> str:
    """The text that says these labels, as training data have it: `parse_labels` reads them back.

    Args:
        think: the reasoning; tags in it are taken out. Empty for labels that are seen, not reasoned.
        labels: a comma separates them; if one holds a separator itself, they are a JSON list.
    """
    plain = all(_is_plain(label) for label in labels)
    listed = ", ".join(labels) if plain else json.dumps(list(labels), ensure_ascii=False).replace("<", "\\u003c")
    return f"<think>{_TAGS.sub('', think).strip()}</think><answer>{listed}</answer>"


def _is_plain(label: str) -> bool:
    return bool(re.fullmatch(r"[^\W\d_](?:[\w' -]*[^\W_])?", label)) and label == " ".join(label.split())


def _untagged(text: str, after: int) -> str | None:
    """The list in a text without answer block; None if the text never comes to an end of its reasoning."""
    rest = text[after:]
    if "<answer>" in rest:
        return rest.partition("<answer>")[2]
    if "<think>" in rest:
        return None
    return rest.rpartition("</think>")[2]


def _items(answer: str, vocabulary: LabelVocabulary | None) -> list[str]:
    """The labels as they are written."""
    answer = answer.strip()
    if answer.startswith("["):
        try:
            plain = json.loads(answer)
        except (ValueError, RecursionError):
            answer = answer.strip("[]")
        else:
            if isinstance(plain, list):
                return [one if isinstance(one, str) else json.dumps(one) for one in plain]
    found: list[str] = []
    for piece in _SEPARATORS.split(answer):
        found += _parts(_bare(piece), vocabulary)
    return found


def _bare(piece: str) -> str:
    """A label without list marker, quotes and full stop."""
    marker = _MARKER.match(piece)
    return (piece[marker.end() :] if marker else piece).strip(" \t.\"'`*_[]")


def _parts(label: str, vocabulary: LabelVocabulary | None) -> list[str]:
    """A label, or the two that it joins by "and" (which may also stand in front of the last one)."""
    if vocabulary is None or vocabulary.lists(label):
        return [label]
    last = _LEADING_AND.match(label)
    if last:
        return [label[last.end() :]]
    parts = _AND.split(label, maxsplit=1)
    known = sum(vocabulary.find(part) is not None for part in parts)
    if len(parts) == 2 and (known == 2 or (known == 1 and vocabulary.find(label) is None)):
        return parts
    return [label]


def _sorted_out(think: str | None, said: Iterable[str], vocabulary: LabelVocabulary | None) -> ParsedLabels:
    labels: dict[str, str] = {}
    unknown: dict[str, None] = {}
    for label in said:
        plain = spelling(label)
        if not plain:
            continue
        name = label.strip() if vocabulary is None else vocabulary.find(label)
        if name is not None and not (vocabulary is None and plain in _NOTHING):
            labels.setdefault(spelling(name), name)
        elif plain not in _NOTHING:
            unknown[plain] = None
    return ParsedLabels(think, tuple(labels.values()), tuple(unknown))


__all__ = [
    "MAX_CHARACTERS",
    "LabelVocabulary",
    "ParsedLabels",
    "action_vocabulary",
    "format_labels",
    "ingredient_vocabulary",
    "parse_labels",
    "spelling",
]
