"""What a synthesiser wrote, read as a task triplet. Whatever cannot be read is named, never guessed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from baselines.adamllm.chat import ChatFormat
from baselines.adamllm.intake import Unusable, triplet_of
from baselines.adamllm.records import Triplet, defuse
from baselines.adamllm.wire import Wire
from foodbench.core.json_text import objects_in
from foodbench.tasks.text import without_reasoning

Match = Literal["exact", "normalised"]
_LONGEST = 60_000
_FIELDS = ("instruction", "informative", "precise")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read.

    Attributes:
        triplet: the task; None if there is none.
        problem: why not, in one name: `empty`, `no_turns`, `truncated`, `unpaired`, `no_object` or a reason of
            `intake.Unusable`.
        bad_turns: turns that were no question with an answer.
        unused: readable turns or objects beyond the first triplet, which nothing is done with.
    """

    triplet: Triplet | None
    problem: str | None = None
    bad_turns: int = 0
    unused: int = 0


def parse_turns(text: str, form: ChatFormat, wire: Wire, match: Match = "normalised") -> Parsed:
    """Read the turns that a tuned synthesiser wrote after an opened user's turn.

    The rules follow AdaMLLM's: turns are parted at the user's opening; one that the generation's end has cut off is
    left out; a turn has one question and one answer. The first instruction that was answered both ways is the task.

    Args:
        text: what was generated, control tokens included.
        form: the format that the model writes.
        wire: the words that tell the two kinds of answer.
        match: whether two instructions are the same only letter by letter (as AdaMLLM has it), or also where they
            differ in blanks and case.
    """
    text = text[:_LONGEST].removesuffix(form.text_end).rstrip()
    if not text:
        return Parsed(None, "empty")
    pieces = text.split(form.user.strip())
    cut = not pieces[-1].rstrip().endswith(form.turn_end)
    whole = pieces[:-1] if cut else pieces
    turns = [turn for turn in (_turn(piece, form) for piece in whole) if turn is not None]
    bad = len(whole) - len(turns)
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for place, (question, answer) in enumerate(turns):
        kind, instruction = _kind(question, wire)
        if kind is None or not instruction:
            bad += 1
            continue
        name = instruction if match == "exact" else " ".join(instruction.split()).casefold()
        kinds = found.setdefault(name, {})
        kinds.setdefault(kind, (instruction, answer))
        if len(kinds) == 2:
            try:
                triplet = triplet_of(
                    {"instruction": instruction, **{each: reply for each, (_, reply) in kinds.items()}}
                )
            except Unusable as error:
                return Parsed(None, error.reason, bad)
            return Parsed(triplet, None, bad, len(turns) - place - 1)
    problem = "unpaired" if found else "truncated" if cut else "no_turns"
    return Parsed(None, problem, bad)


def _turn(piece: str, form: ChatFormat) -> tuple[str, str] | None:
    sides = piece.split(form.assistant.strip())
    if len(sides) != 2:
        return None
    question, answer = (side.strip().removesuffix(form.turn_end).strip() for side in sides)
    if not question or not answer or form.turn_end in question or form.turn_end in answer:
        return None
    return defuse(question), defuse(answer)


def _kind(question: str, wire: Wire) -> tuple[str | None, str]:
    for kind, words in (("precise", wire.precise), ("informative", wire.informative)):
        if question.startswith(words):
            return kind, question.removeprefix(words).strip()
    return None, question


def parse_object(text: str) -> Parsed:
    """Read the JSON object that a model that was asked for one wrote: alone, in prose, or in a code block."""
    said = without_reasoning(text)[:_LONGEST]
    if not said.strip():
        return Parsed(None, "empty")
    # Line feeds in strings are a common slip, and harmless.
    candidates = list(objects_in(said, lambda plain: any(name in plain for name in _FIELDS), strict=False))
    problem: str | None = None
    for place, plain in enumerate(candidates):
        try:
            return Parsed(triplet_of(plain), None, place, len(candidates) - place - 1)
        except Unusable as error:
            problem = problem or error.reason
    if problem is None:
        problem = "truncated" if said.count("{") > said.count("}") else "no_object"
    return Parsed(None, problem, len(candidates))
