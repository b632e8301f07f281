"""BLEU as sacrebleu computes it, of a corpus and of single answers.

Corpus BLEU is a function of ten sums over samples: the lengths of all answers and references, and for n-grams of one to
four words how many of the answers' are in their references, and how many there are. So each sample carries its ten
numbers (`KEYS`), and the score of any set of samples comes from their sums, equal to the last bit to
`sacrebleu.corpus_bleu` of all texts at once.

The mean of single answers' BLEU is another, lower number. FIRE's notebook computes that one, through Hugging Face's
evaluate with its defaults: corpus BLEU of one answer, that is without sacrebleu's "effective order", so an answer of
fewer than four words scores 0. `sacrebleu.sentence_bleu` sets effective order and differs for such answers only.

Source: K. Papineni et al., "BLEU" (ACL 2002); M. Post, "A call for clarity in reporting BLEU scores" (WMT 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from typing import Any

from foodbench.metrics.aggregate import Metric

ORDER = 4
SENTENCE = "sacrebleu.sentence"
"""Key of a sample's own score."""
LENGTHS: tuple[str, str] = ("bleu.answer_length", "bleu.reference_length")
MATCHES: tuple[str, ...] = tuple(f"bleu.matches.{n}" for n in range(1, ORDER + 1))
TOTALS: tuple[str, ...] = tuple(f"bleu.totals.{n}" for n in range(1, ORDER + 1))
KEYS: tuple[str, ...] = LENGTHS + MATCHES + TOTALS
"""Keys of a sample's ten numbers, in words and n-grams."""

# sacrebleu's defaults in its own notation. Written out: importing sacrebleu takes 0.1 s, and a mere list of tasks names
# the metrics too.
SIGNATURE = f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{metadata.version('sacrebleu')}"

CORPUS_BLEU = Metric(
    id="sacrebleu.corpus",
    kind="of_sums",
    function="foodbench.metrics.bleu:corpus_bleu",
    keys=KEYS,
    bounds=(0.0, 100.0),
    description="BLEU of all answers together, from 0 to 100, by sacrebleu with its default settings.",
    signature=SIGNATURE,
)
SENTENCE_BLEU = Metric(
    id=SENTENCE,
    kind="mean",
    value=SENTENCE,
    bounds=(0.0, 100.0),
    description=(
        "Mean over samples of BLEU of each alone, from 0 to 100, as FIRE computes it (corpus BLEU of one answer; fewer "
        "than four words score 0); lower than `sacrebleu.corpus` and not comparable with it."
    ),
    signature=SIGNATURE,
)
METRICS: tuple[Metric, ...] = (CORPUS_BLEU, SENTENCE_BLEU)

# sacrebleu remembers its last 65,536 texts, twice; of long answers that is gigabytes.
_REMEMBERED_TEXTS = 256


def sample_bleu(prediction: str, reference: str) -> dict[str, float]:
    """One sample's ten numbers for `corpus_bleu` and its own score under `SENTENCE`.

    Args:
        prediction: the model's text.
        reference: the true text.
    """
    bleu = _bleu()
    score = bleu.corpus_score([prediction], [[reference]])
    _forget(bleu.tokenizer)
    numbers = (score.sys_len, score.ref_len, *score.counts, *score.totals)
    values = dict(zip(KEYS, map(float, numbers), strict=True))
    values[SENTENCE] = float(score.score)
    return values


def corpus_bleu(sums: Mapping[str, float]) -> float | None:
    """BLEU from 0 to 100 of the samples whose numbers were summed.

    A perfect corpus scores 100.00000000000004, as in sacrebleu. No matching word at all scores 0, also where all texts
    are empty.

    Args:
        sums: sums over samples by key of `KEYS`; an absent one is zero.

    Returns:
        The score; None without any sums.
    """
    if not sums:
        return None
    answer, reference = (round(sums.get(key, 0)) for key in LENGTHS)
    matches, totals = ([round(sums.get(key, 0)) for key in keys] for keys in (MATCHES, TOTALS))
    score = _bleu().compute_bleu(matches, totals, answer, reference, smooth_method="exp")
    return float(score.score)


@lru_cache(maxsize=1)
def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    # `force` only silences the advice that the texts look tokenised; it changes no number.
    return BLEU(force=True)


def _forget(tokenizer: Any) -> None:
    """Empty the caches of sacrebleu's tokenizer, and of the one within it, once they hold enough."""
    for one in (tokenizer, getattr(tokenizer, "_post_tokenizer", tokenizer)):
        call: Any = type(one).__call__
        if hasattr(call, "cache_clear") and call.cache_info().currsize > _REMEMBERED_TEXTS:
            call.cache_clear()
