"""Nutrition dialogues: all rounds of a dialogue are one example, and tagged numbers become tokens.

`12.3 grams [MASS]` becomes `[MASS1]` and `25.3[PRO] grams` becomes `[PRO1] grams`: number and unit before the tag go,
what is behind it stays. Tags are numbered from 1 within each answer, each kind for itself; totals have no number. The
reader gives answers without tags, so that the training file is read again here. Dialogues with a tag that has no
number, with an empty answer, or with more than 20 tags of a kind in one answer are left out; of one
that is too long for the language model's context, the last rounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from baselines.foodlmm.paper.examples import Example, RecordPool, Turn, learnable, rounds_that_fit, tokens_of
from foodbench.core.errors import DataCorrupt
from foodbench.data.dialogues import read_dialogues, without_braces
from foodbench.data.fooddialogues import DIALOGUE_ID, DISH_ID, FoodDialogues, dialogue_path
from foodbench.data.records import DialogueRecord
from foodbench.models.foodlmm.tokens import portion_token, total_token

SOURCE = "fooddialogues"
SPLIT = "train"

# Linear in any text: a run of digits is entered at its beginning only, and nothing is tried twice (possessive).
_NUMBER = r"(?<![0-9])(?<![0-9][.,])((?:[0-9]{1,3}(?:,[0-9]{3}(?![0-9]))++|[0-9]++)(?:\.[0-9]++)?+)"
_UNIT = r"\s*+(?i:grams?|g|kcal|calories)?+\s*+"
_TAG = r"\[(TOTAL_)?(MASS|CAL|FAT|CARB|PRO)(_TOTAL)?[0-9]*+\]"
_TAGGED = re.compile(_NUMBER + _UNIT + _TAG)
_BARE = re.compile(r"\[(?:TOTAL_)?(?:MASS|CAL|FAT|CARB|PRO)(?:_TOTAL)?[0-9]*+\]")


@dataclass(frozen=True, slots=True)
class TaggedDialogue:
    """A dialogue with its answers as the file has them.

    Attributes:
        record: as the reader gives it.
        answers: one for each of its turns, with tags.
    """

    record: DialogueRecord
    answers: tuple[str, ...]


def numbered_answer(answer: str) -> tuple[str, tuple[float, ...]]:
    """An answer with tokens in place of tagged numbers, and these numbers.

    Args:
        answer: as in the file.

    Returns:
        The text without braces; a tag without a number stays as it is.
    """
    values: list[float] = []
    counts: dict[str, int] = {}

    def token(match: re.Match[str]) -> str:
        number, before, kind, behind = match.groups()
        values.append(float(number.replace(",", "")))
        if before or behind:
            return total_token(kind.lower())
        counts[kind] = counts.get(kind, 0) + 1
        return portion_token(kind.lower(), counts[kind])

    return _TAGGED.sub(token, without_braces(answer)), tuple(values)


def usable(dialogue: TaggedDialogue) -> bool:
    """Whether every tag has the number that the reader found for it, and a token of the vocabulary."""
    for answer, tagged in zip(dialogue.answers, dialogue.record.tagged, strict=True):
        text, values = numbered_answer(answer)
        bare = len(_BARE.findall(_TAGGED.sub("", without_braces(answer))))
        if bare or values != tuple(value for _, value in tagged) or not learnable(text):
            return False
        if len(tokens_of(text)) != len(values):
            return False
    return True


def dialogue_example(dialogue: TaggedDialogue, rng: np.random.Generator) -> Example:
    """The whole dialogue. Nothing of it is random.

    Raises:
        DataCorrupt: tags and numbers do not agree.
    """
    record = dialogue.record
    told = [numbered_answer(answer) for answer in dialogue.answers]
    turns = tuple(Turn(turn.question, text) for turn, (text, _) in zip(record.turns, told, strict=True))
    count = rounds_that_fit((turn.question, turn.answer) for turn in turns)
    values = tuple(value for _, numbers in told[:count] for value in numbers)
    return Example(record.image, turns[:count], (), values, SOURCE, record.dialogue_id)


def tagged_dialogues(reader: FoodDialogues) -> Sequence[TaggedDialogue]:
    """The training dialogues with the answers of the file.

    Raises:
        DataMissing, DataCorrupt: the file is absent or malformed, or changed since the reader was opened.
    """
    path = dialogue_path(reader.root, SPLIT)
    written = {
        one.ids[DIALOGUE_ID.name]: tuple(answer for _, answer in one.rounds)
        for one in read_dialogues(path, (DIALOGUE_ID, DISH_ID))
    }
    return tuple(_joined(reader.records(SPLIT), written))


def _joined(records: Iterable[DialogueRecord], written: dict[str, tuple[str, ...]]) -> Iterable[TaggedDialogue]:
    for record in records:
        answers = written.get(record.dialogue_id, ())
        if len(answers) != len(record.turns):
            raise DataCorrupt(
                f"{SOURCE}, record {record.dialogue_id}: the file has {len(answers)} answers, its reader "
                f"{len(record.turns)}.",
                hint="The file changed while it was read: start again.",
            )
        yield TaggedDialogue(record, answers)


def dialogue_pool(reader: FoodDialogues) -> RecordPool[TaggedDialogue]:
    """The training dialogues that are usable."""
    dialogues = tagged_dialogues(reader)
    kept = tuple(dialogue for dialogue in dialogues if usable(dialogue))
    return RecordPool(kept, dialogue_example, len(dialogues) - len(kept))
