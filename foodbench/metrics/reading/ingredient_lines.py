"""What an ingredient line is about: "2 large onions (about 300 g), finely chopped" is about onions."""

from __future__ import annotations

import re

from foodbench.metrics.reading.names import MAX_ANSWER_CHARS
from foodbench.metrics.reading.quantities import UNIT_WORDS, scan
from foodbench.metrics.reading.sentences import protect_abbreviations, without_marker


def _set(*words: str) -> frozenset[str]:
    return frozenset(" ".join(words).split())


# Words that say how a food is cut or made ready. "dried", "ground", "smoked", "fried", "mashed" are not among them:
# they make another food ("dried cranberries", "ground beef").
_PREPARED = _set(
    "beaten boned boneless chilled chopped cleaned cooked cooled cored crumbled crushed cubed cut deboned",
    "defrosted deseeded deveined diced divided drained grated halved heaped heaping hulled husked juiced",
    "julienned melted minced packed peeled pitted quartered rinsed scrubbed seeded separated shaved shelled",
    "shredded sifted skinless skinned sliced slivered softened squeezed stemmed strained thawed toasted torn",
    "trimmed uncooked unpeeled warmed washed zested",
)
_MANNERS = _set("finely coarsely roughly thinly thickly freshly lightly firmly loosely tightly very extra well")
_MEASURES = UNIT_WORDS | _set(
    "c can cans tin tins jar jars bottle bottles box boxes bag bags package packages packet packets pkg pkgs pack",
    "packs carton cartons container containers stick sticks slice slices piece pieces clove cloves bunch bunches",
    "sprig sprigs head heads stalk stalks pinch pinches dash dashes handful handfuls knob splash drizzle drop",
    "drops sheet sheets envelope envelopes scoop scoops serving servings strip strips ear ears loaf loaves part",
    "parts few couple some several dozen large small medium medium-sized big whole half quarter a an one two",
    "three four five six seven eight nine ten about approximately approx roughly around of the more each ripe",
)
_END = re.compile(
    r"\s(?:to taste|for (?:garnish|serving|frying|greasing|dusting|decoration|brushing|topping|the \w{1,20})"
    r"|as needed|as desired"
    r"|if desired|or to taste|plus (?:more|extra)|or more|optional|divided|at room temperature|cut into)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_BRACKETS = re.compile(r"\([^()]{0,200}\)|\[[^\[\]]{0,200}\]")
_WORD = re.compile(r"[^\s,;:]+")


def is_preparation(word: str) -> bool:
    """Whether a word says how a food is made ready ("chopped", "finely")."""
    plain = word.lower().strip(",.;:")
    return plain in _PREPARED or plain in _MANNERS


def ingredient_phrase(line: str) -> str:
    """The food that a line of an ingredient list is about, in lower case.

    Amount, unit, brackets, what follows the first comma, and words of preparation are left out. If nothing but words of
    preparation stands in front of the comma ("boneless, skinless chicken"), what follows counts.

    Returns:
        the phrase; empty if the line names nothing.
    """
    plain = protect_abbreviations(without_marker(line[:MAX_ANSWER_CHARS])).lower()
    plain = _END.sub("", " " + _BRACKETS.sub(" ", plain))
    plain = _without_numbers(plain)
    for part in re.split(r"[,;:]|\s[-–—]\s", plain):
        words = [word.strip("-–.*") for word in _WORD.findall(part)]
        while words and (words[0] in _MEASURES or is_preparation(words[0]) or not re.search(r"\w", words[0])):
            words.pop(0)
        while words and is_preparation(words[-1]):
            words.pop()
        if words:
            return " ".join(words)
    return ""


def _without_numbers(text: str) -> str:
    """The text with amounts taken out; a unit stays, as a word that is left out later."""
    parts, end = [], 0
    for number in scan(text):
        parts.append(text[end : number.start])
        end = number.end
    return " ".join([*parts, text[end:]])
