"""Sets of labels: the ingredients, or actions, that an answer names against those that are there.

Papers print "F1" and "IoU" of ingredients under three averages that do not compare, so every metric here says its own:

* `.sample`: the mean over samples of each sample's figure. AdaMLLM's FoodSeg103 F1 (its `evaluate` calls sklearn per
  image with `zero_division=1`), the action columns of recipe papers, and most likely FoodLMM's VIREO Food-172 pair:
  its F1 of 68.97 beside an IoU of 56.94 cannot be pooled, where F1 is 2 IoU / (1 + IoU) = 72.56.
* `.micro`: hits and misses of all samples and labels pooled, then one ratio. Inverse Cooking (`compute_metrics` of
  facebookresearch/inversecooking), and the micro-F1 of ARCH-D (Chen and Ngo, ACM MM 2016).
* `.macro_present` and `.macro_all`: the mean over labels of each label's F1, over the labels that occur in the
  references, or over the whole vocabulary with 0 for a label that neither occurs nor is named (sklearn's
  `zero_division=0`). ARCH-D's macro-F1 is over all 353 labels.

Empty sets, per sample: nothing named where nothing is there is right, so every figure is 1. If only one side is empty,
F1, IoU and precision are 0. Recall where nothing is there to be found is 1 whatever was named, as in AdaMLLM's
(`zero_division=1`); naming too much then shows in the precision. In the pooled ratios empty sets add nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from math import fsum
from typing import TYPE_CHECKING

from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError

if TYPE_CHECKING:
    from foodbench.metrics.inputs import FloatArray


_KINDS = ("tp", "fp", "fn")


def sample_values(
    predicted: Collection[str], true: Collection[str], vocabulary_size: int, *, prefix: str = ""
) -> dict[str, float]:
    """One sample's values for `label_metrics`.

    The order of the labels and how often one is named do not matter.

    Args:
        predicted: the labels that the answer names.
        true: the labels that are there.
        vocabulary_size: number of labels that could be named; the denominator of `f1.macro_all`.
        prefix: put before every key, e.g. `actions.`, where a task has several sets.

    Returns:
        `f1`, `iou`, `precision`, `recall`, `exact`: this sample's figures, 0 to 1;
        `tp`, `fp`, `fn`: labels named and there, named and not there, there and not named;
        `named`, `due`, `either`, `half_sum`: the denominators tp + fp, tp + fn, tp + fp + fn and tp + (fp + fn) / 2;
        `tp/<label>`, `fp/<label>`, `fn/<label>`: 1, for the labels concerned only;
        `vocabulary`, `samples`: the vocabulary's size, and 1.

    Raises:
        MetricInputError: one text instead of a collection of texts, or more labels than the vocabulary has.
    """
    if isinstance(predicted, str) or isinstance(true, str):
        raise MetricInputError("Labels must be a collection of texts, not one text.")
    named, due = frozenset(predicted), frozenset(true)
    if vocabulary_size < len(named | due):
        raise MetricInputError(f"{len(named | due)} labels do not come from a vocabulary of {vocabulary_size}.")
    hits, wrong, missed = named & due, named - due, due - named
    tp, fp, fn = len(hits), len(wrong), len(missed)
    nothing = not named and not due
    values = {
        "f1": 1.0 if nothing else 2 * tp / (2 * tp + fp + fn),
        "iou": 1.0 if nothing else tp / (tp + fp + fn),
        "precision": tp / (tp + fp) if named else float(nothing),
        "recall": tp / (tp + fn) if due else 1.0,
        "exact": float(named == due),
        "tp": float(tp),
        "fp": float(fp),
        "fn": float(fn),
        "named": float(tp + fp),
        "due": float(tp + fn),
        "either": float(tp + fp + fn),
        "half_sum": tp + (fp + fn) / 2,
        "vocabulary": float(vocabulary_size),
        "samples": 1.0,
    }
    for kind, labels in zip(_KINDS, (hits, wrong, missed), strict=True):
        values.update({f"{kind}/{label}": 1.0 for label in sorted(labels)})
    return {prefix + key: number for key, number in values.items()} if prefix else values


@lru_cache(maxsize=16)
def _places(keys: tuple[str, ...]) -> tuple[list[int], list[int], list[int], int]:
    """For the keys that count a label: which they are, their kind, their label's number; and the number of labels.

    Kept, because an interval asks the same of a thousand resamples.
    """
    counting = [index for index, key in enumerate(keys) if "/" in key]
    heads, labels = zip(*(keys[index].split("/", 1) for index in counting), strict=True) if counting else ((), ())
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    kinds = [_KINDS.index(head.rpartition(".")[2]) for head in heads]
    return counting, kinds, [numbers[label] for label in labels], len(numbers)


def _f1_by_label(sums: Mapping[str, float]) -> tuple[FloatArray, FloatArray]:
    """F1 of each label that is counted, and how often it is there, whatever the prefix of the keys."""
    import numpy as np

    counting, kinds, labels, count = _places(tuple(sums))
    tp, fp, fn = counts = np.zeros((3, count))
    counts[kinds, labels] = np.fromiter(sums.values(), np.float64, len(sums))[counting]
    half_sum = tp + (fp + fn) / 2
    return np.divide(tp, half_sum, out=np.zeros(count), where=half_sum > 0), tp + fn


def _only(sums: Mapping[str, float], name: str) -> float:
    return sum(number for key, number in sums.items() if "/" not in key and key.rpartition(".")[2] == name)


def macro_f1_present(sums: Mapping[str, float]) -> float | None:
    """Mean F1 over the labels that occur in the references; None if none does.

    Args:
        sums: sums over samples of `tp/<label>`, `fp/<label>` and `fn/<label>`, absent where zero.
    """
    scores, due = _f1_by_label(sums)
    present = scores[due > 0]
    return fsum(present) / present.size if present.size else None


def macro_f1_all(sums: Mapping[str, float]) -> float | None:
    """Mean F1 over the whole vocabulary, 0 for labels that neither occur nor are named; None without a vocabulary.

    Args:
        sums: sums over samples of `tp/<label>`, `fp/<label>`, `fn/<label>`, `vocabulary` and `samples`.
    """
    vocabulary, samples = _only(sums, "vocabulary"), _only(sums, "samples")
    if not samples or not vocabulary:
        return None
    scores, _ = _f1_by_label(sums)
    return fsum(scores) / (vocabulary / samples)


def label_metrics(prefix: str = "") -> tuple[Metric, ...]:
    """All metrics of a set of labels, in percent; they read the values of `sample_values` with the same prefix."""
    return (*_sample_metrics(prefix), *_pooled_metrics(prefix), *_macro_metrics(prefix))


def _sample_metrics(prefix: str) -> list[Metric]:
    described = {
        "f1": "Mean over samples of 2 tp / (2 tp + fp + fn); 1 where nothing is named and nothing is there.",
        "iou": "Mean over samples of tp / (tp + fp + fn); 1 where nothing is named and nothing is there.",
        "precision": "Mean over samples of tp / (tp + fp); where nothing is named, 1 if nothing is there, otherwise 0.",
        "recall": "Mean over samples of tp / (tp + fn); 1 where nothing is there to be found.",
    }
    means = [
        Metric(
            id=f"{prefix}{name}.sample",
            kind="mean",
            value=prefix + name,
            unit="%",
            scale=100.0,
            bounds=(0.0, 1.0),
            description=description,
        )
        for name, description in described.items()
    ]
    exact = Metric(
        id=f"{prefix}exact_set",
        kind="proportion",
        value=f"{prefix}exact",
        unit="%",
        scale=100.0,
        bounds=(0.0, 1.0),
        description="Share of samples for which exactly the right labels are named.",
    )
    return [*means, exact]


def _pooled_metrics(prefix: str) -> list[Metric]:
    # Where no label is named and none is there in any sample, F1 and IoU are perfect, and nothing was made up; the two
    # one-sided shares do not exist.
    pooled: tuple[tuple[str, str, str, float | None, str], ...] = (
        ("f1.micro", "tp", "half_sum", 1.0, "2 tp / (2 tp + fp + fn), all samples and labels pooled."),
        ("iou.micro", "tp", "either", 1.0, "tp / (tp + fp + fn), all samples and labels pooled."),
        ("precision.micro", "tp", "named", None, "Share of the named labels that are there, all samples pooled."),
        ("recall.micro", "tp", "due", None, "Share of the labels there that are named, all samples pooled."),
        ("hallucinated", "fp", "named", 0.0, "Share of the named labels that are not there, all samples pooled."),
    )
    return [
        Metric(
            id=prefix + name,
            kind="share",
            value=prefix + value,
            over=prefix + over,
            unit="%",
            scale=100.0,
            bounds=(0.0, 1.0),
            when_zero=when_zero,
            higher_is_better=name != "hallucinated",
            description=description,
        )
        for name, value, over, when_zero, description in pooled
    ]


def _macro_metrics(prefix: str) -> list[Metric]:
    counts = tuple(f"{prefix}{kind}/" for kind in _KINDS)
    return [
        Metric(
            id=f"{prefix}f1.macro_present",
            kind="of_sums",
            function="foodbench.metrics.labels:macro_f1_present",
            keys=counts,
            unit="%",
            scale=100.0,
            bounds=(0.0, 1.0),
            description="Mean over the labels that occur in the references of each label's F1 over all samples.",
        ),
        Metric(
            id=f"{prefix}f1.macro_all",
            kind="of_sums",
            function="foodbench.metrics.labels:macro_f1_all",
            keys=(*counts, f"{prefix}vocabulary", f"{prefix}samples"),
            unit="%",
            scale=100.0,
            bounds=(0.0, 1.0),
            description="Mean over the whole vocabulary of each label's F1; 0 for labels neither there nor named.",
        ),
    ]
