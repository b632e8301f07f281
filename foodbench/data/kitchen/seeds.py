"""Seeds of plates: one stream per split and dataset, disjoint by construction."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from foodbench.core.errors import UsageError

_SPLIT_NUMBERS = {"train": 1, "val": 2, "test": 3}
_WORD = 2**32


def plate_seed(split: str, dataset: str, index: int, base_seed: int = 0) -> tuple[int, ...]:
    """The seed of one plate of one split of one dataset.

    Distinct arguments give distinct tuples, and distinct words for numpy's `SeedSequence`: the dataset's name goes in
    whole, preceded by its length (which fixes how many 32-bit words it takes), and every other part is one word. So no
    plate can be in two splits or in two datasets.

    Args:
        split: `train`, `val` or `test`.
        dataset: any non-empty name, e.g. `food101`.
        index: which plate of the split, 0 <= index < 2**32.
        base_seed: another one is another kitchen, 0 <= base_seed < 2**32.

    Raises:
        UsageError: an unknown split, an empty dataset name, or a number out of range.
    """
    if split not in _SPLIT_NUMBERS:
        raise UsageError(f"Unknown kitchen split '{split}'.", hint=f"Use one of {', '.join(_SPLIT_NUMBERS)}.")
    name = dataset.encode()
    if not name or name[0] == 0:
        raise UsageError("A kitchen dataset needs a name.")
    for label, value in (("index", index), ("base seed", base_seed)):
        if not 0 <= value < _WORD:
            raise UsageError(f"The {label} of a plate must be in 0..{_WORD - 1}, not {value}.")
    return (_SPLIT_NUMBERS[split], len(name), int.from_bytes(name, "big"), int(base_seed), int(index))


def seed_words(seed: int | Sequence[int]) -> tuple[int, ...]:
    """A plate's seed as a tuple of non-negative ints.

    Raises:
        UsageError: it is empty or has a negative part.
    """
    parts = seed if isinstance(seed, Sequence) else (seed,)
    words = tuple(operator.index(part) for part in parts)
    if not words or min(words) < 0:
        raise UsageError(f"A plate's seed must be one or more non-negative integers, not {seed!r}.")
    return words
