"""Reasoning dialogues: all rounds of a dialogue are one example, and every `[SEGk]` has the mask of its class.

The reader has numbered the tokens of each answer from 1 and taken the braces out. Dialogues with a name that is no
class, with an empty answer, or with more than 20 masks in one answer are left out (the released code puts another
dialogue in the place of the first kind, which comes to the same). A class that is not in the photo has an empty mask.
Of a dialogue that is too long for the language model's context the last rounds are left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from baselines.foodlmm.paper.examples import Example, RecordPool, Turn, learnable, rounds_that_fit
from foodbench.core.types import Mask
from foodbench.data.foodreasonseg import FoodReasonSeg
from foodbench.data.records import ReasoningRecord
from foodbench.metrics import masks

SOURCE = "foodreasonseg"


def usable(record: ReasoningRecord) -> bool:
    """Whether every token of a dialogue has a class and a place in the vocabulary."""
    return not record.unresolved and all(learnable(turn.answer) for turn in record.turns)


def reasoning_example(record: ReasoningRecord, rng: np.random.Generator) -> Example:
    """The whole dialogue. Nothing of it is random.

    Raises:
        DataMissing, DataCorrupt: photo or mask cannot be read or do not fit, or tokens and classes do not agree.
    """
    # Pixels without annotation (255) are in no class's mask, as in the released code.
    ids = record.pair.checked_mask()
    known: dict[int, Mask] = {}
    drawn: list[Mask] = []
    count = rounds_that_fit((turn.question, turn.answer) for turn in record.turns)
    for segments in record.segments[:count]:
        for segment in segments:
            if segment.class_id is not None:
                if segment.class_id not in known:
                    known[segment.class_id] = masks.encode(ids == segment.class_id)
                drawn.append(replace(known[segment.class_id], label=segment.name))
    turns = tuple(Turn(turn.question, turn.answer) for turn in record.turns[:count])
    return Example(record.pair.image, turns, tuple(drawn), (), SOURCE, record.dialogue_id)


def reasoning_pool(reader: FoodReasonSeg) -> RecordPool[ReasoningRecord]:
    """The training dialogues that are usable."""
    records = reader.records("train")
    kept = tuple(record for record in records if usable(record))
    return RecordPool(kept, reasoning_example, len(records) - len(kept))
