"""Finding names of a closed list in free text, as whole words. Linear in the text's length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple

from foodbench.metrics.reading.plurals import singular

MAX_ANSWER_CHARS = 20_000
"""A longer answer is cut before it is searched: no dish has such a name, and model output is hostile."""

INGREDIENT_READING_VERSION = "ingredients-1"
"""Names the rules of `NameFinder` and its table of synonyms; raised whenever one of them changes."""

ECHO_SHARE = 0.8
ECHO_MINIMUM = 10
"""An answer that names this share of a list of at least this many names repeats the list instead of answering."""

_NOT_WORD = re.compile(r"[^0-9a-z]+")

# Marks that join or direct letters without being letters: accents set apart, soft hyphens, zero-width and direction
# marks. They belong to the word around them.
_MARKS = "\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_PIECE = re.compile(
    rf"(?P<word>(?:[^\W_]|[{_MARKS}])+)|(?P<break>[.,;:!?|\n\r\v\f\u2028\u2029•·▪‣、。，；：]+)|(?P<and>&)"
)
_INVISIBLE = re.compile(f"[{_MARKS}]+")
# Letters that have no decomposition in Unicode but are written without their stroke or ligature in English.
_PLAIN_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})

_BREAK = ","
_FUNCTION_WORDS = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "no", "of", "off", "on", "or", "out", "the", "to",
     "up", "with")
)  # fmt: skip
_NEGATORS = frozenset(("no", "not", "without", "non", "never", "nor", "neither", "lacks", "lacking"))
_NEGATING_PAIRS = frozenset((("instead", "of"), ("rather", "than"), ("free", "of"), ("free", "from")))
_BEFORE_A_NAME = frozenset(("a", "an", "any", "the", "of", "visible", "added", "extra", "more"))
_CONTRACTED = frozenset(
    ("ain", "aren", "can", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "mustn", "shouldn", "wasn",
     "weren", "won", "wouldn")
)  # fmt: skip
_ABSENT = frozenset(
    (
        "found",
        "visible",
        "present",
        "included",
        "shown",
        "seen",
        "there",
        "in",
        "used",
        "detected",
        "part",
        "identified",
    )
)


def normalise(text: str) -> str:
    """Lower case, accents and punctuation dropped, `_` and blanks folded to single blanks.

    `Crème_Brûlée!` becomes `creme brulee`.
    """
    decomposed = unicodedata.normalize("NFKD", text[:MAX_ANSWER_CHARS])
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", plain.lower()).strip()


def find_names(text: str, names: Iterable[str]) -> list[str]:
    """The names that occur in `text` as whole words, longest first; what one name covers no shorter name can claim.

    So `chocolate cake` is not also `cake`. Spelling and number must be those of the list; `NameFinder` also knows
    plurals, synonyms and negation.

    Args:
        text: free text.
        names: the closed list, in any spelling that `normalise` folds together.

    Returns:
        names as given, each once, in order of their first place in the text.
    """
    haystack = f" {normalise(text)} "
    found: list[tuple[int, str]] = []
    for name in sorted(names, key=lambda name: (-len(normalise(name)), name)):
        needle = f" {normalise(name)} "
        if not needle.strip():
            continue
        position = haystack.find(needle)
        if position < 0:
            continue
        found.append((position, name))
        # Overwrite every occurrence with a mark of equal length, so that positions stay true and no match spans it.
        mark = " " + "\x00" * (len(needle) - 2) + " "
        haystack = haystack.replace(needle, mark).replace(needle, mark)  # twice: neighbours share a blank
    return [name for _, name in sorted(found)]


def fold_word(word: str) -> str:
    """One word in lower case without accents and invisible marks; letters of other scripts stay."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", _INVISIBLE.sub("", word))
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return plain.casefold().translate(_PLAIN_LETTERS)


class Occurrence(NamedTuple):
    """One place where a name stands.

    Attributes:
        name: the name, as the list spells it.
        start: position of its first character in the text.
        end: position behind its last character.
        negated: the text says that it is not there.
    """

    name: str
    start: int
    end: int
    negated: bool


@dataclass(frozen=True, slots=True)
class NamesFound:
    """What `NameFinder.find` read from one text.

    Attributes:
        names: the names that the text says are there, each once, in order of first appearance.
        denied: the names that it mentions only to say that they are not there, in order.
        echo: it names nearly the whole list (`ECHO_SHARE` of at least `ECHO_MINIMUM` names), so it has not chosen.
    """

    names: tuple[str, ...]
    denied: tuple[str, ...] = ()
    echo: bool = False


class _Word(NamedTuple):
    text: str
    key: str
    start: int
    end: int


@dataclass(slots=True)
class _Node:
    """A point in the tree of names, reached by the singular forms of its words.

    Attributes:
        next: where another word leads.
        ends: whether a name or a known compound ends here.
        name: the name that ends here; None for a compound that is no name of the list ("peanut butter").
        spellings: names that end here too and are told apart by their exact words ("berry", "berries").
    """

    next: dict[str, _Node] = field(default_factory=dict)
    ends: bool = False
    name: str | None = None
    spellings: dict[tuple[str, ...], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Synonym:
    """One line of the table of synonyms.

    Attributes:
        kind: `same`: all members are one food; `part`: the first member belongs to the class that is the second one;
            `own`: the only member is a food of its own: of the words in it only the last can count.
        members: names in normal spelling.
    """

    kind: Literal["same", "part", "own"]
    members: tuple[str, ...]


def parse_synonyms(text: str) -> tuple[Synonym, ...]:
    """The table of synonyms from its text form: `a = b = c`, `a > b` or `a !` per line; `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(_synonym(line) for line in lines if line)


def _synonym(line: str) -> Synonym:
    if line.endswith("!"):
        return Synonym("own", (line[:-1].strip(),))
    if ">" in line:
        alias, _, name = line.partition(">")
        return Synonym("part", (alias.strip(), name.strip()))
    return Synonym("same", tuple(member.strip() for member in line.split("=")))


@cache
def ingredient_synonyms() -> tuple[Synonym, ...]:
    """The table that comes with this package: unambiguous names of foods only."""
    from importlib.resources import files  # costs more than the rest of this module

    resource = files("foodbench.metrics") / "resources" / f"{INGREDIENT_READING_VERSION}.txt"
    return parse_synonyms(resource.read_text(encoding="utf-8"))


class NameFinder:
    """Finds the names of one closed list in many texts.

    - Whole words only: "date" is not in "updated", nor "oil" in "boiled".
    - The longest name wins: "spring onion" is no "onion".
    - A name does not reach over a full stop, comma, colon or line end ("rice, cakes" is no "rice cakes").
    - Singular and plural are the same, unless the list has both.
    - Synonyms count where exactly their target is in the list and they themselves are not.
    - What the text denies is not counted: a name right behind "no", "not", "n't", "without", "instead of", "rather
      than" or "free of" (articles and "any" may stand between; "or" and "nor" carry on: "no nuts or seeds"), in front
      of "free" ("egg-free"), or in front of "is not found", "are not visible" and the like. Lists are not followed: in
      "no nuts, seeds" only the nuts are denied, in "nuts and seeds are not visible" only the seeds. What is denied in
      one place and named in another counts.

    The cost of a text does not depend on the number of names: words are looked up in a tree.
    """

    def __init__(
        self, names: Iterable[str], synonyms: Iterable[Synonym] | None = None, *, plurals: bool = True
    ) -> None:
        """Prepare the list.

        Args:
            names: the closed list; `_` counts as a blank, and a repeated name as one.
            synonyms: the table; by default `ingredient_synonyms()`. Pass () for none.
            plurals: whether "tomatoes" is "tomato".
        """
        self._plurals = plurals
        self._root = _Node()
        self.names: tuple[str, ...] = tuple(dict.fromkeys(names))
        searched = {name for name in self.names if self._add_name(name)}
        self._searched = len(searched)
        for synonym in ingredient_synonyms() if synonyms is None else synonyms:
            if synonym.kind == "own":
                self._add_own(synonym.members[0])
            else:
                self._add_synonym(synonym)

    def find(self, text: str) -> NamesFound:
        """The names in `text`."""
        counted: dict[str, None] = {}
        mentioned: dict[str, None] = {}
        for occurrence in self.occurrences(text):
            mentioned[occurrence.name] = None
            if not occurrence.negated:
                counted[occurrence.name] = None
        return NamesFound(
            names=tuple(counted),
            denied=tuple(name for name in mentioned if name not in counted),
            echo=self._searched >= ECHO_MINIMUM and len(counted) >= ECHO_SHARE * self._searched,
        )

    def occurrences(self, text: str) -> list[Occurrence]:
        """Every place where a name stands, in order; positions count characters of `text`."""
        words = self._words(text[:MAX_ANSWER_CHARS])
        found: list[Occurrence] = []
        place, previous = 0, -1  # `previous`: where the last denied name ended
        while place < len(words):
            node, length = self._longest(words, place)
            if node is None:
                place += 1
                continue
            end = place + length
            if node.name is not None:
                spelling = tuple(word.text for word in words[place:end])
                carried = previous >= 0 and [word.text for word in words[previous:place]] in (["or"], ["nor"])
                negated = carried or _denied_before(words, place) or _denied_after(words, end)
                name = node.spellings.get(spelling, node.name)
                found.append(Occurrence(name, words[place].start, words[end - 1].end, negated))
                previous = end if negated else -1
            place = end
        return found

    def _longest(self, words: list[_Word], place: int) -> tuple[_Node | None, int]:
        best, length = None, 0
        node: _Node | None = self._root
        for index in range(place, len(words)):
            node = node.next.get(words[index].key) if node is not None else None
            if node is None:
                break
            if node.ends:
                best, length = node, index - place + 1
        return best, length

    def _words(self, text: str) -> list[_Word]:
        words: list[_Word] = []
        for match in _PIECE.finditer(text):
            if match["word"]:
                plain = fold_word(match["word"])
                if plain == "t" and words and words[-1].text in _CONTRACTED:
                    plain = "not"
                if plain:
                    words.append(_Word(plain, self._key(plain), match.start(), match.end()))
            else:
                mark = "and" if match["and"] else _BREAK
                words.append(_Word(mark, mark, match.start(), match.end()))
        return words

    def _key(self, word: str) -> str:
        return singular(word) if self._plurals else word

    def _spelling(self, name: str) -> tuple[str, ...]:
        return tuple(word.text for word in self._words(name[:MAX_ANSWER_CHARS]))

    def _node(self, spelling: Iterable[str], *, create: bool) -> _Node | None:
        node = self._root
        for word in spelling:
            following = node.next.get(self._key(word))
            if following is None:
                if not create:
                    return None
                following = node.next[self._key(word)] = _Node()
            node = following
        return node

    def _add_name(self, name: str) -> bool:
        """Put a name into the tree; False if it has no word that could be searched for."""
        spelling = self._spelling(name)
        without_breaks = tuple(word for word in spelling if word != _BREAK)
        if not set(without_breaks) - _FUNCTION_WORDS:
            return False
        for variant in {spelling, without_breaks}:
            node = self._node(variant, create=True)
            if node is not None:
                node.ends = True
                node.name = node.name or name
                node.spellings.setdefault(variant, name)
        return True

    def _listed(self, spelling: tuple[str, ...]) -> str | None:
        """The list's name for a member of the table, if the list has one."""
        node = self._node(spelling, create=False)
        return node.name if node is not None and node.spellings else None

    def _add_synonym(self, synonym: Synonym) -> None:
        """Let the aliases stand for the first of the targets that is in the list."""
        part = synonym.kind == "part"
        targets = map(self._spelling, synonym.members[1:] if part else synonym.members)
        name = next((listed for spelling in targets if (listed := self._listed(spelling))), None)
        if name is not None:
            for alias in synonym.members[:1] if part else synonym.members:
                self._add_alias(self._spelling(alias), name)

    def _add_own(self, compound: str) -> None:
        spelling = self._spelling(compound)
        self._add_alias(spelling, self._listed(spelling[-1:]))

    def _add_alias(self, spelling: tuple[str, ...], name: str | None) -> None:
        node = self._node(spelling, create=True)
        if node is not None and not node.ends:
            node.ends, node.name = True, name


def _denied_before(words: list[_Word], place: int) -> bool:
    before = [word.text for word in words[max(0, place - 4) : place]]
    while before:
        if before[-1] in _NEGATORS or tuple(before[-2:]) in _NEGATING_PAIRS:
            return True
        if before[-1] not in _BEFORE_A_NAME:
            return False
        before.pop()
    return False


def _denied_after(words: list[_Word], end: int) -> bool:
    after: Iterator[str] = (word.text for word in words[end : end + 4])
    word = next(after, "")
    if word == "free":
        return True
    if word in ("is", "are", "was", "were") or word in _CONTRACTED - {"can"}:
        word = next(after, "")
    elif word in ("cannot", "can"):
        word, rest = ("not" if word == "cannot" else next(after, "")), list(after)
        return word == "not" and rest[:1] == ["be"]
    return word == "not" and next(after, "") in _ABSENT
