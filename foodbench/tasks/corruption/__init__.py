"""Good recipes made wrong on purpose, in one respect and by a known amount: what must a metric of recipes notice?

Each corruption is a pure function of a text, a share and a seed. What it cannot change it leaves alone and counts; it
never fails on what a model wrote. `paraphrase` is the control: it rewords without making anything wrong.

Source: the paper on grounded recipe generation shows one recipe with wrong ingredients and one with wrong actions that
lexical scores let pass (its Figure 1); these functions make such recipes of any text.
"""

from __future__ import annotations

from foodbench.core.hashing import stable_seed
from foodbench.tasks.corruption.actions import swap_actions
from foodbench.tasks.corruption.ingredients import swap_ingredients
from foodbench.tasks.corruption.outcome import Corrupted
from foodbench.tasks.corruption.paraphrase import paraphrase
from foodbench.tasks.corruption.steps import shuffle_steps

__all__ = ["CONTROL", "CORRUPTIONS", "Corrupted", "corrupt"]

CORRUPTIONS = ("ingredients", "actions", "steps-order")
CONTROL = "paraphrase"


def corrupt(
    text: str,
    kind: str,
    share: float,
    vocabulary: tuple[str, ...],
    seed: int,
    *,
    right: frozenset[str] = frozenset(),
) -> Corrupted:
    """Corrupt one text. The same arguments give the same text.

    Args:
        text: a recipe, or its steps alone, in any form that `read_recipe` understands.
        kind: one of `CORRUPTIONS`, or `CONTROL`.
        share: how much of what can be changed, 0 to 1; 0 leaves the text as it is, more changes at least one thing.
        vocabulary: the dataset's ingredients.
        right: ingredients and actions that would be right whether the text has them or not: they do not come in.
        seed: of what is chosen. A larger share with the same seed swaps what the smaller one does, and more.

    Raises:
        ValueError: no such kind, or a share outside 0 to 1.
    """
    import numpy as np

    if not 0 <= share <= 1:
        raise ValueError(f"A share lies between 0 and 1, not {share}.")
    generator = np.random.default_rng(stable_seed("corruption", kind, seed))
    if kind == "ingredients":
        return swap_ingredients(text, share, vocabulary, generator, right)
    if kind == "actions":
        return swap_actions(text, share, vocabulary, generator, right)
    if kind == "steps-order":
        return shuffle_steps(text, share, generator)
    if kind == CONTROL:
        return paraphrase(text, share, vocabulary, generator)
    raise ValueError(f"There is no corruption '{kind}'.")
