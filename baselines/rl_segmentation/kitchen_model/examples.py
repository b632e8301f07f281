"""Questions about a plate with the answers to learn: the questions of the benchmark's tasks, drawn anew.

Wordings come from the tasks' prompts and from the generator of the kitchen's FoodReasonSeg; the plates are training's
own. The reasoning is short: what is meant, and where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from baselines.foodlmm.dialogues import reasoning_alone
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.templates import PlateFacts, draw_names, take_one
from baselines.rl_segmentation.kitchen_model.places import plate_labels
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.qwen_seg.grid import reference_of_mask
from foodbench.models.qwen_seg.references import Reference, format_answer
from foodbench.tasks import prompts

_ROWS, _COLUMNS = ("top", "", "bottom"), ("left", "", "right")
_NEAR, _FAR = 0.44, 0.56
"""Where the middle of the picture begins and ends: plates leave its rim empty."""
_COUNTS, _COUNT_CHANCES = (2, 3), (0.25, 0.75)


@dataclass(frozen=True, slots=True)
class Example:
    """One question about one plate, and what to answer.

    Attributes:
        question: as a task asks it.
        references: box and point of each thing in `names`, in grid coordinates.
        think: the reasoning.
        names: what the answer points at, in order; empty if nothing of what is asked is there.
        asked: what the question names, in order; empty if it has to be thought about.
    """

    question: str
    references: tuple[Reference, ...]
    think: str
    names: tuple[str, ...]
    asked: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """The whole text to learn."""
        return format_answer(self.think, self.references)


Asked = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A question, what its answer speaks of, and what the question itself names."""


def _reasoning(facts: PlateFacts, rng: np.random.Generator) -> Asked:
    (turn,) = reasoning_alone(facts, rng)
    return turn.question, tuple(dict.fromkeys(turn.numbered)), ()


def _named(facts: PlateFacts, rng: np.random.Generator, count: int, absent_chance: float) -> Asked:
    names = tuple(draw_names(facts, rng, count, absent_chance))
    asked = prompts.enumerate_names(names)
    wordings = prompts.REFER if len(names) == 1 else prompts.REFER_SEVERAL
    return take_one(rng, wordings).format(ingredient=asked, ingredients=asked), names, names


def _refer_one(facts: PlateFacts, rng: np.random.Generator) -> Asked:
    return _named(facts, rng, 1, 0.0)


def _refer_several(facts: PlateFacts, rng: np.random.Generator) -> Asked:
    count = int(rng.choice(_COUNTS, p=_COUNT_CHANCES))
    return _named(facts, rng, count, float(rng.choice((0.0, 0.3), p=(0.4, 0.6))))


def _absent(facts: PlateFacts, rng: np.random.Generator) -> Asked:
    return _named(facts, rng, 1, 1.0)


def _everything(facts: PlateFacts, rng: np.random.Generator) -> Asked:
    return take_one(rng, prompts.EVERYTHING), facts.ingredients, ()


FAMILIES: dict[str, Callable[[PlateFacts, np.random.Generator], Asked]] = {
    "reasoning": _reasoning,
    "refer_one": _refer_one,
    "refer_several": _refer_several,
    "absent": _absent,
    "everything": _everything,
}
"""All families by name."""
REASONING: Mapping[str, float] = {"reasoning": 1.0}
ANY = 99
"""More references than any answer has."""


def position(reference: Reference, grid: int) -> str:
    """In words where the middle of a box is: `top left`, `left`, `center`, ..."""
    across, down = ((reference.box[axis] + reference.box[axis + 2]) / (2 * grid) for axis in (0, 1))
    row, column = (bool(middle > _NEAR) + bool(middle > _FAR) for middle in (down, across))
    return f"{_ROWS[row]} {_COLUMNS[column]}".strip() or "center"


def sentence(name: str, reference: Reference | None, grid: int) -> str:
    """Where a thing is, or that it is not there."""
    verb = "are" if prompts.is_plural(name) else "is"
    return f"The {name} {verb} {'not there' if reference is None else f'at the {position(reference, grid)}'}."


def draw_asked(facts: PlateFacts, rng: np.random.Generator, families: Mapping[str, float], most: int = ANY) -> Asked:
    """A question about a plate with at most that many things to point at.

    Args:
        facts: the plate.
        rng: randomness.
        families: weight of each family.
        most: references; questions with more are drawn again.
    """
    names = tuple(families)
    weights = np.array([families[name] for name in names], float)
    while True:
        asked = FAMILIES[names[int(rng.choice(len(names), p=weights / weights.sum()))]](facts, rng)
        if sum(name in facts.ingredients for name in asked[1]) <= most:
            return asked


def make_example(asked: Asked, where: Mapping[str, Reference], grid: int) -> Example:
    """The example of a question.

    Args:
        asked: the question and its names.
        where: what is on the plate.
        grid: side of the square that the references are in.
    """
    question, spoken, named = asked
    present = tuple(name for name in spoken if name in where)
    think = " ".join(sentence(name, where.get(name), grid) for name in spoken)
    return Example(question, tuple(where[name] for name in present), think, present, named)


def compose(
    facts: PlateFacts,
    reference: Callable[[str], Reference],
    grid: int,
    rng: np.random.Generator,
    families: Mapping[str, float],
    most: int = ANY,
) -> Example:
    """A question about a plate, and its answer.

    Args:
        facts: the plate.
        reference: box and point of an ingredient that is on it.
        grid: side of the square that the references are in.
        rng: randomness.
        families: weight of each family of `FAMILIES`.
        most: references that the answer may have.
    """
    asked = draw_asked(facts, rng, families, most)
    where = {name: reference(name) for name in asked[1] if name in facts.ingredients}
    return make_example(asked, where, grid)


def draw_example(
    plates: Plates,
    index: int,
    rng: np.random.Generator,
    grid: int,
    families: Mapping[str, float] = REASONING,
    most: int = ANY,
) -> Example:
    """A question about one of many rendered plates; boxes and points are measured in its label map.

    Args:
        plates: rendered plates.
        index: which of them.
        rng: randomness.
        grid: side of the square that the references are in.
        families: weight of each family of `FAMILIES`; by default reasoning alone.
        most: references that the answer may have.
    """
    labels = plate_labels(plates, index)

    def reference(name: str) -> Reference:
        return reference_of_mask(labels == INGREDIENT_NAMES.index(name) + 1, grid)

    return compose(plates.facts(index), reference, grid, rng, families, most)
