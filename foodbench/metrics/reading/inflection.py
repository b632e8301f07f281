"""Inflected forms of English verbs by rule: exact for the verbs of the kitchen, no dictionary needed."""

from __future__ import annotations

from typing import NamedTuple

_IRREGULAR: dict[str, tuple[str, str]] = {
    "beat": ("beat", "beaten"), "bind": ("bound", "bound"), "break": ("broke", "broken"),
    "bring": ("brought", "brought"), "build": ("built", "built"), "cut": ("cut", "cut"), "draw": ("drew", "drawn"),
    "freeze": ("froze", "frozen"), "grind": ("ground", "ground"), "hang": ("hung", "hung"), "hold": ("held", "held"),
    "lay": ("laid", "laid"), "prove": ("proved", "proven"), "rise": ("rose", "risen"), "set": ("set", "set"),
    "shake": ("shook", "shaken"), "slide": ("slid", "slid"), "slit": ("slit", "slit"), "spin": ("spun", "spun"),
    "split": ("split", "split"), "spread": ("spread", "spread"), "stand": ("stood", "stood"),
    "stick": ("stuck", "stuck"), "strew": ("strewed", "strewn"), "string": ("strung", "strung"),
    "tear": ("tore", "torn"), "throw": ("threw", "thrown"), "wet": ("wet", "wet"), "debone": ("deboned", "deboned"),
}  # fmt: skip
"""Past and past participle."""

_ACCENTED_E = frozenset(("saute", "flambe", "puree", "fricassee"))
"""Verbs whose final e is spoken and stays: sauteed, sauteing."""

_DOUBLED = frozenset(("transfer", "unwrap", "overlap"))
"""Longer verbs with the stress on the end, which double their last consonant as short ones do."""

_VOWELS = "aeiou"


class Forms(NamedTuple):
    """The inflected forms of a verb: sifts, sifted, sifted, sifting."""

    third_person: str
    past: str
    participle: str
    gerund: str


def inflect(lemma: str) -> Forms:
    """All forms of a verb; of several words ("stir fry", "deep-fry") the last one is inflected."""
    cut = max(lemma.rfind(" "), lemma.rfind("-")) + 1
    head, verb = lemma[:cut], lemma[cut:]
    past, participle = _IRREGULAR.get(verb) or (_with_ed(verb), _with_ed(verb))
    return Forms(*(head + form for form in (_with_s(verb), past, participle, _with_ing(verb))))


def _with_s(verb: str) -> str:
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if _consonant_y(verb):
        return verb[:-1] + "ies"
    return verb + "s"


def _with_ed(verb: str) -> str:
    if verb.endswith("e"):
        return verb + ("ed" if verb in ("saute", "flambe") else "d")
    if _consonant_y(verb):
        return verb[:-1] + "ied"
    return _doubled(verb) + "ed"


def _with_ing(verb: str) -> str:
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye", "inge")) and verb not in _ACCENTED_E:
        return verb[:-1] + "ing"
    return _doubled(verb) + "ing"


def _consonant_y(verb: str) -> bool:
    return len(verb) > 2 and verb.endswith("y") and verb[-2] not in _VOWELS


def _doubled(verb: str) -> str:
    """The verb with its last consonant doubled where English does so: one short vowel, one syllable ("chop")."""
    if verb in _DOUBLED:
        return verb + verb[-1]
    if len(verb) < 3 or verb[-1] in _VOWELS + "wxy" or verb[-2] not in _VOWELS:
        return verb
    before = verb[:-2]
    if before.endswith("qu"):  # the u of "qu" is no vowel
        return verb + verb[-1]
    one_syllable = not any(letter in _VOWELS or (letter == "y" and place) for place, letter in enumerate(before))
    return verb + verb[-1] if one_syllable else verb
