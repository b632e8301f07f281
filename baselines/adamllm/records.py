"""What flows through the pipeline: image-caption pairs, task triplets, conversations. Plain data, a JSON line each."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foodbench.core.files import atomic_write
from foodbench.core.types import well_formed
from foodbench.data.images import ImageFile

Role = Literal["user", "assistant"]

_CONTROL_TOKENS = re.compile(r"<\|([^|<>]{0,64})\|>|<(/?)(image|video|audio|s)>", re.IGNORECASE)


def defuse(text: str) -> str:
    """Text of unknown origin as it may stand in a conversation: no control tokens, no picture placeholders.

    A caption that holds `<image>` would add a picture that is not there, one with `<|eot_id|>` would end its turn.
    """
    text = "".join(
        char for char in well_formed(text) if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs")
    )
    while _CONTROL_TOKENS.search(text):  # taking one out may close the next
        text = _CONTROL_TOKENS.sub(lambda found: f" {found[1] or found[3] or ''} ", text)
    return text.strip()


@dataclass(frozen=True, slots=True)
class RecipeText:
    """What a recipe says: title, lines of the ingredient list, steps."""

    title: str
    ingredients: tuple[str, ...]
    steps: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {"title": self.title, "ingredients": list(self.ingredients), "steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture with its caption.

    Attributes:
        pair_id: unique in its file.
        image: the picture.
        caption: what is known of it, in words.
        recipe: the recipe that the caption was written from; rule-based tasks need it.
        facts: anything else that is known, as plain JSON (the kitchen's true portions).
    """

    pair_id: str
    image: ImageFile
    caption: str
    recipe: RecipeText | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Triplet:
    """A task: what is asked, an answer that explains itself, and the bare answer."""

    instruction: str
    informative: str
    precise: str

    def as_dict(self) -> dict[str, str]:
        """Plain JSON form."""
        return {"instruction": self.instruction, "informative": self.informative, "precise": self.precise}


@dataclass(frozen=True, slots=True)
class SeedExample:
    """An image-caption pair with a known task triplet, for tuning the synthesiser.

    Attributes:
        seed_id: unique in its file.
        task_name: of the collection it comes from; splits are made within it.
        image: the picture.
        caption: of the picture.
        triplet: the task.
    """

    seed_id: str
    task_name: str
    image: ImageFile
    caption: str
    triplet: Triplet


@dataclass(frozen=True, slots=True)
class Message:
    """One side's words in a conversation.

    Attributes:
        role: who speaks.
        text: without control tokens; the picture is in front of the first message and not in the text.
        learn: whether it is part of the loss.
    """

    role: Role
    text: str
    learn: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """A training sample: a picture and what is said about it.

    Attributes:
        conversation_id: unique in its file.
        image: the picture.
        messages: user and assistant in turn.
        parts: what the turns are, e.g. `("caption", "task")`.
        ends: whether the end of the whole text is learnt too (the synthesiser must know when to stop).
    """

    conversation_id: str
    image: ImageFile
    messages: tuple[Message, ...]
    parts: tuple[str, ...] = ()
    ends: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "id": self.conversation_id,
            "image": str(self.image.path),
            "messages": [{"role": one.role, "text": one.text, "learn": one.learn} for one in self.messages],
            "parts": list(self.parts),
            "ends": self.ends,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Conversation:
        """The inverse of `as_dict`; for files that this package wrote."""
        return cls(
            plain["id"],
            ImageFile(Path(plain["image"])),
            tuple(Message(one["role"], one["text"], one["learn"]) for one in plain["messages"]),
            tuple(plain["parts"]),
            plain["ends"],
        )


def question_and_answer(question: str, answer: str, *, learn_question: bool = False) -> tuple[Message, Message]:
    """A turn of which the answer is learnt."""
    return Message("user", question, learn_question), Message("assistant", answer, True)


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> int:
    """Replace a JSON Lines file as a whole; returns the number of lines.

    Raises:
        StorageFull: it could not be written.
    """
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records]
    atomic_write(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def tally(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, most frequent first, then by name."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def enumerate_words(words: Sequence[str]) -> str:
    """`a, b and c`; empty for none."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
