"""Which cells of a check belong to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foodbench.papers.catalog import Cell, Paper

Settings = Mapping[str, Any]


def linked(
    paper: Paper, settings: Settings, sources: str = "of", targets: str = "is"
) -> Iterator[tuple[Cell, list[Cell]]]:
    """Each cell of `targets` with its cells of `sources`.

    Those are its own that agree with it in the fields `per`, and whose fields named in `keys` have the value of the
    target's field named there, or of several joined with a comma.

    Raises:
        KeyError: a target has none: the check is wrong.
    """
    candidates = paper.select(settings[sources])
    for target in paper.select(settings[targets]):
        chosen = [cell for cell in candidates if _belongs(cell, target, settings)]
        if not chosen:
            raise KeyError(f"'{sources}' for {target.row} {target.span} {target.column}")
        yield target, chosen


def _belongs(cell: Cell, target: Cell, settings: Settings) -> bool:
    if not cell.agrees(target, settings.get("per", ())):
        return False
    for name, wanted in settings.get("keys", {}).items():
        fields = [wanted] if isinstance(wanted, str) else wanted
        if getattr(cell, name) != ", ".join(getattr(target, field) for field in fields):
            return False
    return True
