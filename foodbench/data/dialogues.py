"""Files of dialogues: a JSON list whose entries hold a conversation of questions and answers in turn.

Two datasets are published in this form (`conversations`, each turn with `form` and `value`). The files come from
elsewhere, so nothing in them is trusted: ids must match a pattern before a path is built from them, and whatever is
wrong is a `DataCorrupt` that names the file and the entry (counted from 0, as in the list).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from foodbench.core.errors import DataCorrupt
from foodbench.core.printable import printable
from foodbench.data.layout import read_text

MAX_BYTES = 256 * 2**20
"""Larger files are refused unread: the largest official one has 18 MB."""

END_OF_TURN = "</s>"
FORMS = ("question", "answer")

_IMAGE_MARKUP = re.compile(r"<im_start>|<image>|<im_end>")
_RESTORE = "Restore the original file."


@dataclass(frozen=True, slots=True)
class IdField:
    """A field of an entry that holds an id.

    Attributes:
        name: its key.
        pattern: regular expression that the whole id must match.
        example: a right id, for the hint.
        numbers: whether a whole number may stand for its digits.
    """

    name: str
    pattern: str
    example: str
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One entry of a dialogue file.

    Attributes:
        position: index in the file's list.
        ids: the id fields by key.
        rounds: (question, answer) pairs, each up to `</s>`; answers as in the file, questions without image markup and
            without braces.
        trimmed: whether an answer before the first question, or a last question without answer, was left out.
    """

    position: int
    ids: Mapping[str, str]
    rounds: tuple[tuple[str, str], ...]
    trimmed: bool


def fault(path: Path, position: int, what: str, hint: str = _RESTORE) -> NoReturn:
    """Raise the error for an entry.

    Raises:
        DataCorrupt: always.
    """
    raise DataCorrupt(f"{path}, entry {position}: {what}.", hint=hint)


def read_entries(path: Path) -> list[Any]:
    """The entries of a file, not yet looked into.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: it is too large, not JSON (NaN and infinity are not), nested too deeply, or not a list.
    """
    if path.is_file() and (size := path.stat().st_size) > MAX_BYTES:
        raise DataCorrupt(f"{path} has {size:,} bytes (limit {MAX_BYTES:,}).", hint=_RESTORE)
    text = read_text(path)
    try:
        plain = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise DataCorrupt(
            f"{path} is not valid JSON ({where}).", hint=f"It was cut off or edited. {_RESTORE}"
        ) from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else printable(str(error), limit=80)
        raise DataCorrupt(f"{path} is not valid JSON ({reason}).", hint=_RESTORE) from error
    if not isinstance(plain, list):
        raise DataCorrupt(f"{path} is not a list of dialogues.", hint=_RESTORE)
    return plain


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it contains {name}")


def read_dialogues(path: Path, fields: Sequence[IdField]) -> list[Dialogue]:
    """All dialogues of a file in its order.

    Args:
        path: the file.
        fields: the id fields that every entry has.

    Raises:
        DataMissing, DataCorrupt: as `read_entries` and `parse_entry`; or there is not one dialogue.
    """
    dialogues = [parse_entry(path, position, entry, fields) for position, entry in enumerate(read_entries(path))]
    if not dialogues:
        raise DataCorrupt(f"{path} holds no dialogue.", hint=_RESTORE)
    return dialogues


def parse_entry(path: Path, position: int, entry: Any, fields: Sequence[IdField]) -> Dialogue:
    """One entry as a dialogue.

    Raises:
        DataCorrupt: a key is absent or of a wrong type, an id has a wrong form, text is no Unicode text, questions and
            answers do not alternate, or there is no complete round.
    """
    if not isinstance(entry, dict):
        fault(path, position, "is not an object")
    ids = {field.name: _id(path, position, entry, field) for field in fields}
    conversation = entry.get("conversations")
    if not isinstance(conversation, list):
        fault(path, position, "has no list 'conversations'")
    turns = [_turn(path, position, number, turn) for number, turn in enumerate(conversation)]
    complete = turns[1:] if turns and turns[0][0] == "answer" else turns
    complete = complete[:-1] if complete and complete[-1][0] == "question" else complete
    for number, (form, _) in enumerate(complete):
        if form != FORMS[number % 2]:
            fault(path, position, "questions and answers do not alternate")
    if not complete:
        fault(path, position, "has no question with an answer")
    rounds = tuple(
        # A blank instead of the markup: otherwise markup inside markup would leave markup behind.
        (_IMAGE_MARKUP.sub(" ", without_braces(question)).strip(), answer)
        for (_, question), (_, answer) in zip(complete[::2], complete[1::2], strict=True)
    )
    return Dialogue(position, ids, rounds, len(complete) != len(turns))


def _id(path: Path, position: int, entry: Mapping[str, Any], field: IdField) -> str:
    value = entry.get(field.name)
    if field.numbers and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        value = str(value)
    if not isinstance(value, str) or not re.fullmatch(field.pattern, value):
        shown = "absent" if value is None else printable(repr(value)[:80], limit=60)
        fault(path, position, f"its '{field.name}' is {shown}", f"A right one reads '{field.example}'.")
    return value


def _turn(path: Path, position: int, number: int, turn: Any) -> tuple[str, str]:
    if not isinstance(turn, dict):
        fault(path, position, f"turn {number} is not an object")
    form, value = turn.get("form"), turn.get("value")
    if form not in FORMS or not isinstance(value, str):
        fault(path, position, f"turn {number} needs the form 'question' or 'answer' and a text 'value'")
    try:
        value.encode()
    except UnicodeEncodeError:
        fault(path, position, f"turn {number} contains half a character (a lone surrogate)")
    return form, value.partition(END_OF_TURN)[0].strip()


def asked(path: Path, position: int, text: str) -> str:
    """A question after its clean-up, which must have left something.

    Raises:
        DataCorrupt: it is empty.
    """
    if not text.strip():
        fault(path, position, "has an empty question")
    return text.strip()


def without_braces(text: str) -> str:
    """Text without the braces that mark names in it."""
    return text.replace("{", "").replace("}", "")
