"""A generated text beside the true one: all overlap metrics in one call.

What such a number means depends on how much any two texts of the kind share: see what another sample's reference
scores before reading much into a difference.
"""

from __future__ import annotations

from foodbench.metrics import bleu, rouge
from foodbench.metrics.aggregate import Metric

MAX_CHARACTERS = 50_000
"""Both texts are cut here: ten times the longest recipe, and no answer costs more than about a second."""

METRICS: tuple[Metric, ...] = (rouge.ROUGE_L, rouge.ROUGE_L_SET, bleu.CORPUS_BLEU, bleu.SENTENCE_BLEU)
"""All that `sample_values` carries; the primary one first."""


def sample_values(prediction: str, reference: str, *, stem: bool = False) -> dict[str, float]:
    """One sample's values for `METRICS`.

    An empty answer scores 0 in each, and its reference's length still counts in corpus BLEU.

    Args:
        prediction: the model's text, cut at `MAX_CHARACTERS`.
        reference: the true text, cut likewise.
        stem: also the value of `rouge.ROUGE_L_STEM`.
    """
    predicted, true = prediction[:MAX_CHARACTERS], reference[:MAX_CHARACTERS]
    values = {
        rouge.ROUGE_L.value: rouge.rouge_l(predicted, true),
        rouge.ROUGE_L_SET.value: rouge.rouge_l_set(predicted, true),
    }
    if stem:
        values[rouge.ROUGE_L_STEM.value] = rouge.rouge_l(predicted, true, stem=True)
    return values | bleu.sample_bleu(predicted, true)
