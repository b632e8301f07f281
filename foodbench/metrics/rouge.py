"""ROUGE-L in two definitions that share little but the name: of word sequences, and of word sets.

* `rouge_l` is that of Google's rouge-score: one longest common subsequence of all words, lower case, letters a to z
  and digits only. FIRE and LLaVA-Chef print this one (through Hugging Face's evaluate).
* `rouge_l_set` is that of the package `rouge` 1.0.1, which AdaMLLM's evaluation calls: common subsequences of every
  pair of sentences, of which only the set of words is kept. It punishes neither repetition nor a wrong order of
  sentences, and a wrong recipe in the reference's style gets about 0.18 (0.13 in the other).

Numbers of the two must not be compared. Both are of one answer and one reference, between 0 and 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from foodbench.metrics.aggregate import Metric

ROUGE_L = Metric(
    id="rouge_l",
    kind="mean",
    value="rouge_l",
    scale=100.0,
    bounds=(0.0, 1.0),
    description=(
        "Mean over samples of ROUGE-L's F1 x 100 as rouge-score defines it, without stemming; an empty answer or "
        "reference counts as 0."
    ),
    signature="type:rougeL|stat:f1|stem:no|case:lc|tok:a-z0-9|as:rouge-score-0.1.2",
)
ROUGE_L_STEM = Metric(
    id="rouge_l.stem",
    kind="mean",
    value="rouge_l.stem",
    scale=100.0,
    bounds=(0.0, 1.0),
    description="As `rouge_l`, of Porter's stems of all words longer than three characters.",
    signature="type:rougeL|stat:f1|stem:porter|case:lc|tok:a-z0-9|as:rouge-score-0.1.2",
)
ROUGE_L_SET = Metric(
    id="rouge_l_set",
    kind="mean",
    value="rouge_l_set",
    scale=100.0,
    bounds=(0.0, 1.0),
    description=(
        "Mean over samples x 100 of the word-set ROUGE-L of the package rouge 1.0.1, as AdaMLLM reports it; not "
        "comparable with `rouge_l`. An empty answer or reference counts as 0."
    ),
    signature="type:rouge-l|stat:f|set:yes|case:mixed|tok:blank|sentences:full-stop|as:rouge-1.0.1",
)
METRICS: tuple[Metric, ...] = (ROUGE_L, ROUGE_L_SET)

MAX_SET_WORK = 400_000
"""Bound on `rouge_l_set`: words of the answer's sentences that are compared, of which a recipe takes a few hundred.
Beyond it no more pairs are compared, so that the score is a lower bound there."""
# Sentences of this many words double the cost of a word, as its row of bits gets longer.
_WORDS_PER_UNIT_OF_WORK = 500

_WORD = re.compile(r"[a-z0-9]+")


def words_of(text: str, *, stem: bool = False) -> list[str]:
    """The words that rouge-score sees: runs of a to z and 0 to 9 in the lower-cased text.

    Args:
        text: any text; letters beyond a to z (an accented one, say) separate words.
        stem: replace words longer than three characters by their stems.
    """
    words = _WORD.findall(text.lower())
    return [_stem(word) if len(word) > 3 else word for word in words] if stem else words


def rouge_l(prediction: str, reference: str, *, stem: bool = False) -> float:
    """F1 of the longest common subsequence of words, between 0 and 1.

    Precision and recall are its length over the number of words of the prediction and of the reference. Equal to the
    last bit to `rouge_score.rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stem)`, which fills a table in Python
    where this counts by bits in C++.

    Source: C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), section 3.1, with beta = 1.

    Args:
        prediction: the model's text.
        reference: the true text.
        stem: compare stems (nltk's Porter stemmer); importing it takes about two seconds.
    """
    from rapidfuzz.distance import LCSseq

    predicted, true = words_of(prediction, stem=stem), words_of(reference, stem=stem)
    if not predicted or not true:
        return 0.0
    common = LCSseq.similarity(predicted, true)
    # In this order of operations, so that the last bit is rouge-score's.
    precision, recall = common / len(predicted), common / len(true)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def rouge_l_set(prediction: str, reference: str) -> float:
    """The word-set ROUGE-L of the package `rouge` 1.0.1, between 0 and 1.

    Both texts are split at every full stop (also within 1.5) and then at blanks; case and punctuation stay. Of every
    pair of a reference's and a prediction's sentence one longest common subsequence is taken, and U is the set of all
    their words. With the numbers of different words p and r in the two texts, precision is |U| / p, recall |U| / r,
    and the result 2 P R / (P + R + 1e-8): a perfect answer scores 1 - 5e-9. A stretch of blanks between two full stops
    is a sentence of one empty word, as it is there.

    An empty text scores 0, as in AdaMLLM's evaluation, which counts any exception as 0. Not reproduced: the zeros that
    it gives where a sentence of about a thousand words makes the package exceed Python's recursion limit.

    Source: pltrdy/rouge 1.0.1, `rouge_l_summary_level`, called by bigai-ai/QA-Synthesizer.

    Args:
        prediction: the model's text.
        reference: the true text.
    """
    predicted, true = _sentences(prediction), _sentences(reference)
    if not predicted or not true:
        return 0.0
    predicted_words, true_words = set().union(*predicted), set().union(*true)
    overlap = len(_union_of_subsequences(true, predicted))
    precision, recall = overlap / len(predicted_words), overlap / len(true_words)
    return 2.0 * ((precision * recall) / (precision + recall + 1e-8))


def _sentences(text: str) -> list[tuple[str, ...]]:
    """The different sentences in their order; a repeated one would add nothing to a set."""
    pieces = (tuple(piece.split()) or ("",) for piece in text.split(".") if piece)
    return list(dict.fromkeys(pieces))


def _union_of_subsequences(true: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> set[str]:
    """Words of one longest common subsequence of every pair of sentences.

    Only pairs that may still add a word are looked at, which makes no difference to the set.
    """
    holders: dict[str, list[int]] = {}
    for number, sentence in enumerate(predicted):
        for word in dict.fromkeys(sentence):
            holders.setdefault(word, []).append(number)
    found: set[str] = set()
    work = 0
    for sentence in true:
        places = _places(sentence)
        wanted = {word for word in places if word in holders and word not in found}
        for number in _candidates(places, holders, wanted):
            work += len(predicted[number]) * (1 + len(sentence) // _WORDS_PER_UNIT_OF_WORK)
            if work > MAX_SET_WORK:
                return found
            words = _subsequence(sentence, predicted[number], places)
            found |= words
            wanted -= words
    return found


def _candidates(places: dict[str, int], holders: dict[str, list[int]], wanted: set[str]) -> Iterator[int]:
    """Numbers of the sentences that hold a wanted word, each once; the caller takes found words out of `wanted`.

    In the order of the reference's words and not of the set, which differs between processes.
    """
    seen: set[int] = set()
    for word in places:
        for number in holders.get(word, ()) if word in wanted else ():
            if word not in wanted:
                break
            if number not in seen:
                seen.add(number)
                yield number


def _places(sentence: tuple[str, ...]) -> dict[str, int]:
    """For each word a number whose bit i is set where the sentence's word i is that word."""
    places: dict[str, int] = {}
    for index, word in enumerate(sentence):
        places[word] = places.get(word, 0) | 1 << index
    return places


def _subsequence(true: tuple[str, ...], predicted: tuple[str, ...], places: dict[str, int]) -> set[str]:
    """Words of that longest common subsequence that `rouge` finds among those of equal length.

    Read from the end of the table of lengths: equal words are taken; else one word of the reference is dropped where
    that keeps strictly more than dropping one of the prediction, which is dropped otherwise. Words of the prediction
    that the reference lacks are dropped first: their columns repeat the one before, so reading passes them by.

    The table is kept as one number per column, whose bit i is set where the length grows at the reference's word i;
    its updates are those of H. Hyyro, "Bit-parallel LCS-length computation revisited" (2004).
    """
    kept = [word for word in predicted if word in places]
    everything = (1 << len(true)) - 1
    flat, columns = everything, [0]
    for word in kept:
        step = flat & places[word]
        flat = ((flat + step) | (flat - step)) & everything
        columns.append(everything ^ flat)
    words: set[str] = set()
    row, column = len(true), len(kept)
    while row and column:
        if true[row - 1] == kept[column - 1]:
            row, column = row - 1, column - 1
            words.add(true[row])
        elif _length(columns[column], row - 1) > _length(columns[column - 1], row):
            row -= 1
        else:
            column -= 1
    return words


def _length(column: int, rows: int) -> int:
    return (column & ((1 << rows) - 1)).bit_count()


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=2**16)
def _stem(word: str) -> str:
    return str(_stemmer().stem(word))
