"""The list of cooking verbs that count as actions, with their inflected forms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from foodbench.core.errors import UsageError
from foodbench.metrics.reading.inflection import inflect
from foodbench.metrics.reading.names import fold_word

ACTIONS_VERSION = "actions-1"
"""Names the verbs and the rules of `actions.find_actions`; raised whenever one of them changes."""

KINDS = ("verb", "mixed", "thing")

_LEMMA = re.compile(r"[^\W\d_]{1,30}(?:-[^\W\d_]{1,30}){0,2}")
_FOLLOWER = re.compile(r"-?[^\W\d_]{1,30}")
_MAXIMUM_VERBS = 20_000

# Spellings beside the lemma's own; British -ise, and compounds written as one word, follow by rule.
_VARIANTS: Mapping[str, tuple[str, ...]] = {
    "barbecue": ("barbeque", "bbq"), "caramelize": ("carmelize",), "fillet": ("filet",), "flavor": ("flavour",),
    "liquefy": ("liquify",), "mold": ("mould",), "saute": ("sautee",), "unmold": ("unmould",), "whizz": ("whiz",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verb:
    """One entry of the lexicon.

    Attributes:
        lemma: the base form, as it is reported.
        kind: how far the bare word can be trusted to be a verb: `verb`, `mixed` (often a noun or an adjective) or
            `thing` (mostly a noun).
        followers: words that make it a verb by standing behind it.
        blocked: words that make it none by standing behind it.
    """

    lemma: str
    kind: str = "verb"
    followers: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


class ActionLexicon:
    """Verbs by their base form and by their -ing form.

    Attributes:
        version: `actions-1` for the list that comes with this package; a hash of the verbs for any other list.
        verbs: the entries, in the order of their lemmas.
    """

    def __init__(self, verbs: Iterable[Verb], version: str) -> None:
        """Build the tables of forms.

        Args:
            verbs: the entries; of several with one lemma the last counts.
            version: what to call the list in results.
        """
        by_lemma = {verb.lemma: verb for verb in verbs}
        self.version = version
        self.verbs: tuple[Verb, ...] = tuple(by_lemma[lemma] for lemma in sorted(by_lemma))
        self._bases: dict[tuple[str, ...], Verb] = {}
        self._gerunds: dict[tuple[str, ...], Verb] = {}
        self._forms: dict[str, str] = {}
        for verb in self.verbs:
            for spelling in _spellings(verb.lemma):
                self._add(spelling, verb)

    def _add(self, spelling: str, verb: Verb) -> None:
        forms = inflect(spelling)
        self._bases.setdefault(_words(spelling), verb)
        self._gerunds.setdefault(_words(forms.gerund), verb)
        for form in (spelling, *forms):
            self._forms.setdefault(form, verb.lemma)

    @classmethod
    def load(cls, path: Path) -> ActionLexicon:
        """A list of one's own: one lemma per line, marked as in `resources/actions-1.txt`; `#` begins a comment.

        A lemma without marks keeps those that it has in the list of this package.

        Raises:
            UsageError: the file cannot be read, a line is no verb, or there is none.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
            raise UsageError(
                f"Cannot read the list of actions {path}: {reason}.", hint="Give a text file with one verb per line."
            ) from error
        known = {verb.lemma: verb for verb in default_lexicon().verbs}
        verbs = [known.get(verb.lemma, verb) if verb.kind == "verb" else verb for verb in parse_verbs(text, str(path))]
        described = "\n".join(f"{v.lemma} {v.kind} {sorted(v.followers)} {sorted(v.blocked)}" for v in verbs)
        return cls(verbs, version="actions:" + hashlib.sha256(described.encode()).hexdigest()[:12])

    def base_at(self, words: Sequence[str], place: int) -> tuple[Verb, int] | None:
        """The verb whose base form stands at `place` in `words`, and how many words it takes; the longest wins."""
        return _longest(self._bases, words, place)

    def gerund_at(self, words: Sequence[str], place: int) -> tuple[Verb, int] | None:
        """The verb whose -ing form stands at `place`, and how many words it takes."""
        return _longest(self._gerunds, words, place)

    def lemma(self, form: str) -> str | None:
        """The lemma of a single form ("chopped" gives "chop", "caramelised" "caramelize"); None if it is none."""
        return self._forms.get("-".join(_words(form))) or self._forms.get(form)


def parse_verbs(text: str, source: str) -> list[Verb]:
    """The entries of a list in its text form.

    Args:
        text: the list.
        source: what to call it in an error.

    Raises:
        UsageError: a line is no verb with its marks, or there is no verb, or there are too many.
    """
    verbs: list[Verb] = []
    for number, line in enumerate(text.splitlines(), start=1):
        lemma, *marks = line.partition("#")[0].split() or [""]
        if not lemma:
            continue
        plain = "-".join(fold_word(part) for part in lemma.split("-"))
        kind = marks.pop(0) if marks and marks[0] in KINDS else "verb"
        if not _LEMMA.fullmatch(plain) or not all(map(_FOLLOWER.fullmatch, marks)):
            raise UsageError(
                f"{source}, line {number}: {line.strip()[:60]!r} is no verb.",
                hint="Write one verb per line, words joined by a hyphen (stir-fry), then perhaps 'mixed' or 'thing'.",
            )
        followers = frozenset(fold_word(mark) for mark in marks if not mark.startswith("-"))
        blocked = frozenset(fold_word(mark[1:]) for mark in marks if mark.startswith("-"))
        verbs.append(Verb(plain, kind, followers, blocked))
    if not 0 < len(verbs) <= _MAXIMUM_VERBS:
        raise UsageError(
            f"{source} has {len(verbs):,} verbs.", hint=f"Give a list with 1 to {_MAXIMUM_VERBS:,} verbs, one per line."
        )
    return verbs


@cache
def default_lexicon() -> ActionLexicon:
    """The list that comes with this package."""
    from importlib.resources import files

    resource = files("foodbench.metrics") / "resources" / f"{ACTIONS_VERSION}.txt"
    return ActionLexicon(parse_verbs(resource.read_text(encoding="utf-8"), resource.name), ACTIONS_VERSION)


def _words(form: str) -> tuple[str, ...]:
    return tuple(form.replace("-", " ").split())


def _spellings(lemma: str) -> list[str]:
    spellings = [lemma, *_VARIANTS.get(lemma, ())]
    if lemma.endswith("ize"):
        spellings.append(lemma[:-3] + "ise")
    if "-" in lemma:
        spellings.append(lemma.replace("-", ""))
    return spellings


def _longest(table: Mapping[tuple[str, ...], Verb], words: Sequence[str], place: int) -> tuple[Verb, int] | None:
    for length in (3, 2, 1):
        verb = table.get(tuple(words[place : place + length]))
        if verb is not None and place + length <= len(words):
            return verb, length
    return None
