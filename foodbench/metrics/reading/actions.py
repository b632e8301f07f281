"""Cooking actions in instructions: the verbs that a text tells the cook to do.

A verb of the lexicon counts where its base form begins an imperative clause: at the start of a sentence, behind a
comma or bracket, or behind "and", "or", "then"; adverbs and step numbers may stand in front. Counting every form of
every verb would find "oil", "can", "ground" and "chopped" in each recipe. Words that are also nouns or adjectives
("cool", "salt") need a sign behind them that they are verbs. Sentences about the recipe ("Here is the recipe", "This
dish ...") are left out. The same reading is applied to references and answers; there is no judge and no model in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foodbench.metrics.reading.lexicon import ACTIONS_VERSION, ActionLexicon, Verb, default_lexicon
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS
from foodbench.metrics.reading.sentences import protect_abbreviations

__all__ = ["ACTIONS_VERSION", "ActionLexicon", "default_lexicon", "find_actions"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ARTICLES = _set("the a an your each every its their his her my our both")
_DETERMINERS = _ARTICLES | _set("all some any this that these those another one two three four half")
_PRONOUNS = _set("it them everything")
_PARTICLES = _set(
    "with in into onto on over under through throughout until for at from off out up down aside together away to by "
    "around between against back again using as if once lengthwise crosswise well evenly overnight"
)
_ADVERBS = _set(
    "then next first second third finally meanwhile now also again afterwards afterward later last lastly just always "
    "please simply immediately occasionally well very meantime alternatively"
)
_NO_ADVERBS = _set("jelly belly curly family july italy apply multiply supply butterfly")
_COPULAS = _set("is are was were be been should will would could may might must can has have had")
_NEGATIONS = _set("not never no without dont")
_SUBORDINATORS = _set("until till when while because so whenever")
_BEGIN_PHRASE = _set("in on over under using with for after before at into onto")
_BEGIN_CLAUSE = _BEGIN_PHRASE | _set("when once while if to as meanwhile during")
_NOT_BEFORE_VERB = _DETERMINERS | _set("to not you i we they he she who which that of and or")
_LIGHT = _set("let allow leave help continue start begin keep try")
_LIGHT_WITH_GERUND = _set("continue start begin keep try")
_JOINERS = _set("and or then but plus")
_REMINDERS = _set("sure remember careful")

_ABOUT_THE_RECIPE = re.compile(
    r"(?:here(?:'s| is| are)|sure|certainly|of course|absolutely|this|these"
    r"|(?:the|my) (?:dish|recipe|image|photo|picture|ingredients?|food|meal) "
    r"|it(?:'s| is| looks| seems| appears| will)|i(?:'m| am| hope| would| can)|enjoy|bon appetit|title|ingredients?"
    r"|you(?:'ll| will| can see| need)|let's|based on|there (?:is|are)|to serve \d|serves \d|makes \d)(?:\b|$)"
)

_TEXT_MARKS = str.maketrans(
    {"*": " ", "_": " ", "#": " ", "`": " ", "’": "'", "•": "\n", "·": "\n", "|": "\n", "&": " and "}
)
_ITEM = re.compile(r"(?<!\S)(?:[(\[](?:\d{1,3}|[a-z]|[ivx]{1,5}|[-+])[)\]]\.?|(?:\d{1,3}|[a-z])\)\.?)(?!\S)")
_JOINED_PREFIX = re.compile(r"\b(pre|re|de|un)-(?=[a-z])")
_TOKEN = re.compile(
    r"(?P<number>\d+(?:[.,/]\d+)*)|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)|(?P<stop>[.;:!?\n\r\u2028\u2029]+)"
    r"|(?P<pause>[,()\[\]{}\"“”]|[–—]|(?<=\s)-+(?=\s))"
)

_COMMA, _NUMBER = ",", "0"
_SERIES = 6
"""How many verbs in a row are looked through: "peel, core, halve and slice the apples"."""


def find_actions(text: str, lexicon: ActionLexicon | None = None) -> list[str]:
    """The actions that `text` tells the cook to do. Linear in the text's length.

    Args:
        text: instructions (of a whole recipe, pass the steps only: see `recipe_text.read_recipe`).
        lexicon: the verbs that count; by default those of this package.

    Returns:
        lemmas in order of first appearance, each once.
    """
    found: dict[str, None] = {}
    known = lexicon or default_lexicon()
    for words, stop in _sentences(text[:MAX_ANSWER_CHARS]):
        if not _ABOUT_THE_RECIPE.match(" ".join(words[:6])):
            found.update(dict.fromkeys(_Sentence(words, stop, known).actions()))
    return list(found)


def _sentences(text: str) -> Iterator[tuple[list[str], str]]:
    """The words of each sentence (with "," for every pause, "0" for every number), and what ended it."""
    decomposed = unicodedata.normalize("NFKD", protect_abbreviations(text))
    plain = "".join(char for char in decomposed if unicodedata.category(char) not in ("Mn", "Cf"))
    lined = _ITEM.sub("\n", plain.lower().translate(_TEXT_MARKS))
    words: list[str] = []
    for match in _TOKEN.finditer(_JOINED_PREFIX.sub(r"\1", lined)):
        if match["word"]:
            words.extend(_word(match["word"]))
        elif match["number"]:
            words.append(_NUMBER)
        elif match["pause"]:
            words.append(_COMMA)
        else:
            if words:
                yield words, match["stop"][0]
            words = []
    if words:
        yield words, "."


def _word(word: str) -> tuple[str, ...]:
    return (word[:-3], "not") if word.endswith("n't") and len(word) > 3 else (word,)


def _is_adverb(word: str) -> bool:
    return word in _ADVERBS or (len(word) > 4 and word.endswith("ly") and word not in _NO_ADVERBS)


@dataclass(slots=True)
class _Sentence:
    """Walks over one sentence and yields its verbs.

    Attributes:
        words: see `_sentences`.
        stop: the mark that ended it.
        lexicon: the verbs that count.
        opening: how the clause opened in which the walk stands: `start`, `comma`, `and`; empty once it has a word.
        near: a verb was found, and since then only pronouns, adverbs and the like were passed ("drain it well and").
        phrase: the sentence began with a preposition or "when": its main clause is yet to come.
        negated: "do not" came before.
        subordinate: "until" came before.
    """

    words: Sequence[str]
    stop: str
    lexicon: ActionLexicon
    opening: str = "start"
    near: bool = False
    phrase: bool = False
    negated: bool = False
    subordinate: bool = False

    def actions(self) -> Iterator[str]:
        """The lemmas, in order."""
        place = 0
        self.phrase = self.words[0] in _BEGIN_CLAUSE
        while place < len(self.words):
            word = self.words[place]
            if word == _COMMA or word in _JOINERS:
                self._open(word)
            elif not (self.opening and self._is_prelude(word)):
                verb, place = self._verb_at(place)
                if verb is not None:
                    yield verb.lemma
                    self.near, self.phrase, self.opening = True, False, ""
                    continue
                self._pass(place)
            place += 1

    def _open(self, mark: str) -> None:
        """A comma or a joining word opens a clause."""
        if mark == _COMMA:
            if self.phrase and self.opening != "start":
                self.opening, self.phrase = "start", False
            elif self.opening != "start":
                self.opening = "comma"
            self.negated = self.subordinate = False
        elif not (mark == "or" and self.negated):
            self.negated = False
            if self.opening != "start":
                self.opening = "and"

    def _is_prelude(self, word: str) -> bool:
        """Whether a word can stand in front of an imperative: an adverb, or a step's number."""
        if _is_adverb(word):
            return self.lexicon.lemma(word) is None
        return self.opening == "start" and word in (_NUMBER, "step")

    def _pass(self, place: int) -> None:
        """Take note of a word that is no action."""
        word = self.words[place]
        self.opening = ""
        if word in _NEGATIONS:
            self.negated = True
        if word in _SUBORDINATORS:
            self.subordinate = True
        if word == "to" and place and self.words[place - 1] in _REMINDERS:
            self.opening = "start"
        self.near = self.near and (word in _PRONOUNS or word in ("up", "down", "off", "aside") or _is_adverb(word))

    def _verb_at(self, place: int) -> tuple[Verb | None, int]:
        """The verb that counts at `place`, if one does, and where to go on: behind it, or at `place`."""
        if self.negated:
            return None, place
        if self.opening:
            if self.words[place] in _LIGHT:
                return self._after_light(place)
            match = self.lexicon.base_at(self.words, place)
            if match and self._counts(match[0], place + match[1], self.opening, near=self.near):
                return match[0], place + match[1]
        elif self.phrase and place >= 2 and self.words[0] in _BEGIN_PHRASE:
            match = self.lexicon.base_at(self.words, place)
            if match and self.words[place - 1] not in _NOT_BEFORE_VERB:
                verb, end = match[0], place + match[1]
                if self._counts(verb, end, "comma" if verb.kind != "verb" else "start", near=False):
                    return verb, end
        return None, place

    def _counts(self, verb: Verb, end: int, opening: str, *, near: bool) -> bool:
        """Whether a base form is a verb here, by what stands behind it."""
        following = self.words[end] if end < len(self.words) else ""
        if following in verb.blocked or following.removesuffix("s") in verb.blocked:
            return False
        if following in verb.followers:
            return True
        if following == "of" or following in _COPULAS:
            return False
        if verb.kind == "verb":
            return True
        if following in _ARTICLES or following in _PRONOUNS:
            return True
        if following in ("", _COMMA) or following in _JOINERS:
            if opening == "start" or near:
                return self._closes(verb, following, opening, near=near) or self._leads_on(end)
            return False
        if verb.kind == "thing":
            return False
        if opening == "start":
            return True
        return not self.subordinate and (
            following in _DETERMINERS or following in _PARTICLES or following == _NUMBER or _is_adverb(following)
        )

    def _closes(self, verb: Verb, following: str, opening: str, *, near: bool) -> bool:
        """Whether a doubtful verb counts at the end of its clause: "Cool.", "drain and cool.", "drain, cool"."""
        if following == "":
            return near or (opening == "start" and verb.kind == "mixed" and self.stop in ".;!")
        return near and verb.kind == "mixed"

    def _leads_on(self, end: int) -> bool:
        """Whether a verb that surely is one follows in the same series: "core and slice", "butter and flour a pan"."""
        for _ in range(_SERIES):
            place = end
            while place < len(self.words) and (
                self.words[place] == _COMMA or self.words[place] in _JOINERS or _is_adverb(self.words[place])
            ):
                place += 1
            match = self.lexicon.base_at(self.words, place) if place > end else None
            if match is None:
                return False
            end = place + match[1]
            if self._counts(match[0], end, "and", near=False):
                return True
        return False

    def _after_light(self, place: int) -> tuple[Verb | None, int]:
        """What is done after "let", "allow", "continue": "let it rest", "leave to cool", "continue stirring"."""
        light, words = self.words[place], self.words
        place += 1
        following = place
        while following < len(words) and (words[following] in _PRONOUNS or _is_adverb(words[following])):
            following += 1
        at = words[following] if following < len(words) else ""
        if light in _LIGHT_WITH_GERUND:
            match = self.lexicon.gerund_at(words, following + (at == "by"))
            if match:
                return match[0], following + (at == "by") + match[1]
        if at == "to":
            return self._bare(following + 1, place)
        if light in ("let", "leave", "help"):
            verb, end = self._bare(following, place)
            if verb is not None:
                return verb, end
        return self._after_object(following, place) if at in _DETERMINERS else (None, place - 1)

    def _bare(self, at: int, otherwise: int) -> tuple[Verb | None, int]:
        while at < len(self.words) and _is_adverb(self.words[at]):
            at += 1
        match = self.lexicon.base_at(self.words, at)
        usable = match is not None and match[0].kind != "thing"
        return (match[0], at + match[1]) if usable and match is not None else (None, otherwise - 1)

    def _after_object(self, article: int, otherwise: int) -> tuple[Verb | None, int]:
        """The verb behind an object: "let the dough rise", "allow the ice cream to soften"."""
        for at in range(article + 2, min(article + 8, len(self.words))):
            if self.words[at] == _COMMA:
                break
            if self.words[at] == "to":
                return self._bare(at + 1, otherwise)
            match = self.lexicon.base_at(self.words, at)
            if match and match[0].kind != "thing":
                end = at + match[1]
                following = self.words[end] if end < len(self.words) else ""
                if following in ("", _COMMA) or following in _PARTICLES or _is_adverb(following):
                    return match[0], end
        return None, otherwise - 1
