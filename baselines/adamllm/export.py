"""Training samples as files: JSON lines of this package, and the ShareGPT list that LLaMA-Factory and others read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baselines.adamllm.intake import Intake, Rejected, numbered_objects
from baselines.adamllm.records import Conversation, write_lines
from foodbench.core.files import atomic_write, atomic_write_json

_PICTURE = "<image>"


def sharegpt(conversation: Conversation, images: Path) -> dict[str, Any]:
    """One sample: `{"images": [file], "messages": [{"role", "content"}, ...]}`, the picture's mark in the first turn.

    Args:
        conversation: texts in it hold no mark of their own (`records.defuse`).
        images: the folder that the file's name is relative to.
    """
    messages = [
        {"role": one.role, "content": (_PICTURE if place == 0 else "") + one.text}
        for place, one in enumerate(conversation.messages)
    ]
    return {"images": [os.path.relpath(conversation.image.path, images)], "messages": messages}


def write_sharegpt(path: Path, conversations: Sequence[Conversation], images: Path) -> None:
    """A stage as a ShareGPT file, and beside it the `dataset_info.json` that registers it with LLaMA-Factory.

    Losses there are on the assistant's turns: right for post-training, wrong for tuning a synthesiser, whose questions
    are learnt too. An entry of another file in `dataset_info.json` is kept.

    Raises:
        StorageFull: a file cannot be written.
    """
    rows = [json.dumps(sharegpt(one, images), ensure_ascii=False) for one in conversations]
    atomic_write(path, "[\n" + ",\n".join(rows) + "\n]\n")
    registry = path.parent / "dataset_info.json"
    known: dict[str, Any] = {}
    if registry.is_file():
        known = json.loads(registry.read_text(encoding="utf-8"))
    known[path.stem] = {
        "file_name": path.name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    }
    atomic_write_json(registry, known)


def write_conversations(path: Path, conversations: Sequence[Conversation]) -> int:
    """A stage as JSON lines of `Conversation.as_dict`; returns how many.

    Raises:
        StorageFull: it cannot be written.
    """
    return write_lines(path, (one.as_dict() for one in conversations))


def read_conversations(path: Path) -> Intake[Conversation]:
    """The inverse of `write_conversations`; damaged lines are kept apart.

    Raises:
        DataMissing: no such file.
    """
    found: Intake[Conversation] = Intake()
    for where, plain in numbered_objects(path):
        try:
            if plain is None:
                raise ValueError("no JSON object")
            found.kept.append(Conversation.from_dict(plain))
        except (ValueError, KeyError, TypeError) as error:
            found.rejected.append(Rejected(where, "not_json" if plain is None else "bad_field", str(error)))
    return found
