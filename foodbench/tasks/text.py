"""Reading words out of free text: normal form, and finding names of a closed list. Linear in the text's length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_ANSWER_CHARS = 20_000
"""A longer answer is cut before it is searched: no dish has such a name, and model output is hostile."""

REASONING_TAGS = ("think", "analysis")
_NOT_WORD = re.compile(r"[^0-9a-z]+")


def without_reasoning(text: str) -> str:
    """What a model says after thinking aloud: `<think>` and `<analysis>` blocks are left out.

    A block that is not closed takes the rest with it: the model did not come to its answer. A closing tag alone ends a
    block that was opened by the prompt (some chat templates do), so what stands before it is left out.
    """
    for tag in REASONING_TAGS:
        if f"{tag}>" not in text:
            continue
        said: list[str] = []
        thinking = False
        for part in re.split(f"(</?{tag}>)", text):
            if part == f"<{tag}>":
                thinking = True
            elif part == f"</{tag}>":
                if not thinking:
                    said.clear()
                thinking = False
            elif not thinking:
                said.append(part)
        text = "".join(said).strip()
    return text


def normalise(text: str) -> str:
    """Lower case, accents and punctuation dropped, `_` and blanks folded to single blanks.

    `Crème_Brûlée!` becomes `creme brulee`.
    """
    decomposed = unicodedata.normalize("NFKD", text[:MAX_ANSWER_CHARS])
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", plain.lower()).strip()


def find_names(text: str, names: Iterable[str]) -> list[str]:
    """The names that occur in `text` as whole words, longest first; what one name covers no shorter name can claim.

    So `chocolate cake` is not also `cake`.

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
