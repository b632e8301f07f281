"""The log of a run: a CSV file, and TensorBoard's events where that is installed."""

from __future__ import annotations

import csv
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foodbench.core.files import atomic_write

COLUMNS = ("step", "rate", "text", "bce", "dice", "nutrition", "total", "norm", "examples_per_second")
"""Means over the steps since the row before; `rate` and `step` are of the last of them, the losses are weighted."""


class Logbook:
    """Rows of `COLUMNS`.

    A few thousand rows at most, so the file is written anew, as a whole, with each one.

    Args:
        path: of the CSV file; events go to the folder `tensorboard` beside it.
        step: the step to go on from; later rows will be made again and are dropped.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        self._path = path
        self.rows = [row for row in _read(path) if row["step"] <= step]
        self._events: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(path.parent / "tensorboard"), purge_step=step + 1)

    def add(self, row: dict[str, float]) -> None:
        """Add a row.

        Raises:
            StorageFull: it cannot be written.
        """
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{row[name]:.8g}" for name in COLUMNS} for row in self.rows)
        atomic_write(self._path, text.getvalue())
        if self._events is not None:
            for name in COLUMNS[1:]:
                self._events.add_scalar(name, row[name], int(row["step"]))

    def close(self) -> None:
        """Finish TensorBoard's events."""
        if self._events is not None:
            self._events.close()


def _read(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
