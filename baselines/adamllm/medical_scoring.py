"""Scores of the biomedical question sets that lmms-eval does not have, as AdaMLLM takes them.

Source: the behaviour of the evaluation code released with AdaMLLM (arXiv 2411.19930), which descends from LLaVA-Med's;
written anew from a description, faults included and named: for comparison with the published numbers, not as good
metrics.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from foodbench.core.hashing import stable_seed
from foodbench.metrics.reading.adamllm import read_choice

_LONGEST = 20_000
_NUMBERS = dict(
    zip(
        ("none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        ("0", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"),
        strict=True,
    )
)
_ARTICLES = frozenset({"a", "an", "the"})


def normalised(text: str) -> list[str]:
    """The words of an answer: lower case, without punctuation and articles, numbers as digits.

    The original also expands contractions, of which short medical answers have none.
    """
    words = re.sub(r"[^\w\s]", " ", text[:_LONGEST].lower()).split()
    return [_NUMBERS.get(word, word) for word in words if word not in _ARTICLES]


def open_recall(answer: str, reference: str) -> float:
    """Token recall of an open question, between 0 and 1.

    A shared word counts as often as the *answer* says it, a missing one as often as the reference does: repeating a
    right word raises the score (a fault of the original).
    """
    said, wanted = Counter(normalised(answer)), Counter(normalised(reference))
    found = sum(said[word] for word in wanted if word in said)
    missed = sum(count for word, count in wanted.items() if word not in said)
    return found / (found + missed) if found + missed else 0.0


def closed_hit(answer: str, reference: str) -> bool:
    """Whether a closed question counts as answered rightly.

    The answer has to hold "yes" or "no" anywhere, also inside a word ("normal" holds one), and the reference as a
    substring.
    """
    said = answer[:_LONGEST].lower()
    return ("yes" in said or "no" in said) and reference.strip().lower() in said


def choice_hit(answer: str, options: Sequence[str], right: str, name: str) -> tuple[bool, bool]:
    """Whether a multiple-choice answer is right, and whether it was drawn at random because it chose nothing.

    Args:
        answer: the model's words.
        options: texts of A, B, C, ... in order.
        right: the right letter.
        name: the question's id, on which a random draw depends.
    """
    letters = [chr(ord("A") + place) for place in range(len(options))]
    choice = read_choice(answer, options, stable_seed("pmc-vqa", name), letters)
    return letters[choice.index] == right.strip().upper(), choice.random
