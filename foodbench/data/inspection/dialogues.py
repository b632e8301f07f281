"""What `verify` looks at in files of dialogues: shared by FoodReasonSeg and FoodDialogues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foodbench.core.errors import FoodbenchError
from foodbench.core.wording import counted
from foodbench.data.dialogues import Dialogue, IdField, parse_entry, read_entries
from foodbench.data.inspection.base import Results


def well_formed_dialogues(results: Results, split: str, path: Path, fields: Sequence[IdField]) -> list[Dialogue] | None:
    """The readable entries of a file, after noting every one that is not.

    Returns:
        None if the file is no JSON list at all.
    """
    entries = results.step(
        f"file of {split}", lambda: read_entries(path), lambda found: f"{counted(len(found), 'entry')}."
    )
    if entries is None:
        return None
    dialogues: list[Dialogue] = []
    faults: list[str] = []
    for position, entry in enumerate(entries):
        try:
            dialogues.append(parse_entry(path, position, entry, fields))
        except FoodbenchError as error:
            faults.append(error.message.removeprefix(f"{path}, "))
    results.none_of(f"{split} entries that are no dialogue", faults, "failed")
    trimmed = [f"entry {one.position}" for one in dialogues if one.trimmed]
    results.none_of(f"{split} dialogues with a turn left out", trimmed, "warning")
    return dialogues
